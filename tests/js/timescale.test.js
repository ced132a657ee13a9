import assert from 'node:assert/strict';
import { facts, random } from './python.js';
import { decode } from '../../actrec/ui/player/numbers.js';
import { hasRead, rulerTicks, stepIn, TimeScale } from '../../actrec/ui/player/timescale.js';

// A clip of `count` frames whose times are uneven, `width` pixels wide.
function uneven(seed, count, width) {
  const next = random(seed);
  let now = next();
  return Object.assign(new TimeScale(Float64Array.from({ length: count }, () => now += 0.01 + next() / 10)), { width });
}

Deno.test('the frame on screen is the one that Python finds', () => {
  const { seconds, moments, frames } = facts.times, time = new TimeScale(decode(seconds, Float64Array));
  moments.forEach((moment, i) => assert.equal(time.frameAt(moment), frames[i], `${moment} s`));
});

Deno.test('seconds to pixels and back, frames to pixels and back', () => {
  for (let seed = 0; seed < 20; seed++) {
    const time = uneven(seed, 2 + 7 * seed, 300 + 40 * seed);
    for (const window of [null, [0, time.count], [0, 1], [time.count - 1, time.count]]) {
      time.show(window);
      for (let frame = 0; frame < time.count; frame++) {
        assert.equal(time.frameAt(time.secondsAt(time.x(frame))), frame);
        assert.ok(Math.abs(time.secondsAt(time.edge(frame)) - time.edges[frame]) < 1e-9);
        assert.ok(time.edge(frame) < time.x(frame) && time.x(frame) < time.edge(frame + 1));
      }
    }
  }
});

Deno.test('the whole clip leaves five pixels at both ends', () => {
  const time = uneven(1, 30, 500);
  assert.equal(time.edge(0), 5);
  assert.equal(time.edge(30), 495);
});

Deno.test('before the first frame is the first, after the last the last', () => {
  const time = uneven(2, 12, 300);
  assert.equal(time.frameAt(-1), 0);
  assert.equal(time.frameAt(1e6), 11);
});

Deno.test('a window is shown with a quarter of its length on both sides, within the clip', () => {
  const time = Object.assign(new TimeScale(Float64Array.from({ length: 100 }, (_, i) => i)), { width: 410 });
  time.show([40, 60]);
  assert.deepEqual(time.shown, [35, 65]);
  time.show([0, 20]);
  assert.deepEqual(time.shown, [0, 25]);
  time.show([90, 100]);
  assert.deepEqual(time.shown, [87.5, 100]);
});

Deno.test('the last frame lasts as long as frames usually do', () => {
  assert.equal(new TimeScale(Float64Array.of(0, 1, 2, 9)).edges[4], 10);
  assert.equal(new TimeScale(Float64Array.of(0, 0.5, 1.5, 2.5)).edges[4], 3.5);
  assert.equal(new TimeScale(Float64Array.of(3)).edges[1], 3.04);
});

Deno.test('a window that is moved keeps its length and stays in the clip', () => {
  const time = uneven(3, 50, 300);
  for (let to = -20; to < 70; to++) {
    const range = time.moved([10, 26], to);
    if (to === 10) assert.equal(range, null);
    else {
      assert.equal(range[1] - range[0], 16);
      assert.equal(range[0], Math.min(Math.max(to, 0), 34));
    }
  }
});

Deno.test('a band holds its first frame and not its end', () => {
  const bands = [[0, 4], [6, 7], [7, 7], [7, 12]];
  const steps = [-1, 0, 0, 0, 0, -1, -1, 1, 3, 3, 3, 3, 3, -1];
  assert.deepEqual(steps.map((_, i) => stepIn(bands, i - 1)), steps);
});

Deno.test('the ruler’s numbers have room, are round, and no two are the same', () => {
  const next = random(5);
  for (let turn = 0; turn < 300; turn++) {
    const from = next() < 0.3 ? 0 : next() * 100, to = from + 10 ** (next() * 5 - 1), width = 200 + next() * 1200;
    const { ticks, places } = rulerTicks(from, to, width), long = ticks.filter(([, numbered]) => numbered).map(([seconds]) => seconds);
    const apart = ticks.slice(1).map(([seconds], i) => seconds - ticks[i][0]), pixels = width / (to - from);
    assert.ok(ticks.every(([seconds]) => seconds >= from - 1e-3 * (to - from) && seconds <= to + 1e-6));
    assert.ok(Math.max(...apart) - Math.min(...apart) < 1e-6 * to, 'ticks are evenly spaced');
    for (let i = 1; i < long.length; i++) {
      assert.ok((long[i] - long[i - 1]) * pixels >= 63.9, `${long[i - 1]} and ${long[i]} s have ${(long[i] - long[i - 1]) * pixels} pixels`);
    }
    assert.equal(new Set(long.map((seconds) => seconds.toFixed(places))).size, long.length);
    for (const seconds of long) assert.ok(Math.abs(+seconds.toFixed(places) - seconds) < 1e-6 * Math.max(to, 1), `${seconds} with ${places} places`);
  }
});

Deno.test('a ruler of minutes counts in tens of seconds, half minutes and minutes', () => {
  const steps = [[60, 1000], [200, 1000], [900, 1000]].map(([to, width]) => {
    const long = rulerTicks(0, to, width).ticks.filter(([, numbered]) => numbered).map(([seconds]) => seconds);
    return long[1] - long[0];
  });
  assert.deepEqual(steps, [5, 15, 60]);
});

Deno.test('what a step has read is told of the step of a frame, where all maps share its steps and it is known', () => {
  const time = new TimeScale(Float64Array.from({ length: 20 }, (_, i) => i / 10)), row = { bands: [[0, 4], [4, 8]], fields: [[0, 5], [2, 11]] };
  assert.equal(hasRead([row], time, 1), 'its step has read 0.00–0.40 s');
  assert.equal(hasRead([row], time, 5), 'its step has read 0.20–1.00 s');
  assert.equal(hasRead([row], time, 9), '');
  assert.equal(hasRead([{ ...row, fields: null }], time, 1), '');
  assert.equal(hasRead([row, { ...row, bands: [[0, 8]] }], time, 1), '');
  assert.equal(hasRead([], time, 1), '');
});
