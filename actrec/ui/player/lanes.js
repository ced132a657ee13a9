// The lanes of the time axis: a curve alone, or the curves of a group, one over the other or as the rows of a map.
import { amount, clamp, number } from './numbers.js';
import { create, element, newPath, write } from './page.js';
import { NOTHING, tone } from './palettes.js';
import { DASHES, INKS, scaleOf, Series } from './series.js';

const ROW = 11; // pixels of the page for a row of a map; as high as its label needs

export class Lane {
  constructor(shape) {
    this.node = shape.content.cloneNode(true).firstElementChild;
    const find = (name) => element(name, this.node);
    [this.canvas, this.now, this.key, this.ramp, this.gutter] = ['canvas', '.now', '.series', '.ramp', '.gutter'].map(find);
  }

  // Take one curve, or those of a group; turn: which of the lanes this is; span: the source frames that a group's curves may stand for.
  set(sent, turn, span) {
    this.span = span;
    const id = sent.map((one) => one.id).join();
    this.group = sent[0].group;
    if (this.id !== id) {
      Object.assign(this, { id, unit: sent[0].unit, series: sent.map((one, i) => new Series(one, this.group ? i : turn % INKS.length)) });
      this.own = scaleOf(this.series, this.unit);
      Object.assign(this, this.own);
      this.node.style.setProperty('--ink', this.series[0].ink);
      this.node.classList.toggle('grouped', Boolean(this.group));
      this.key.replaceChildren(...this.series.map((one) => this.entry(one)));
    }
    element('.name', this.node).textContent = this.group || this.series[0].title;
    element('.unit', this.node).textContent = this.unit;
    this.drawn = '';
  }

  text(name, text) {
    const node = create('span');
    node.className = name;
    node.textContent = node.title = text;
    return node;
  }

  entry(one) {
    const node = this.text('entry', one.title);
    node.style.setProperty('--ink', one.ink);
    node.dataset.dash = DASHES.indexOf(one.dash);
    return node;
  }

  // What stands beside the canvas: the ends of the curves' scale, or the names of the rows and the colours' scale.
  label(line) {
    const wanted = [this.map, this.map && line.look.palette, this.map && line.tops[this.unit]].join();
    if (this.drawn === wanted) return;
    this.drawn = wanted;
    const what = this.group ? `${this.group}: ${this.series.map((one) => one.title).join(', ')}` : this.series[0].title;
    const [low, high] = this.map ? [0, line.tops[this.unit]] : [this.low, this.high];
    this.node.classList.toggle('map', this.map);
    this.canvas.style.height = this.map ? `${ROW * this.series.length}px` : '';
    this.canvas.setAttribute('aria-label', `${what}, from ${number(low)} to ${number(high)} ${this.unit}`);
    this.gutter.replaceChildren(
      ...(this.map ? this.series.map((one) => this.text('row-name', one.title)) : [this.text('high', number(high)), this.text('low', number(low))]),
    );
    if (!this.map) return;
    const strip = this.text('strip', ''), stops = Array.from({ length: 9 }, (_, i) => tone(line.look.palette, i / 8));
    strip.style.background = `linear-gradient(to right, ${stops.join()})`;
    this.ramp.replaceChildren(this.text('', '0'), strip, this.text('', number(high)));
  }

  // The series that is read at a frame: the one under the pointer, if it is over this lane, else the largest; −1 if none has a value.
  read(frame, clientY) {
    const values = this.series.map((one) => one.within(frame, this.span, this.bands));
    if (clientY !== undefined && this.group) {
      const box = this.canvas.getBoundingClientRect(), y = clientY - box.top;
      if (y >= 0 && y < box.height) {
        if (this.map) return Math.min(Math.floor((y / box.height) * values.length), values.length - 1);
        const away = values.map((v) => (Number.isNaN(v) ? Infinity : Math.abs(this.y(v, box.height, 2) - y)));
        const nearest = away.indexOf(Math.min(...away));
        if (away[nearest] < Infinity) return nearest;
      }
    }
    return values.reduce((best, v, i) => (v > (values[best] ?? -Infinity) ? i : best), -1);
  }

  // The value at a frame; in a group, whose it is.
  say(frame, clientY) {
    if (!this.group) return write(this.now, amount(this.series[0].at(frame), this.unit));
    const i = this.read(frame, clientY), one = this.series[i];
    write(this.now, one ? `${one.title} ${amount(one.within(frame, this.span, this.bands), '')}` : '–');
    if (this.lit === i) return;
    this.lit = i;
    [...this.key.children].forEach((node, k) => node.classList.toggle('on', k === i));
  }

  y(value, height, pad) {
    return height - pad - ((value - this.low) / (this.high - this.low)) * (height - 2 * pad);
  }

  draw(line) {
    this.map = Boolean(this.group) && line.look.lanes === 'map';
    this.bands = line.rows[0]?.bands;
    this.label(line);
    const { canvas } = this, scale = line.fit(canvas), pen = canvas.getContext('2d');
    pen.clearRect(0, 0, canvas.width, canvas.height);
    line.backdrop(pen, scale);
    if (this.map) this.drawRows(pen, line, scale);
    else this.drawCurves(pen, line, scale);
  }

  drawCurves(pen, line, scale) {
    const { width, height } = pen.canvas, pad = 2 * scale, base = this.y(clamp(0, this.low, this.high), height, pad);
    pen.fillStyle = line.ink;
    pen.globalAlpha = 0.18;
    pen.fillRect(0, base - scale / 2, width, scale);
    for (const one of this.series) {
      const runs = [];
      let run = null;
      for (let i = 0; i < one.values.length; i++) {
        if (Number.isNaN(one.values[i])) run = null;
        else {
          if (!run) runs.push(run = []);
          run.push([line.time.x(one.frames[i]) * scale, this.y(one.values[i], height, pad)]);
        }
      }
      this.drawCurve(pen, one, runs, base, scale);
    }
  }

  drawCurve(pen, one, runs, base, scale) {
    const alone = this.series.length < 2, size = alone ? 3.5 : 3;
    pen.strokeStyle = pen.fillStyle = one.ink;
    pen.lineWidth = 1.5 * scale;
    pen.lineJoin = 'round';
    pen.setLineDash(one.dash.map((long) => long * scale));
    for (const points of runs) {
      const path = newPath();
      points.forEach(([u, v]) => path.lineTo(u, v));
      if (alone) { // many fields over one another would hide the curves
        const area = newPath(path);
        area.lineTo(points.at(-1)[0], base);
        area.lineTo(points[0][0], base);
        pen.globalAlpha = 0.16;
        pen.fill(area);
      }
      pen.globalAlpha = 1;
      pen.stroke(path);
      if (points.length > 1 && (points.at(-1)[0] - points[0][0]) / points.length < 9 * scale) continue;
      for (const [u, v] of points) pen.fillRect(u - (size / 2) * scale, v - (size / 2) * scale, size * scale, size * scale); // few points: show which are known
    }
    pen.setLineDash([]);
  }

  // A row for every series, a cell for every point; bare where nothing is known. Colours at full strength: nothing lies under them.
  drawRows(pen, line, scale) {
    const top = line.tops[this.unit];
    pen.globalAlpha = 1;
    this.series.forEach((one, row) => {
      const upper = Math.round(row * ROW * scale), lower = Math.round((row + 1) * ROW * scale);
      for (let i = 0; i < one.values.length; i++) {
        if (Number.isNaN(one.values[i])) continue;
        const [left, right] = one.extent(i, this.span, this.bands).map((edge) => Math.round(line.time.edge(edge) * scale));
        if (!(right > left)) continue;
        pen.fillStyle = tone(line.look.palette, top >= NOTHING ? one.values[i] / top : 0);
        pen.fillRect(left, upper, right - left, lower - upper - Math.round(scale));
      }
    });
  }
}
