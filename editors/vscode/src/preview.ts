/**
 * Edits in preview. Removed lines are red and struck through, and the new text is drawn after each of them; an
 * extension cannot draw lines that are not text. CodeLenses above the hunks accept and reject them, and open the
 * same edit as a difference of two documents, which grows with the answer.
 */

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

import { type Shown, applied, merged, nearest, notes, shown, summary } from './hunks';
import type { Hunk, Preview } from './protocol';

const VISIBLE = 'spark.preview'; // context: an edit in preview that can be accepted
const REFUSED = 'spark.previewRefused'; // context: a refused proposal is on the screen

const REMOVED = vscode.window.createTextEditorDecorationType({
  backgroundColor: new vscode.ThemeColor('diffEditor.removedLineBackground'),
  textDecoration: 'line-through',
  overviewRulerColor: new vscode.ThemeColor('diffEditorOverview.removedForeground'),
});

const ADDED = vscode.window.createTextEditorDecorationType({
  after: {
    margin: '0 0 0 1em',
    color: new vscode.ThemeColor('editor.foreground'),
    backgroundColor: new vscode.ThemeColor('diffEditor.insertedLineBackground'),
  },
  overviewRulerColor: new vscode.ThemeColor('diffEditorOverview.insertedForeground'),
});

const SCHEME = 'spark-proposal';

/** The text of each removed line, without its indentation. */
function removedRanges(document: vscode.TextDocument, { start, end }: Shown): vscode.Range[] {
  return Array.from({ length: end - start }, (_, index) => {
    const line = document.lineAt(start + index);
    return new vscode.Range(line.lineNumber, line.firstNonWhitespaceCharacterIndex, line.lineNumber, line.text.length);
  });
}

interface OnScreen {
  last: Preview;
  hunks: Hunk[];
}

export class Previews implements vscode.CodeLensProvider, vscode.TextDocumentContentProvider, vscode.Disposable {
  private readonly edits = new Map<string, OnScreen>();
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.changed.event;
  private readonly rewritten = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.rewritten.event;
  private readonly item = vscode.window.createStatusBarItem('spark.preview', vscode.StatusBarAlignment.Left, 0);
  private readonly disposables: { dispose(): unknown }[];

  constructor(
    private readonly client: () => LanguageClient | undefined,
    selector: vscode.DocumentSelector,
  ) {
    this.item.name = 'spark-lsp: edit in preview';
    this.disposables = [
      vscode.languages.registerCodeLensProvider(selector, this),
      vscode.window.onDidChangeActiveTextEditor(() => {
        this.draw();
      }),
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      this.changed,
      this.rewritten,
      this.item,
    ];
  }

  dispose(): void {
    this.forget();
    vscode.Disposable.from(...this.disposables).dispose();
  }

  /** The server has ended: nothing can be accepted any more. */
  forget(): void {
    this.edits.clear();
    this.draw();
  }

  /** `spark/editPreview`. */
  show(last: Preview): void {
    const known = this.edits.get(last.id);
    if (last.state === 'ended') {
      this.edits.delete(last.id);
    } else {
      this.edits.set(last.id, { last, hunks: merged(known?.hunks ?? [], last) });
    }
    this.draw();
  }

  /** Accept all hunks of the edit here, or only the one at the cursor. */
  async accept(only?: { id: string; index: number } | 'here'): Promise<void> {
    const here = this.here();
    if (!here || here.last.state !== 'ready') {
      return;
    }
    const hunk = only === 'here' ? this.atCursor(here)?.index : only?.index;
    const hunks = hunk === undefined ? undefined : [hunk];
    const version = vscode.window.activeTextEditor?.document.version;
    await this.execute('spark.applyEdit', { id: here.last.id, version, ...(hunks ? { hunks } : {}) });
  }

  /** Reject the edit here: its open hunks go away. */
  async reject(): Promise<void> {
    const here = this.here();
    if (!here) {
      return;
    }
    const command = here.last.state === 'growing' ? 'spark.cancel' : 'spark.discardEdit';
    await this.execute(command, { id: here.last.id });
  }

  /** Move the cursor to the next hunk, or back to the first. */
  next(): void {
    const editor = vscode.window.activeTextEditor;
    const here = this.here();
    if (!editor || !here) {
      return;
    }
    const line = editor.selection.active.line;
    const hunks = this.shownHunks(here, editor.document);
    const found = hunks.find(({ start }) => start > line) ?? hunks[0];
    if (found) {
      const at = new vscode.Position(found.start, 0);
      editor.selection = new vscode.Selection(at, at);
      editor.revealRange(new vscode.Range(at, at), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    }
  }

  /** Show the edit here as the difference between the document and the document with all hunks. */
  async openDiff(): Promise<void> {
    const document = vscode.window.activeTextEditor?.document;
    const found = document && this.of(document);
    if (document && found) {
      const name = document.uri.path.split('/').pop() ?? '';
      const title = `${name}: the edit in preview`;
      await vscode.commands.executeCommand('vscode.diff', document.uri, this.proposalUri(found, document), title);
    }
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    const found = this.edits.get(uri.authority);
    const document = found && this.documentOf(found);
    if (!found || !document) {
      return '';
    }
    const lines = document.getText().split(/\r\n|\n|\r/);
    return applied(lines, this.shownHunks(found, document)).join('\n');
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    const found = this.of(document);
    if (!found || found.last.state === 'growing') {
      return [];
    }
    const hunks = this.shownHunks(found, document);
    const first = hunks[0]?.start;
    return hunks.flatMap(({ index, start }) => {
      const range = new vscode.Range(start, 0, start, 0);
      const lens = (title: string, command: string, ...args: unknown[]): vscode.CodeLens =>
        new vscode.CodeLens(range, { title, command: `spark.ui.${command}`, arguments: args });
      if (found.last.state === 'refused') {
        const why = `Not applied: ${found.last.reason}`;
        return start === first ? [lens(why, 'previewDiff'), lens('Close', 'rejectEdit')] : [];
      }
      const one = lens('Accept this change', 'acceptHunk', { id: found.last.id, index });
      return start === first
        ? [
            lens(`Accept (${summary(found.last, hunks.length)})`, 'acceptEdit'),
            lens('Reject', 'rejectEdit'),
            one,
            lens('Show as a diff', 'previewDiff'),
          ]
        : [one];
    });
  }

  private async execute(command: string, argument: unknown): Promise<void> {
    try {
      await this.client()?.sendRequest('workspace/executeCommand', { command, arguments: [argument] });
    } catch (error) {
      void vscode.window.showWarningMessage(`spark-lsp: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private of(document: vscode.TextDocument): OnScreen | undefined {
    const uri = this.client()?.code2ProtocolConverter.asUri(document.uri);
    return [...this.edits.values()].reverse().find(({ last }) => last.uri === uri);
  }

  private here(): OnScreen | undefined {
    const document = vscode.window.activeTextEditor?.document;
    return document && this.of(document);
  }

  private shownHunks({ last, hunks }: OnScreen, document: vscode.TextDocument): Shown[] {
    if (last.version !== document.version) {
      return []; // the server sends the hunks of the new text at once
    }
    return hunks.map((hunk) => shown(hunk, (index) => document.lineAt(index).text));
  }

  private atCursor(found: OnScreen): Shown | undefined {
    const editor = vscode.window.activeTextEditor;
    return editor && nearest(this.shownHunks(found, editor.document), editor.selection.active.line);
  }

  private draw(): void {
    const here = this.here();
    const ready = here?.last.state === 'ready';
    void vscode.commands.executeCommand('setContext', VISIBLE, ready && here.hunks.length > 0);
    void vscode.commands.executeCommand('setContext', REFUSED, here?.last.state === 'refused');
    if (here) {
      this.item.text = `$(edit) ${summary(here.last, here.hunks.length)}`;
      this.item.show();
    } else {
      this.item.hide();
    }
    for (const editor of vscode.window.visibleTextEditors) {
      const found = this.of(editor.document);
      if (found && found.last.version !== editor.document.version) {
        continue; // the decorations move with the text until the next last
      }
      const hunks = found ? this.shownHunks(found, editor.document) : [];
      editor.setDecorations(REMOVED, hunks.flatMap((hunk) => removedRanges(editor.document, hunk)));
      editor.setDecorations(ADDED, hunks.flatMap(notes).map(({ line, text }) => {
        const { end } = editor.document.lineAt(line).range;
        return { range: new vscode.Range(end, end), renderOptions: { after: { contentText: text } } };
      }));
      if (found) {
        this.rewritten.fire(this.proposalUri(found, editor.document));
      }
    }
    this.changed.fire();
  }

  private proposalUri({ last }: OnScreen, document: vscode.TextDocument): vscode.Uri {
    return vscode.Uri.from({ scheme: SCHEME, authority: last.id, path: document.uri.path });
  }

  private documentOf({ last }: OnScreen): vscode.TextDocument | undefined {
    const converter = this.client()?.code2ProtocolConverter;
    return vscode.workspace.textDocuments.find(({ uri }) => converter?.asUri(uri) === last.uri);
  }
}
