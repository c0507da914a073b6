/** Finds the server's program: the setting, the Python environment, the search path, the folders of pipx and uv. */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';

const WINDOWS = process.platform === 'win32';
export const PROGRAM = WINDOWS ? 'spark-lsp.exe' : 'spark-lsp';

export interface Where {
  /** The setting; may be empty. */
  readonly configured: string;
  /** The active Python interpreter, if the folder is trusted. */
  readonly python: string | undefined;
  /** The open folders: their files are foreign code, so no program in them is used. */
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

/** The places to search without a setting, in this order. */
export function candidates(where: Where): string[] {
  const { environment, python } = where;
  const trusted = python && !where.workspace?.some((folder) => isInside(python, folder));
  const folders = [
    trusted ? path.dirname(python) : undefined,
    ...(environment['PATH'] ?? '').split(path.delimiter),
    environment['UV_TOOL_BIN_DIR'],
    environment['PIPX_BIN_DIR'],
    environment['XDG_BIN_HOME'],
    path.join(os.homedir(), '.local', 'bin'), // install location of pipx and uv
  ];
  // Relative folders of a search path would depend on the editor's working directory.
  const absolute = folders.filter((folder): folder is string => !!folder && path.isAbsolute(folder));
  return absolute.map((folder) => path.join(folder, PROGRAM));
}

/** The path of the program; undefined if it is not found. With a setting, no other place is searched. */
export async function find(where: Where): Promise<string | undefined> {
  const files = where.configured ? [expanded(where.configured)] : candidates(where);
  for (const file of files) {
    if (path.isAbsolute(file) && (await runs(file))) {
      return file;
    }
  }
  return undefined;
}
