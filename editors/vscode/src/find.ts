/** Finds the server's program: as set, in the active Python environment, on the search path, where tools go. */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

const WINDOWS = process.platform === 'win32';
export const PROGRAM = WINDOWS ? 'spark-lsp.exe' : 'spark-lsp';

export interface Where {
  /** The setting, or nothing. */
  readonly configured: string;
  /** The active Python interpreter, if the folder is trusted. */
  readonly python: string | undefined;
  /** The folders that are open: their files are somebody's code, and no program is taken from them. */
  readonly workspace?: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

async function runs(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isInside(file: string, folder: string): boolean {
  const way = path.relative(folder, file);
  return !way.startsWith('..') && !path.isAbsolute(way);
}

function expanded(file: string): string {
  return file.startsWith('~') ? path.join(os.homedir(), file.slice(1)) : file;
}

/** The places that are looked at when nothing is set, in this order. */
export function candidates(where: Where): string[] {
  const { environment, python } = where;
  const trusted = python && !where.workspace?.some((folder) => isInside(python, folder));
  const folders = [
    trusted ? path.dirname(python) : undefined,
    ...(environment['PATH'] ?? '').split(path.delimiter),
    environment['UV_TOOL_BIN_DIR'],
    environment['PIPX_BIN_DIR'],
    environment['XDG_BIN_HOME'],
    path.join(os.homedir(), '.local', 'bin'), // where pipx and uv put what they install
  ];
  // Relative folders of a search path would be taken from wherever the editor happens to run.
  const absolute = folders.filter((folder): folder is string => !!folder && path.isAbsolute(folder));
  return absolute.map((folder) => path.join(folder, PROGRAM));
}

/** The path of the program; undefined if it is nowhere. What is set is taken or nothing is. */
export async function find(where: Where): Promise<string | undefined> {
  const files = where.configured ? [expanded(where.configured)] : candidates(where);
  for (const file of files) {
    if (path.isAbsolute(file) && (await runs(file))) {
      return file;
    }
  }
  return undefined;
}
