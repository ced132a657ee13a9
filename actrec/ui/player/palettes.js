// Values to colours. The rules are those of actrec/draw/overlay.py, so that the page and the saved video look alike: zero is transparent, a share s
// of the scale covers the frame by opacity · s · (2 − s), noise is never stretched. Python writes OVERLAY in front: its own palettes and limits, the
// usual look, and how marks are drawn.
import { clamp, decode, number } from './numbers.js';

// deno-lint-ignore no-undef -- written in front of the joined module by player/__init__.py
const { palettes, diverging, nothing, dim, unwatched, usual, marks, moment, directions, flow } = OVERLAY;
const tables = (sent) => Object.fromEntries(Object.entries(sent).map(([name, text]) => [name, decode(text, Uint8Array)]));

export const PALETTES = tables(palettes);
export const DIVERGING = tables(diverging);
export const NOTHING = nothing; // a scale that ends below this is rounding noise
export const DIM = dim; // brightness left where the model did not look
export const UNWATCHED = unwatched; // brightness left to frames outside the model's window: the reader must still find their way there
export const USUAL = usual; // how evidence is drawn if nothing else is said: palette, diverging, opacity, threshold, scale
export const MARKS = marks; // {most, unsure, faint, between, bone, grey}, as in actrec/draw/marks.py
export const DIRECTIONS = decode(directions, Uint8Array); // a colour for each of 256 directions, as in actrec/draw/flow.py
export const FLOW = flow; // {across, room, least}: how its arrows are laid, as in actrec/draw/flow.py
export const MOMENT = moment; // what a look's moment is called in the page's address
export const LEVELS = 2048; // finer than the palette's 256 entries, so that the threshold cuts where the reader put it

// RGBA (as little-endian words) for LEVELS + 1 shares of the scale: 0 … 1, or −1 … 1 for signed maps. Opacity is left to the compositing.
export function lookup(palette, signed, threshold) {
  const words = new Uint32Array(LEVELS + 1);
  for (let i = 0; i <= LEVELS; i++) {
    const share = signed ? (2 * i) / LEVELS - 1 : i / LEVELS;
    const s = Math.abs(share);
    if (s < threshold || s === 0) continue;
    const entry = 3 * Math.round(signed ? (share + 1) * 127.5 : share * 255);
    const alpha = Math.round(255 * s * (2 - s));
    words[i] = (alpha << 24) | (palette[entry + 2] << 16) | (palette[entry + 1] << 8) | palette[entry];
  }
  return words;
}

// The words of a lookup table for values on a scale that ends at `top`; transparent where a value is NaN.
export function coloured(values, top, signed, words) {
  const pixels = new Uint32Array(values.length);
  const slope = (signed ? LEVELS / 2 : LEVELS) / top, zero = signed ? LEVELS / 2 : 0;
  for (let i = 0; i < values.length; i++) {
    const level = Math.round(values[i] * slope + zero);
    if (!Number.isNaN(level)) pixels[i] = words[clamp(level, 0, LEVELS)];
  }
  return pixels;
}

// The colour of a share of the scale, at full strength.
export function tone(palette, share) {
  const table = PALETTES[palette], entry = 3 * Math.round(255 * clamp(share, 0, 1));
  return `rgb(${table[entry]},${table[entry + 1]},${table[entry + 2]})`;
}

// The colour bar's numbers: place along the bar, 0 … 1, value and text.
export function barTicks(top, signed) {
  if (!(top >= NOTHING)) return [];
  const places = signed ? [[0, -top], [0.5, 0], [1, top]] : [[0, 0], [0.5, top / 2], [1, top]];
  return places.map(([place, value]) => [place, value, number(value)]);
}
