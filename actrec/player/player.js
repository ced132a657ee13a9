// The player: one video, one to four panes in step, one time axis. Everything the reader sets is done here; the server hears only of
// the frame the reader stopped at, of a picked place, and of a window moved.

const SETTINGS = {
  shown: true,
  palette: Object.keys(PALETTES)[0],
  diverging: Object.keys(DIVERGING)[0],
  opacity: 0.75,
  threshold: 0,
  scale: 'clip',
  smooth: true,
  arrows: true,
  dots: true,
  strongest: '64',
  bones: true,
  lanes: 'curves',
  speed: 1,
  loop: 'off',
  close: false,
};
// By the player's key, so that they outlive a visit to another page: what the reader set, and where they were.
const settings = new Map(), places = new Map();
const players = new WeakMap();
const CHECKS = { '.eye': 'shown', '.smooth': 'smooth', '.dots': 'dots', '.arrows': 'arrows', '.bones': 'bones' };
const STEP = { ArrowLeft: -1, ArrowRight: 1 };

// Where Streamlit serves from: the app may live under a path of its own.
function address(url) {
  const script = document.querySelector('script[src*="static/js/"]');
  const base = script ? script.src.replace(/static\/js\/.*$/, '') : `${location.origin}/`;
  return new URL(url.replace(/^\//, ''), base).href;
}

class Look {
  constructor(key) {
    if (!settings.has(key)) settings.set(key, { ...SETTINGS });
    this.set = settings.get(key);
    this.tables = new Map();
    for (const name of Object.keys(SETTINGS)) Object.defineProperty(this, name, { get: () => this.set[name] });
  }

  tint(signed) {
    return `${signed ? this.diverging : this.palette} ${this.threshold} ${signed}`;
  }

  // The colour table in force, made once per palette and threshold.
  words(signed) {
    const tint = this.tint(signed);
    if (this.tables.size > 8) this.tables.clear();
    if (!this.tables.has(tint)) this.tables.set(tint, lookup(signed ? DIVERGING[this.diverging] : PALETTES[this.palette], signed, this.threshold));
    return this.tables.get(tint);
  }
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
    this.bindLook();
    this.bindTransport();
    root.addEventListener('keydown', (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(root);
  }

  // Take what Python sent. What is the same as before stays untouched: the clip keeps running, the reader's settings stay.
  update(sent, api) {
    const fresh = this.sent?.media !== sent.media;
    Object.assign(this, { sent, api });
    if (fresh) this.open();
    else if (sent.start !== null && sent.start !== this.begun && sent.start !== this.told) this.reel.seek(sent.start);
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
  }

  // A new clip, from its start; or the one that was here before the reader went to another page, from where they left it.
  open() {
    const { sent, root, reel } = this, left = places.get(sent.key), back = left?.media === sent.media && left.start === sent.start;
    const start = back ? left.frame : (sent.start ?? 0);
    root.dataset.ready = 'false';
    root.dataset.frame = -1;
    this.complain('');
    this.seconds = decode(sent.seconds, Float64Array);
    this.frame = -1;
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
    this.shared = {};
    for (const heat of heats) this.shared[heat.unit] = Math.max(this.shared[heat.unit] ?? 0, heat.top);
    const rows = new Map();
    for (const pane of this.panes.filter((pane) => pane.bands)) {
      const { bands } = pane, same = JSON.stringify(bands);
      rows.set(same, { bands, panes: [...(rows.get(same)?.panes ?? []), pane.mark] });
    }
    this.line.rows = [...rows.values()];
    const [points, bones, { grouped }] = [this.panes.some((pane) => pane.places), this.panes.some((pane) => pane.body), this.line];
    const drawn = heats.length > 0 || points || bones, plain = heats.some((heat) => !heat.signed) || points || bones || grouped;
    const show = (name, wanted) => this.root.querySelectorAll(`.look ${name}`).forEach((node) => (node.hidden = !wanted));
    this.find('.look').hidden = !drawn && !grouped;
    this.find('.lane').hidden = !rows.size && !this.sent.window && !this.sent.sampled.length;
    show('.of-all', drawn);
    show('.of-strength', heats.length > 0 || points);
    show('.of-maps', heats.length > 0);
    show('.of-points', points);
    show('.of-bones', bones);
    show('.of-unsigned', plain);
    this.find('.of-signed').hidden = !heats.some((heat) => heat.signed);
    const { window, frames } = this.sent, part = Boolean(window && window[1] - window[0] < 0.7 * frames);
    this.find('.zoom').hidden = !part;
    offer(
      this.find('.scaling'),
      [['clip', 'whole map'], ['frame', 'this step'], ...(heats.length > 1 ? [['shared', 'all panes']] : [])],
      this.look.scale,
    );
    if (heats.length) this.look.set.scale = this.find('.scaling').value;
    offer(this.find('.loop'), [['off', 'off'], ['clip', 'clip'], ...(part ? [['window', 'window']] : [])], this.look.loop);
    this.look.set.loop = this.find('.loop').value;
    this.reel.loop = this.look.loop !== 'off';
    this.close = part && this.look.close;
  }

  // Fit everything to the room there is, and draw it.
  layout() {
    if (!this.sent || !this.root.clientWidth) return;
    const { root } = this, paper = getComputedStyle(root).getPropertyValue('--st-background-color');
    const probe = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(paper.trim());
    root.style.colorScheme = probe && probe.slice(1).reduce((sum, part) => sum + parseInt(part, 16), 0) < 384 ? 'dark' : 'light';
    this.panes.forEach((pane) => pane.resize(this.sent.height));
    this.line.view(this.close);
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
    places.set(this.sent.key, { media: this.sent.media, start: this.sent.start, frame });
    root.dataset.frame = frame;
    root.dataset.draws = ++this.draws;
    root.dataset.ready = 'true';
  }

  // The playhead and the numbers beside the buttons.
  say(frame) {
    const { sent } = this, [first, end] = sent.window ?? [0, 0];
    this.line.show(frame, this.reel.playing);
    write(this.find('.second'), `${clock(this.seconds[frame], 3)} s`);
    write(this.find('.number'), `frame ${frame + 1} / ${sent.frames}`);
    const sight = this.sampled().has(frame)
      ? 'seen by the model'
      : sent.window && (frame < first || frame >= end)
      ? 'outside its window'
      : sent.sampled.length
      ? 'between its frames'
      : '';
    write(this.find('.sight'), sight);
  }

  sampled() {
    if (this.sampled_?.of !== this.sent.sampled) this.sampled_ = Object.assign(new Set(this.sent.sampled), { of: this.sent.sampled });
    return this.sampled_;
  }

  // Tell Python the frame, once, when the reader has come to rest.
  soon() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.reel.playing || this.frame < 0) return;
      if (this.line.drag || this.reel.busy) return this.soon();
      if (this.told === this.frame) return;
      this.told = this.frame;
      this.api.setStateValue('frame', { media: this.sent.media, frame: this.frame });
    }, 250);
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
    this.marker = [this.frame, x, y];
    this.redraw();
    this.api.setTriggerValue('pick', { frame: this.frame, x, y });
  }

  bindLook() {
    const { look, find } = this,
      after = () => {
        this.sayLook();
        this.redraw();
      };
    const bind = (name, field, read) =>
      find(name).addEventListener('input', (event) => {
        look.set[field] = read(event.target);
        after();
      });
    offer(find('.palette'), Object.keys(PALETTES).map((name) => [name, name]), look.palette);
    offer(find('.diverging'), Object.keys(DIVERGING).map((name) => [name, name]), look.diverging);
    for (const name of ['palette', 'diverging']) bind(`.${name}`, name, (node) => node.value);
    bind('.scaling', 'scale', (node) => node.value);
    for (const name of ['opacity', 'threshold']) bind(`.${name}`, name, (node) => +node.value);
    bind('.strongest', 'strongest', (node) => node.value);
    for (const [name, field] of Object.entries(CHECKS)) bind(name, field, (node) => node.checked);
    find('.palette').addEventListener('input', () => this.line.grouped && this.line.draw());
    this.sayLook();
  }

  veil() {
    this.look.set.shown = !this.look.shown;
    this.sayLook();
    this.redraw();
  }

  sayLook() {
    const { look, find } = this;
    find('.opacity').value = look.opacity;
    find('.threshold').value = look.threshold;
    find('.opacity-said').textContent = `${Math.round(100 * look.opacity)} %`;
    find('.threshold-said').textContent = `${Math.round(100 * look.threshold)} %`;
    find('.strongest').value = look.strongest;
    for (const [name, field] of Object.entries(CHECKS)) find(name).checked = look[field];
    find('.speed').value = look.speed;
    this.reel.video.defaultPlaybackRate = this.reel.video.playbackRate = look.speed;
    find('.zoom').setAttribute('aria-pressed', look.close);
  }

  bindTransport() {
    const { find, look, reel } = this, does = { back: () => this.step(-1), on: () => this.step(1), play: () => this.toggle() };
    for (const button of this.root.querySelectorAll('[data-do]')) button.addEventListener('click', () => does[button.dataset.do]());
    find('.speed').addEventListener('input', (event) => {
      look.set.speed = +event.target.value;
      this.sayLook();
    });
    find('.loop').addEventListener('input', (event) => {
      look.set.loop = event.target.value;
      reel.loop = look.loop !== 'off';
    });
    find('.zoom').addEventListener('click', () => {
      look.set.close = !look.close;
      this.close = look.close;
      this.sayLook();
      this.layout();
    });
    for (const name of ['play', 'pause', 'ended']) {
      reel.video.addEventListener(name, () => {
        this.root.classList.toggle('running', reel.playing);
        find('[data-do="play"]').setAttribute('aria-label', reel.playing ? 'Pause' : 'Play');
        if (!reel.playing) this.soon();
      });
    }
  }

  key(event) {
    const target = event.composedPath()[0], tag = target.tagName;
    if (event.ctrlKey || event.metaKey || event.altKey || tag === 'SELECT' || target.type === 'range') return;
    if (event.key === ' ' && ['BUTTON', 'INPUT'].includes(tag)) return;
    const by = STEP[event.key] * (event.shiftKey ? 10 : 1);
    if (by) this.step(by);
    else if (event.key === ' ') this.toggle();
    else if (event.key === 'h' || event.key === 'H') this.veil();
    else if (event.key === 'Home' || event.key === 'End') this.step(event.key === 'Home' ? -Infinity : Infinity);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  end() {
    clearTimeout(this.resting);
    this.watch.disconnect();
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
