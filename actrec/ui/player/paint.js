// Evidence to pixels: one map's layer, the sign for what was not seen, the colour bar.
import { axis, bilinear, bilinearWithHoles, nearest } from './interpolate.js';
import { decode } from './numbers.js';
import { create, picture } from './page.js';
import { coloured, LEVELS, NOTHING } from './palettes.js';

// One map: its numbers, its place in the frame, and the drawn layer of the step last asked for.
export class Evidence {
  constructor(sent) {
    Object.assign(this, sent);
    [this.steps, this.high, this.wide] = sent.shape;
    this.values = decode(sent.values, Float32Array);
    this.tops = decode(sent.tops, Float32Array);
    this.holes = this.values.some((v) => Number.isNaN(v));
    this.canvas = null;
    this.drawn = '';
  }

  grid(step) {
    return this.values.subarray(step * this.high * this.wide, (step + 1) * this.high * this.wide);
  }

  // Values at every point of a fine grid over `seen`, NaN where nothing is known.
  fine(step, rows, cols, smooth) {
    const sample = !smooth ? nearest : this.holes ? bilinearWithHoles : bilinear;
    return sample(this.grid(step), this.wide, rows, cols);
  }

  // The same over the rectangle `seen`, n rows and m columns.
  overSeen(step, n, m, smooth) {
    const [x0, y0, x1, y1] = this.seen, [left, above, right, below] = this.box;
    return this.fine(step, axis(n, y0, y1, above, below, this.high), axis(m, x0, x1, left, right, this.wide), smooth);
  }

  // The layer for a step over the rectangle `seen`, about `width` × `height` pixels fine, or null where there is nothing to draw.
  // Values are interpolated first and coloured after, so that a threshold gives a clean edge and no mixed colours.
  layer(step, top, words, tint, smooth, width, height) {
    if (step < 0 || !(top >= NOTHING)) return null;
    const [n, m] = [Math.max(1, Math.round(height)), Math.max(1, Math.round(width))];
    const wanted = [step, top, tint, smooth, n, m].join();
    if (wanted === this.drawn) return this.canvas;
    this.canvas ??= create('canvas');
    this.canvas.width = m;
    this.canvas.height = n;
    this.canvas.getContext('2d').putImageData(picture(coloured(this.overSeen(step, n, m, smooth), top, this.signed, words), m, n), 0, 0);
    this.drawn = wanted;
    return this.canvas;
  }

  // The value at a place in source pixels, NaN where nothing is known; not smooth: that of the cell it lies in.
  valueAt(step, x, y, smooth = true) {
    const [x0, y0, x1, y1] = this.seen, [left, above, right, below] = this.box;
    if (step < 0 || x < x0 || x >= x1 || y < y0 || y >= y1) return NaN;
    return this.fine(step, axis(1, y, y, above, below, this.high), axis(1, x, x, left, right, this.wide), smooth)[0];
  }
}

// The sign for "not looked here": dimmed to a share of the brightness, with diagonal lines.
export function hatch(context, scale, bright) {
  const tile = create('canvas'), size = Math.round(7 * scale), pen = tile.getContext('2d');
  tile.width = tile.height = size;
  pen.fillStyle = `rgba(0,0,0,${1 - bright})`;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = 'rgba(255,255,255,.2)';
  pen.lineWidth = Math.max(1, scale);
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift - 1, size + 1);
    pen.lineTo(shift + size + 1, -1);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}

// The colour bar as the colours look over middle grey: it fades out at zero and is bare below the threshold.
export function paintBar(canvas, words, opacity) {
  const context = canvas.getContext('2d'), strip = create('canvas');
  strip.width = LEVELS + 1;
  strip.height = 1;
  strip.getContext('2d').putImageData(picture(words, LEVELS + 1, 1), 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = '#808080';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = opacity;
  context.drawImage(strip, 0, 0, canvas.width, canvas.height);
}
