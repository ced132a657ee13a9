// The player: one video, one to four panes in step, one time axis. Everything the reader sets is done here; the server hears only of
// the frame the reader stopped at, of a picked place, of a window moved, and of another look once the reader let go of the controls.
import { Controls } from './controls.js';
import { Look } from './look.js';
import { clock, decode } from './numbers.js';
import { element, putSeconds, write } from './page.js';
import { MOMENT } from './palettes.js';
import { Pane } from './pane.js';
import { Reel } from './reel.js';
import { Timeline } from './timeline.js';

const players = new WeakMap();
const left = new Map(); // by the player's key: where the reader was before they went to another page

// Where Streamlit serves from: the app may live under a path of its own.
function address(url) {
  const script = element('script[src*="static/js/"]', globalThis.document);
  const base = script ? script.src.replace(/static\/js\/.*$/, '') : `${globalThis.location.origin}/`;
  return new URL(url.replace(/^\//, ''), base).href;
}

// What is said of a frame: whether the model saw it. seen: the frames it was given.
export function sight(frame, window, seen) {
  if (seen.has(frame)) return 'seen by the model';
  if (window && (frame < window[0] || frame >= window[1])) return 'outside its window';
  return seen.size ? 'between its frames' : '';
}

// The steps of the panes' maps, each different row of bands once, with the marks of the panes that have it.
export function bandRows(panes) {
  const rows = new Map();
  for (const { bands, fields = null, mark } of panes.filter((pane) => pane.bands)) {
    const same = JSON.stringify([bands, fields]);
    rows.set(same, { bands, fields, panes: [...(rows.get(same)?.panes ?? []), mark] });
  }
  return [...rows.values()];
}

// The largest number of all maps of a unit: {unit: number}.
export function sharedTops(heats) {
  const tops = {};
  for (const { unit, top } of heats) tops[unit] = Math.max(tops[unit] ?? 0, top);
  return tops;
}

class Player {
  constructor(root, key) {
    Object.assign(this, { root, panes: [], frame: -1, draws: 0, look: new Look(key) });
    this.find = (name) => element(name, root);
    this.reel = new Reel(this.find('video'), () => this.show(), (text) => this.complain(text));
    this.reel.whole = () => (this.look.loop === 'window' && this.sent.window) || [0, this.sent.frames];
    this.line = new Timeline(root, {
      scrub: (frame) => this.scrub(frame),
      rest: () => this.resume(),
      window: (seconds) => this.api.setTriggerValue('window', { seconds }),
    }, this.look);
    this.controls = new Controls(root, this.look, this.reel, {
      redraw: () => this.redraw(),
      redrawLine: () => this.line.grouped && this.line.draw(),
      relayout: () => this.layout(),
      step: (by) => this.step(by),
      toggle: () => this.toggle(),
      stopped: () => this.soon(),
      hold: () => clearTimeout(this.settling),
      letGo: () => this.letGo(),
    });
    this.watch = new globalThis.ResizeObserver(() => this.layout());
    this.watch.observe(root);
    this.hear = (event) => this.controls.afar(event);
    this.take = () => root.focus();
    globalThis.document.addEventListener('keydown', this.hear);
    globalThis.document.addEventListener('actrec-player', this.take); // from the link that skips what stands before the player
  }

  // Take what Python sent. What is the same as before stays untouched: the clip keeps running, the reader's settings stay.
  update(sent, api) {
    const fresh = this.sent?.media !== sent.media;
    Object.assign(this, { sent, api, seen: new Set(sent.sampled) });
    if (this.look.take(sent.look)) this.controls.say();
    if (fresh) this.open();
    else if (!this.echo(sent.start) && sent.start !== null && sent.start !== this.begun && sent.start !== this.told) this.reel.seek(sent.start);
    this.begun = sent.start;
    this.marker = sent.marker;
    while (this.panes.length > sent.panes.length) this.panes.pop().figure.remove();
    sent.panes.forEach((pane, i) => {
      this.panes[i] ??= this.addPane();
      this.panes[i].set(pane, sent.size, sent.panes.length > 1 ? 'ABCD'[i] : '');
      if (this.frame < 0) this.panes[i].wait();
    });
    const grid = this.find('.panes');
    grid.dataset.count = sent.panes.length;
    grid.classList.toggle('picks', sent.picks);
    this.line.set({ ...sent, seconds: this.seconds });
    this.refresh();
    this.layout();
    if (!this.reel.playing) this.soon();
  }

  // Whether a frame to start at is one that Python was told, coming back late as the look's moment, and no wish to go there.
  echo(start) {
    const heard = this.stops.indexOf(start);
    this.stops.splice(0, heard + 1);
    return heard >= 0;
  }

  // A new clip, from its start; or the one that was here before the reader went to another page, from where they left it.
  open() {
    const { sent, root, reel } = this, was = left.get(sent.key), back = was?.media === sent.media && was.start === sent.start;
    const start = back ? was.frame : (sent.start ?? 0);
    root.dataset.ready = 'false';
    root.dataset.frame = -1;
    this.complain('');
    this.seconds = decode(sent.seconds, Float64Array);
    this.frame = -1;
    this.stops = []; // frames told that have not come back yet
    this.told = back ? null : start;
    reel.load(address(sent.url), sent.fps, sent.frames, start);
  }

  addPane() {
    const pane = new Pane(this.find('.pane-shape'), {
      pick: (x, y) => this.pick(x, y),
      changed: () => {
        this.refresh();
        this.layout();
      },
    });
    this.find('.panes').append(pane.figure);
    return pane;
  }

  complain(text) {
    this.find('.trouble').textContent = text;
    this.find('.trouble').hidden = !text;
  }

  // Everything that follows from the maps now chosen: scales, bands, which controls make sense.
  refresh() {
    const heats = this.panes.map((pane) => pane.heat).filter(Boolean);
    const { window, sampled, frames } = this.sent, rows = bandRows(this.panes);
    this.shared = sharedTops(heats);
    this.line.rows = rows;
    this.part = Boolean(window && window[1] - window[0] < 0.7 * frames);
    this.controls.suit({
      heats,
      points: this.panes.some((pane) => pane.places),
      bones: this.panes.some((pane) => pane.body),
      flow: this.panes.some((pane) => pane.flow),
      grouped: this.line.grouped,
      looked: Boolean(rows.length || window || sampled.length),
      part: this.part,
    });
  }

  // Fit everything to the room there is, and draw it.
  layout() {
    if (!this.sent || !this.root.clientWidth) return;
    const { root } = this, paper = globalThis.getComputedStyle(root).getPropertyValue('--st-background-color');
    const probe = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(paper.trim());
    root.style.colorScheme = probe && probe.slice(1).reduce((sum, part) => sum + parseInt(part, 16), 0) < 384 ? 'dark' : 'light';
    this.panes.forEach((pane) => pane.resize(this.sent.height));
    this.line.view(this.part && this.look.close);
    this.line.draw();
    this.redraw();
  }

  // Called when there is a new picture.
  show() {
    this.draw();
    if (!this.reel.playing) this.soon();
  }

  redraw() {
    if (this.frame >= 0) this.draw();
  }

  // Draw the picture that is there. The evidence and the numbers are those of this very picture.
  draw() {
    const { root, reel } = this, picture = reel.take(), { frame } = picture;
    this.frame = frame;
    for (const pane of this.panes) pane.draw(picture.image, frame, this.look, this.shared, this.marker, this.sent.sampled);
    picture.release();
    this.say(this.line.drag?.from === null && reel.busy ? (reel.wish ?? reel.asked) : frame);
    left.set(this.sent.key, { media: this.sent.media, start: this.sent.start, frame });
    root.dataset.frame = frame;
    root.dataset.draws = ++this.draws;
    root.dataset.ready = 'true';
  }

  // The playhead and the numbers beside the buttons.
  say(frame) {
    this.line.show(frame, this.reel.playing);
    write(this.find('.second'), `${clock(this.seconds[frame], 3)} s`);
    write(this.find('.number'), `frame ${frame + 1} / ${this.sent.frames}`);
    write(this.find('.sight'), sight(frame, this.sent.window, this.seen));
  }

  // Tell Python the frame, once, when the reader has come to rest.
  soon() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.reel.playing || this.frame < 0) return;
      if (this.line.drag || this.reel.busy) return this.soon();
      if (this.told === this.frame) return;
      this.told = this.frame;
      if (this.sent.look) {
        this.stops.push(this.frame);
        putSeconds(MOMENT, this.seconds[this.frame]);
      }
      this.api.setStateValue('frame', { media: this.sent.media, frame: this.frame });
    }, 250);
  }

  // Tell Python the look, once, when nothing moved for a while.
  letGo() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const news = this.look.news();
      if (news) this.api.setStateValue('look', { ...news, told: Date.now() });
    }, 400);
  }

  scrub(frame) {
    if (this.reel.playing) this.paused = true;
    this.reel.pause();
    this.reel.seek(frame);
    this.say(frame);
  }

  resume() {
    if (this.paused) this.reel.play();
    this.paused = false;
    this.soon();
  }

  step(by) {
    this.reel.pause();
    this.reel.seek((this.reel.wish ?? this.reel.asked ?? this.frame) + by);
  }

  toggle() {
    if (this.reel.playing) this.reel.pause();
    else this.reel.play();
  }

  pick(x, y) {
    if (this.frame < 0) return;
    if (!this.sent.picks) return this.toggle();
    this.reel.pause();
    clearTimeout(this.resting); // the frame is told when the answer is there: a second run must not overtake the first
    this.marker = [this.frame, x, y];
    this.redraw();
    this.api.setTriggerValue('pick', { frame: this.frame, x, y });
  }

  end() {
    clearTimeout(this.resting);
    clearTimeout(this.settling);
    this.watch.disconnect();
    globalThis.document.removeEventListener('keydown', this.hear);
    globalThis.document.removeEventListener('actrec-player', this.take);
    this.reel.close();
  }
}

export default function ({ parentElement, data: [data], setStateValue, setTriggerValue }) {
  const root = parentElement.querySelector('.actrec');
  let player = players.get(root);
  if (!player) players.set(root, player = new Player(root, data.key));
  player.update(data, { setStateValue, setTriggerValue });
  return () => player.end();
}
