"""Our documents and the oracle's, told the same and compared after each operation."""

from collections.abc import Callable
from random import Random

from spark_lsp.errors import TextError
from spark_lsp.session.documents import Change, Documents
from spark_lsp.text.document import Document
from spark_lsp.text.edits import apply_edits
from spark_lsp.text.positions import Encoding, to_offset, to_position
from tests.fuzz import oracle
from tests.fuzz.oracle import Oracle, Place, Refused, Told

LIMIT = 400  # stands in for `documents.MAX_CHARS`, so that texts become too large often enough
URIS = ("file:///a.py", "untitled:1")
LINE_ENDS = ("\n", "\r\n", "\r")
NO_LINE_ENDS = ("\f", "\v", "\x1c", "\x85", "\u2028", "\u2029", "\0")
LETTERS = ("a", "bc", "    ", "\t", "é", "ß", "漢", "😀", "👩‍💻", "👨‍👩‍👧", "e\u0301", "\u200d", "\U0010ffff")
HALVES = ("\ud83d", "\ude00", "\udfff")
PIECES = (*LINE_ENDS * 3, *NO_LINE_ENDS, *LETTERS, *HALVES)


class Pair:
    """Two accounts of the same editor; `done` counts operations, `told` is what was done, for a report."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.ours = Documents(encoding)
        self.theirs = Oracle(encoding.value, LIMIT)
        self.done = 0
        self.told: list[str] = []

    def open(self, uri: str, version: int, text: str) -> None:
        """textDocument/didOpen."""
        self._tell(f"open({uri!r}, {version}, {text!r})")
        found = self.ours.open(uri, "python", version, text)
        self.theirs.open(uri, "python", version, text)
        assert found is self.ours.get(uri)
        self.check(uri)

    def close(self, uri: str) -> None:
        """textDocument/didClose."""
        self._tell(f"close({uri!r})")
        self.ours.close(uri)
        self.theirs.close(uri)
        self.check(uri)

    def change(self, uri: str, version: int, changes: list[Told]) -> None:
        """textDocument/didChange."""
        self._tell(f"change({uri!r}, {version}, {changes!r})")
        before = self.ours.get(uri)
        refused = _refused(lambda: self.theirs.change(uri, version, changes), Refused)
        try:
            after, edits = self.ours.change(uri, version, [Change(*each) for each in changes])
        except TextError:
            assert refused, "a change was refused that fits"
        else:
            assert not refused, "a change was taken that does not fit"
            text = before.text if before else ""
            for edit in edits:
                text = apply_edits(text, [edit])
            assert text == after.text
            assert after is self.ours.get(uri)
        self.check(uri)

    def _tell(self, what: str) -> None:
        self.done += 1
        self.told.append(what)

    def check(self, uri: str) -> None:
        """Compare one document with the oracle's, whole."""
        document, known = self.ours.get(uri), self.theirs.documents.get(uri)
        if known is None or known.text is None:
            assert document is None
            assert self.ours.find_problem(uri).name == (known.why if known else "UNKNOWN")
            return
        assert document is not None
        assert document.text == known.text
        assert (document.version, document.language) == (known.version, known.language)
        lines = oracle.split(known.text)
        assert document.line_count == len(lines)
        assert [(document.line_start(n), document.line_end(n)) for n in range(len(lines))] == lines
        self._check_positions(document, known.text, lines)

    def _check_positions(self, document: Document, text: str, lines: list[Place]) -> None:
        """Positions there and back: the borders of the text, its middle, and one past everything."""
        for at in {0, len(text) // 3, len(text) // 2, len(text)}:
            place = to_position(document, at, self.encoding)
            assert place == oracle.position(text, at, self.encoding.value)
            assert to_offset(document, *place, self.encoding) == min(at, lines[place[0]][1])
        for place in ((len(lines) // 2, 1), (len(lines) // 2, 3), (len(lines), 0), (0, LIMIT * 9)):
            assert to_offset(document, *place, self.encoding) == oracle.offset(
                text, place, self.encoding.value
            )


def _refused(do: Callable[[], None], error: type[Exception]) -> bool:
    try:
        do()
    except error:
        return True
    return False


def text(random: Random, pieces: int) -> str:
    """Return a text of at most `pieces` odd pieces."""
    return "".join(random.choices(PIECES, k=random.randrange(pieces + 1)))


def operate(pair: Pair, random: Random) -> None:
    """Do one operation as an editor might, or as it must not."""
    uri = random.choice(URIS)
    known = pair.theirs.documents.get(uri)
    kind = random.random()
    if kind < 0.02:
        pair.close(uri)
    elif kind < 0.04 or (known is None and kind < 0.9):
        pair.open(uri, random.randrange(5), text(random, random.choice((0, 5, 40, 120))))
    else:
        _change(pair, random, uri, known.version if known else 0, broken=not known or known.text is None)


def _change(pair: Pair, random: Random, uri: str, version: int, *, broken: bool) -> None:
    count = random.choices((0, 1, 2, 4), (1, 40, 8, 2))[0]
    whole = 0.7 if broken else 0.02
    stale = random.random() < 0.02
    step = random.choice((0, -1, -3)) if stale else random.choice((1, 1, 1, 2, 50))
    pair.change(uri, version + step, [_told(random, whole) for _ in range(count)])


def _told(random: Random, whole: float) -> Told:
    if random.random() < whole:
        return text(random, random.choice((0, 10, 60))), None
    line = random.randrange(12)
    first = (line, random.randrange(10))
    last = (line + random.choice((0, 0, 0, 1, 2)), first[1] + random.choice((0, 0, 1, 2, 6)))
    if random.random() < 0.01:
        first, last = last, first
    if random.random() < 0.01:
        last = (random.choice((last[0], 10**9)), 2**31 - 1)
    return text(random, 3), (first, last)
