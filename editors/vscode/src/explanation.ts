/** Explanations, in a document beside the code that grows while they are written. */

import * as vscode from 'vscode';

import type { Explanation } from './protocol';

const SCHEME = 'spark-explanation';
const URI = vscode.Uri.parse(`${SCHEME}:Explanation.md`);

export class Explanations implements vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private text = '';
  readonly onDidChange = this.changed.event;
  private readonly registration = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this); // reads the event

  provideTextDocumentContent(): string {
    return this.text;
  }

  /** Open the page for a requested explanation. */
  async open(): Promise<void> {
    this.set('…\n');
    const document = await vscode.workspace.openTextDocument(URI);
    const options = { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true };
    await vscode.window.showTextDocument(document, options);
  }

  show(said: Explanation): void {
    const reason = said.reason && `(${said.reason})`;
    this.set([said.text, reason].filter(Boolean).join('\n\n') + '\n');
  }

  dispose(): void {
    vscode.Disposable.from(this.registration, this.changed).dispose();
  }

  private set(text: string): void {
    this.text = text;
    this.changed.fire(URI);
  }
}
