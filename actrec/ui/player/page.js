// The page's elements: finding, making, writing and fitting them.

export const element = (shape, root) => root.querySelector(shape);

export const create = (name) => globalThis.document.createElement(name);

// A <span> of a class, with what it holds: texts and elements.
export function span(name, ...inside) {
  const made = create('span');
  made.className = name;
  made.append(...inside);
  return made;
}

// Text, written only where it changed: at every picture a few dozen texts are due, and each one written costs a layout.
export function write(node, text) {
  if (node.said === text) return;
  node.said = node.textContent = text;
}

// Options of a <select>, as [value, text]; keeps the choice where it is still on offer.
export function offer(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => new globalThis.Option(text, value)));
  select.value = chosen;
  if (select.selectedIndex < 0 && options.length) select.selectedIndex = 0;
}

// Write seconds into the page's address, as Python does, in place of those there: whoever goes back wants none of the stops they made on their way.
export function putSeconds(name, seconds) {
  const here = new URL(globalThis.location.href), value = Math.round(seconds * 1e4) / 1e4;
  here.searchParams.set(name, Number.isInteger(value) ? value.toFixed(1) : `${value}`);
  globalThis.history.replaceState(globalThis.history.state, '', here);
}

// Pixels of a canvas for one of the page; more than two cost time and show nothing.
export const density = () => Math.min(globalThis.devicePixelRatio || 1, 2);

// A canvas's pixels fitted to its size on the page; true if they changed.
export function fit(canvas, width, height, scale = density()) {
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w;
  canvas.height = h;
  return true;
}

// A path to draw on a canvas; from: another one to begin with.
export const newPath = (from) => new globalThis.Path2D(from);

// A picture from RGBA words, as a canvas can take it.
export const picture = (words, width, height) => new globalThis.ImageData(new Uint8ClampedArray(words.buffer), width, height);
