// One time axis for everything: ruler, what the model looked at, the evidence tracks, the playhead, the model's window.
import { clamp, clock } from './numbers.js';
import { density, element, fit } from './page.js';
import { Lane } from './lanes.js';
import { lanes, oneScale } from './series.js';
import { hasRead, rulerTicks, stepIn, TimeScale } from './timescale.js';

export class Timeline {
  // act: {scrub(frame), rest(), window(seconds)}; look: the reader's settings.
  constructor(root, act, look) {
    this.root = element('.timeline', root);
    this.shape = element('.track-shape', root);
    this.act = act;
    this.look = look;
    const find = (name) => element(name, this.root);
    [this.ruler, this.looks, this.over, this.head] = ['.ruler', '.looks', '.over', '.playhead'].map(find);
    [this.handle, this.ghost, this.hover, this.modes] = ['.window', '.ghost', '.hover', '.modes'].map(find);
    this.time = new TimeScale(new Float64Array(0));
    this.tracks = [];
    this.rows = [];
    this.frame = 0;
    this.pointed = null;
    this.listen();
  }

  // Take the clip's times and all that is drawn over them.
  set({ seconds, window, movable, sampled, tracks }) {
    const count = seconds.length, { width } = this.time;
    this.time = Object.assign(new TimeScale(seconds), { width });
    Object.assign(this, { window, sampled, movable: movable && window && window[1] - window[0] < count });
    this.ask = null;
    clearTimeout(this.fading);
    this.tracks = lanes(tracks).map((sent, i) => {
      const lane = this.tracks[i] ?? new Lane(this.shape);
      lane.set(sent, i, window ?? [0, count]);
      return lane;
    });
    this.tops = {}; // one scale for all maps of a unit
    for (const { group, unit, top } of this.tracks) if (group) this.tops[unit] = Math.max(this.tops[unit] ?? 0, top);
    oneScale(this.tracks);
    const nodes = this.tracks.map((lane) => lane.node), grouped = this.tracks.findIndex((lane) => lane.group);
    if (grouped >= 0) nodes.splice(grouped, 0, this.modes);
    element('.tracks', this.root).replaceChildren(...nodes);
    this.modes.hidden = grouped < 0;
    this.sayMode();
    this.head.setAttribute('aria-valuemax', count - 1);
    this.handle.classList.toggle('fixed', !this.movable);
    this.handle.tabIndex = this.movable ? 0 : -1;
    this.handle.setAttribute('aria-disabled', !this.movable);
  }

  get grouped() {
    return this.tracks.some((lane) => lane.group);
  }

  sayMode() {
    for (const button of this.modes.children) button.setAttribute('aria-pressed', button.dataset.mode === this.look.lanes);
    this.root.classList.toggle('mapped', this.grouped && this.look.lanes === 'map'); // the rows' names need a wider gutter
  }

  // Show the whole clip, or what lies around the window.
  view(close) {
    this.time.show(close ? this.window : null);
  }

  secondsAt(clientX) {
    return this.time.secondsAt(clientX - this.over.getBoundingClientRect().left);
  }

  // The frame under the pointer.
  under(clientX) {
    return this.time.frameAt(this.secondsAt(clientX));
  }

  fit(canvas) {
    const scale = density();
    fit(canvas, canvas.clientWidth, canvas.clientHeight, scale);
    return scale;
  }

  // Draw all that does not move with the playhead.
  draw() {
    if (!this.time.count) return;
    this.time.width = this.over.clientWidth;
    this.ink = globalThis.getComputedStyle(this.root).color;
    this.drawRuler();
    this.drawLooks();
    this.tracks.forEach((track) => track.draw(this));
    this.placeWindow();
    this.show(this.frame);
  }

  drawRuler() {
    const scale = this.fit(this.ruler), pen = this.ruler.getContext('2d'), { width } = this.time;
    const { ticks, places } = rulerTicks(...this.time.shown, width);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, 99);
    pen.font = `11px ${globalThis.getComputedStyle(this.root).fontFamily}`;
    pen.fillStyle = this.ink;
    for (const [seconds, long] of ticks) {
      const x = this.time.at(seconds);
      pen.globalAlpha = long ? 0.55 : 0.25;
      pen.fillRect(x - 0.5, long ? 13 : 16, 1, 8);
      if (!long) continue;
      const text = clock(seconds, places), wide = pen.measureText(text).width;
      pen.globalAlpha = 0.75;
      pen.fillText(text, clamp(x - wide / 2, 0, width - wide), 10);
    }
  }

  // A row's height: a band and, where it is known what the steps have read, a bracket under it.
  get high() {
    return this.rows.some(({ fields }) => fields) ? 18 : 9;
  }

  // Sampled frames as ticks above, the steps of each different map as rows of alternating bands. A band is the frames on which a step is drawn; the
  // bracket under the step at hand goes over those that can reach it.
  drawLooks() {
    this.looks.style.height = `${14 + this.high * Math.max(1, this.rows.length)}px`;
    const scale = this.fit(this.looks), pen = this.looks.getContext('2d');
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, this.time.width, 999);
    pen.fillStyle = this.ink;
    pen.globalAlpha = 0.8;
    const thin = this.sampled.length > 1 ? (this.time.x(this.sampled.at(-1)) - this.time.x(this.sampled[0])) / this.sampled.length : 9;
    for (const frame of this.sampled) pen.fillRect(this.time.x(frame) - 0.5, 3, thin < 2.5 ? 0.5 : 1, 8);
    this.rows.forEach(({ bands, fields }, row) => {
      const top = 13 + this.high * row, now = stepIn(bands, this.at);
      bands.forEach(([first, end], k) => {
        if (end <= first) return;
        const [left, right] = [this.time.edge(first), this.time.edge(end)];
        pen.globalAlpha = k === now ? 0.85 : k % 2 ? 0.2 : 0.36;
        pen.fillRect(left, top, Math.max(right - left, 0.75), 7);
      });
      if (!fields?.[now]) return;
      const [left, right] = fields[now].map((frame) => this.time.edge(frame));
      pen.globalAlpha = 0.85;
      pen.fillRect(left, top + 12, right - left, 1.5);
      for (const x of [left, right - 1.5]) pen.fillRect(x, top + 9, 1.5, 4.5);
    });
    this.lit = this.stepsNow();
    const one = this.high > 9 ? ['steps', 'read'] : [this.rows.length ? 'steps' : 'frames'];
    const names = this.rows.length > 1 ? this.rows.map(({ panes }) => panes.join(' ')) : one;
    element('.lane .gutter', this.root).textContent = names.join(this.rows.length > 1 && this.high > 9 ? '\n\n' : '\n');
  }

  // The frame at hand: under the pointer, or the playhead's.
  get at() {
    return this.pointed ?? this.frame;
  }

  // Which band of each row holds the frame at hand.
  stepsNow() {
    return this.rows.map(({ bands }) => stepIn(bands, this.at)).join();
  }

  // Behind a track: a faint field where the model looked.
  backdrop(pen, scale) {
    if (!this.window) return;
    const [left, right] = this.window.map((frame) => this.time.edge(frame) * scale);
    pen.fillStyle = this.ink;
    pen.globalAlpha = 0.055;
    pen.fillRect(left, 0, right - left, pen.canvas.height);
  }

  placeWindow() {
    const put = (node, range) => {
      node.hidden = !range;
      if (!range) return;
      const [left, right] = range.map((frame) => this.time.edge(frame)), wide = Math.max(right - left, 12); // wide enough to be taken
      node.style.height = `${17 + this.high * Math.max(1, this.rows.length)}px`;
      node.style.left = `${(left + right - wide) / 2}px`;
      node.style.width = `${wide}px`;
    };
    put(this.handle, this.window);
    put(this.ghost, this.ask);
    if (!this.window) return;
    this.handle.setAttribute('aria-valuemin', 0);
    this.handle.setAttribute('aria-valuemax', this.time.edges[this.time.count - this.window[1] + this.window[0]]);
    const range = (this.ask ?? this.window).map((frame) => this.time.edges[frame]), said = range.map((seconds) => seconds.toFixed(2));
    this.handle.setAttribute('aria-valuenow', range[0]);
    this.handle.setAttribute('aria-valuetext', `from ${said[0]} to ${said[1]} seconds`);
    this.handle.title = `The model looks from ${said[0]} s to ${said[1]} s${this.movable ? '. Drag to look elsewhere.' : ''}`;
  }

  // Move the playhead and say the values there; running: nobody can listen to 25 numbers a second.
  show(frame, running = false) {
    this.frame = frame;
    if (!this.time.count || !this.time.width) return;
    this.head.style.transform = `translateX(${this.time.x(frame) - 1}px)`;
    if (!running) {
      this.head.setAttribute('aria-valuenow', frame);
      const read = hasRead(this.rows, this.time, frame);
      this.head.setAttribute('aria-valuetext', `frame ${frame + 1}, ${this.time.edges[frame].toFixed(3)} seconds${read && `, ${read}`}`);
    }
    if (this.lit !== this.stepsNow()) this.drawLooks();
    if (this.hover.hidden) this.tracks.forEach((track) => track.say(frame));
  }

  // Values and time under the pointer; null: back to the playhead's.
  point(clientX, clientY) {
    this.hover.hidden = clientX === null;
    this.pointed = clientX === null ? null : this.under(clientX);
    const frame = this.at;
    this.tracks.forEach((track) => track.say(frame, clientX === null ? undefined : clientY));
    if (this.lit !== this.stepsNow()) this.drawLooks();
    if (clientX === null) return;
    const x = this.time.x(frame), label = this.hover.firstElementChild, read = hasRead(this.rows, this.time, frame);
    this.hover.style.transform = `translateX(${x}px)`;
    label.textContent = `${clock(this.time.edges[frame], 3)} s · frame ${frame + 1}${read && ` · ${read}`}`;
    label.style.transform = `translateX(${-clamp(x / this.time.width, 0, 1) * 100}%)`;
  }

  listen() {
    const { root, handle } = this;
    root.addEventListener(
      'pointermove',
      (event) => this.time.count && this.point(this.modes.contains(event.target) ? null : event.clientX, event.clientY),
    );
    root.addEventListener('pointerleave', () => this.point(null));
    root.addEventListener('pointerdown', (event) => {
      if (!this.time.count || event.button || this.modes.contains(event.target)) return;
      const from = handle.contains(event.target) && this.movable ? this.secondsAt(event.clientX) : null;
      root.setPointerCapture(event.pointerId);
      this.drag = { x: event.clientX, from, moved: false };
      if (from === null) this.act.scrub(this.under(event.clientX));
    });
    root.addEventListener('pointermove', (event) => this.drag && this.dragged(event.clientX));
    root.addEventListener('pointerup', (event) => this.dropped(event.clientX, true));
    root.addEventListener('pointercancel', (event) => this.dropped(event.clientX, false));
    handle.addEventListener('keydown', (event) => this.nudge(event));
    this.modes.addEventListener('click', ({ target }) => {
      if (!target.dataset.mode) return;
      this.look.set.lanes = target.dataset.mode;
      this.sayMode();
      this.draw();
    });
  }

  dragged(clientX) {
    const { drag } = this, seconds = this.secondsAt(clientX);
    drag.moved ||= Math.abs(clientX - drag.x) > 3;
    if (drag.from === null) this.act.scrub(this.time.frameAt(seconds));
    else if (drag.moved) this.move(this.time.frameAt(this.time.edges[this.window[0]] + seconds - drag.from + 1e-9));
  }

  dropped(clientX, meant) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.from !== null && drag.moved) meant ? this.request() : this.move(null);
    if (drag.from !== null && !drag.moved) this.act.scrub(this.under(clientX));
    this.act.rest();
  }

  // Show where the window would be; null: nowhere else.
  move(first) {
    this.ask = first === null ? null : this.time.moved(this.window, first);
    this.placeWindow();
  }

  // Ask for the window to be moved. The old one stays until the new evidence is here, because what is drawn still belongs to it;
  // the wish fades if nothing comes of it.
  request() {
    if (this.ask === null) return;
    this.act.window(this.time.edges[this.ask[0]]);
    clearTimeout(this.fading);
    this.fading = setTimeout(() => this.move(null), 30_000);
  }

  // Arrow keys on the window: one frame, with shift ten; asked for when the keys have rested.
  nudge(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !this.movable) return;
    event.preventDefault();
    event.stopPropagation();
    this.move((this.ask ?? this.window)[0] + by * (event.shiftKey ? 10 : 1));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.request(), 700);
  }
}
