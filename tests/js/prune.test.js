import assert from 'node:assert/strict';
import { facts, random } from './python.js';
import prune, { barsPath, below, four, histogram, plan, size } from '../../actrec/ui/parts/prune.js';

const plans = ({ sizes, percents, fc }) => sizes.networks.map((network, i) => plan(network, percents[i], fc));

Deno.test('it is a part that Streamlit can call', () => assert.equal(typeof prune, 'function'));

Deno.test('at every percentage the layers keep what pruning keeps', () => {
  for (const told of facts.pruned) {
    plans(told).forEach(({ stay, share }, i) => {
      const layers = told.sizes.networks[i].layers;
      assert.deepEqual(stay.filter((_, k) => told.fc || !layers[k].fc), told.kept[i]);
      assert.ok(stay.every((count, k) => told.fc || !layers[k].fc || count === layers[k].worths.length));
      assert.equal(share, told.shares[i]);
    });
  }
});

Deno.test('parameters, multiply–accumulates and bytes are those of the network and the file that pruning makes', () => {
  for (const told of facts.pruned) {
    const { parameters, products, bytes } = told;
    assert.deepEqual(size(told.sizes, plans(told), told.percents, told.fc), { parameters, products, bytes });
  }
});

Deno.test('a larger percentage never makes anything larger', () => {
  for (const { sizes } of facts.pruned) {
    let last = { parameters: Infinity, products: Infinity };
    for (let percent = 0; percent < 100; percent++) {
      const percents = sizes.networks.map(() => percent);
      const now = size(sizes, plans({ sizes, percents, fc: true }), percents, true);
      assert.ok(now.parameters <= last.parameters && now.products <= last.products);
      last = now;
    }
  }
});

Deno.test('the number of values below one is that of counting them', () => {
  const next = random(2);
  for (let count = 0; count < 40; count++) {
    const values = Array.from({ length: count }, () => Math.floor(next() * 9)).sort((a, b) => a - b);
    for (let value = -1; value < 10; value++) assert.equal(below(values, value), values.filter((v) => v < value).length);
  }
});

Deno.test('every value lies in one bar of the histogram, also the largest and where all are 0', () => {
  const next = random(3);
  const values = Array.from({ length: 500 }, next).sort((a, b) => a - b);
  for (const [given, top] of [[values, values.at(-1)], [[0, 0, 0], 0], [[1, 1], 1], [[], 1]]) {
    for (const count of [0, Math.min(2, given.length), given.length]) {
      const { gone, stay } = histogram(given, count, top, 24);
      const sum = (counts) => counts.reduce((total, one) => total + one, 0);
      assert.deepEqual([sum(gone), sum(stay)], [count, given.length - count]);
    }
  }
});

Deno.test('a bar stands on the one below it and none leaves its box', () => {
  const path = barsPath([2, 0, 1], [0, 0, 3], 4);
  assert.equal(path.match(/M/g).length, 2);
  assert.ok(path.startsWith('M') && path.includes(' 1v-0.5h') && path.includes(' 0.25v-0.25h'));
});

Deno.test('numbers of any size have four digits', () => {
  assert.deepEqual([0, 14.379, 0.340640, 127.0849, 1].map(four), ['0', '14.38', '0.3406', '127.1', '1.000']);
});
