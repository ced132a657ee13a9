import assert from 'node:assert/strict';
import { facts, random } from './python.js';
import { amount, clamp, clock, decode, number } from '../../actrec/ui/player/numbers.js';

Deno.test('numbers are written as the saved pictures write them', () => {
  for (const [value, text] of facts.numbers) assert.equal(number(value), text, `${value}`);
});

Deno.test('what is no number is a dash', () => {
  for (const value of [NaN, Infinity, -Infinity]) assert.equal(number(value), '–');
});

Deno.test('an amount has its unit, unless that is long', () => {
  assert.equal(amount(0.25, 'logit'), '0.25 logit');
  assert.equal(amount(0.25, 'probability'), '0.25');
  assert.equal(amount(0.25, ''), '0.25');
  assert.equal(amount(NaN, 'logit'), '–');
});

Deno.test('an array comes back from base64 bit by bit, with and without the browser’s own decoder', () => {
  const next = random(1), sent = Float64Array.from({ length: 300 }, () => next() * 1e9 - 5e8);
  sent.set([NaN, -0, Infinity, 5e-324]);
  const text = btoa(String.fromCharCode(...new Uint8Array(sent.buffer))), own = Uint8Array.fromBase64;
  try {
    for (const decoder of [own, undefined]) {
      Uint8Array.fromBase64 = decoder;
      assert.deepEqual(decode(text, Float64Array), sent);
    }
  } finally {
    Uint8Array.fromBase64 = own;
  }
});

Deno.test('a value is kept between its ends', () => {
  assert.deepEqual([-1, 0, 0.5, 1, 2].map((v) => clamp(v, 0, 1)), [0, 0, 0.5, 1, 1]);
});

Deno.test('seconds read as a clock says them', () => {
  assert.deepEqual([0, 7.4, 59, 60, 61, 605, 3600].map((s) => clock(s)), ['0', '7', '59', '1:00', '1:01', '10:05', '60:00']);
  assert.deepEqual([0, 7.25, 60, 65.5, 125.125].map((s) => clock(s, 3)), ['0.000', '7.250', '1:00.000', '1:05.500', '2:05.125']);
});

Deno.test('seconds that round up to a minute read as that minute', () => {
  assert.equal(clock(59.9996, 3), '1:00.000');
  assert.equal(clock(119.6), '2:00');
  assert.equal(clock(59.4), '59');
});
