// A map's cells to the points of a finer grid, as `evidence.on_source` does it: bilinear between the cells' centres.
import { clamp } from './numbers.js';

// For n points spread evenly over [from, to]: the two neighbouring cells, the way between them, and the cell each point lies in.
// Cells are centred in their share of [low, high]; behind the outermost centres the outermost cell goes on.
export function axis(n, from, to, low, high, cells) {
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
export function bilinear(grid, wide, rows, cols) {
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

// The value of the cell that each point lies in.
export function nearest(grid, wide, rows, cols) {
  const out = new Float32Array(rows.n * cols.n);
  for (let r = 0, o = 0; r < rows.n; r++) {
    for (let c = 0; c < cols.n; c++, o++) out[o] = grid[rows.own[r] * wide + cols.own[c]];
  }
  return out;
}

// Bilinear values of a grid with holes. A point whose own cell is NaN is NaN; elsewhere NaN cells do not weigh in.
export function bilinearWithHoles(grid, wide, rows, cols) {
  const known = bilinear(grid.map((v) => (Number.isNaN(v) ? 0 : 1)), wide, rows, cols);
  const sums = bilinear(grid.map((v) => (Number.isNaN(v) ? 0 : v)), wide, rows, cols);
  return nearest(grid, wide, rows, cols).map((own, o) => (Number.isNaN(own) ? NaN : sums[o] / known[o]));
}
