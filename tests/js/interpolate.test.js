import assert from 'node:assert/strict';
import { facts, random } from './python.js';
import { axis, bilinear, bilinearWithHoles, nearest } from '../../actrec/ui/player/interpolate.js';
import { Evidence } from '../../actrec/ui/player/paint.js';
import { stepIn } from '../../actrec/ui/player/timescale.js';

// float32 on one side, float64 on the other.
function close(found, expected, where) {
  if (Number.isNaN(expected)) assert.ok(Number.isNaN(found), `${found} where nothing is known: ${where}`);
  else assert.ok(Math.abs(found - expected) < 2e-5, `${found}, not ${expected}: ${where}`);
}

Deno.test('a map arrives with every number and every hole', () => {
  for (const { whole, values } of facts.maps) {
    const map = new Evidence(whole);
    assert.deepEqual([...map.values], values.flat(2));
    assert.equal(map.holes, values.flat(2).some(Number.isNaN));
    assert.deepEqual([...map.grid(1)], values[1].flat());
  }
});

Deno.test('a map over the frame is drawn as Python draws it', () => {
  facts.maps.forEach(({ whole, fine }, which) => {
    const map = new Evidence(whole);
    fine.forEach((expected, step) => {
      const found = map.overSeen(step, 33, 41, true);
      expected.flat().forEach((value, i) => close(found[i], value, `map ${which}, step ${step}, point ${i}`));
    });
  });
});

Deno.test('the value under the pointer is Python’s at every pixel, and none where the model did not look', () => {
  facts.maps.forEach(({ cropped, pixels }, which) => {
    const map = new Evidence(cropped);
    pixels.forEach((rows, step) =>
      rows.forEach((row, y) => row.forEach((value, x) => close(map.valueAt(step, x + 0.5, y + 0.5), value, `map ${which}, ${step}, ${x}, ${y}`)))
    );
    assert.ok(Number.isNaN(map.valueAt(-1, 20, 20)));
    const [x0, y0, x1, y1] = cropped.seen, inside = map.valueAt(0, x1 - 1e-9, y1 - 1e-9);
    for (const [x, y] of [[x1, y1 - 1], [x1 - 1, y1], [x0 - 1e-9, y0], [x0, y0 - 1e-9]]) assert.ok(Number.isNaN(map.valueAt(0, x, y)));
    if (!map.holes) assert.ok(Number.isFinite(inside) && Number.isFinite(map.valueAt(0, x0, y0)));
  });
});

Deno.test('a frame has the step that Python gives it', () => {
  for (const { whole, steps } of facts.maps) assert.deepEqual(steps.map((_, i) => stepIn(whole.bands, i - 1)), steps);
});

Deno.test('the scale’s ends are those of the saved video', () => {
  for (const { cropped, tops, top } of facts.maps) {
    const map = new Evidence(cropped);
    assert.deepEqual([...map.tops], tops.map(Math.fround));
    assert.equal(map.top, top);
  }
});

Deno.test('at the centre of a cell is its own value, whatever lies around it', () => {
  const next = random(2), grid = Float32Array.from({ length: 12 }, next);
  const [rows, cols] = [axis(3, 0, 30, 0, 30, 3), axis(4, 0, 40, 0, 40, 4)];
  for (const sample of [bilinear, bilinearWithHoles, nearest]) assert.deepEqual([...sample(grid, 4, rows, cols)], [...grid]);
});

Deno.test('bilinear values stay between those of the cells and do not jump; the nearest are cells’ own', () => {
  const next = random(3);
  for (let turn = 0; turn < 50; turn++) {
    const grid = Float32Array.from({ length: 20 }, () => next() - 0.5), [low, high] = [Math.min(...grid), Math.max(...grid)];
    const [rows, cols] = [axis(37, next() * 5, 40 + next(), 0, 40, 4), axis(53, -next(), 50, 0, 50, 5)];
    const smooth = bilinear(grid, 5, rows, cols);
    for (const v of smooth) assert.ok(v >= low - 1e-6 && v <= high + 1e-6);
    for (let i = 1; i < smooth.length; i++) if (i % 53) assert.ok(Math.abs(smooth[i] - smooth[i - 1]) <= (high - low) * 5 / 50 + 1e-6);
    for (const v of nearest(grid, 5, rows, cols)) assert.ok(grid.includes(v));
  }
});

Deno.test('a hole is as large as its cells and draws nothing else down', () => {
  const next = random(4);
  for (let turn = 0; turn < 50; turn++) {
    const grid = Float32Array.from({ length: 20 }, () => (next() < 0.3 ? NaN : 2.5));
    const [rows, cols] = [axis(24, 0, 4, 0, 4, 4), axis(30, 0, 5, 0, 5, 5)];
    bilinearWithHoles(grid, 5, rows, cols).forEach((v, i) => {
      const own = grid[Math.floor(Math.floor(i / 30) / 6) * 5 + Math.floor((i % 30) / 6)];
      if (Number.isNaN(own)) assert.ok(Number.isNaN(v));
      else assert.ok(Math.abs(v - 2.5) < 1e-5);
    });
  }
});
