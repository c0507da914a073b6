import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lineOf } from '../src/line';
import type { Status } from '../src/protocol';

const READY: Status = {
  engine: 'wafer',
  model: 'codex-spark',
  simulated: true,
  state: 'ready',
  reason: '',
  ttft_ms: 41.3,
  tok_s: 987.6,
  queue: 0,
  budget: '',
};

test('a simulated engine is marked as one, wherever its speed is told', () => {
  const line = lineOf(READY, true);
  assert.equal(line.text, '$(zap) wafer (simulated) 988 tok/s');
  assert.match(line.tooltip, /at the pace of a simulated machine\nfirst token after 41 ms/);
  assert.equal(line.warn, false);
});

test('a real one is not, and no speed is made up', () => {
  const line = lineOf({ ...READY, simulated: false, tok_s: null, ttft_ms: null }, true);
  assert.equal(line.text, '$(zap) wafer');
  assert.doesNotMatch(line.tooltip, /simulated|first token/);
});

test('trouble warns, with the reason and without an old speed', () => {
  const line = lineOf({ ...READY, state: 'off', reason: 'the model is not on this machine' }, true);
  assert.equal(line.text, '$(circle-slash) wafer (simulated)');
  assert.match(line.tooltip, /the model is not on this machine$/);
  assert.equal(line.warn, true);
});

test('ghost text that is switched off is told', () => {
  const line = lineOf(READY, false);
  assert.match(line.text, /\$\(eye-closed\)$/);
  assert.match(line.tooltip, /ghost text is switched off/);
});

test('before an engine is known the name stands for it', () => {
  assert.equal(lineOf({ ...READY, engine: '', simulated: false, tok_s: null }, true).text, '$(zap) spark');
});

test('what hides ghost text in the editor is told', () => {
  const line = lineOf(READY, true, { blocks: 'inline suggestions are off', competes: 'Copilot may show its own' });
  assert.match(line.text, /\$\(eye-closed\)$/);
  assert.match(line.tooltip, /inline suggestions are off\nCopilot may show its own$/);
  assert.doesNotMatch(lineOf(READY, true).text, /eye-closed/);
});
