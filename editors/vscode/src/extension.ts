/** Starts the server, connects the parts, and reports missing ones. */

import * as vscode from 'vscode';
import { State } from 'vscode-languageclient/node';

import { SELECTOR, type SparkClient, create } from './client';
import { register } from './commands';
import { Explanations } from './explanation';
import { find } from './find';
import { Ghost } from './ghost';
import { Previews } from './preview';
import { EXPLANATION, GROWN, PREVIEW, STATUS } from './protocol';
import { SECTION, given } from './settings';
import { StatusItem } from './status';

const PATH = 'server.path';
const CHOOSE = 'Choose it…';
const HOW = 'How to install it';

interface Python {
  readonly environments: { getActiveEnvironmentPath(): { readonly path: string } };
}

/** The interpreter that the Python extension has chosen; an untrusted folder does not count. */
async function activePython(): Promise<string | undefined> {
  const extension = vscode.extensions.getExtension<Python>('ms-python.python');
  if (!extension || !vscode.workspace.isTrusted) {
    return undefined;
  }
  try {
    return (await extension.activate()).environments.getActiveEnvironmentPath().path;
  } catch {
    return undefined; // another version of it, or a broken one: ignore it
  }
}

class Extension implements vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel('spark-lsp', { log: true });
  private readonly status = new StatusItem();
  private readonly explanations = new Explanations();
  private readonly ghost: Ghost;
  private readonly previews: Previews;
  private readonly disposables: { dispose(): unknown }[];
  private client: SparkClient | undefined;
  private program: string | undefined;
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly context: vscode.ExtensionContext) {
    const { log, status, explanations } = this;
    this.ghost = new Ghost(() => this.client, SELECTOR, context.extension.id);
    this.previews = new Previews(() => this.client, SELECTOR);
    const commands = register({
      client: () => this.client,
      program: () => this.program,
      restart: () => this.restart(),
      ghost: this.ghost,
      previews: this.previews,
      status,
      explanations,
      log,
    });
    const look = (): void => {
      status.look();
    };
    const watches = [
      this.watchSettings(),
      vscode.workspace.onDidChangeConfiguration(look),
      vscode.window.onDidChangeActiveTextEditor(look),
      vscode.extensions.onDidChange(look),
    ];
    this.disposables = [commands, this.ghost, this.previews, status, explanations, log, ...watches];
  }

  /** Start the server, or restart it; one at a time. */
  restart(): Promise<void> {
    this.turn = this.turn.then(() => this.startAnew()).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.log.error(reason);
      this.status.showTrouble(`The server did not start: ${reason}`);
    });
    return this.turn;
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose().catch((error: unknown) => {
      this.log.warn(`The server did not stop: ${String(error)}`); // its process ends with its input
    });
  }

  dispose(): void {
    vscode.Disposable.from(...this.disposables).dispose();
  }

  private async startAnew(): Promise<void> {
    await this.stop();
    this.ghost.forget();
    this.previews.forget();
    const configured = vscode.workspace.getConfiguration(SECTION).get<string>(PATH) ?? '';
    const workspace = vscode.workspace.workspaceFolders?.map((folder) => folder.uri.fsPath) ?? [];
    const where = { configured, python: await activePython(), workspace, environment: process.env };
    this.program = await find(where);
    if (!this.program) {
      this.missing(configured);
      return;
    }
    const client = create(this.program, this.context.extension.packageJSON, this.log, () => this.explanations.open());
    client.onNotification(STATUS, (status) => {
      this.status.show(status);
    });
    client.onNotification(GROWN, (said) => {
      this.ghost.grown(said);
    });
    client.onNotification(PREVIEW, (message) => {
      this.previews.show(message);
    });
    client.onNotification(EXPLANATION, (said) => {
      this.explanations.show(said);
    });
    client.onDidChangeState(({ newState }) => {
      this.follow(newState);
    });
    this.client = client;
    await client.start();
  }

  private follow(state: State): void {
    void vscode.commands.executeCommand('setContext', 'spark.running', state === State.Running);
    if (state !== State.Running) {
      this.ghost.forget();
      this.previews.forget();
    }
    if (state === State.Stopped && this.client) {
      this.status.showTrouble('The server has ended. "Spark: Restart the Server" starts it again.');
    }
  }

  /** There is no server: show this once, with the remedies. */
  private missing(configured: string): void {
    const text = configured
      ? `spark-lsp: there is no program ${configured}, which the setting spark.server.path names; no ghost text and no edits come.`
      : 'spark-lsp: the server is not on this machine, so no ghost text and no edits come.';
    this.status.showTrouble(text);
    void vscode.window.showWarningMessage(text, CHOOSE, HOW).then(async (answer) => {
      if (answer === CHOOSE) {
        await this.choose();
      } else if (answer === HOW) {
        const page = vscode.Uri.joinPath(this.context.extensionUri, 'README.md');
        await vscode.commands.executeCommand('markdown.showPreview', page);
      }
    });
  }

  private async choose(): Promise<void> {
    const title = 'The program spark-lsp';
    const [file] = (await vscode.window.showOpenDialog({ title, canSelectMany: false })) ?? [];
    if (file) {
      const settings = vscode.workspace.getConfiguration(SECTION);
      await settings.update(PATH, file.fsPath, vscode.ConfigurationTarget.Global); // starts it, see below
    }
  }

  private watchSettings(): vscode.Disposable {
    return vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration(`${SECTION}.${PATH}`)) {
        await this.restart();
      } else if (event.affectsConfiguration(SECTION) && this.client?.isRunning()) {
        const settings = { [SECTION]: given(this.context.extension.packageJSON) };
        await this.client.sendNotification('workspace/didChangeConfiguration', { settings });
      }
    });
  }
}

let running: Extension | undefined;

export function activate(context: vscode.ExtensionContext): void {
  running = new Extension(context);
  context.subscriptions.push(running);
  void running.restart(); // not awaited: a starting server must not slow down the editor
}

export async function deactivate(): Promise<void> {
  await running?.stop();
}
