import assert from 'node:assert/strict';
import { facts } from './python.js';
import { Body, Places } from '../../actrec/ui/player/marks.js';
import { clock } from '../../actrec/ui/player/numbers.js';
import { stepIn } from '../../actrec/ui/player/timescale.js';

const { points, skeleton } = facts;
const places = new Places(points.sent);

Deno.test('on each frame those places are drawn, and as strongly, as in the saved video', () => {
  assert.equal(places.top, points.top);
  for (const { most, threshold, numbers } of points.chosen) {
    points.steps.forEach((step, frame) => {
      const found = places.at(frame, { strongest: String(most), threshold });
      const expected = step < 0 ? [] : numbers.filter((i) => points.weights[step][i] > 0);
      assert.deepEqual(found.map(([i]) => i), expected, `frame ${frame}, ${most}, ${threshold}`);
      for (const [i, weight] of found) assert.ok(Math.abs(weight - points.weights[step][i]) < 1e-6);
    });
  }
});

Deno.test('all places are more than any number of the strongest', () => {
  const all = places.at(0, { strongest: 'all', threshold: 0 }), few = places.at(0, { strongest: '16', threshold: 0 });
  assert.ok(all.length > few.length);
  assert.deepEqual(all.slice(0, few.length), few);
});

Deno.test('a place is said to be at the second that Python finds between its frames', () => {
  points.seconds.forEach((second, i) => assert.ok(places.say(i).includes(` · ${clock(second, 3)} s · `), `${places.say(i)}, not ${second} s`));
});

Deno.test('a dot’s area goes with the score', () => {
  const canvas = { width: 400, height: 300 };
  assert.ok(Math.abs(places.radius(1, canvas, 1) / places.radius(0.25, canvas, 1) - 2) < 1e-9);
});

Deno.test('the pointer finds the nearest mark at most so far from its edge', () => {
  places.drawn = [[7, 10, 10, 4], [8, 20, 10, 2]];
  assert.deepEqual([10, 14.5, 16.5, 19, 23.9].map((u) => places.near(u, 10, 2)), [7, 7, 8, 8, 8]);
  assert.equal(places.near(24.1, 10, 2), -1);
});

Deno.test('joints arrive with every number and every hole, and a step’s are found by its number', () => {
  const body = new Body(skeleton.sent);
  skeleton.joints.forEach((joints, step) => assert.deepEqual([...body.at(0, step)], joints.flat()));
  assert.equal(body.at(7, -1), null);
  assert.deepEqual([...body.scores], skeleton.scores.flat());
  assert.ok(Math.abs(body.top - 0.3) < 1e-6);
});

Deno.test('joints known on every frame are found by the frame', () => {
  const body = new Body(skeleton.tracked);
  skeleton.every.forEach((joints, frame) => assert.deepEqual([...body.at(frame, -1)], joints.flat()));
});

Deno.test('a joint says its name and its score, if it has one', () => {
  const body = Object.assign(new Body(skeleton.sent), { step: 0 });
  assert.deepEqual([0, 1, 2].map((i) => body.say(i)), ['nose · 0.1 logit', 'neck · no score', 'hip · 0.3 logit']);
  body.step = -1;
  assert.equal(body.say(0), 'nose · no score');
});

Deno.test('joints are exact on the frame they were taken from', () => {
  const body = new Body(skeleton.sent),
    exact = (sampled) => [...Array(6).keys()].filter((frame) => body.exact(frame, stepIn(body.bands, frame), sampled));
  assert.deepEqual(exact([]), [0, 3]);
  assert.deepEqual(exact([1, 4]), [1, 4]);
});
