import assert from 'node:assert/strict';
import { facts, joined } from './python.js';
import { keyMeaning, takesSpace } from '../../actrec/ui/player/controls.js';
import { Look } from '../../actrec/ui/player/look.js';
import { brightness, remark, scaleEnd } from '../../actrec/ui/player/pane.js';
import { bandRows, sharedTops, sight } from '../../actrec/ui/player/player.js';

Deno.test('the joined script is one module that Streamlit can call', async () => {
  const { default: component, ...parts } = await import(joined);
  assert.equal(typeof component, 'function');
  assert.equal(parts.clock(61), '1:01');
});

Deno.test('a frame was seen, or lies between those that were, or outside the window', () => {
  const said = [3, 4, 5, 6, 10].map((frame) => sight(frame, [4, 10], new Set([4, 6])));
  assert.deepEqual(said, ['outside its window', 'seen by the model', 'between its frames', 'seen by the model', 'outside its window']);
  assert.equal(sight(5, [4, 10], new Set()), '');
  assert.equal(sight(5, null, new Set()), '');
});

Deno.test('panes with the same steps share a row of bands', () => {
  const [one, other] = [[[0, 4], [4, 8]], [[0, 8]]];
  const panes = [{ bands: one, mark: 'A' }, { bands: null, mark: 'B' }, { bands: other, mark: 'C' }, { bands: structuredClone(one), mark: 'D' }];
  assert.deepEqual(bandRows(panes), [{ bands: one, fields: null, panes: ['A', 'D'] }, { bands: other, fields: null, panes: ['C'] }]);
  assert.equal(bandRows([...panes, { bands: one, fields: [[0, 8], [0, 8]], mark: 'E' }]).length, 3);
});

Deno.test('a shared scale ends at the largest of its unit', () => {
  const heats = [{ unit: 'logit', top: 2 }, { unit: 'cosine', top: 0.5 }, { unit: 'logit', top: 3 }, { unit: 'logit', top: 1 }];
  assert.deepEqual(sharedTops(heats), { logit: 3, cosine: 0.5 });
  const heat = { unit: 'logit', top: 2, tops: [1, 2] };
  assert.deepEqual(['clip', 'frame', 'shared'].map((scale) => scaleEnd(heat, scale, 0, { logit: 3 })), [2, 1, 3]);
  assert.equal(scaleEnd(heat, 'frame', -1, {}), 0);
  assert.equal(scaleEnd(null, 'clip', 0, {}), 0);
});

Deno.test('what is said on a picture', () => {
  const bands = [[0, 4]], heat = { empty: false, tops: [1] };
  assert.equal(remark(bands, -1, heat, true), 'The model did not look at this frame');
  assert.equal(remark(bands, 0, { empty: true, tops: [0] }, true), 'No evidence');
  assert.equal(remark(bands, 0, { empty: false, tops: [1e-7] }, true), 'No evidence in this step');
  assert.equal(remark(bands, 0, heat, false), 'Evidence hidden');
  assert.equal(remark(bands, 0, heat, true), '');
  assert.equal(remark(null, -1, null, true), '');
});

Deno.test('keys step, play and hide, but not where a control wants them', () => {
  const [body, none] = [{ tagName: 'SECTION' }, null];
  assert.deepEqual(keyMeaning({ key: 'ArrowLeft' }, body), { step: -1 });
  assert.deepEqual(keyMeaning({ key: 'ArrowRight', shiftKey: true }, body), { step: 10 });
  assert.deepEqual(keyMeaning({ key: 'Home' }, body), { step: -Infinity });
  assert.deepEqual(keyMeaning({ key: ' ' }, body), { toggle: true });
  assert.deepEqual(keyMeaning({ key: 'H' }, body), { veil: true });
  for (const held of ['ctrlKey', 'metaKey', 'altKey']) assert.equal(keyMeaning({ key: 'h', [held]: true }, body), none);
  assert.equal(keyMeaning({ key: ' ' }, { tagName: 'BUTTON' }), none);
  assert.equal(keyMeaning({ key: 'ArrowLeft' }, { tagName: 'INPUT', type: 'range' }), none);
  assert.equal(keyMeaning({ key: 'ArrowLeft' }, { tagName: 'SELECT' }), none);
  assert.equal(keyMeaning({ key: 'x' }, body), none);
});

Deno.test('the space bar plays from anywhere but where it means something else', () => {
  const free = [{ tagName: 'BODY' }, { tagName: 'SECTION', role: null }, { tagName: 'DIV', role: 'group' }];
  const taken = [...['A', 'BUTTON', 'INPUT', 'TEXTAREA', 'SELECT', 'SUMMARY'].map((tagName) => ({ tagName })), { tagName: 'DIV', role: 'slider' }, {
    tagName: 'DIV',
    isContentEditable: true,
  }];
  assert.deepEqual(free.map(takesSpace), free.map(() => false));
  assert.deepEqual(taken.map(takesSpace), taken.map(() => true));
});

Deno.test('settings outlive the player, and belong to its key', () => {
  new Look('one').set.opacity = 0.25;
  assert.equal(new Look('one').opacity, 0.25);
  assert.equal(new Look('two').opacity, facts.overlay.usual.opacity);
});

Deno.test('a colour table is made once for a palette and a threshold', () => {
  const look = new Look('three'), first = look.words(false);
  assert.equal(look.words(false), first);
  assert.notEqual(look.words(true), first);
  look.set.threshold = 0.5;
  assert.notDeepEqual(look.words(false), first);
  look.set.threshold = 0;
  look.set.palette = 'viridis';
  assert.notDeepEqual(look.words(false), first);
});

Deno.test('what was not looked at is dimmed as in the saved video, frames outside the window less', () => {
  const bands = [[4, 8], [10, 12]], { dim, unwatched } = facts.overlay, step = (frame) => bands.findIndex(([a, b]) => a <= frame && frame < b);
  assert.deepEqual([3, 4, 9, 11, 12].map((frame) => brightness(bands, step(frame), frame)), [unwatched, dim, dim, dim, unwatched]);
});

Deno.test('a look that Python gives is taken once, and what the reader sets after stays', () => {
  const look = new Look('four'), { usual } = facts.overlay, given = { ...usual, palette: 'viridis' };
  assert.equal(look.take(given), true);
  assert.equal(look.palette, 'viridis');
  look.set.opacity = 0.5;
  assert.equal(look.take(given), false);
  assert.equal(look.opacity, 0.5);
  assert.equal(look.take(usual), true);
  assert.deepEqual([look.palette, look.opacity], [usual.palette, usual.opacity]);
});

Deno.test('Python is told a look once, and what it was told comes back without effect', () => {
  const look = new Look('five'), { usual } = facts.overlay;
  look.take(usual);
  assert.equal(look.news(), null);
  look.set.threshold = 0.25;
  const first = look.news();
  assert.deepEqual(first, { ...usual, threshold: 0.25 });
  assert.equal(look.news(), null);
  look.set.threshold = 0.5;
  const second = look.news();
  assert.equal(look.take(first), false, 'it is late');
  assert.equal(look.threshold, 0.5);
  assert.equal(look.take(second), false);
  assert.equal(look.take(first), true, 'the reader went back');
  assert.equal(look.threshold, 0.25);
});

Deno.test('a page that keeps no look is told of none', () => {
  const look = new Look('six');
  look.take(null);
  look.set.opacity = 0.1;
  assert.equal(look.news(), null);
  look.set.smooth = false;
  assert.equal(look.smooth, false);
});
