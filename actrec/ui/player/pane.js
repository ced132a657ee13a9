// One picture with its evidence, its title and its colour bar.
import { Flow } from './flow.js';
import { Body, Places } from './marks.js';
import { clamp, number } from './numbers.js';
import { element, fit, offer, span, write } from './page.js';
import { Evidence, hatch, paintBar } from './paint.js';
import { barTicks, DIM, NOTHING, tone, UNWATCHED } from './palettes.js';
import { stepIn } from './timescale.js';

// What is said on a picture about its frame; "" if there is nothing to say.
export function remark(bands, step, heat, shown) {
  if (bands && step < 0) return 'The model did not look at this frame';
  if (heat?.empty) return 'No evidence';
  if (heat && !(heat.tops[step] >= NOTHING)) return 'No evidence in this step';
  return bands && !shown ? 'Evidence hidden' : '';
}

// The brightness left to what the model did not look at, as in the saved video; frames outside its window, which that leaves out, keep more.
export function brightness(bands, step, frame) {
  return step < 0 && (frame < bands[0][0] || frame >= bands.at(-1)[1]) ? UNWATCHED : DIM;
}

// The number at the end of a map's colour bar: its largest of this step, of the clip, or of all maps of its unit ({unit: largest}).
export function scaleEnd(heat, scale, step, shared) {
  if (!heat) return 0;
  if (scale === 'frame') return step < 0 ? 0 : heat.tops[step];
  return scale === 'shared' ? shared[heat.unit] : heat.top;
}

export class Pane {
  // act: {pick(x, y), changed()} – what the pane asks of the player.
  constructor(shape, act) {
    this.figure = shape.content.cloneNode(true).firstElementChild;
    const find = (name) => element(name, this.figure);
    [this.picture, this.bar, this.which, this.here, this.note, this.count] = ['.picture', '.bar', '.which', '.here', '.note', '.step'].map(find);
    this.act = act;
    this.evidence = [];
    this.places = this.body = this.flow = null;
    this.size = [1, 1];
    this.which.addEventListener('change', () => {
      this.wish = this.which.selectedOptions[0].text;
      this.describe();
      act.changed();
    });
    this.picture.addEventListener('click', (event) => act.pick(...this.place(event)));
    this.picture.addEventListener('pointermove', (event) => this.say(event));
    this.picture.addEventListener('pointerleave', () => {
      this.pointer = null;
      this.here.hidden = true;
    });
  }

  // Take the pane as Python sent it; maps that are already here are kept, with the reader's choice among them.
  set(sent, source, mark) {
    const had = new Map(this.evidence.map((e) => [e.id, e]));
    this.source = source;
    this.figure.dataset.pane = sent.id;
    this.evidence = sent.heats.map((heat) => had.get(heat.id) ?? new Evidence(heat));
    this.places = this.keep(this.places, sent.points, Places);
    this.body = this.keep(this.body, sent.skeleton, Body);
    this.flow = this.keep(this.flow, sent.flow, Flow);
    this.put('.title', sent.title);
    this.put('.subtitle', sent.subtitle);
    this.put('.mark', mark);
    [this.title, this.mark] = [sent.title, mark];
    const titles = this.evidence.map((e) => e.title);
    offer(this.which, titles.map((title, i) => [i, title]), Math.max(0, titles.indexOf(this.wish)));
    this.describe();
  }

  keep(had, sent, Kind) {
    return had && had.id === sent?.id ? had : sent && new Kind(sent);
  }

  put(name, text) {
    const node = element(name, this.figure);
    node.textContent = text;
    node.title = text;
    node.hidden = !text;
  }

  get heat() {
    return this.evidence[this.which.selectedIndex] ?? null;
  }

  // What lies on the picture beside the map.
  get marks() {
    return [this.body, this.places, this.flow].filter(Boolean);
  }

  // The source frames that each step stands for; null where there is nothing with steps.
  get bands() {
    return (this.heat ?? this.places ?? this.body)?.bands ?? null;
  }

  // The source frames that can reach each step; null where that is not known.
  get fields() {
    return this.heat?.fields ?? null;
  }

  // What is said about the map as a whole.
  describe() {
    const heat = this.heat;
    element('.legend', this.figure).hidden = !heat;
    this.which.hidden = this.evidence.length < 2;
    this.put('.what .name', heat && this.evidence.length < 2 ? heat.title : '');
    this.put('.unit', heat?.unit ?? '');
    this.put('.caption', heat?.caption ?? '');
  }

  // Fit the picture into the pane's width and the height allowed.
  resize(tallest) {
    const [wide, high] = this.source;
    const room = this.figure.clientWidth || 320;
    const width = Math.min(room, (tallest * wide) / high);
    const height = (width * high) / wide;
    this.figure.style.setProperty('--wide', `${width}px`);
    this.picture.style.width = `${width}px`;
    this.picture.style.height = `${height}px`;
    fit(this.picture, width, height);
    this.zoom = [this.picture.width / wide, this.picture.height / high];
    this.scale = this.picture.width / width; // canvas pixels per pixel of the page
    this.veils = new Map();
    this.fitBar = true;
  }

  // A pointer's place in source pixels.
  place(event) {
    const frame = this.picture.getBoundingClientRect();
    const [wide, high] = this.source;
    const x = ((event.clientX - frame.left) / frame.width) * wide, y = ((event.clientY - frame.top) / frame.height) * high;
    return [clamp(x, 0, wide - 1e-3), clamp(y, 0, high - 1e-3)];
  }

  say(event) {
    if (event) this.pointer = this.place(event);
    if (!this.pointer) return;
    const [x, y] = this.pointer, value = this.heat ? this.heat.valueAt(this.step, x, y) : NaN;
    const amount = Number.isNaN(value) ? '' : `   ${number(value)} ${this.heat.unit}`;
    const near = this.marks.map((marks) => [marks, marks.near(x * this.zoom[0], y * this.zoom[1], 5 * this.scale)]).filter(([, i]) => i >= 0);
    write(this.here, [`x ${Math.floor(x)}  y ${Math.floor(y)}${amount}`, ...near.map(([marks, i]) => marks.say(i))].join('\n'));
    this.here.hidden = false;
  }

  // Draw a picture and the evidence for its source frame over it. sampled: the frames the model was given.
  draw(image, frame, look, shared, marker, sampled) {
    const context = this.picture.getContext('2d'), { width, height } = this.picture, { bands } = this;
    context.globalAlpha = 1;
    context.drawImage(image, 0, 0, width, height);
    this.step = bands ? stepIn(bands, frame) : -1;
    const top = scaleEnd(this.heat, look.scale, this.step, shared);
    if (this.flow) this.flow.top = top;
    if (bands && look.shown) this.overlay(context, look, top, brightness(bands, this.step, frame));
    for (const marks of this.marks) {
      if (look.shown) marks.draw(context, frame, look, this.zoom, this.scale, sampled);
      else marks.drawn = [];
    }
    if (marker) this.ring(context, marker, marker[0] === frame || (this.step >= 0 && stepIn(bands, marker[0]) === this.step));
    this.legend(look, top);
    this.key(look);
    this.status(look);
    this.say();
  }

  overlay(context, look, top, bright) {
    const heat = this.heat,
      [x, y] = this.zoom,
      [x0, y0, x1, y1] = this.step < 0 ? [0, 0, 0, 0] : ((heat ?? this.places)?.seen ?? [0, 0, ...this.source]);
    const [left, upper, wide, high] = [x0 * x, y0 * y, (x1 - x0) * x, (y1 - y0) * y];
    if (heat && !heat.empty) this.map(context, look, top, [left, upper, wide, high]);
    this.shade(context, left, upper, wide, high, bright);
  }

  map(context, look, top, [left, upper, wide, high]) {
    const finest = Math.max(1, Math.max(wide, high) / 480); // finer than this the eye gains nothing, and the loop costs
    const { heat } = this, words = look.words(heat.signed), size = [wide / finest, high / finest];
    const layer = this.turns(look)
      ? this.flow.layer(this.step, top, look, ...size)
      : heat.layer(this.step, top, words, look.tint(heat.signed), look.smooth, ...size);
    if (!layer) return;
    context.globalAlpha = look.opacity;
    context.drawImage(layer, left, upper, wide, high);
    context.globalAlpha = 1;
  }

  // Whether colours tell directions.
  turns(look) {
    return Boolean(this.flow) && look.hues === 'direction';
  }

  // Dim to a share of the brightness, and hatch, what lies outside a rectangle: the model did not look there.
  shade(context, left, upper, wide, high, bright) {
    const { width, height } = this.picture, right = Math.min(left + wide, width), lower = Math.min(upper + high, height);
    if (!this.veils.has(bright)) this.veils.set(bright, hatch(context, this.scale, bright));
    context.fillStyle = this.veils.get(bright);
    const outside = [[0, 0, width, upper], [0, lower, width, height - lower], [0, upper, left, lower - upper], [
      right,
      upper,
      width - right,
      lower - upper,
    ]];
    for (const [x, y, w, h] of outside) if (w > 0.5 && h > 0.5) context.fillRect(x, y, w, h);
  }

  // The picked place; faint while another moment is shown.
  ring(context, [, x, y], now) {
    const { scale } = this;
    const [u, v] = [x * this.zoom[0], y * this.zoom[1]];
    context.globalAlpha = now ? 1 : 0.5;
    for (const [ink, line] of [['#000', 4], ['#fff', 2]]) {
      context.strokeStyle = ink;
      context.lineWidth = line * scale;
      context.beginPath();
      context.arc(u, v, 8 * scale, 0, 7);
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(u + 5 * dx * scale, v + 5 * dy * scale);
        context.lineTo(u + 13 * dx * scale, v + 13 * dy * scale);
      }
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  // The colour bar and its numbers, or the wheel; redrawn only when one of them changed.
  legend(look, top) {
    const heat = this.heat, round = this.turns(look);
    if (!heat) return;
    if (round !== this.round) [this.round, this.fitBar] = [round, true];
    element('.scale', this.figure).hidden = round;
    element('.round', this.figure).hidden = !round;
    this.figure.dataset.top = top;
    if (round) return this.flow.wheel(element('.round', this.figure), look);
    if (this.fitBar) {
      fit(this.bar, this.bar.clientWidth, this.bar.clientHeight);
      this.fitBar = false;
      this.said = '';
    }
    const wanted = [look.tint(heat.signed), look.opacity, top, heat.id].join();
    if (wanted === this.said) return;
    this.said = wanted;
    const ticks = heat.empty ? [] : barTicks(top, heat.signed);
    paintBar(this.bar, look.words(heat.signed), ticks.length ? look.opacity : 0);
    element('.ticks', this.figure).replaceChildren(...ticks.map(([place, , text]) => {
      const tick = span('', text);
      tick.style.left = `${100 * place}%`;
      tick.style.translate = `${-100 * place}%`;
      return tick;
    }));
    this.bar.setAttribute('aria-label', ticks.length ? `Colour bar from ${ticks[0][1]} to ${top} ${heat.unit}` : 'Colour bar without evidence');
  }

  // What dots stand for, each as large and as coloured as it is drawn; redrawn only when one of them changed.
  key(look) {
    const { places, body } = this, node = element('.key', this.figure), { palette } = look, arrows = this.flow?.key(look) ?? '';
    const wanted = [places?.id, body?.id, palette, look.dots || look.arrows, look.bones, this.picture.width, this.scale, arrows].join();
    if (wanted === this.keyed) return;
    this.keyed = wanted;
    const sample = (colour, radius, text) => {
      const spot = span(colour ? 'spot' : 'spot hollow');
      Object.assign(spot.style, { width: `${2 * radius}px`, height: `${2 * radius}px`, background: colour });
      return span('sample', spot, text);
    };
    const lines = arrows ? [span('', arrows)] : [];
    if (places && (look.dots || look.arrows)) {
      const shown = places.top >= NOTHING ? [0.25, 1] : [];
      const samples = shown.map((share) => sample(tone(palette, share), places.radius(share, this.picture, this.scale), number(share * places.top)));
      lines.push(span('', span('what', places.title), ...samples, shown.length ? places.unit : `no ${places.unit}`));
    }
    if (body && look.bones) {
      const samples = (body.top >= NOTHING ? [0, 0.5, 1] : []).map((share) => sample(tone(palette, share), 4, number(share * body.top)));
      const none = body.scores.some((v) => Number.isNaN(v)) || !samples.length ? [sample('', 4, 'no score')] : [];
      lines.push(span('', span('what', body.title), ...samples, samples.length ? body.unit : '', ...none));
    }
    node.replaceChildren(...lines);
    node.hidden = !lines.length;
  }

  // Before the first picture.
  wait() {
    write(this.note, 'Loading the clip …');
    this.note.hidden = false;
    this.stated = null;
  }

  // What is said about the frame shown.
  status(look) {
    const { heat, step, bands } = this;
    const text = remark(bands, step, heat, look.shown);
    write(this.count, !bands ? '' : step < 0 ? `– / ${bands.length}` : `step ${step + 1} / ${bands.length}`);
    const all = `${this.title}${text ? `: ${text}` : ''}${step < 0 ? '' : `, step ${step + 1}`}`;
    if (all === this.stated) return;
    this.stated = all;
    this.note.hidden = !text;
    write(this.note, text);
    this.figure.dataset.step = step;
    this.picture.setAttribute('aria-label', all);
  }
}
