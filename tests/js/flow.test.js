import assert from 'node:assert/strict';
import { facts } from './python.js';
import { direction, Flow, gridIn, hued } from '../../actrec/ui/player/flow.js';
import { decode } from '../../actrec/ui/player/numbers.js';
import { lookup, PALETTES } from '../../actrec/ui/player/palettes.js';

const { angles, moved, colours, fields } = facts.flow;
const close = (found, expected) => Math.abs(found - expected) <= 1e-3 * Math.max(1, Math.abs(expected));

Deno.test('a displacement has the direction that the saved pictures give it', () => {
  angles.entries.forEach((entry, i) => assert.equal(direction(angles.x[i], angles.y[i]), entry, `${angles.x[i]}, ${angles.y[i]}`));
  assert.deepEqual([[1, 0], [0, 1], [-1, 0], [0, -1]].map(([x, y]) => direction(x, y)), [0, 64, 128, 192]);
});

Deno.test('its colour and covering are those of the saved pictures; nothing for rest, for what is weak, and for what is not known', () => {
  for (const [threshold, alpha] of Object.entries(moved.alpha)) {
    const words = hued(decode(moved.x, Float32Array), decode(moved.y, Float32Array), moved.top, lookup(PALETTES.inferno, false, +threshold));
    words.forEach((word, i) => {
      assert.ok(Math.abs((word >>> 24) - alpha[i]) < 1, `${i}: covers ${word >>> 24}, not ${alpha[i]}`);
      if (word) assert.deepEqual([word & 255, (word >> 8) & 255, (word >> 16) & 255], colours[i]);
    });
  }
});

Deno.test('arrows stand, and are as long, as in the saved pictures', () => {
  let count = 0;
  for (const { sent, top, factor, arrows } of fields) {
    const flow = Object.assign(new Flow(sent), { top });
    assert.ok(close(flow.factor, factor));
    for (const [threshold, steps] of Object.entries(arrows)) {
      steps.forEach((expected, step) => {
        const found = flow.arrows(step, +threshold);
        assert.equal(found.length, expected.length);
        found.forEach((arrow, i) => arrow.forEach((v, k) => assert.ok(close(v, expected[i][k]), `${arrow}, not ${expected[i]}`)));
        count += found.length;
      });
    }
  }
  assert.ok(count > 50);
});

Deno.test('where nothing moves there is no arrow and nothing to say of arrows', () => {
  const flow = Object.assign(new Flow(fields[0].sent), { top: 0 });
  assert.deepEqual(flow.arrows(0, 0), []);
  assert.equal(flow.key({ arrows: true }), '');
  assert.equal(Object.assign(flow, { top: 5 }).key({ arrows: false }), '');
});

Deno.test('the pointer reads both axes and the pace, and nothing where nothing is known', () => {
  const flow = Object.assign(new Flow(fields[0].sent), { step: 1, zoom: [2, 2] });
  const cell = [3.5 * (64 / 7), 2.5 * (48 / 5)]; // the middle of column 3, row 2
  assert.equal(flow.near(2 * cell[0], 2 * cell[1]), 0);
  assert.deepEqual(flow.read.map((v) => Math.fround(v)), [flow.x, flow.y].map((axis) => axis.values[35 + 2 * 7 + 3]));
  flow.read = [-1.5, 2];
  assert.equal(flow.say(), '← 1.5  ↓ 2 px per step · 15.6 px per second');
  assert.equal(flow.near(-1, 3), -1);
});

Deno.test('arrows stand evenly in a rectangle, as many along its longer side as Python says', () => {
  const { places, apart } = gridIn([10, 20, 150, 90]), xs = [...new Set(places.map(([x]) => x))];
  assert.equal(apart, 10);
  assert.equal(xs.length, facts.overlay.flow.across);
  assert.equal(places.length, 14 * 7);
  assert.ok(close(xs[0] - 10, 150 - xs.at(-1)));
});
