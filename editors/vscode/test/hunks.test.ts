import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Shown, applied, merged, nearest, notes, shown, summary } from '../src/hunks';
import type { Hunk, Preview } from '../src/protocol';

const at = { line: 0, character: 0 };

function hunk(index: number, start: number, end: number, ...newLines: string[]): Hunk {
  return { index, range: { start: at, end: at }, newText: '', lines: { start, end }, newLines, growing: false };
}

function message(first: number, ...hunks: Hunk[]): Preview {
  const fixed = { id: 'edit-1', uri: 'u', version: 1, state: 'growing', code: '', reason: '' } as const;
  return { ...fixed, tokens: 12, seconds: 0.25, first, hunks, applied: [], dropped: [] };
}

const bare = ({ start, end, added }: Shown): [number, number, readonly string[]] => [start, end, added];

test('a message leaves out the hunks that are the same', () => {
  const known = [hunk(0, 1, 2, 'a'), hunk(1, 5, 5, 'b')];
  assert.deepEqual(
    merged(known, message(1, hunk(1, 5, 6, 'b', 'c'))).map(({ newLines }) => newLines),
    [['a'], ['b', 'c']],
  );
  assert.deepEqual(merged(known, message(0)), []);
});

test('the same lines at both ends are not shown as changed', () => {
  const lines = ['one', 'two', 'three'];
  const line = (index: number): string => lines[index] ?? '';
  assert.deepEqual(bare(shown(hunk(0, 0, 3, 'one', 'other', 'three'), line)), [1, 2, ['other']]);
  assert.deepEqual(bare(shown(hunk(0, 1, 2, 'new', 'two'), line)), [1, 1, ['new']]);
  assert.deepEqual(bare(shown(hunk(0, 1, 2), line)), [1, 2, []]);
});

test('each new line is drawn at the end of the line that it replaces', () => {
  const change = { index: 0, start: 3, end: 5, added: ['  a', '  b c', 'd'], growing: false };
  assert.deepEqual(notes(change), [
    { line: 3, text: 'a' },
    { line: 4, text: 'b\u00a0c\u00a0\u23CE\u00a0d' },
  ]);
  assert.deepEqual(notes({ ...change, end: 3, added: ['x'] }), [{ line: 2, text: '\u23CE\u00a0x' }]);
  assert.deepEqual(notes({ ...change, added: [] }), []);
});

test('the proposal has all hunks', () => {
  const hunks = [
    { index: 0, start: 0, end: 1, added: ['A', 'B'], growing: false },
    { index: 1, start: 2, end: 2, added: ['C'], growing: false },
  ];
  assert.deepEqual(applied(['a', 'b', 'c'], hunks), ['A', 'B', 'b', 'C', 'c']);
});

test('the hunk at the cursor is the nearest one', () => {
  const hunks = [
    { index: 4, start: 0, end: 1, added: [], growing: false },
    { index: 7, start: 10, end: 12, added: [], growing: false },
  ];
  assert.equal(nearest(hunks, 2)?.index, 4);
  assert.equal(nearest(hunks, 9)?.index, 7);
  assert.equal(nearest([], 0), undefined);
});

test('the summary counts changes, tokens and seconds', () => {
  assert.equal(summary(message(0), 2), '2 changes so far, 12 tokens, 0.3 s');
  assert.equal(summary({ ...message(0), state: 'ready' }, 1), '1 change, 12 tokens, 0.3 s');
});
