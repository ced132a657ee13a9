import assert from 'node:assert/strict';
import { facts, random } from './python.js';
import { DASHES, INKS, lanes, oneScale, scaleOf, Series } from '../../actrec/ui/player/series.js';

// A curve of these values at these frames.
const curve = (frames, values, more = {}) => Object.assign(new Series({ values: '', frames: '', ...more }, 0), { frames, values });

// Frames in order, some of them twice, and a value each.
function drawn(seed) {
  const next = random(seed), frames = Array.from({ length: 1 + Math.floor(next() * 12) }, () => Math.floor(next() * 40)).sort((a, b) => a - b);
  return curve(frames, frames.map(() => next()));
}

Deno.test('a curve arrives in the order of its frames, without what lies outside the clip', () => {
  facts.tracks.forEach(({ sent, frames, values }, i) => {
    const series = new Series(sent, i);
    assert.deepEqual([...series.frames], frames);
    assert.deepEqual([...series.values], values);
  });
});

Deno.test('the nearest point is the one that a search through all finds, of two as near the earlier', () => {
  for (let seed = 0; seed < 200; seed++) {
    const series = drawn(seed);
    for (let frame = -3; frame < 45; frame++) {
      const away = series.frames.map((f) => Math.abs(f - frame));
      assert.equal(series.nearest(frame), away.indexOf(Math.min(...away)), `${series.frames} at ${frame}`);
    }
  }
});

Deno.test('before a curve begins it has no value', () => {
  const series = curve([5, 9], [1, 2]);
  assert.ok(Number.isNaN(series.at(3)));
  assert.deepEqual([4, 5, 7, 8, 30].map((frame) => series.at(frame)), [1, 1, 1, 2, 2]);
  assert.ok(Number.isNaN(curve([], []).at(0)));
  assert.ok(Number.isNaN(curve([], []).within(0, [0, 9])));
});

Deno.test('the stretches that points stand for follow one another without gap or overlap', () => {
  for (let seed = 0; seed < 200; seed++) {
    const { frames } = drawn(seed), series = curve([...new Set(frames)], []);
    const stretches = series.frames.map((_, i) => series.extent(i, [0, 40]));
    for (let i = 1; i < stretches.length; i++) assert.equal(stretches[i][0], stretches[i - 1][1], `${series.frames}`);
    stretches.forEach(([first, end], i) => assert.ok(first <= series.frames[i] && series.frames[i] < end && first >= 0 && end <= 40));
  }
});

Deno.test('the value within a stretch is that of its point, and outside there is none', () => {
  for (let seed = 0; seed < 200; seed++) {
    const { frames } = drawn(seed), series = curve([...new Set(frames)], [...new Set(frames)].map((f) => f / 7));
    for (let frame = 0; frame < 40; frame++) {
      const i = series.frames.findIndex((_, k) => series.extent(k, [0, 40])[0] <= frame && frame < series.extent(k, [0, 40])[1]);
      assert.deepEqual(series.within(frame, [0, 40]), i < 0 ? NaN : series.values[i]);
    }
  }
});

Deno.test('where the maps’ steps are known, a point stands for its step', () => {
  const bands = [[0, 10], [12, 20]], series = curve([3, 15], [1, 2]);
  assert.deepEqual([0, 1].map((i) => series.extent(i, [0, 20], bands)), bands);
  assert.deepEqual([0, 9, 12, 19].map((frame) => series.within(frame, [0, 20], bands)), [1, 1, 2, 2]);
  assert.ok(Number.isNaN(series.within(11, [0, 20], bands)));
});

Deno.test('curves of one group and unit share a lane, where the first of them stands', () => {
  const track = (id, group, unit) => ({ id, group, unit });
  const sent = [track(1, '', 'a'), track(2, 'arm', 'a'), track(3, '', 'a'), track(4, 'arm', 'b'), track(5, 'arm', 'a'), track(6, 'leg', 'a')];
  assert.deepEqual(lanes(sent).map((lane) => lane.map(({ id }) => id)), [[1], [2, 5], [3], [4], [6]]);
  assert.deepEqual(lanes([]), []);
});

Deno.test('curves without a colour of their own are told apart by ink, then by dash', () => {
  const looks = Array.from({ length: INKS.length * DASHES.length }, (_, turn) => new Series({ values: '', frames: '' }, turn));
  assert.equal(new Set(looks.map(({ ink, dash }) => `${ink} ${dash}`)).size, looks.length);
  const own = new Series({ values: '', frames: '', colour: '#123456' }, 11);
  assert.deepEqual([own.ink, own.dash], ['#123456', []]);
});

Deno.test('a lane’s scale holds all values, and begins at 0 where none is below', () => {
  const scale = (unit, ...values) => scaleOf(values.map((one) => curve([], one)), unit);
  assert.deepEqual(scale('logit', [1, 2], [NaN, 5]), { low: 0, high: 5, top: 5 });
  assert.deepEqual(scale('logit', [-1, -3]), { low: -3, high: -1, top: 0 });
  assert.deepEqual(scale('probability', [0.2, 0.3]), { low: 0, high: 1, top: 0.3 });
  assert.deepEqual(scale('logit', [NaN], []), { low: 0, high: 1, top: 0 });
  assert.deepEqual(scale('logit', [0, 0]), { low: 0, high: 1, top: 0 });
  assert.deepEqual(scale('logit', [-4, -4]), { low: -4, high: 0, top: 0 });
});

Deno.test('groups of one unit have one scale, whichever came first, and a curve alone keeps its own', () => {
  const lane = (group, unit, low, high) => ({ group, unit, low, high, own: { low, high } });
  const all = [lane('arms', '%', 0, 9), lane('', '%', 0, 99), lane('legs', '%', -1, 2), lane('cloud', 'logit', 0, 5)];
  oneScale(all);
  assert.deepEqual(all.map(({ low, high }) => [low, high]), [[-1, 9], [0, 99], [-1, 9], [0, 5]]);
  all[0].own = { low: 0, high: 1 };
  oneScale(all);
  assert.deepEqual([all[0].high, all[2].high], [2, 2], 'not what another answer left');
});
