/** The language client, without the parts that this extension replaces. */

import { homedir } from 'node:os';

import * as vscode from 'vscode';
import {
  type ClientCapabilities,
  type DynamicFeature,
  type ExecuteCommandSignature,
  type LanguageClientOptions,
  type StaticFeature,
  InlineCompletionRequest,
  LanguageClient,
  RevealOutputChannelOn,
} from 'vscode-languageclient/node';

import { EDIT, askInstruction } from './instruction';
import type { Instructions } from './protocol';
import { SECTION, given } from './settings';

export const SELECTOR = [{ scheme: 'file' }, { scheme: 'untitled' }];

/** Declares that the editor shows ghost text, so that the server offers no completion menu. */
class ShowsGhostText implements StaticFeature {
  fillClientCapabilities(capabilities: ClientCapabilities): void {
    capabilities.textDocument ??= {};
    capabilities.textDocument.inlineCompletion = { dynamicRegistration: false };
  }

  initialize(): void {
    // The extension has its own provider, which exists before the server.
  }

  getState(): { kind: 'static' } {
    return { kind: 'static' };
  }

  clear(): void {
    // nothing was registered
  }
}

export class SparkClient extends LanguageClient {
  /** Leaves out the library's own ghost text, which would be a second one. */
  override registerFeature(feature: StaticFeature | DynamicFeature<unknown>): void {
    const method = 'registrationType' in feature ? feature.registrationType.method : '';
    super.registerFeature(method === InlineCompletionRequest.method ? new ShowsGhostText() : feature);
  }
}

interface Order {
  readonly action?: string;
  readonly instruction?: string;
  /** What the action needs from the user: `instruction` or `name`. */
  readonly ask?: string;
  readonly default?: string;
}

/** Ask for the sentence or the name that an edit needs; undefined if the user gives none. */
async function completed(argument: unknown, next: ExecuteCommandSignature): Promise<unknown> {
  const order = argument as Order | undefined;
  if (!order?.ask || order.instruction) {
    return argument;
  }
  const instruction =
    order.ask === 'name' ? await askName(order.default ?? '') : await askInstruction(EDIT, await instructions(next));
  return instruction ? { ...order, instruction } : undefined;
}

async function askName(value: string): Promise<string | undefined> {
  const text = await vscode.window.showInputBox({ title: 'New name', value, placeHolder: value });
  return text?.trim();
}

/** Returns the middleware for commands of the server; `explaining` is called before an explanation begins. */
function executing(explaining: () => Promise<void>) {
  return async (command: string, args: unknown[], next: ExecuteCommandSignature): Promise<unknown> => {
    if (command === 'spark.explain') {
      await explaining();
    }
    if (command !== 'spark.edit') {
      return next(command, args);
    }
    const argument = await completed(args[0], next);
    return argument === undefined ? undefined : next(command, [argument]);
  };
}

/** The user's earlier instructions, the newest first; none from an earlier server. */
async function instructions(next: ExecuteCommandSignature): Promise<readonly string[]> {
  try {
    const answer = (await next('spark.instructions', [])) as Instructions | undefined;
    return answer?.instructions ?? [];
  } catch {
    return [];
  }
}

export function create(
  program: string,
  manifest: unknown,
  outputChannel: vscode.LogOutputChannel,
  explaining: () => Promise<void>,
): SparkClient {
  const options: LanguageClientOptions = {
    documentSelector: SELECTOR,
    initializationOptions: { [SECTION]: { client: { growing: true, previews: true, rejects: true, explains: true } } },
    outputChannel,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    middleware: {
      executeCommand: executing(explaining),
      workspace: {
        configuration: (params) => params.items.map((item) => (item.section === SECTION ? given(manifest) : null)),
      },
    },
  };
  // Not the open folder, the library's default: the server needs nothing from it.
  const server = { command: program, args: ['serve'], options: { cwd: homedir() } };
  return new SparkClient(SECTION, 'spark-lsp', server, options);
}
