/** The item in the status bar: the engine, simulated or real, its speed, and the reason for no suggestion. */

import * as vscode from 'vscode';

import { hindrance } from './hindrance';
import { type Line, lineOf } from './line';
import type { Status } from './protocol';

const WARNING = new vscode.ThemeColor('statusBarItem.warningBackground');

export class StatusItem implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('spark.status', vscode.StatusBarAlignment.Right, 100);
  private status: Status | undefined;
  private ghost = true;

  constructor() {
    this.item.name = 'spark-lsp';
    this.item.command = 'spark.ui.menu';
    this.draw({ text: '$(loading~spin) spark', tooltip: 'The server is starting', warn: false });
    this.item.show();
  }

  show(status: Status): void {
    this.status = status;
    const get = (name: string): unknown => {
      const { document } = vscode.window.activeTextEditor ?? {};
      return vscode.workspace.getConfiguration(undefined, document).get(name);
    };
    const isActive = (id: string): boolean => vscode.extensions.getExtension(id)?.isActive ?? false;
    this.draw(lineOf(status, this.ghost, hindrance(get, isActive)));
  }

  /** The editor's settings, its active file or its extensions have changed, and with them the hindrances. */
  look(): void {
    if (this.status) {
      this.show(this.status);
    }
  }

  showGhost(on: boolean): void {
    this.ghost = on;
    this.look();
  }

  /** There is no server to report a status. */
  showTrouble(tooltip: string): void {
    this.status = undefined;
    this.draw({ text: '$(circle-slash) spark: no server', tooltip, warn: true });
  }

  dispose(): void {
    this.item.dispose();
  }

  private draw(line: Line): void {
    this.item.text = line.text;
    this.item.tooltip = line.tooltip;
    this.item.accessibilityInformation = { label: `${line.text.replace(/\$\([^)]*\) ?/g, '')}. ${line.tooltip}` };
    this.item.backgroundColor = line.warn ? WARNING : undefined;
  }
}
