/**
 * The place of a suggestion, and its remaining text.
 *
 * An offer is made for one cursor in one text. The module never remembers whether an offer is still valid. It checks
 * this each time it shows the offer: the text before its place and after the cursor must be unchanged, and the text
 * between must be its beginning. So a stale suggestion cannot be shown. Independent of the editor API.
 */

/** A position: line and UTF-16 code unit, both counted from 0. */
export interface At {
  readonly line: number;
  readonly character: number;
}

/** The lines of a document, without their ends. */
export interface Text {
  readonly lineCount: number;
  line(index: number): string;
}

/** The place of a request. */
export interface Place extends At {
  readonly version: number;
  readonly before: string;
  readonly after: string;
  readonly lineCount: number;
}

/** A suggestion for a place. */
export interface Offer {
  /** Identifies the answer at the server; of two answers, the one with the larger token counts. */
  readonly token: number;
  readonly text: string;
  readonly place: Place;
  /** The number of code units after the cursor that it replaces. */
  readonly beyond: number;
}

export function placeAt(text: Text, at: At, version: number): Place {
  const line = text.line(at.line);
  return {
    line: at.line,
    character: at.character,
    version,
    before: line.slice(0, at.character),
    after: line.slice(at.character),
    lineCount: text.lineCount,
  };
}

/** The text typed since the request for the place, if nothing else has changed. */
export function typedSince(place: Place, text: Text, at: At): string | undefined {
  if (at.line < place.line || text.lineCount !== place.lineCount + at.line - place.line) {
    return undefined;
  }
  const lines: string[] = [];
  for (let index = place.line; index <= at.line; index += 1) {
    lines.push(text.line(index));
  }
  const last = lines.pop() ?? '';
  if (last.slice(at.character) !== place.after) {
    return undefined;
  }
  lines.push(last.slice(0, at.character));
  const typed = lines.join('\n');
  return typed.startsWith(place.before) ? typed.slice(place.character) : undefined;
}

/** The rest of an offer for the current cursor; undefined without a rest. */
export function restOf(offer: Offer, text: Text, at: At): string | undefined {
  const typed = typedSince(offer.place, text, at);
  if (typed === undefined || !offer.text.startsWith(typed) || offer.text.length === typed.length) {
    return undefined;
  }
  return offer.text.slice(typed.length);
}
