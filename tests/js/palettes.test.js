import assert from 'node:assert/strict';
import { facts } from './python.js';
import { decode } from '../../actrec/ui/player/numbers.js';
import { barTicks, coloured, DIVERGING, LEVELS, lookup, NOTHING, PALETTES, tone } from '../../actrec/ui/player/palettes.js';

const tableOf = (palette, signed) => (signed ? DIVERGING : PALETTES)[palette];
const channels = (word) => [word & 255, (word >> 8) & 255, (word >> 16) & 255];
const alpha = (word) => word >>> 24;

Deno.test('every level has the colour and the covering of the saved video', () => {
  for (const { palette, signed, threshold, ...expected } of facts.lookups) {
    const words = lookup(tableOf(palette, signed), signed, threshold);
    assert.equal(words.length, expected.alpha.length);
    words.forEach((word, i) => {
      const where = `${palette}, threshold ${threshold}, level ${i}`;
      assert.ok(Math.abs(alpha(word) - expected.alpha[i]) <= 0.501, `covers ${alpha(word)}, not ${expected.alpha[i]}: ${where}`);
      if (alpha(word)) assert.deepEqual(channels(word), expected.colour[i], where);
    });
  }
});

Deno.test('zero is transparent, and what is below the threshold', () => {
  for (const threshold of [0, 0.3, 1]) {
    const plain = lookup(PALETTES.inferno, false, threshold), signed = lookup(DIVERGING['blue-red'], true, threshold);
    assert.equal(plain[0], 0);
    assert.equal(signed[LEVELS / 2], 0);
    for (let i = 1; i <= LEVELS; i++) assert.equal(plain[i] !== 0, i / LEVELS >= threshold, `level ${i}`);
  }
});

Deno.test('values have the levels of the shares that the saved video gives them', () => {
  for (const { signed, threshold, top, values, share } of facts.coloured) {
    const words = lookup(tableOf(signed ? 'blue-red' : 'inferno', signed), signed, threshold);
    const expected = share.map((s) => words[signed ? Math.round((s + 1) * LEVELS / 2) : Math.round(s * LEVELS)]);
    assert.deepEqual([...coloured(decode(values, Float32Array), top, signed, words)], expected);
  }
});

Deno.test('the colour bar’s numbers are those of the saved pictures', () => {
  for (const { top, signed, ticks } of facts.barTicks) {
    assert.deepEqual(barTicks(top, signed).map(([place, , text]) => [place, text]), ticks, `${top}`);
    for (const [place, value] of barTicks(top, signed)) assert.equal(value, signed ? top * (2 * place - 1) : top * place);
  }
});

Deno.test('a scale of rounding noise has no numbers', () => {
  assert.equal(barTicks(NOTHING / 2, false).length, 0);
  assert.equal(barTicks(NOTHING, false).length, 3);
});

Deno.test('a tone is an entry of its palette, the ends for what lies beyond', () => {
  for (const [name, table] of Object.entries(PALETTES)) {
    for (let i = 0; i < 256; i++) assert.equal(tone(name, i / 255), `rgb(${table.slice(3 * i, 3 * i + 3).join()})`);
    assert.equal(tone(name, -1), tone(name, 0));
    assert.equal(tone(name, 7), tone(name, 1));
  }
});
