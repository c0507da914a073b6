import assert from 'node:assert/strict';
import { test } from 'node:test';

import { hindrance } from '../src/hindrance';

const nothing = (): boolean => false;

test('inline suggestions that are switched off are named', () => {
  const found = hindrance((name) => name !== 'editor.inlineSuggest.enabled', nothing);
  assert.match(found.blocks, /editor\.inlineSuggest\.enabled is off/);
});

test('nothing is in the way by default', () => {
  assert.deepEqual(hindrance(() => undefined, nothing), { blocks: '', competes: '' });
  assert.deepEqual(hindrance(() => true, nothing), { blocks: '', competes: '' });
});

test('another extension that draws ghost text is named, once', () => {
  const found = hindrance(() => true, (id) => id.startsWith('github.copilot'));
  assert.equal(found.competes, 'GitHub Copilot may show its ghost text in place of ours');
});
