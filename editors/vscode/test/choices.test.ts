import assert from 'node:assert/strict';
import { test } from 'node:test';

import { choices } from '../src/choices';

const EARLIER = ['make this iterative', 'add a cache', 'make it a generator'];

test('without a text, the earlier instructions are offered, the newest first', () => {
  assert.deepEqual(choices('', EARLIER), EARLIER);
  assert.deepEqual(choices('  ', EARLIER), EARLIER);
});

test('the typed text comes first, so Enter takes it', () => {
  assert.deepEqual(choices('Make ', EARLIER), ['Make', 'make this iterative', 'make it a generator']);
  assert.deepEqual(choices('rename it', EARLIER), ['rename it']);
});

test('a text that is an earlier instruction is offered once', () => {
  assert.deepEqual(choices('add a cache', EARLIER), ['add a cache']);
});
