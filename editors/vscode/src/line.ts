/** A status in one line, and its hover text. Independent of the editor API. */

import type { Hindrance } from './hindrance';
import type { Status } from './protocol';

export interface Line {
  readonly text: string;
  readonly tooltip: string;
  readonly warn: boolean;
}

const ICONS = {
  starting: '$(loading~spin)',
  ready: '$(zap)',
  busy: '$(sync~spin)',
  degraded: '$(warning)',
  off: '$(circle-slash)',
} as const;

function speed(status: Status): string {
  return status.tok_s === null ? '' : ` ${status.tok_s.toFixed(0)} tok/s`;
}

const FREE: Hindrance = { blocks: '', competes: '' };

/** The text of a status for the status bar. `ghost` is whether the user has ghost text switched on. */
export function lineOf(status: Status, ghost: boolean, editor: Hindrance = FREE): Line {
  const engine = status.engine || 'spark';
  const simulated = status.simulated ? ' (simulated)' : '';
  const trouble = status.state === 'degraded' || status.state === 'off';
  const off = ghost && !editor.blocks ? '' : ' $(eye-closed)';
  const tooltip = [
    `spark-lsp: ${status.state}`,
    status.model && `model ${status.model}${status.simulated ? ', at the pace of a simulated machine' : ''}`,
    status.ttft_ms === null ? '' : `first token after ${status.ttft_ms.toFixed(0)} ms`,
    status.queue ? `${status.queue} waiting` : '',
    status.budget,
    ghost ? '' : 'ghost text is switched off',
    editor.blocks,
    editor.competes,
    status.reason,
  ];
  return {
    text: `${ICONS[status.state]} ${engine}${simulated}${trouble ? '' : speed(status)}${off}`,
    tooltip: tooltip.filter(Boolean).join('\n'),
    warn: trouble,
  };
}
