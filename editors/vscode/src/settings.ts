/**
 * The settings that a person has given, and only those.
 *
 * The editor would give every default along, and these would count as given: what stands in config.toml would
 * never be heard of. Settings of machine scope are the person's own; what a folder says of them is left out.
 */

import * as vscode from 'vscode';

export const SECTION = 'spark';
const OWN = ['server.path', 'trace.server']; // the extension's, nothing to the server

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

/** The section as it is given, as the server takes it. */
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
