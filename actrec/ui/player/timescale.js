// One time axis in three measures: seconds, source frames, pixels of the page.

const EDGE = 5; // pixels left free at both ends, so that a playhead at frame 0 can be seen and taken

// The step that stands for a source frame, −1 where the model did not look. A band is the frames first … end − 1 of one step.
export const stepIn = (bands, frame) => bands.findIndex(([first, end]) => first <= frame && frame < end);

// What the step of a frame has read, in seconds, where there is one row of steps and this is known: "its step has read 0.00–0.92 s".
export function hasRead(rows, time, frame) {
  const field = rows.length === 1 && rows[0].fields?.[stepIn(rows[0].bands, frame)];
  if (!field) return '';
  return `its step has read ${time.edges[field[0]].toFixed(2)}–${time.edges[field[1] - 1].toFixed(2)} s`;
}

export class TimeScale {
  // seconds: when each source frame comes on screen.
  constructor(seconds) {
    const count = seconds.length, steps = Array.from(seconds.subarray(1), (s, i) => s - seconds[i]).sort((a, b) => a - b);
    const usual = steps[steps.length >> 1] ?? 0.04;
    this.count = count;
    this.edges = Float64Array.from({ length: count + 1 }, (_, i) => (i < count ? seconds[i] : seconds[count - 1] + usual)); // one more: the clip's end
    this.width = 0;
    this.show(null);
  }

  // The stretch of time shown: the whole clip, or a window of frames with a quarter of its length on both sides.
  show(window) {
    const [from, to] = [this.edges[0], this.edges[this.count]];
    this.shown = [from, to];
    if (!window) return;
    const [first, end] = window.map((frame) => this.edges[frame]), room = (end - first) / 4;
    this.shown = [Math.max(from, first - room), Math.min(to, end + room)];
  }

  // Pixels from the left of a time, of a frame's beginning, and of its middle.
  at(seconds) {
    return EDGE + ((seconds - this.shown[0]) / (this.shown[1] - this.shown[0])) * (this.width - 2 * EDGE);
  }

  edge(frame) {
    return this.at(this.edges[frame]);
  }

  x(frame) {
    return this.at((this.edges[frame] + this.edges[frame + 1]) / 2);
  }

  // The time that many pixels from the left.
  secondsAt(x) {
    return this.shown[0] + ((x - EDGE) / (this.width - 2 * EDGE)) * (this.shown[1] - this.shown[0]);
  }

  // The frame on screen at a time.
  frameAt(seconds) {
    let low = 0, high = this.count;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.edges[middle] <= seconds) low = middle;
      else high = middle;
    }
    return low;
  }

  // Where frames first … end − 1 lie, as many as now, if they should begin elsewhere; null: they would not move.
  moved([first, end], to) {
    const begin = Math.min(Math.max(to, 0), this.count - end + first);
    return begin === first ? null : [begin, begin + end - first];
  }
}

// The ruler of the seconds `from` to `to` over `width` pixels: [seconds, long] of every tick, about 64 pixels or more between two long ones, and
// how many digits behind the point these need.
export function rulerTicks(from, to, width) {
  const rough = ((to - from) / width) * 64, power = 10 ** Math.floor(Math.log10(rough));
  const step = rough > 5 && rough < 1200
    ? [10, 15, 30, 60, 120, 300, 600, 1200].find((s) => s >= rough)
    : [1, 2, 5, 10].map((s) => s * power).find((s) => s >= rough);
  const places = step < 1 ? Math.ceil(-Math.log10(step) - 1e-9) : 0, parts = step / power === 2 ? 4 : 5, ticks = [];
  for (let i = Math.ceil((from / step) * parts - 1e-6); i * (step / parts) <= to + 1e-9; i++) ticks.push([(i * step) / parts, i % parts === 0]);
  return { ticks, places };
}
