// Curves as numbers: what a curve is worth at a frame, which curves share a lane, and the scale of a lane.
import { decode } from './numbers.js';

export const INKS = ['#3f83d6', '#d97b1f', '#1f9e89', '#a06bc4', '#c4507c', '#7d8a2e']; // told apart on light and dark, and by colour-blind eyes
export const DASHES = [[], [5, 3], [1.5, 2.5]]; // for those who come when the inks are used up

// The numbers of one curve.
export class Series {
  constructor(sent, turn) {
    Object.assign(this, sent);
    this.values = decode(sent.values, Float64Array);
    this.frames = decode(sent.frames, Int32Array);
    this.ink = sent.colour || INKS[turn % INKS.length];
    this.dash = sent.colour ? [] : DASHES[Math.floor(turn / INKS.length) % DASHES.length];
  }

  // The point nearest to a source frame; of two as near the earlier.
  nearest(frame) {
    const { frames } = this;
    let low = 0, high = frames.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (frames[middle] <= frame) low = middle;
      else high = middle;
    }
    let i = frame - frames[low] <= frames[high] - frame ? low : high;
    while (i > 0 && frames[i - 1] === frames[i]) i--;
    return i;
  }

  // The value at a source frame: that of the nearest point, NaN before the curve.
  at(frame) {
    return !this.frames.length || frame < this.frames[0] - 1 ? NaN : this.values[this.nearest(frame)];
  }

  // The source frames first … end − 1 that a point stands for: those of its step, where the maps' steps are known; else those nearest to it, as far
  // outwards as inwards at the ends.
  extent(i, [first, end], bands) {
    const { frames } = this, step = bands?.find(([from, to]) => from <= frames[i] && frames[i] < to);
    if (step) return step;
    const gap = (a, b) => Math.max(frames[b] - frames[a], 1), last = frames.length - 1;
    if (!last) return [first, end];
    const from = i > 0 ? (frames[i - 1] + frames[i]) / 2 : frames[0] - gap(0, 1) / 2,
      to = i < last ? (frames[i] + frames[i + 1]) / 2 : frames[last] + gap(last - 1, last) / 2;
    return [Math.max(Math.floor(from) + 1, first), Math.min(Math.floor(to) + 1, end)];
  }

  // The value at a source frame that a point stands for, NaN elsewhere.
  within(frame, span, bands) {
    if (!this.frames.length) return NaN;
    const step = bands?.find(([from, to]) => from <= frame && frame < to),
      inside = step ? this.frames.findIndex((f) => step[0] <= f && f < step[1]) : -1;
    const i = inside < 0 ? this.nearest(frame) : inside, [first, end] = this.extent(i, span, bands);
    return first <= frame && frame < end ? this.values[i] : NaN;
  }
}

// Curves by lane: those of one group and unit share one, where the first of them stands.
export function lanes(tracks) {
  const groups = new Map(), all = [];
  for (const sent of tracks) {
    const name = JSON.stringify([sent.group, sent.unit]), lane = sent.group && groups.get(name);
    if (lane) lane.push(sent);
    else all.push([sent]);
    if (sent.group && !lane) groups.set(name, all.at(-1));
  }
  return all;
}

// One scale for the lanes of groups that have a unit in common: two curves are as high where they have the same value. Any other lane has its own.
export function oneScale(lanes) {
  const grouped = lanes.filter((lane) => lane.group);
  for (const unit of new Set(grouped.map((lane) => lane.unit))) {
    const same = grouped.filter((lane) => lane.unit === unit);
    const ends = { low: Math.min(...same.map((lane) => lane.own.low)), high: Math.max(...same.map((lane) => lane.own.high)) };
    for (const lane of same) Object.assign(lane, ends);
  }
}

// The ends of one scale for all curves of a lane, [low, high], and the largest value from 0 on.
export function scaleOf(series, unit) {
  let low = Infinity, high = -Infinity;
  for (const { values } of series) {
    for (const v of values) if (!Number.isNaN(v)) [low, high] = [Math.min(low, v), Math.max(high, v)];
  }
  const top = Math.max(high, 0);
  if (low > high) [low, high] = [0, 1];
  if (low >= 0) low = 0; // an amount is read against nothing
  if (unit === 'probability') high = 1;
  if (high <= low) high = low + (Math.abs(low) || 1);
  return { low, high, top };
}
