// Optical flow to colours and arrows. The rules are those of actrec/draw/flow.py, so that the page and the saved pictures look alike.
import { arrow } from './marks.js';
import { decode, number } from './numbers.js';
import { create, density, fit, picture, write } from './page.js';
import { Evidence } from './paint.js';
import { DIRECTIONS, FLOW, LEVELS, NOTHING } from './palettes.js';
import { stepIn } from './timescale.js';

const HUES = Uint32Array.from({ length: 256 }, (_, i) => (DIRECTIONS[3 * i + 2] << 16) | (DIRECTIONS[3 * i + 1] << 8) | DIRECTIONS[3 * i]);

// The entry of DIRECTIONS for a displacement, x to the right and y down.
export const direction = (x, y) => Math.floor((256 * Math.atan2(y, x)) / (2 * Math.PI) + 0.5) & 255;

// RGBA words for displacements on a scale that ends at `top`: hue by direction, covering by length as a lookup table has it; transparent where NaN.
export function hued(xs, ys, top, words) {
  const pixels = new Uint32Array(xs.length), slope = LEVELS / top;
  for (let i = 0; i < xs.length; i++) {
    const x = xs[i], y = ys[i], level = Math.round(Math.sqrt(x * x + y * y) * slope);
    const covering = Number.isNaN(level) ? 0 : words[Math.min(level, LEVELS)] & 0xff000000;
    if (covering) pixels[i] = covering | HUES[direction(x, y)];
  }
  return pixels;
}

// Where arrows stand in a rectangle, [x, y] row by row, and how far apart.
export function gridIn([x0, y0, x1, y1]) {
  const apart = Math.max(x1 - x0, y1 - y0) / FLOW.across;
  const [xs, ys] = [[x0, x1], [y0, y1]].map(([low, high]) => {
    const count = Math.max(Math.floor((high - low) / apart + 1e-9), 1);
    return Array.from({ length: count }, (_, i) => low + (high - low - apart * (count - 1)) / 2 + apart * i);
  });
  return { places: ys.flatMap((y) => xs.map((x) => [x, y])), apart };
}

// How far everything moves from each of the model's frames to the next, on the cells of its map of lengths.
export class Flow {
  constructor(sent) {
    Object.assign(this, sent);
    [this.x, this.y] = [new Evidence(sent.x), new Evidence(sent.y)];
    this.seconds = decode(sent.seconds, Float64Array);
    ({ bands: this.bands, seen: this.seen } = this.x);
    ({ places: this.places, apart: this.apart } = gridIn(this.seen));
    this.step = -1;
    this.top = 0;
    this.laid = '';
  }

  // The layer of a step over the rectangle `seen`, about `width` × `height` pixels fine, as `Evidence.layer`; null where there is nothing to draw.
  layer(step, top, look, width, height) {
    if (step < 0 || !(top >= NOTHING)) return null;
    const [n, m] = [height, width].map((side) => Math.max(1, Math.round(side))), wanted = [step, top, look.threshold, look.smooth, n, m].join();
    if (wanted === this.laid) return this.canvas;
    this.canvas ??= create('canvas');
    [this.canvas.width, this.canvas.height, this.laid] = [m, n, wanted];
    const words = hued(this.x.overSeen(step, n, m, look.smooth), this.y.overSeen(step, n, m, look.smooth), top, look.words(false));
    this.canvas.getContext('2d').putImageData(picture(words, m, n), 0, 0);
    return this.canvas;
  }

  // How many times as long as the flow its arrows are drawn; 0 where nothing moves.
  get factor() {
    return this.top >= NOTHING ? (FLOW.room * this.apart) / this.top : 0;
  }

  // The arrows of a step, from and to in source pixels: [[x, y, x, y], …].
  arrows(step, threshold) {
    const { factor, apart, top } = this, found = [];
    for (const [x, y] of factor > 0 ? this.places : []) {
      const dx = this.x.valueAt(step, x, y, false), dy = this.y.valueAt(step, x, y, false), length = Math.hypot(dx, dy);
      if (factor * length >= FLOW.least * apart && length >= threshold * top) found.push([x, y, x + factor * dx, y + factor * dy]);
    }
    return found;
  }

  draw(pen, frame, look, [x, y], scale) {
    [this.step, this.zoom] = [stepIn(this.bands, frame), [x, y]];
    if (!look.arrows || this.step < 0) return;
    pen.globalAlpha = look.opacity;
    for (const [a, b, u, v] of this.arrows(this.step, look.threshold)) arrow(pen, a * x, b * y, u * x, v * y, 0, scale);
    pen.globalAlpha = 1;
  }

  // The pointer reads the flow wherever it is known.
  near(u, v) {
    if (!this.zoom) return -1;
    const at = [u / this.zoom[0], v / this.zoom[1]];
    this.read = [this.x, this.y].map((axis) => axis.valueAt(this.step, ...at));
    return this.read.some(Number.isNaN) ? -1 : 0;
  }

  say() {
    const [x, y] = this.read, seconds = this.seconds[this.step];
    const pace = seconds > 0 ? ` · ${number(Math.hypot(x, y) / seconds)} px per second` : '';
    return `${x < 0 ? '←' : '→'} ${number(Math.abs(x))}  ${y < 0 ? '↑' : '↓'} ${number(Math.abs(y))} px per step${pace}`;
  }

  // What the arrows are, in words; "" where none is drawn.
  key(look) {
    if (!look.arrows || !this.factor) return '';
    return `Arrows: towards where what is there goes until the model’s next frame, drawn ${
      number(this.factor)
    } times as long; short ones are left out`;
  }

  // The wheel, and the length at its rim.
  wheel(node, look) {
    const canvas = node.querySelector('canvas'), { top, step } = this, seconds = this.seconds[step];
    const pace = step >= 0 && seconds > 0 ? `, ${number(top / seconds)} px per second in this step` : '';
    const said = top >= NOTHING ? `At the rim: ${number(top)} ${this.unit}${pace}` : 'Nothing moves';
    write(node.querySelector('.rim'), said);
    const wanted = [look.opacity, look.threshold, top >= NOTHING, density()].join();
    if (wanted === this.wheeled) return;
    this.wheeled = wanted;
    canvas.setAttribute('aria-label', 'Colour wheel: red to the right, yellow down, light blue to the left, violet up');
    fit(canvas, canvas.clientWidth, canvas.clientHeight);
    paintWheel(canvas, look.words(false), top >= NOTHING ? look.opacity : 0);
  }
}

// The wheel as its colours look over middle grey: it fades towards its middle and is bare below the threshold.
function paintWheel(canvas, words, opacity) {
  const pen = canvas.getContext('2d'), { width, height } = canvas, layer = create('canvas');
  const xs = new Float32Array(width * height), ys = new Float32Array(width * height);
  for (let i = 0; i < xs.length; i++) {
    xs[i] = (((i % width) + 0.5) / width) * 2 - 1;
    ys[i] = ((Math.floor(i / width) + 0.5) / height) * 2 - 1;
  }
  [layer.width, layer.height] = [width, height];
  layer.getContext('2d').putImageData(picture(hued(xs, ys, 1, words), width, height), 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.save();
  pen.beginPath();
  pen.arc(width / 2, height / 2, width / 2, 0, 7);
  pen.clip();
  pen.fillStyle = '#808080';
  pen.fillRect(0, 0, width, height);
  pen.globalAlpha = opacity;
  pen.drawImage(layer, 0, 0);
  pen.restore();
}
