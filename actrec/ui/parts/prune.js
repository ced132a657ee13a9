// A network while it is pruned: histograms of its scales, thresholds to drag, and what is left of its size, worked out here, without the server.
// `lab/prune/sizes.py` says what the numbers are.
const kept = new WeakMap();

// What stays of each of a network's layers, at `percent` of all their channels: as `prune.plan` has it.
export function plan({ layers }, percent, fc) {
  const part = layers.filter((layer) => fc || !layer.fc);
  const every = Float64Array.from(part.flatMap((layer) => layer.worths)).sort();
  const threshold = every[Math.floor((percent / 100) * every.length)];
  const stay = layers.map((layer) => {
    const count = layer.worths.length;
    return part.includes(layer) ? Math.max(1, count - below(layer.worths, threshold)) : count;
  });
  const left = part.reduce((sum, layer) => sum + stay[layers.indexOf(layer)], 0);
  return { threshold, stay, share: 1 - left / every.length };
}

// How many of the sorted values are below one.
export function below(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Parameters, multiply–accumulates and bytes of the file of a model whose networks are pruned by these plans.
export function size(data, plans, percents, fc) {
  const stay = plans.flatMap((each) => each.stay);
  let [parameters, products, offset] = [0, data.rest, 0];
  let letters = data.head + (fc ? 0 : 1) + digits(data, plans, percents);
  for (const [fixed, bytes, parameter, places, shape, by] of data.tensors) {
    const sides = shape.map((side, i) => (by[i] ?? -1) < 0 ? side : stay[by[i]]);
    const count = sides.reduce((product, side) => product * side, 1);
    const end = offset + count * bytes;
    letters += fixed + sides.join('').length + `${offset}${end}`.length;
    parameters += parameter * count;
    products += places * count;
    offset = end;
  }
  return { parameters, products, bytes: 8 + 8 * Math.ceil(letters / 8) + offset };
}

// Letters of what a checkpoint's card says of its pruning: the widths, the shares in its title, the percentages as Python writes them.
function digits({ networks }, plans, percents) {
  return networks.reduce((sum, { layers, full, tail }, i) => {
    const { stay, share } = plans[i];
    const whole = full && stay.every((count, k) => count === layers[k].worths.length);
    const percent = `${percents[i]}`;
    return sum + (whole ? 0 : [...stay, ...tail].join(', ').length) + (100 * share).toFixed(0).length + percent.length +
      (percent.includes('.') ? 0 : 2);
  }, 0);
}

// How many of the sorted values lie in each of `bins` equal parts from 0 to `top`: of the first `gone` of them, and of the others.
export function histogram(sorted, gone, top, bins) {
  const found = { gone: new Array(bins).fill(0), stay: new Array(bins).fill(0) };
  sorted.forEach((value, i) => {
    found[i < gone ? 'gone' : 'stay'][Math.min(bins - 1, Math.floor((value / (top || 1)) * bins))] += 1;
  });
  return found;
}

// Bars of these counts as an SVG path in a box 1 wide and 1 high, each on top of `below`; no bar that stands for something is too thin to see.
export function barsPath(counts, below, most) {
  return counts.map((count, i) => {
    if (!count) return '';
    const [high, foot] = [Math.max(count / most, 0.02), 1 - below[i] / most];
    return `M${(i + 0.08) / counts.length} ${foot}v${-high}h${0.84 / counts.length}v${high}z`;
  }).join('');
}

// Four digits of a number of millions or thousands of millions.
export const four = (value) => value ? value.toPrecision(4) : '0';

function element(name, { text, ...more } = {}, ...inside) {
  const made = globalThis.document.createElement(name);
  for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  made.append(...inside);
  return made;
}

function drawn(name, more, ...inside) {
  const made = globalThis.document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

// A histogram that is told again and again what goes. top: |γ| at its right end.
function chart(top, bins) {
  const [gone, stay] = ['gone', 'stay'].map((name) => drawn('path', { class: name }));
  const line = drawn('line', { y1: -0.1, y2: 1, class: 'threshold' });
  const sheet = drawn('svg', { viewBox: '0 -0.1 1 1.1', preserveAspectRatio: 'none', role: 'img' }, gone, stay, line);
  const show = (listed, threshold, label) => {
    const found = { gone: new Array(bins).fill(0), stay: new Array(bins).fill(0) };
    for (const [sorted, count] of listed) {
      const one = histogram(sorted, count, top, bins);
      for (const name of ['gone', 'stay']) one[name].forEach((n, i) => found[name][i] += n);
    }
    const most = Math.max(1, ...found.gone.map((n, i) => n + found.stay[i]));
    gone.setAttribute('d', barsPath(found.gone, new Array(bins).fill(0), most));
    stay.setAttribute('d', barsPath(found.stay, found.gone, most));
    for (const end of ['x1', 'x2']) line.setAttribute(end, Math.min(1, threshold / (top || 1)));
    sheet.setAttribute('aria-label', label);
  };
  return { sheet, show };
}

// A sign of the colour that bars of what goes or stays have.
const dot = (name) => element('span', { class: `dot ${name}`, 'aria-hidden': true });

// One network: its slider, its histograms, and a row for every layer.
function network(told, changed) {
  const top = Math.max(...told.layers.map((layer) => layer.worths.at(-1)));
  const slider = element('input', { type: 'range', min: 0, max: 99, step: 1, 'aria-label': `Channels that go, ${told.title}` });
  const percent = element('output', { class: 'percent' });
  const presets = Object.entries(told.presets).map(([name, value]) => {
    const button = element('button', { type: 'button', class: 'preset', text: `${name}: ${value} %` });
    button.onclick = () => {
      slider.value = value;
      changed(true);
    };
    return button;
  });
  slider.oninput = () => changed(false);
  slider.onchange = () => changed(true);
  const all = chart(top, 48);
  const said = element('p', { class: 'said' });
  const ends = element('div', { class: 'ends' }, element('span', { text: '0' }), element('span', { text: `|γ| ${four(top)}` }));
  const rows = told.layers.map((layer) => {
    const [one, fill, count] = [chart(top, 24), element('span', { class: 'fill' }), element('span', { class: 'count' })];
    const row = element('div', { class: 'layer' }, element('span', { class: 'name', text: layer.title }), one.sheet);
    row.append(element('span', { class: 'track' }, fill), count);
    return { row, one, fill, count };
  });
  const head = element('div', { class: 'pull' }, element('span', { text: 'Channels that go' }), slider, percent);
  const body = element(
    'section',
    { class: 'network', 'aria-label': told.title },
    element('strong', { text: told.title }),
    element('p', { class: 'said', text: told.about }),
    head,
  );
  body.append(
    element('div', { class: 'presets' }, element('span', { text: 'The paper’s:' }), ...presets),
    all.sheet,
    ends,
    said,
    ...rows.map(({ row }) => row),
  );
  const show = ({ threshold, stay }, at) => {
    const listed = told.layers.map(({ worths }, i) => [worths, worths.length - stay[i]]);
    const [gone, every] = [listed.reduce((sum, [, count]) => sum + count, 0), listed.reduce((sum, [worths]) => sum + worths.length, 0)];
    percent.textContent = `${at} %`;
    slider.setAttribute('aria-valuetext', `${at} %: ${gone} of ${every} channels go`);
    const words = [`Threshold |γ| = ${four(threshold)}: `, dot('gone'), `${gone} of ${every} channels go, `, dot('stay'), `${every - gone} stay.`];
    said.replaceChildren(...words);
    all.show(listed, threshold, `|γ| of ${every} channels of all layers; ${gone} go`);
    rows.forEach(({ one, fill, count }, i) => {
      const { title, worths } = told.layers[i];
      one.show([listed[i]], threshold, `|γ| of ${worths.length} channels of ${title}; ${listed[i][1]} go`);
      fill.style.width = `${(100 * stay[i]) / worths.length}%`;
      count.textContent = `${stay[i]} of ${worths.length}`;
    });
  };
  return { body, slider, show };
}

// The four figures above: a title, what is left, and of how much.
function figures(data, now, whole) {
  const share = (100 * (1 - now.parameters / whole.parameters)).toFixed(1);
  const kind = data.half ? 'half precision, 16 bits' : 'single precision, 32 bits';
  return [
    [
      'Parameters',
      `${four(now.parameters / 1e6)} M`,
      `of ${four(whole.parameters / 1e6)} M; ${share} % gone`,
      `${now.parameters} of ${whole.parameters}`,
    ],
    ['File', `${four(now.bytes / 1e6)} MB`, `of ${four(whole.bytes / 1e6)} MB, in ${kind}`, `${now.bytes} of ${whole.bytes} bytes`],
    ['Compression', `${(whole.parameters / now.parameters).toFixed(2)} ×`, 'parameters before, over parameters after', ''],
    [
      'GFLOPs for one clip',
      four(now.products / 1e9),
      `of ${four(whole.products / 1e9)}; a product and its sum count as one`,
      `${now.products} of ${whole.products}`,
    ],
  ].map(([title, value, line, hint]) =>
    element(
      'div',
      { class: 'figure', title: hint },
      ...[['small', title], ['strong', value], ['small', line]].map(([name, text]) => element(name, { text })),
    )
  );
}

function build(root, data, state) {
  const box = element('input', { type: 'checkbox' });
  const asked = () => ({ percents: state.networks.map(({ slider }) => Number(slider.value)), fc: box.checked });
  const none = data.networks.map(() => 0);
  const whole = size(data, data.networks.map((each) => plan(each, 0, true)), none, true);
  const sizes = element('div', { class: 'sizes', role: 'status' });
  const button = element('button', { type: 'button', class: 'go', text: 'Prune for real' });
  state.show = () => {
    const { percents, fc } = asked();
    const plans = data.networks.map((each, i) => plan(each, percents[i], fc));
    state.networks.forEach(({ show }, i) => show(plans[i], percents[i]));
    sizes.replaceChildren(...figures(data, size(data, plans, percents, fc), whole));
    button.disabled = plans.every(({ share }) => share === 0);
  };
  const changed = (done) => {
    state.show();
    globalThis.clearTimeout(state.timer);
    state.timer = done ? globalThis.setTimeout(tell, 300, false) : 0;
  };
  const tell = (go) => {
    globalThis.clearTimeout(state.timer);
    state.timer = 0;
    state.send('chosen', { ...asked(), go });
  };
  box.onchange = () => changed(true);
  button.onclick = () => tell(true);
  state.networks = data.networks.map((each) => network(each, changed));
  state.take = ({ percents, fc }) => {
    state.networks.forEach(({ slider }, i) => slider.value = percents[i]);
    box.checked = fc;
    state.show();
  };
  const foot = element('div', { class: 'foot' }, button);
  if (data.networks.some(({ layers }) => layers.some((layer) => layer.fc))) {
    foot.append(element('label', {}, box, ' Also the channels that the last linear layer (fc) reads'));
  }
  root.replaceChildren(
    element('div', { class: 'prune' }, sizes, element('div', { class: 'networks' }, ...state.networks.map(({ body }) => body)), foot),
  );
}

export default function ({ parentElement, data: [data], setTriggerValue }) {
  const root = parentElement.querySelector('.part');
  const state = kept.get(root) || {};
  kept.set(root, state);
  state.send = setTriggerValue;
  const told = JSON.stringify({ ...data, chosen: null });
  const chosen = JSON.stringify(data.chosen);
  if (state.told !== told) build(root, data, state);
  if (state.told !== told || (state.chosen !== chosen && !state.timer)) state.take(data.chosen);
  Object.assign(state, { told, chosen });
}
