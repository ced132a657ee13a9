// What lies on a picture beside the map: places that a network chose, and people's joints. Numbers in, dots and lines out.
import { clamp, clock, decode, number } from './numbers.js';
import { newPath } from './page.js';
import { MARKS, NOTHING, tone } from './palettes.js';
import { stepIn } from './timescale.js';

const largestOf = (values) => values.reduce((top, v) => (v > top ? v : top), 0);

// A line that is legible on any picture: light, in a dark casing.
function cased(pen, path, ink, width, scale) {
  for (const [colour, wide] of [['rgba(0,0,0,.6)', width + 1.6], [ink, width]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide * scale;
    pen.stroke(path);
  }
}

// A dot with a light edge and a dark one around it, side by side so that a faint dot keeps its colour; hollow: a ring of that colour.
function dot(pen, u, v, radius, colour, scale, hollow = false) {
  const ring = (r) => {
    const path = newPath();
    path.arc(u, v, r, 0, 7);
    return path;
  };
  if (hollow) return cased(pen, ring(radius), colour, 1.6, scale);
  pen.fillStyle = colour;
  pen.fill(ring(radius));
  for (const [ink, out, width] of [['#fff', 0.4, 0.9], ['rgba(0,0,0,.8)', 1.3, 0.9]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = width * scale;
    pen.stroke(ring(radius + out * scale));
  }
}

// From (a, b) to within `short` of (u, v), with a head there if there is room for one.
export function arrow(pen, a, b, u, v, short, scale) {
  const long = Math.hypot(u - a, v - b) - short, path = newPath();
  if (!(long > 2 * scale)) return;
  const [dx, dy] = [(u - a) / (long + short), (v - b) / (long + short)], [p, q] = [a + dx * long, b + dy * long];
  path.moveTo(a, b);
  path.lineTo(p, q);
  const head = Math.min(5 * scale, long / 2);
  for (const side of [-0.55, 0.55]) {
    path.moveTo(p - head * (dx - side * dy), q - head * (dy + side * dx));
    path.lineTo(p, q);
  }
  pen.lineCap = pen.lineJoin = 'round';
  cased(pen, path, '#fff', 1.1, scale);
}

// What was drawn last, to be found again by the pointer.
class Marks {
  constructor(sent) {
    Object.assign(this, sent);
    this.drawn = [];
  }

  // The number of the mark nearest to a place on the canvas and at most `room` from its edge, −1 if there is none.
  near(u, v, room) {
    let found = -1, least = Infinity;
    for (const [i, x, y, radius] of this.drawn) {
      const away = Math.hypot(x - u, y - v);
      if (away <= radius + room && away < least) [found, least] = [i, away];
    }
    return found;
  }
}

// Places that a network chose, each between two of its frames.
export class Places extends Marks {
  constructor(sent) {
    super(sent);
    for (const name of ['places', 'reference', 'scores']) this[name] = decode(sent[name], Float32Array);
    this.seconds = decode(sent.seconds, Float64Array);
    this.top = largestOf(this.scores);
    this.order = Array.from(this.scores.keys()).filter((i) => this.scores[i] > 0).sort((a, b) => this.scores[b] - this.scores[a]);
  }

  // Those that are read from a source frame, the strongest first, with the weight each of them is read by.
  at(frame, look) {
    const step = stepIn(this.bands, frame), found = [];
    if (step < 0 || !(this.top >= NOTHING)) return found;
    for (const i of look.strongest === 'all' ? this.order : this.order.slice(0, +look.strongest)) {
      if (this.scores[i] / this.top < look.threshold) break;
      const weight = 1 - Math.abs(step - this.places[3 * i]);
      if (weight > 0) found.push([i, weight]);
    }
    return found;
  }

  // A dot's radius in pixels of the page; its area goes with the score.
  radius(share, canvas, scale) {
    return clamp((0.026 * Math.min(canvas.width, canvas.height)) / scale, 4.5, 10) * Math.sqrt(share);
  }

  draw(pen, frame, look, [x, y], scale) {
    this.drawn = [];
    if (!look.dots && !look.arrows) return;
    const found = this.at(frame, look).reverse(); // the strongest on top
    const spots = found.map(([i, weight]) => {
      const share = this.scores[i] / this.top, radius = this.radius(share, pen.canvas, scale) * scale;
      return { i, weight, share, radius, u: this.places[3 * i + 1] * x, v: this.places[3 * i + 2] * y };
    });
    for (const { i, weight, u, v, radius } of look.arrows ? spots : []) {
      pen.globalAlpha = look.opacity * weight;
      arrow(pen, this.reference[3 * i + 1] * x, this.reference[3 * i + 2] * y, u, v, look.dots ? radius + 1.5 * scale : 0, scale);
    }
    for (const { weight, share, u, v, radius } of look.dots ? spots : []) {
      pen.globalAlpha = look.opacity * weight;
      dot(pen, u, v, radius, tone(look.palette, share), scale);
    }
    pen.globalAlpha = 1;
    this.drawn = spots.map(({ i, u, v, radius }) => [i, u, v, radius]);
  }

  // What the pointer reads from the place near it.
  say(i) {
    const [step, x, y] = this.places.subarray(3 * i, 3 * i + 3), [from, a, b] = this.reference.subarray(3 * i, 3 * i + 3);
    const at = clamp(step, 0, this.seconds.length - 1), k = Math.min(Math.floor(at), this.seconds.length - 2);
    const second = k < 0 ? this.seconds[0] : this.seconds[k] + (at - k) * (this.seconds[k + 1] - this.seconds[k]);
    const later = step - from, steps = `${later > 0 ? '+' : ''}${number(+later.toFixed(2))}`;
    return `${number(this.scores[i])} ${this.unit} · ${clock(second, 3)} s · offset ${
      number(+Math.hypot(x - a, y - b).toFixed(1))
    } px, ${steps} steps`;
  }
}

// People's joints, known on the frames the model was given, or on every frame.
export class Body extends Marks {
  constructor(sent) {
    super(sent);
    for (const name of ['joints', 'scores', 'every']) this[name] = sent[name] && decode(sent[name], Float32Array);
    this.top = largestOf(this.scores);
    this.count = this.names.length;
  }

  // x, y and the file's own score of every joint at a source frame, one after the other; null where none is known.
  at(frame, step) {
    const wide = 3 * this.count;
    if (this.every) return this.every.subarray(frame * wide, (frame + 1) * wide);
    return step < 0 ? null : this.joints.subarray(step * wide, (step + 1) * wide);
  }

  // Whether the joints of a step were taken from this very frame. A band begins with the frame it was taken from, unless another is said to be.
  exact(frame, step, sampled) {
    const [first, end] = this.bands[step];
    return frame === (sampled.find((i) => first <= i && i < end) ?? first);
  }

  score(i) {
    return this.step < 0 ? NaN : this.scores[this.step * this.count + i];
  }

  draw(pen, frame, look, [x, y], scale, sampled) {
    this.drawn = [];
    this.step = stepIn(this.bands, frame);
    const joints = this.at(frame, this.step);
    if (!look.bones || !joints) return;
    const strength = this.every || this.exact(frame, this.step, sampled) ? 1 : MARKS.between;
    const size = clamp((0.012 * Math.min(pen.canvas.width, pen.canvas.height)) / scale, 2.6, 4.5);
    const spot = (i) => [joints[3 * i] * x, joints[3 * i + 1] * y], known = (i) => !spot(i).some(Number.isNaN);
    const trust = (i) => (joints[3 * i + 2] < MARKS.unsure ? MARKS.faint : 1) * strength;
    pen.lineCap = 'round';
    this.bones.forEach(([a, b], k) => {
      if (!known(a) || !known(b)) return;
      const path = newPath();
      path.moveTo(...spot(a));
      path.lineTo(...spot(b));
      pen.globalAlpha = MARKS.bone * Math.min(trust(a), trust(b));
      cased(pen, path, this.inks[k], size - 0.4, scale);
    });
    for (let i = 0; i < this.count; i++) {
      if (!known(i)) continue;
      const [u, v] = spot(i), score = this.score(i), none = Number.isNaN(score) || !(this.top >= NOTHING);
      pen.globalAlpha = trust(i);
      dot(pen, u, v, size * scale, none ? MARKS.grey : tone(look.palette, score / this.top), scale, none);
      this.drawn.push([i, u, v, size * scale]);
    }
    pen.globalAlpha = 1;
  }

  // What the pointer reads from the joint near it.
  say(i) {
    const score = this.score(i);
    return `${this.names[i]} · ${Number.isNaN(score) ? 'no score' : `${number(score)} ${this.unit}`}`;
  }
}
