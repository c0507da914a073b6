/** What the screen shows of an edit in preview. No editor is needed here, so that it can be tested alone. */

import type { Hunk, Preview } from './protocol';

/** The hunks after a message: the first ones may be left out of it, because they are the same. */
export function merged(known: readonly Hunk[], message: Preview): Hunk[] {
  return [...known.slice(0, message.first), ...message.hunks];
}

/** The lines of a hunk that are really different: the same lines at both ends are left out. */
export interface Shown {
  readonly index: number;
  /** The removed lines `[start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly added: readonly string[];
  readonly growing: boolean;
}

export function shown(hunk: Hunk, line: (index: number) => string): Shown {
  let { start, end } = hunk.lines;
  let added = [...hunk.newLines];
  while (start < end && added.length > 0 && line(start) === added[0]) {
    start += 1;
    added = added.slice(1);
  }
  while (start < end && added.length > 0 && line(end - 1) === added[added.length - 1]) {
    end -= 1;
    added = added.slice(0, -1);
  }
  return { index: hunk.index, start, end, added, growing: hunk.growing };
}

/** The hunk at a line, or the nearest one. */
export function nearest(hunks: readonly Shown[], line: number): Shown | undefined {
  const distance = ({ start, end }: Shown): number => (line < start ? start - line : Math.max(line - end + 1, 0));
  return [...hunks].sort((one, other) => distance(one) - distance(other))[0];
}

/** A line's end, and the new text that is drawn there. */
export interface Note {
  readonly line: number;
  readonly text: string;
}

const LINE_END = ' \u23CE ';
const MAX_DRAWN = 400; // characters in one line

/**
 * The new lines of a hunk, each at the end of the removed line that it replaces. An editor draws text only within
 * its lines, so further lines follow in the same line, behind a sign for the line end.
 */
export function notes(hunk: Shown): Note[] {
  const count = Math.max(hunk.end - hunk.start, 1);
  const lines = hunk.added.slice(0, count).map((text) => text.trim());
  const rest = hunk.added.slice(count).map((text) => LINE_END + text.trim());
  const isInsertion = hunk.end === hunk.start;
  const first = isInsertion ? Math.max(hunk.start - 1, 0) : hunk.start;
  return lines.map((text, index) => {
    const whole = (isInsertion ? LINE_END.trimStart() : '') + text + (index === lines.length - 1 ? rest.join('') : '');
    const cut = whole.length > MAX_DRAWN ? `${whole.slice(0, MAX_DRAWN)}\u2026` : whole;
    return { line: first + index, text: cut.replaceAll(' ', '\u00a0') };
  });
}

/** The lines of a document with all hunks applied. */
export function applied(lines: readonly string[], hunks: readonly Shown[]): string[] {
  const result = [...lines];
  for (const { start, end, added } of [...hunks].sort((one, other) => other.start - one.start)) {
    result.splice(start, end - start, ...added);
  }
  return result;
}

export function summary(preview: Preview, hunks: number): string {
  const count = hunks === 1 ? '1 change' : `${String(hunks)} changes`;
  const speed = `${String(preview.tokens)} tokens, ${preview.seconds.toFixed(1)} s`;
  return preview.state === 'growing' ? `${count} so far, ${speed}` : `${count}, ${speed}`;
}
