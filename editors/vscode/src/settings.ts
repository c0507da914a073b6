/**
 * The settings that the user has given, and only those.
 *
 * The editor would include every default, and the defaults would override the values in config.toml. Settings of
 * machine scope belong to the user; a folder's values for them are left out.
 */

import * as vscode from 'vscode';

export const SECTION = 'spark';
const OWN = ['server.path', 'trace.server']; // for the extension, not for the server

interface Property {
  readonly scope?: string;
}

interface Manifest {
  readonly contributes: {
    readonly configuration: readonly { readonly properties: Readonly<Record<string, Property>> }[];
  };
}

type Tree = { [name: string]: unknown };

/** Put a value at a dotted name into a tree of tables. */
export function put(tree: Tree, name: string, value: unknown): void {
  const parts = name.split('.');
  const last = parts.pop() ?? name;
  let table = tree;
  for (const part of parts) {
    table = (table[part] ??= {}) as Tree;
  }
  table[last] = value;
}

/** The given section, in the server's form. */
export function given(manifest: unknown): Tree {
  const configuration = vscode.workspace.getConfiguration();
  const tree: Tree = {};
  for (const { properties } of (manifest as Manifest).contributes.configuration) {
    for (const [full, { scope }] of Object.entries(properties)) {
      const name = full.slice(SECTION.length + 1);
      const found = OWN.includes(name) ? undefined : configuration.inspect(full);
      const personal = found?.globalValue;
      const value =
        scope === 'machine' ? personal : (found?.workspaceFolderValue ?? found?.workspaceValue ?? personal);
      if (value !== undefined) {
        put(tree, name, value);
      }
    }
  }
  return tree;
}
