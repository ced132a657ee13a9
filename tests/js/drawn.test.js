import assert from 'node:assert/strict';
import { facts } from './python.js';
import { Evidence } from '../../actrec/ui/player/paint.js';
import { coloured, DIVERGING, lookup, PALETTES } from '../../actrec/ui/player/palettes.js';
import { brightness, scaleEnd } from '../../actrec/ui/player/pane.js';

const [HIGH, WIDE, GREY] = [48, 64, 128];

// A grey picture with a step of evidence over it, as the player puts its layer on the canvas: one list of red, green and blue.
function painted(evidence, step, { palette, diverging, opacity, threshold, scale }) {
  const table = evidence.signed ? DIVERGING[diverging] : PALETTES[palette], words = lookup(table, evidence.signed, threshold);
  const values = evidence.overSeen(step, HIGH, WIDE, true);
  return [...coloured(values, scaleEnd(evidence, scale, step, {}), evidence.signed, words)].map((word) => {
    const cover = opacity * (word >>> 24) / 255;
    return [word & 255, (word >> 8) & 255, (word >> 16) & 255].map((ink) => Math.round(GREY + cover * (ink - GREY)));
  });
}

Deno.test('a picture is drawn as the saved video draws it, in the usual look and in others', () => {
  assert.deepEqual(facts.drawn[0].look, facts.overlay.usual);
  for (const { look, sent, pictures } of facts.drawn) {
    const evidence = new Evidence(sent);
    pictures.forEach((picture, step) => {
      const pixels = painted(evidence, step, look), expected = picture.flat();
      const off = pixels.filter((pixel, i) => pixel.some((v, c) => Math.abs(v - expected[i][c]) > 2)).length;
      const most = look.threshold ? 0.005 * pixels.length : 0; // right at the edge a threshold cuts
      assert.ok(off <= most, `${off} pixels differ: ${JSON.stringify(look)}, signed ${sent.signed}, step ${step}`);
      assert.ok(pixels.some((pixel) => pixel.some((v) => Math.abs(v - GREY) > 20)), 'something is drawn');
    });
  }
});

Deno.test('a frame between the steps is as dark as in the saved video', () => {
  for (const { sent, unseen } of facts.drawn) assert.equal(Math.round(GREY * brightness(sent.bands, -1, 5)), unseen);
});
