/**
 * What a suggestion was made for, and what is left of it.
 *
 * An offer was made for one cursor in one text. Whether it still holds is never remembered but looked at anew,
 * whenever it is shown: the text before its place and behind the cursor must be what it was, and what stands
 * between must be its beginning. So a stale suggestion cannot be shown. Nothing here knows of an editor.
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

/** Where something was asked. */
export interface Place extends At {
  readonly version: number;
  readonly before: string;
  readonly after: string;
  readonly lineCount: number;
}

/** A suggestion for a place. */
export interface Offer {
  /** Names the answer at the server; of two answers the one with the larger token counts. */
  readonly token: number;
  readonly text: string;
  readonly place: Place;
  /** How many code units behind the cursor it replaces. */
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

/** What was typed since the place was asked about, if nothing else has changed. */
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

/** What is left of an offer for the cursor as it is now; undefined if nothing is. */
export function restOf(offer: Offer, text: Text, at: At): string | undefined {
  const typed = typedSince(offer.place, text, at);
  if (typed === undefined || !offer.text.startsWith(typed) || offer.text.length === typed.length) {
    return undefined;
  }
  return offer.text.slice(typed.length);
}
