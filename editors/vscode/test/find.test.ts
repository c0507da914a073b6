import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';

import { PROGRAM, candidates, find } from '../src/find';

function folder(...names: string[]): string {
  const made = path.join(mkdtempSync(path.join(tmpdir(), 'find-')), ...names);
  mkdirSync(made, { recursive: true });
  return made;
}

function program(where: string, mode = 0o755): string {
  const file = path.join(where, PROGRAM);
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

test('what is set is taken, or nothing is', async () => {
  const [here, there] = [folder(), folder()];
  const environment = { PATH: program(there) && there };
  assert.equal(await find({ configured: program(here), python: undefined, environment }), path.join(here, PROGRAM));
  const configured = path.join(here, 'nothing');
  assert.equal(await find({ configured, python: undefined, environment }), undefined);
  assert.equal(await find({ configured: 'spark-lsp', python: undefined, environment }), undefined);
});

test('the active Python environment goes before the search path', async () => {
  const [environment, elsewhere] = [folder('venv', 'bin'), folder()];
  program(elsewhere);
  const where = { configured: '', python: path.join(environment, 'python'), environment: { PATH: elsewhere } };
  assert.equal(await find(where), path.join(elsewhere, PROGRAM));
  program(environment);
  assert.equal(await find(where), path.join(environment, PROGRAM));
});

test('the Python environment of an open folder is passed over: it came with the code', async () => {
  const [workspace, elsewhere] = [folder(), folder()];
  const bin = path.join(workspace, '.venv', 'bin');
  mkdirSync(bin, { recursive: true });
  program(bin);
  const python = path.join(bin, 'python');
  const where = { configured: '', python, environment: { PATH: program(elsewhere) && elsewhere } };
  assert.equal(await find({ ...where, workspace: [workspace] }), path.join(elsewhere, PROGRAM));
  assert.equal(await find({ ...where, workspace: [elsewhere] }), path.join(bin, PROGRAM));
  assert.equal(await find({ ...where, workspace: [`${workspace}-other`] }), path.join(bin, PROGRAM));
});

test('a file that cannot run is passed over', async () => {
  const [first, second] = [folder(), folder()];
  program(first, 0o644);
  program(second);
  const environment = { PATH: [first, second].join(path.delimiter) };
  assert.equal(await find({ configured: '', python: undefined, environment }), path.join(second, PROGRAM));
});

test('relative folders of a search path are never looked at', () => {
  const environment = { PATH: ['.', 'bin', '/usr/bin'].join(path.delimiter) };
  const files = candidates({ configured: '', python: undefined, environment });
  assert.ok(files.every((file) => path.isAbsolute(file)));
  assert.ok(files.includes(path.join('/usr/bin', PROGRAM)));
});
