import assert from 'node:assert/strict';
import bars from '../../actrec/ui/parts/bars.js';
import choices, { afterKey, pictureAt } from '../../actrec/ui/parts/choices.js';
import matrix, { arrowShape, cellSize, neighbour } from '../../actrec/ui/parts/matrix.js';
import strip from '../../actrec/ui/parts/strip.js';

Deno.test('every part is a function that Streamlit can call', () => {
  for (const part of [bars, choices, matrix, strip]) assert.equal(typeof part, 'function');
});

Deno.test('the pointer chooses the picture that lies under it', () => {
  assert.deepEqual([-5, 0, 9.9, 10, 39.9, 40, 99].map((x) => pictureAt(x, 40, 4)), [0, 0, 0, 1, 3, 3, 3]);
});

Deno.test('arrow keys go round the choices', () => {
  for (let at = 0; at < 5; at++) {
    for (const [on, back] of [['ArrowDown', 'ArrowUp'], ['ArrowRight', 'ArrowLeft']]) {
      assert.equal(afterKey(on, at, 5), at === 4 ? 0 : at + 1);
      assert.equal(afterKey(back, afterKey(on, at, 5), 5), at);
    }
  }
  assert.equal(afterKey('Enter', 0, 5), null);
});

Deno.test('a corrected arrow goes to the true class, a lost one away from it, and neither leaves its row', () => {
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      if (row === column) continue;
      for (const corrected of [true, false]) {
        for (const count of [4, 80]) {
          const { tail, tip, y, way, head, line, dot } = arrowShape({ row, column, corrected, share: 1 }, count);
          assert.equal(Math.floor(tail), corrected ? column : row);
          assert.equal(Math.floor(tip), corrected ? row : column);
          assert.equal(Math.sign(tip - tail), way);
          assert.ok(y > row && y < row + 1);
          assert.equal(y < row + 0.5, corrected);
          assert.ok([head, line, dot].every((size) => size > 0));
        }
      }
    }
  }
});

Deno.test('more clips make a stouter arrow', () => {
  const arrow = (share) => arrowShape({ row: 0, column: 1, corrected: true, share }, 4);
  for (const part of ['head', 'line', 'dot']) assert.ok(arrow(1)[part] > arrow(0.1)[part]);
});

Deno.test('an arrow key goes to the nearest cell that way, where a step aside counts as three', () => {
  const cells = [[0, 0], [0, 5], [1, 1], [3, 0], [3, 3]];
  const go = (from, way) => neighbour(cells, cells[from], way);
  assert.equal(go(0, [0, 1]), 2); // one on and one aside, against five on
  assert.equal(go(0, [1, 0]), 3);
  assert.equal(go(4, [0, -1]), 3);
  assert.equal(go(1, [0, 1]), -1);
  assert.equal(go(0, [-1, 0]), -1);
});

Deno.test('cells fill the room, and are no smaller than can be seen', () => {
  for (let count = 1; count <= 400; count++) {
    for (const room of [0, 200, 900]) {
      const { side, step } = cellSize(count, room);
      assert.ok(side >= (count > 60 ? 6 : 15) && side <= 36);
      assert.ok(side * step >= 9, 'names do not overlap');
    }
  }
  assert.deepEqual(cellSize(10, 250), { side: 25, step: 1 });
});
