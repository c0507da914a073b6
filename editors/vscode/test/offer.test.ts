import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Offer, type Text, placeAt, restOf, typedSince } from '../src/offer';

function text(...lines: string[]): Text {
  return { lineCount: lines.length, line: (index) => lines[index] ?? '' };
}

const BEFORE = text('def add(a, b):', '    ', '', 'end');
const PLACE = placeAt(BEFORE, { line: 1, character: 4 }, 7);

function offer(said: string, place = PLACE): Offer {
  return { token: 1, text: said, place, beyond: 0 };
}

test('all of it is left where nothing was typed', () => {
  assert.equal(restOf(offer('return a + b'), BEFORE, PLACE), 'return a + b');
});

test('what was typed along is eaten', () => {
  const now = text('def add(a, b):', '    return', '', 'end');
  assert.equal(restOf(offer('return a + b'), now, { line: 1, character: 10 }), ' a + b');
});

test('typing along over a line end', () => {
  const now = text('def add(a, b):', '    x = 1', '    re', '', 'end');
  const at = { line: 2, character: 6 };
  assert.equal(typedSince(PLACE, now, at), 'x = 1\n    re');
  assert.equal(restOf(offer('x = 1\n    return x'), now, at), 'turn x');
});

test('nothing is left of what was typed whole', () => {
  const now = text('def add(a, b):', '    go()', '', 'end');
  assert.equal(restOf(offer('go()'), now, { line: 1, character: 8 }), undefined);
});

test('something else was typed', () => {
  const now = text('def add(a, b):', '    x', '', 'end');
  assert.equal(restOf(offer('return'), now, { line: 1, character: 5 }), undefined);
});

test('the cursor went elsewhere', () => {
  assert.equal(restOf(offer('return'), BEFORE, { line: 0, character: 0 }), undefined);
  assert.equal(restOf(offer('return'), BEFORE, { line: 1, character: 2 }), undefined);
  assert.equal(restOf(offer('return'), BEFORE, { line: 2, character: 0 }), undefined);
});

test('something changed behind the cursor or before the place', () => {
  const behind = text('def add(a, b):', '    )', '', 'end');
  assert.equal(restOf(offer('return'), behind, PLACE), undefined);
  const before = text('def add(a, b):', '\t   ', '', 'end');
  assert.equal(restOf(offer('return'), before, PLACE), undefined);
});

test('a line came or went somewhere', () => {
  const now = text('import os', 'def add(a, b):', '    ', '', 'end');
  assert.equal(restOf(offer('return'), now, PLACE), undefined);
});

test('a place knows what stands on both sides of it', () => {
  const place = placeAt(text('f(x)'), { line: 0, character: 2 }, 3);
  assert.deepEqual([place.before, place.after, place.version, place.lineCount], ['f(', 'x)', 3, 1]);
});
