/**
 * The server's messages beyond LSP; docs/reference/lsp.md explains each field. Compare `state` and `code` only:
 * `reason` is a sentence for people, which any release may reword.
 */

import { InlineCompletionItem, NotificationType, type Range } from 'vscode-languageclient/node';

export interface Status {
  readonly engine: string;
  readonly model: string;
  readonly simulated: boolean;
  readonly state: 'starting' | 'ready' | 'busy' | 'degraded' | 'off';
  readonly reason: string;
  readonly ttft_ms: number | null;
  readonly tok_s: number | null;
  readonly queue: number;
  readonly budget: string;
  /** What `reason` says, for programs. An earlier server has none. */
  readonly code?: string;
  readonly detail?: string;
}

export interface Grown {
  readonly token: number;
  readonly uri: string;
  readonly version: number;
  readonly seq: number;
  readonly item: InlineCompletionItem | null;
  readonly done: boolean;
}

export interface Explanation {
  readonly id: string;
  readonly uri: string;
  readonly text: string;
  readonly done: boolean;
  readonly reason: string;
  readonly code?: string;
}

export interface Edited {
  readonly id: string;
  readonly uri: string;
  readonly state: 'applied' | 'refused' | 'cancelled' | 'failed';
  readonly reason: string;
  readonly code?: string;
}

export interface Hunk {
  readonly index: number;
  readonly range: Range;
  readonly newText: string;
  /** The lines `[start, end)` that `newLines` replace: the same change as complete lines. */
  readonly lines: { readonly start: number; readonly end: number };
  readonly newLines: readonly string[];
  readonly growing: boolean;
}

export interface Preview {
  readonly id: string;
  readonly uri: string;
  readonly version: number;
  readonly state: 'growing' | 'ready' | 'refused' | 'ended';
  readonly code: string;
  readonly reason: string;
  readonly tokens: number;
  readonly seconds: number;
  /** The hunks before this number are those of the last message. */
  readonly first: number;
  readonly hunks: readonly Hunk[];
  readonly applied: readonly number[];
  readonly dropped: readonly { readonly index: number; readonly code: string; readonly reason: string }[];
}

export interface Engine {
  readonly name: string;
  readonly kind: string;
  readonly model: string;
  readonly simulated: boolean;
  readonly state: string;
  readonly reason: string;
  readonly code?: string;
}

export interface Engines {
  readonly engine: string;
  readonly engines: readonly Engine[];
}

export interface Instructions {
  readonly instructions: readonly string[];
}

export const STATUS = new NotificationType<Status>('spark/status');
export const GROWN = new NotificationType<Grown>('spark/inlineCompletion');
export const EXPLANATION = new NotificationType<Explanation>('spark/explanation');
export const PREVIEW = new NotificationType<Preview>('spark/editPreview');
export const EDITED = new NotificationType<Edited>('spark/edit');
