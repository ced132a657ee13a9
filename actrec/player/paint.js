// Numbers to pixels: decoding, palettes, one map's layer, the colour bar. The rules are those of actrec/overlay.py, so that the page and the
// saved video look alike: zero is transparent, a share s of the scale covers the frame by opacity · s · (2 − s), noise is never stretched.

const LEVELS = 2048; // finer than the palette's 256 entries, so that the threshold cuts where the reader put it

// A typed array from its base64 text (little-endian, as numpy writes it).
function decode(text, Type) {
  const bytes = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Type(bytes.buffer);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// Three significant digits, written as Python's :.3g writes them, with a true minus sign.
function number(value) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const power = Math.floor(Math.log10(Math.abs(+value.toPrecision(3))));
  let text = String(+value.toPrecision(3));
  if (power < -4 || power >= 3) {
    const [digits, exponent] = value.toExponential(2).split('e');
    text = `${+digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
  }
  return text.replace(/^-/, '−');
}

// RGBA (as little-endian words) for LEVELS + 1 shares of the scale: 0 … 1, or −1 … 1 for signed maps. Opacity is left to the compositing.
function lookup(palette, signed, threshold) {
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

// For n points spread evenly over [from, to]: the two neighbouring cells, the way between them, and the cell each point lies in.
// Cells are centred in their share of [low, high]; behind the outermost centres the outermost cell goes on.
function axis(n, from, to, low, high, cells) {
  const a = new Uint16Array(n), b = new Uint16Array(n), way = new Float32Array(n), own = new Uint16Array(n);
  for (let i = 0; i < n; i++) {
    const place = from + ((i + 0.5) / n) * (to - from);
    const at = clamp(((place - low) / (high - low)) * cells - 0.5, 0, cells - 1);
    a[i] = Math.floor(at);
    b[i] = Math.min(a[i] + 1, cells - 1);
    way[i] = at - a[i];
    own[i] = Math.min(Math.floor(at + 0.5), cells - 1);
  }
  return { n, a, b, way, own };
}

// Bilinear values at every (row, column) of two axes; grid is row-major with `wide` cells a row.
function stretch(grid, wide, rows, cols) {
  const out = new Float32Array(rows.n * cols.n), blend = new Float32Array(wide);
  for (let r = 0; r < rows.n; r++) {
    const top = rows.a[r] * wide, low = rows.b[r] * wide, down = rows.way[r];
    for (let c = 0; c < wide; c++) blend[c] = grid[top + c] + (grid[low + c] - grid[top + c]) * down;
    for (let c = 0, o = r * cols.n; c < cols.n; c++) {
      const left = blend[cols.a[c]];
      out[o + c] = left + (blend[cols.b[c]] - left) * cols.way[c];
    }
  }
  return out;
}

// One map: its numbers, its place in the frame, and the drawn layer of the step last asked for.
class Evidence {
  constructor(sent) {
    Object.assign(this, sent);
    [this.steps, this.high, this.wide] = sent.shape;
    this.values = decode(sent.values, Float32Array);
    this.tops = decode(sent.tops, Float32Array);
    this.holes = this.values.some((v) => Number.isNaN(v));
    this.canvas = document.createElement('canvas');
    this.drawn = '';
  }

  grid(step) {
    return this.values.subarray(step * this.high * this.wide, (step + 1) * this.high * this.wide);
  }

  // Values at every point of a fine grid over `seen`. A point whose own cell is NaN is NaN; elsewhere NaN cells do not weigh in.
  fine(step, rows, cols, smooth) {
    const grid = this.grid(step);
    const mine = (r, c) => grid[rows.own[r] * this.wide + cols.own[c]];
    if (smooth && !this.holes) return stretch(grid, this.wide, rows, cols);
    const known = smooth && stretch(grid.map((v) => (Number.isNaN(v) ? 0 : 1)), this.wide, rows, cols);
    const out = smooth ? stretch(grid.map((v) => (Number.isNaN(v) ? 0 : v)), this.wide, rows, cols) : new Float32Array(rows.n * cols.n);
    for (let r = 0, o = 0; r < rows.n; r++) {
      for (let c = 0; c < cols.n; c++, o++) {
        const own = mine(r, c);
        out[o] = smooth && !Number.isNaN(own) ? out[o] / known[o] : own;
      }
    }
    return out;
  }

  // The layer for a step over the rectangle `seen`, about `width` × `height` pixels fine, or null where there is nothing to draw.
  // Values are interpolated first and coloured after, so that a threshold gives a clean edge and no mixed colours.
  layer(step, top, words, tint, smooth, width, height) {
    if (step < 0 || !(top >= NOTHING)) return null;
    const [n, m] = [Math.max(1, Math.round(height)), Math.max(1, Math.round(width))];
    const wanted = [step, top, tint, smooth, n, m].join();
    if (wanted === this.drawn) return this.canvas;
    const [x0, y0, x1, y1] = this.seen, [left, above, right, below] = this.box;
    const values = this.fine(step, axis(n, y0, y1, above, below, this.high), axis(m, x0, x1, left, right, this.wide), smooth);
    const image = new ImageData(m, n), pixels = new Uint32Array(image.data.buffer);
    const slope = (this.signed ? LEVELS / 2 : LEVELS) / top, zero = this.signed ? LEVELS / 2 : 0;
    for (let i = 0; i < values.length; i++) {
      const level = Math.round(values[i] * slope + zero);
      if (level === level) pixels[i] = words[clamp(level, 0, LEVELS)];
    }
    this.canvas.width = m;
    this.canvas.height = n;
    this.canvas.getContext('2d').putImageData(image, 0, 0);
    this.drawn = wanted;
    return this.canvas;
  }

  // The value at a place in source pixels, NaN where nothing is known.
  valueAt(step, x, y) {
    const [x0, y0, x1, y1] = this.seen, [left, above, right, below] = this.box;
    if (step < 0 || x < x0 || x >= x1 || y < y0 || y >= y1) return NaN;
    return this.fine(step, axis(1, y, y, above, below, this.high), axis(1, x, x, left, right, this.wide), true)[0];
  }
}

// The sign for "not looked here": dimmed to a share of the brightness, with diagonal lines.
function hatch(context, scale, bright) {
  const tile = document.createElement('canvas'), size = Math.round(7 * scale), pen = tile.getContext('2d');
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

// A canvas's pixels fitted to its size on the page; true if they changed.
function fit(canvas, width, height, scale = Math.min(devicePixelRatio || 1, 2)) {
  const [w, h] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  if (canvas.width === w && canvas.height === h) return false;
  canvas.width = w;
  canvas.height = h;
  return true;
}

// The colour bar as the colours look over middle grey: it fades out at zero and is bare below the threshold.
function paintBar(canvas, words, opacity) {
  const context = canvas.getContext('2d'), strip = document.createElement('canvas'), image = new ImageData(LEVELS + 1, 1);
  new Uint32Array(image.data.buffer).set(words);
  strip.width = LEVELS + 1;
  strip.height = 1;
  strip.getContext('2d').putImageData(image, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = '#808080';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.globalAlpha = opacity;
  context.drawImage(strip, 0, 0, canvas.width, canvas.height);
}
