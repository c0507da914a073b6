/** The commands. Each one reports its result, or the reason for having none. */

import { execFile } from 'node:child_process';
import { homedir } from 'node:os';

import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';

import type { Explanations } from './explanation';
import type { Ghost } from './ghost';
import { AGAIN, EDIT, type Question, STEER, askInstruction } from './instruction';
import type { Previews } from './preview';
import type { Engines, Instructions } from './protocol';
import type { StatusItem } from './status';

export interface Session {
  readonly client: () => LanguageClient | undefined;
  readonly program: () => string | undefined;
  readonly restart: () => Promise<void>;
  readonly ghost: Ghost;
  readonly previews: Previews;
  readonly status: StatusItem;
  readonly explanations: Explanations;
  readonly log: vscode.LogOutputChannel;
}

const NO_SERVER = 'spark-lsp: there is no server, so nothing was done. "Spark: Restart the Server" says why.';

/** Let the server execute a command; show its refusals. */
async function execute(session: Session, command: string, ...args: unknown[]): Promise<unknown> {
  const client = session.client();
  if (!client?.isRunning()) {
    void vscode.window.showWarningMessage(NO_SERVER);
    return undefined;
  }
  try {
    return await client.sendRequest('workspace/executeCommand', { command, arguments: args });
  } catch (error) {
    void vscode.window.showWarningMessage(`spark-lsp: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The current selection, in the form that the server's commands expect. */
function place(session: Session): { uri: string; version: number; range: unknown } | undefined {
  const editor = vscode.window.activeTextEditor;
  const client = session.client();
  if (!editor || !client) {
    void vscode.window.showWarningMessage(editor ? NO_SERVER : 'spark-lsp: no text is open to work on.');
    return undefined;
  }
  const { document, selection } = editor;
  const converter = client.code2ProtocolConverter;
  return {
    uri: converter.asUri(document.uri),
    version: document.version,
    range: converter.asRange(selection),
  };
}

/** Ask for an instruction, and offer the earlier ones. */
async function ask(session: Session, question: Question): Promise<string | undefined> {
  const list = { command: 'spark.instructions', arguments: [] };
  const earlier = await session
    .client()
    ?.sendRequest<Instructions>('workspace/executeCommand', list)
    .catch(() => undefined); // an earlier release of the server has none
  return askInstruction(question, earlier?.instructions ?? []);
}

async function edit(session: Session): Promise<void> {
  const here = place(session); // before the box opens: the user means the current text
  const instruction = here && (await ask(session, EDIT));
  if (instruction) {
    await execute(session, 'spark.edit', { action: 'instruct', ...here, instruction });
  }
}

async function again(session: Session): Promise<void> {
  const uri = place(session)?.uri;
  const instruction = uri && (await ask(session, AGAIN));
  if (instruction) {
    await execute(session, 'spark.editAgain', { uri, instruction });
  }
}

async function steer(session: Session): Promise<void> {
  const instruction = await ask(session, STEER);
  if (instruction) {
    await execute(session, 'spark.steer', { instruction });
  }
}

async function undo(session: Session): Promise<void> {
  const uri = place(session)?.uri;
  if (uri) {
    await execute(session, 'spark.undoEdit', { uri });
  }
}

async function explain(session: Session): Promise<void> {
  const here = place(session);
  if (here) {
    await session.explanations.open();
    await execute(session, 'spark.explain', here);
  }
}

async function selectEngine(session: Session): Promise<void> {
  const known = (await execute(session, 'spark.selectEngine')) as Engines | undefined;
  if (!known) {
    return;
  }
  const configured = { label: 'as configured', description: 'by the routes of your settings', engine: null };
  const choices = known.engines.map((each) => ({
    label: each.name,
    description: `${each.model}${each.simulated ? ', simulated' : ''}: ${each.state}`,
    detail: each.reason,
    engine: each.name,
  }));
  const picked = await vscode.window.showQuickPick([configured, ...choices], {
    title: 'Engine',
    placeHolder: known.engine ? `asking ${known.engine} now` : 'as configured now',
  });
  if (picked) {
    await execute(session, 'spark.selectEngine', { engine: picked.engine });
  }
}

async function toggle(session: Session): Promise<void> {
  session.status.showGhost(await session.ghost.toggle());
}

/** Run the doctor and show its findings. */
function doctor(session: Session): void {
  const program = session.program();
  if (!program) {
    void vscode.window.showWarningMessage(NO_SERVER);
    return;
  }
  session.log.show(true);
  session.log.info(`${program} doctor`);
  execFile(program, ['doctor'], { timeout: 120_000, cwd: homedir() }, (_error, stdout, stderr) => {
    for (const line of `${stdout}${stderr}`.trimEnd().split('\n')) {
      session.log.info(line);
    }
  });
}

const MENU: readonly (readonly [icon: string, label: string, command: string, ...args: unknown[]])[] = [
  ['edit', 'Edit with an instruction…', 'spark.ui.edit'],
  ['debug-step-over', 'Edit again, but…', 'spark.ui.editAgain'],
  ['discard', 'Undo the last edit', 'spark.ui.undoEdit'],
  ['comment', 'Explain this code', 'spark.ui.explain'],
  ['arrow-swap', 'Switch engine…', 'spark.ui.selectEngine'],
  ['eye', 'Switch ghost text on or off', 'spark.ui.toggle'],
  ['stop-circle', 'Stop the edits under way', 'spark.ui.cancel'],
  ['gear', 'Settings', 'workbench.action.openSettings', '@ext:spark-lsp.spark-lsp'],
  ['pulse', 'Look for what is wrong', 'spark.ui.doctor'],
  ['output', 'Show the log', 'spark.ui.log'],
  ['debug-restart', 'Restart the server', 'spark.ui.restart'],
];

async function menu(): Promise<void> {
  const items = MENU.map(([icon, label, command, ...args]) => ({ label: `$(${icon}) ${label}`, command, args }));
  const picked = await vscode.window.showQuickPick(items, { title: 'spark-lsp' });
  if (picked) {
    await vscode.commands.executeCommand(picked.command, ...picked.args);
  }
}

export function register(session: Session): vscode.Disposable {
  const { ghost, previews, log } = session;
  const builtIn = 'editor.action.inlineSuggest';
  const commands: Record<string, (argument?: unknown) => unknown> = {
    edit: () => edit(session),
    editAgain: () => again(session),
    steer: () => steer(session),
    undoEdit: () => undo(session),
    explain: () => explain(session),
    accept: () => vscode.commands.executeCommand(`${builtIn}.commit`),
    acceptWord: () => ghost.acceptPart(`${builtIn}.acceptNextWord`),
    acceptLine: () => ghost.acceptPart(`${builtIn}.acceptNextLine`),
    dismiss: () => ghost.dismiss(),
    toggle: () => toggle(session),
    acceptEdit: () => previews.accept(),
    rejectEdit: () => previews.reject(),
    acceptHunk: (hunk) => previews.accept((hunk as { id: string; index: number } | undefined) ?? 'here'),
    nextHunk: () => {
      previews.next();
    },
    previewDiff: () => previews.openDiff(),
    selectEngine: () => selectEngine(session),
    cancel: () => execute(session, 'spark.cancel'),
    menu,
    doctor: () => {
      doctor(session);
    },
    restart: () => session.restart(),
    log: () => {
      log.show();
    },
  };
  const made = Object.entries(commands).map(([name, call]) =>
    vscode.commands.registerCommand(`spark.ui.${name}`, call),
  );
  return vscode.Disposable.from(...made);
}
