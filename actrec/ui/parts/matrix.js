// A confusion matrix, or the difference of two: one button for every cell that holds clips, arrows over it. Text is text; nothing here is read as HTML.
// Empty cells are drawn by the background alone, so that a matrix of many classes has as many elements as it has something to say.
const kept = new WeakMap();
const SVG = 'http://www.w3.org/2000/svg';
const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

function element(tag, name, text) {
  const made = globalThis.document.createElement(tag);
  if (name) made.className = name;
  if (text) made.textContent = text;
  return made;
}

function drawn(tag, facts) {
  const made = globalThis.document.createElementNS(SVG, tag);
  Object.entries(facts).forEach(([name, value]) => made.setAttribute(name, value));
  return made;
}

// An arrow's shape, in cells: from tail to tip at height y, a head so long, its line so wide, a dot so large at the tail. Corrected clips go in the
// upper part of their row from the wrong class to the true one, lost ones in its lower part the other way.
export function arrowShape(arrow, count) {
  const [from, to] = arrow.corrected ? [arrow.column, arrow.row] : [arrow.row, arrow.column];
  const way = from < to ? 1 : -1;
  const large = count > 60 ? 3 : 1; // cells of a few pixels
  return {
    way,
    y: arrow.row + (arrow.corrected ? 0.16 : 0.84),
    tail: from + 0.5 + way * 0.1,
    tip: to + 0.5 - way * 0.1,
    head: large * (0.22 + 0.1 * arrow.share),
    line: large * (0.04 + 0.09 * arrow.share),
    dot: large * (0.07 + 0.03 * arrow.share),
  };
}

function arrows(list, count) {
  const sheet = drawn('svg', { viewBox: `0 0 ${count} ${count}`, class: 'arrows', 'aria-hidden': 'true' });
  list.forEach((arrow) => {
    const { way, y, tail, tip, head, line, dot } = arrowShape(arrow, count);
    const group = drawn('g', { class: arrow.corrected ? 'corrected' : 'lost' });
    group.append(
      drawn('path', { d: `M ${tail} ${y} H ${tip - way * head}`, 'stroke-width': line, class: 'shaft' }),
      drawn('path', { d: `M ${tip} ${y} l ${-way * head} ${-head / 2} v ${head} z`, class: 'head' }),
      drawn('circle', { cx: tail, cy: y, r: dot, class: 'head' }),
    );
    sheet.append(group);
  });
  return sheet;
}

function names(labels, name) {
  const group = element('div', name);
  group.setAttribute('aria-hidden', 'true');
  labels.forEach((label, i) => {
    const line = element('span', '', label);
    line.title = label;
    line.style.setProperty('--i', i);
    group.append(line);
  });
  return group;
}

function cell(item, state) {
  const button = element('button', 'cell');
  button.type = 'button';
  button.dataset.id = `${item.row},${item.column}`;
  button.dataset.tone = item.tone;
  button.style.setProperty('--r', item.row);
  button.style.setProperty('--c', item.column);
  button.style.setProperty('--share', item.share);
  if (item.share > 0.55) button.classList.add('deep');
  button.title = item.hint;
  button.setAttribute('aria-label', item.hint);
  button.append(element('span', '', item.text));
  button.onclick = () => {
    state.mark(button.dataset.id);
    state.send('pick', [item.row, item.column]);
  };
  const light = (on) => {
    state.rows.children[item.row].classList.toggle('lit', on);
    state.columns.children[item.column].classList.toggle('lit', on);
  };
  button.onpointerenter = button.onfocus = () => light(true);
  button.onpointerleave = button.onblur = () => light(false);
  return button;
}

// Which of the cells, [row, column] each, is nearest from one of them that way, where a step aside counts as three; −1: none.
export function neighbour(cells, [row, column], [down, right]) {
  let best = -1;
  let least = Infinity;
  cells.forEach(([r, c], i) => {
    const along = down ? (r - row) * down : (c - column) * right;
    const aside = down ? Math.abs(c - column) : Math.abs(r - row);
    if (along > 0 && along + 3 * aside < least) [best, least] = [i, along + 3 * aside];
  });
  return best;
}

const place = (button) => button.dataset.id.split(',').map(Number);

function move(state, from, way) {
  const best = state.cells[neighbour(state.cells.map(place), place(from), way)];
  if (!best) return;
  state.cells.forEach((button) => {
    button.tabIndex = button === best ? 0 : -1;
  });
  best.focus();
}

// The side of a cell in pixels, for so many classes in a room so wide; and of how many names one is written, where not all fit.
export function cellSize(count, room) {
  const side = Math.max(count > 60 ? 6 : 15, Math.min(36, Math.floor(room / count)));
  return { side, step: Math.ceil(9 / side) };
}

function build(root, data, state) {
  const count = data.labels.length;
  const frame = element('div', 'matrix');
  frame.style.setProperty('--n', count);
  frame.setAttribute('role', 'group');
  frame.setAttribute('aria-label', data.label);
  state.rows = names(data.labels, 'rows-names');
  state.columns = names(data.labels, 'columns-names');
  const field = element('div', 'field');
  state.cells = data.cells.map((item) => cell(item, state));
  field.append(...state.cells, arrows(data.arrows, count));
  field.onkeydown = (event) => {
    const at = state.cells.find((button) => button === event.target);
    if (!at || !STEPS[event.key]) return;
    event.preventDefault();
    move(state, at, STEPS[event.key]);
  };
  const scroll = element('div', 'scroll');
  scroll.append(element('span', 'axis-y', data.rows), state.rows, field, state.columns, element('span', 'axis-x', data.columns));
  frame.append(scroll);
  root.replaceChildren(frame);
  const size = () => {
    const room = root.clientWidth - frame.querySelector('.rows-names').offsetWidth - 26;
    const { side, step } = cellSize(count, room); // a name that is left out is shown for the cell under the pointer
    [state.rows, state.columns].forEach((group) => [...group.children].forEach((line, i) => line.classList.toggle('skipped', i % step > 0)));
    frame.style.setProperty('--cell', `${side}px`);
    frame.classList.toggle('small', side < 20);
    frame.classList.toggle('tiny', side < 13);
  };
  state.watch?.disconnect();
  state.watch = new globalThis.ResizeObserver(size);
  state.watch.observe(root);
  size();
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector('.part');
  const state = kept.get(root) || {};
  kept.set(root, state);
  state.send = setTriggerValue;
  const told = JSON.stringify({ ...data, chosen: null });
  if (state.told !== told) {
    state.told = told;
    const focus = parentElement.activeElement && parentElement.activeElement.dataset.id;
    build(root, data, state);
    if (focus) state.cells.find((button) => button.dataset.id === focus)?.focus();
  }
  state.mark = (id) => {
    const any = state.cells.some((button) => button.dataset.id === id);
    state.cells.forEach((button, i) => {
      button.setAttribute('aria-pressed', String(button.dataset.id === id));
      button.tabIndex = button.dataset.id === id || (!any && i === 0) ? 0 : -1;
    });
  };
  state.mark(data.chosen);
}
