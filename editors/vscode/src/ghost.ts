/**
 * Ghost text: requests it, shows it while it grows, shortens it as the user types along.
 *
 * An editor takes one list of items per request and never changes them. To let text grow, the provider answers
 * each request from the newest offer as long as that is valid, and makes the editor ask again when the offer has
 * grown. It sends a request to the server only without a valid offer.
 */

import * as vscode from 'vscode';
import {
  type InlineCompletionItem,
  type InlineCompletionList,
  type LanguageClient,
  type Range,
  InlineCompletionRequest,
} from 'vscode-languageclient/node';

import { type Offer, type Place, type Text, placeAt, restOf } from './offer';
import type { Grown } from './protocol';

const REMEMBERED = 16; // the places of recent requests; growing answers refer to one of them
const MORE_MS = 20; // often the rest follows the first text at once, and another request takes the editor 60 ms
const ACCEPTED = 'spark.ui.accepted';

type Answer = InlineCompletionItem[] | InlineCompletionList | null;

interface Buffer {
  readonly places: Place[];
  offer: Offer | undefined;
  /** The newest known answer. */
  token: number;
  /** The answer that the user sent away. */
  rejected: number;
  /** Called when the first text of an answer arrives before the answer itself. */
  readonly waiting: Map<Place, () => void>;
}

function textOf(document: vscode.TextDocument): Text {
  return { lineCount: document.lineCount, line: (index) => document.lineAt(index).text };
}

function spot(document: vscode.TextDocument, at: vscode.Position): string {
  return `${document.version}:${at.line}:${at.character}:${document.uri.toString()}`;
}

function tokenOf(item: InlineCompletionItem): number {
  const argument: unknown = item.command?.arguments?.[0];
  const token = argument !== null && typeof argument === 'object' && 'token' in argument ? argument.token : 0;
  return typeof token === 'number' ? token : 0;
}

function beyond(range: Range | undefined): number {
  return range?.start.line === range?.end.line && range ? range.end.character - range.start.character : 0;
}

function textIn(item: InlineCompletionItem): string {
  const text = typeof item.insertText === 'string' ? item.insertText : item.insertText.value;
  return text.replaceAll('\r\n', '\n');
}

export class Ghost implements vscode.InlineCompletionItemProvider, vscode.Disposable {
  private readonly buffers = new Map<string, Buffer>();
  private readonly disposables: vscode.Disposable[];
  private dismissed = '';
  private offered = false; // the value of the context key
  private showing = false;
  private again = false;
  enabled = true;

  private registration: vscode.Disposable;

  constructor(
    private readonly client: () => LanguageClient | undefined,
    private readonly selector: vscode.DocumentSelector,
    private readonly extensionId: string,
  ) {
    this.registration = vscode.languages.registerInlineCompletionItemProvider(selector, this);
    this.disposables = [
      vscode.workspace.onDidCloseTextDocument((document) => this.buffers.delete(document.uri.toString())),
      vscode.commands.registerCommand(ACCEPTED, (token: number) => this.accepted(token)),
    ];
  }

  dispose(): void {
    vscode.Disposable.from(this.registration, ...this.disposables).dispose();
  }

  async provideInlineCompletionItems(
    document: vscode.TextDocument,
    at: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlineCompletionItem[]> {
    const asked = context.triggerKind === vscode.InlineCompletionTriggerKind.Invoke && !this.showing;
    if (asked) {
      this.dismissed = '';
    }
    if (!this.enabled || this.dismissed === spot(document, at)) {
      return this.offer([]);
    }
    const known = this.item(document, at);
    if (known !== undefined) {
      return this.offer([known]);
    }
    await this.ask(document, at, context, token);
    const found = token.isCancellationRequested ? undefined : this.item(document, at);
    return this.offer(found === undefined ? [] : [found]);
  }

  /** `spark/inlineCompletion`: the answer has grown, is complete, or is withdrawn. */
  grown(said: Grown): void {
    const buffer = this.buffers.get(this.uri(said.uri));
    if (buffer === undefined || said.token < buffer.token) {
      return;
    }
    if (said.item === null) {
      if (buffer.offer?.token === said.token) {
        buffer.offer = undefined;
      }
      return;
    }
    const start = said.item.range?.start;
    const place = buffer.places.findLast(
      (each) =>
        each.version === said.version && each.line === start?.line && each.character === start.character,
    );
    if (place !== undefined) {
      this.take(buffer, place, said.item, said.token);
      const waiting = buffer.waiting.get(place);
      if (waiting) {
        setTimeout(waiting, said.done ? 0 : MORE_MS); // the editor still waits for its first answer
      } else {
        void this.show(this.uri(said.uri));
      }
    }
  }

  /** Dismiss the suggestion for this position, and tell the server, which does not offer it there again. */
  async dismiss(): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const buffer = editor && this.buffers.get(editor.document.uri.toString());
    const offer = buffer?.offer;
    if (buffer && offer) {
      buffer.rejected = offer.token;
      buffer.offer = undefined;
    }
    this.dismissed = editor ? spot(editor.document, editor.selection.active) : '';
    this.offer([]);
    await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    if (offer !== undefined) {
      await this.tell('spark.reject', offer.token);
    }
  }

  /** Accept the next word or line by the editor's own command, and count it. */
  async acceptPart(command: string): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    const offer = editor && this.buffers.get(editor.document.uri.toString())?.offer;
    await vscode.commands.executeCommand(command);
    if (offer !== undefined) {
      await this.accepted(offer.token);
    }
  }

  async toggle(): Promise<boolean> {
    this.enabled = !this.enabled;
    if (!this.enabled) {
      this.offer([]);
      await vscode.commands.executeCommand('editor.action.inlineSuggest.hide');
    }
    return this.enabled;
  }

  /** The server has ended: its offers cannot grow, and its tokens restart. */
  forget(): void {
    this.buffers.clear();
  }

  private uri(uri: string): string {
    return vscode.Uri.parse(uri).toString();
  }

  private async ask(
    document: vscode.TextDocument,
    at: vscode.Position,
    context: vscode.InlineCompletionContext,
    token: vscode.CancellationToken,
  ): Promise<void> {
    const client = this.client();
    if (!client?.isRunning()) {
      return;
    }
    const place = placeAt(textOf(document), at, document.version);
    const buffer = this.remember(document, place);
    const parameters = client.code2ProtocolConverter.asInlineCompletionParams(document, at, context);
    const stop = new vscode.CancellationTokenSource();
    const cancelled = token.onCancellationRequested(() => {
      if (buffer.offer?.place !== place) {
        stop.cancel(); // otherwise it grows already, and the typed text may still fit
      }
    });
    const answered = client
      .sendRequest(InlineCompletionRequest.type, parameters, stop.token)
      .then((answer) => {
        this.answered(buffer, place, answer);
      })
      .catch(() => {
        // overtaken or cancelled: notifications report the result; the log and the status report errors
      })
      .finally(() => {
        cancelled.dispose();
        buffer.waiting.delete(place);
      });
    const told = new Promise<void>((resolve) => buffer.waiting.set(place, resolve));
    await Promise.race([answered, told]);
    buffer.waiting.delete(place);
  }

  /** Accept the server's answer, unless it is known already or older than the current one. */
  private answered(buffer: Buffer, place: Place, answer: Answer): void {
    const item = (Array.isArray(answer) ? answer : answer?.items)?.[0];
    if (item === undefined) {
      return; // empty; the status has the reason
    }
    const token = tokenOf(item);
    if (token >= buffer.token && buffer.offer?.token !== token) {
      this.take(buffer, place, item, token);
    }
  }

  private remember(document: vscode.TextDocument, place: Place): Buffer {
    const uri = document.uri.toString();
    let buffer = this.buffers.get(uri);
    if (buffer === undefined) {
      buffer = { places: [], offer: undefined, token: 0, rejected: 0, waiting: new Map() };
      this.buffers.set(uri, buffer);
    }
    buffer.places.push(place);
    buffer.places.splice(0, buffer.places.length - REMEMBERED);
    return buffer;
  }

  private take(buffer: Buffer, place: Place, item: InlineCompletionItem, token: number): void {
    if (token === buffer.rejected) {
      return; // it was on its way when the user sent it away
    }
    buffer.token = Math.max(buffer.token, token);
    buffer.offer = { token, place, text: textIn(item), beyond: beyond(item.range) };
  }

  private item(document: vscode.TextDocument, at: vscode.Position): vscode.InlineCompletionItem | undefined {
    const offer = this.buffers.get(document.uri.toString())?.offer;
    const rest = offer && restOf(offer, textOf(document), at);
    if (rest === undefined) {
      return undefined;
    }
    const item = new vscode.InlineCompletionItem(rest, new vscode.Range(at, at.translate(0, offer?.beyond)));
    item.command = { command: ACCEPTED, title: '', arguments: [offer?.token] };
    return item;
  }

  /** Make the editor ask again, since there is more text to show at the cursor. */
  private async show(uri: string): Promise<void> {
    if (this.showing) {
      this.again = true;
      return;
    }
    this.showing = true;
    try {
      do {
        this.again = false;
        const editor = vscode.window.activeTextEditor;
        const here = editor?.document.uri.toString() === uri && editor.selection.isEmpty;
        if (!here || this.dismissed === spot(editor.document, editor.selection.active)) {
          return;
        }
        if (this.item(editor.document, editor.selection.active) === undefined) {
          return;
        }
        // The editor asks each provider only once per place and version, so register a new one.
        this.registration.dispose();
        this.registration = vscode.languages.registerInlineCompletionItemProvider(this.selector, this);
        await vscode.commands.executeCommand('editor.action.inlineSuggest.trigger', {
          providerId: `${this.extensionId}:*`, // asks no other provider; older editors ask all of them
          explicit: false,
        });
      } while (this.again as boolean);
    } finally {
      this.showing = false;
    }
  }

  /** Set the context key that tells whether the visible ghost text is ours. */
  private offer(items: vscode.InlineCompletionItem[]): vscode.InlineCompletionItem[] {
    if (this.offered !== items.length > 0) {
      this.offered = items.length > 0;
      void vscode.commands.executeCommand('setContext', 'spark.ghost', this.offered);
    }
    return items;
  }

  private async accepted(token: number): Promise<void> {
    await this.tell('spark.accept', token);
  }

  private async tell(command: string, token: number): Promise<void> {
    const client = this.client();
    if (client?.isRunning()) {
      const told = { command, arguments: [{ token }] };
      await client.sendRequest('workspace/executeCommand', told).catch(() => undefined); // nothing depends on it
    }
  }
}
