// The controls above and below the pictures, and the keys: how the evidence is drawn, and playing.
import { element, offer } from './page.js';
import { DIVERGING, PALETTES } from './palettes.js';

const CHECKS = { '.eye': 'shown', '.smooth': 'smooth', '.dots': 'dots', '.arrows': 'arrows', '.bones': 'bones' };
const STEP = { ArrowLeft: -1, ArrowRight: 1 };

// What a key asks for: {step: frames}, {toggle: true}, {veil: true}, or null. target: the element that has the focus.
export function keyMeaning({ key, ctrlKey, metaKey, altKey, shiftKey }, { tagName, type }) {
  if (ctrlKey || metaKey || altKey || tagName === 'SELECT' || type === 'range') return null;
  if (key === ' ') return ['BUTTON', 'INPUT'].includes(tagName) ? null : { toggle: true };
  if (STEP[key]) return { step: STEP[key] * (shiftKey ? 10 : 1) };
  if (key === 'h' || key === 'H') return { veil: true };
  if (key === 'Home' || key === 'End') return { step: key === 'Home' ? -Infinity : Infinity };
  return null;
}

const WITH_KEYS = ['A', 'AUDIO', 'BUTTON', 'INPUT', 'SELECT', 'SUMMARY', 'TEXTAREA', 'VIDEO'];

// Whether an element that has the focus has a use for the space bar itself.
export function takesSpace({ tagName, isContentEditable, role }) {
  return WITH_KEYS.includes(tagName) || Boolean(isContentEditable) || !['', 'group', 'main', 'none', 'presentation', 'region'].includes(role ?? '');
}

export class Controls {
  // act: {redraw(), redrawLine(), relayout(), step(frames), toggle(), stopped(), hold(), letGo()} – what the controls ask of the player.
  constructor(root, look, reel, act) {
    Object.assign(this, { root, look, reel, act });
    this.find = (name) => element(name, root);
    this.bindLook();
    this.bindTransport();
    root.addEventListener('keydown', (event) => this.key(event));
  }

  // Show the controls that make sense. heats: the maps drawn; points, bones, flow, grouped: whether there are such marks, and lanes of several curves;
  // looked: whether something is known of what the model looked at; part: whether its window is clearly shorter than the clip.
  suit({ heats, points, bones, flow, grouped, looked, part }) {
    const { find, look } = this, drawn = heats.length > 0 || points || bones;
    const show = (name, wanted) => this.root.querySelectorAll(`.look ${name}`).forEach((node) => (node.hidden = !wanted));
    find('.look').hidden = !drawn && !grouped;
    find('.lane').hidden = !looked;
    show('.of-all', drawn);
    show('.of-strength', heats.length > 0 || points);
    show('.of-maps', heats.length > 0);
    show('.of-points', points);
    show('.of-arrows', points || flow);
    show('.of-flow', flow);
    show('.of-bones', bones);
    show('.of-unsigned', heats.some((heat) => !heat.signed) || points || bones || grouped);
    find('.of-signed').hidden = !heats.some((heat) => heat.signed);
    find('.zoom').hidden = !part;
    const scales = [['clip', 'whole map'], ['frame', 'this step'], ...(heats.length > 1 ? [['shared', 'all panes']] : [])];
    offer(find('.scaling'), scales, look.scale);
    if (heats.length) look.set.scale = find('.scaling').value;
    offer(find('.loop'), [['off', 'off'], ['clip', 'clip'], ...(part ? [['window', 'window']] : [])], look.loop);
    look.set.loop = find('.loop').value;
    this.reel.loop = look.loop !== 'off';
  }

  bindLook() {
    const { look, find, act } = this;
    const bind = (name, field, read) => {
      find(name).addEventListener('input', (event) => {
        look.set[field] = read(event.target);
        act.hold();
        this.say();
        act.redraw();
      });
      find(name).addEventListener('change', () => act.letGo());
    };
    offer(find('.palette'), Object.keys(PALETTES).map((name) => [name, name]), look.palette);
    offer(find('.diverging'), Object.keys(DIVERGING).map((name) => [name, name]), look.diverging);
    for (const name of ['palette', 'diverging']) bind(`.${name}`, name, (node) => node.value);
    bind('.scaling', 'scale', (node) => node.value);
    bind('.hues', 'hues', (node) => node.value);
    for (const name of ['opacity', 'threshold']) bind(`.${name}`, name, (node) => +node.value);
    bind('.strongest', 'strongest', (node) => node.value);
    for (const [name, field] of Object.entries(CHECKS)) bind(name, field, (node) => node.checked);
    find('.palette').addEventListener('input', () => act.redrawLine());
    this.say();
  }

  // Write the settings into the controls.
  say() {
    const { look, find } = this;
    for (const name of ['palette', 'diverging']) find(`.${name}`).value = look[name];
    find('.opacity').value = look.opacity;
    find('.threshold').value = look.threshold;
    find('.opacity-said').textContent = `${Math.round(100 * look.opacity)} %`;
    find('.threshold-said').textContent = `${Math.round(100 * look.threshold)} %`;
    find('.strongest').value = look.strongest;
    find('.hues').value = look.hues;
    for (const [name, field] of Object.entries(CHECKS)) find(name).checked = look[field];
    find('.speed').value = look.speed;
    this.reel.video.defaultPlaybackRate = this.reel.video.playbackRate = look.speed;
    find('.zoom').setAttribute('aria-pressed', look.close);
  }

  bindTransport() {
    const { find, look, reel, act } = this, does = { back: () => act.step(-1), on: () => act.step(1), play: () => act.toggle() };
    for (const button of this.root.querySelectorAll('[data-do]')) button.addEventListener('click', () => does[button.dataset.do]());
    find('.speed').addEventListener('input', (event) => {
      look.set.speed = +event.target.value;
      this.say();
    });
    find('.loop').addEventListener('input', (event) => {
      look.set.loop = event.target.value;
      reel.loop = look.loop !== 'off';
    });
    find('.zoom').addEventListener('click', () => {
      look.set.close = !look.close;
      this.say();
      act.relayout();
    });
    for (const name of ['play', 'pause', 'ended']) reel.video.addEventListener(name, () => this.sayPlaying());
  }

  sayPlaying() {
    const { playing } = this.reel;
    this.root.classList.toggle('running', playing);
    this.find('[data-do="play"]').setAttribute('aria-label', playing ? 'Pause' : 'Play');
    if (!playing) this.act.stopped();
  }

  key(event) {
    const asked = keyMeaning(event, event.composedPath()[0]);
    if (!asked) return;
    if (asked.step) this.act.step(asked.step);
    if (asked.toggle) this.act.toggle();
    if (asked.veil) this.veil();
    event.preventDefault();
    event.stopPropagation();
  }

  // A key that was pressed elsewhere on the page: the space bar plays too, where nothing else has a use for it.
  afar(event) {
    const target = event.composedPath()[0];
    if (event.defaultPrevented || takesSpace(target) || !keyMeaning(event, target)?.toggle) return;
    this.act.toggle();
    event.preventDefault();
  }

  // Show or hide the evidence.
  veil() {
    this.look.set.shown = !this.look.shown;
    this.say();
    this.act.redraw();
  }
}
