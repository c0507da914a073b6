"""What open documents are, said a second time: slowly, by plain strings, and with nothing of ours.

Lines are found by looking at one character after another, positions by asking Python's codecs how long each
character is. `Oracle` knows what an editor may send and what follows when it sends something else.
"""

from dataclasses import dataclass, field

CODECS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}
Place = tuple[int, int]
Told = tuple[str, tuple[Place, Place] | None]  # new text, and its range unless it is the whole text


class Refused(Exception):
    """The editor sent what cannot be."""


def split(text: str) -> list[tuple[int, int]]:
    """Return where each line begins and ends, its line end excluded."""
    found: list[tuple[int, int]] = []
    start = at = 0
    while at < len(text):
        if text[at] == "\r" and at + 1 < len(text) and text[at + 1] == "\n":
            found.append((start, at))
            at = start = at + 2
        elif text[at] == "\r" or text[at] == "\n":
            found.append((start, at))
            at = start = at + 1
        else:
            at += 1
    return [*found, (start, len(text))]


def size(text: str, encoding: str) -> int:
    """Return the length of `text` in code units."""
    codec, unit = CODECS[encoding]
    return sum(len(char.encode(codec, "surrogatepass")) // unit for char in text)


def offset(text: str, place: Place, encoding: str) -> int:
    """Return the last offset of the line that is not behind `place`; past the last line, the text's end."""
    line, character = place
    lines = split(text)
    if line >= len(lines):
        return len(text)
    at, end = lines[line]
    used = 0
    while at < end:
        used += size(text[at], encoding)
        if used > character:
            break
        at += 1
    return at


def position(text: str, at: int, encoding: str) -> Place:
    """Return the position of an offset; one inside a line end is the end of its line."""
    lines = split(text)
    line = max(number for number, (start, _) in enumerate(lines) if start <= at)
    start, end = lines[line]
    return line, size(text[start : min(at, end)], encoding)


@dataclass
class Open:
    """One document; `text` is None while it cannot be used, for the reason `why`."""

    language: str
    version: int
    text: str | None
    why: str = ""


@dataclass
class Oracle:
    """All documents of an editor that counts positions in `encoding`."""

    encoding: str
    limit: int
    documents: dict[str, Open] = field(default_factory=dict[str, Open])

    def open(self, uri: str, language: str, version: int, text: str) -> None:
        """Open a document, or open it again."""
        why = self._unfit(text, [text])
        self.documents[uri] = Open(language, version, None if why else text, why)

    def _unfit(self, text: str, new: list[str]) -> str:
        if len(text) > self.limit:
            return "TOO_LARGE"
        return "BINARY" if any("\0" in each for each in new) else ""

    def close(self, uri: str) -> None:
        """Forget a document."""
        self.documents.pop(uri, None)

    def change(self, uri: str, version: int, changes: list[Told]) -> None:
        """Make changes. Raises `Refused`, and then the document is as `documents` says."""
        known = self.documents.get(uri)
        if known is None:
            raise Refused("never opened")
        if known.text is None and not (changes and changes[0][1] is None):
            raise Refused("not usable, and not sent whole")
        if known.text is not None and version <= known.version:
            if not (changes and changes[0][1] is None):
                self._lose(known, "OUT_OF_SYNC")
            version = known.version + 1  # a whole text is the newest, whatever its number
        text = self._changed(known, changes)
        if why := self._unfit(text, [new for new, _ in changes]):
            self._lose(known, why)
        known.text, known.version, known.why = text, version, ""

    def _changed(self, known: Open, changes: list[Told]) -> str:
        text = known.text or ""
        for new, span in changes:
            if span is None:
                text = new
                continue
            if span[1] < span[0]:
                self._lose(known, "OUT_OF_SYNC")
            start, end = (offset(text, place, self.encoding) for place in span)
            text = text[:start] + new + text[end:]
        return text

    def _lose(self, known: Open, why: str) -> None:
        known.text, known.why = None, why
        raise Refused(why)
