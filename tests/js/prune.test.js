import assert from 'node:assert/strict';
import { facts, random } from './python.js';
import prune, { below, histogram, plan, size } from '../../actrec/ui/parts/prune.js';

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
  const values = Array.from({ length: 500 }, next);
  for (const [given, top] of [[values, Math.max(...values)], [[0, 0, 0], 0], [[1, 1], 1], [[], 1]]) {
    for (const threshold of [0, 0.3, 2]) {
      const { gone, stay } = histogram(given, top, threshold, 24);
      const sum = (counts) => counts.reduce((total, count) => total + count, 0);
      assert.equal(sum(gone), given.filter((value) => value < threshold).length);
      assert.equal(sum(gone) + sum(stay), given.length);
    }
  }
});
