"""Target: what a model says, at a cursor and about a target, in any pieces.

No answer raises anything but an error for people. Ghost text only grows until it ends, is the same however
the answer was cut, and holds no fence, special token, disguise or foreign line end. Edits stay inside what
was asked, keep the document's line ends, and never make a text that parses into one that does not.
"""

import codecs
import re
from dataclasses import dataclass
from unittest.mock import patch

from spark_lsp.errors import SparkError
from spark_lsp.prompts import gate, ghost, reply
from spark_lsp.prompts.action_targets import find_target
from spark_lsp.prompts.diagnostic import Diagnostic
from spark_lsp.prompts.ghost import GhostText
from spark_lsp.prompts.shaping.deception import DECEPTIVE_CHARACTERS
from spark_lsp.prompts.syntax import SyntaxTree
from spark_lsp.request import EditFormat
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit, apply_edits

PYTHON = 'import os\n\n\ndef area(w, h):\n    total = w * h\n    return total\n\n\nclass A:\n    x = "é😀"\n'
SCRIPT = "export function add(a, b) {\n  const sum = a + b;\n  return sum;\n}\n\nclass B {\n  m() {}}"
LUA = "local function f(a)\n  return a\nend\n"
TEXTS = (
    ("python", PYTHON),
    ("python", PYTHON.replace("\n", "\r\n")),
    ("python", PYTHON.replace("\n", "\r")),
    ("python", "def f():\r\n\tpass\rx = '\ud800'\n\f\u2028# end"),
    ("python", ""),
    ("javascript", SCRIPT),
    ("typescript", SCRIPT.replace("(a, b)", "(a: number, b = 'ß')")),
    ("typescriptreact", SCRIPT + "const c = <b>{1}</b>"),
    ("lua", LUA),
    ("go", "package p\n\nfunc F() int {\n\treturn 1\n}"),
    ("plaintext", "one\v two\x85 three\n\n\u2029four"),
)
ACTIONS = ("instruct", "document", "fix")
FORMS = tuple(EditFormat)
INSTRUCTIONS = ("", "remove this", "rename total to sum", "rename `a` to `b`.", "rename sum to é")
MESSAGES = ("", "undefined name 'os'", "'np' is not defined", "undefined name 'é'")
IMPORT = re.compile(r"\s*import ")  # where code is broken already, an import may be one more thing amiss
LONGEST = 300  # characters of ghost text, so that short inputs reach it
_LINE_ENDS = re.compile(r"\r\n|\n|\r")
_FENCES = re.compile(r"(?:^|(?<=\r))[ \t]*(?:```|~~~)", re.MULTILINE)
_TOKENS = re.compile(r"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>")
_STOPS = re.compile(r"<\|[a-z_]+\|>|<(?:PRE|SUF|MID|EOT)>|^[ \t]*```", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Case:
    """A place in a document, what is asked there, and what the model says, in pieces."""

    document: Document
    start: int
    end: int
    choice: int
    max_lines: int
    pieces: list[str]


def TestOneInput(data: bytes) -> None:
    """Six bytes choose the place and the task; the others are the answer, behind a text of its own or not."""
    case = understood(data[:6].ljust(6, b"\0"), data[6:])
    with patch.object(ghost, "MAX_GHOST_CHARS", LONGEST):
        check_ghost(case)
    check_edits(case)


def understood(head: bytes, answer: bytes) -> Case:
    """Return the case that bytes stand for."""
    language, text = TEXTS[(head[0] & 127) % len(TEXTS)]
    if head[0] & 128:
        written, _, answer = answer.partition(b"\xff")
        text = written.decode("utf-8", "surrogateescape")
    document = Document("file:///a", text, 1, language)
    start, end = sorted((head[1] * (len(text) + 1) // 256, head[2] * (len(text) + 1) // 256))
    pieces = list(cut(answer, 1 + head[4] % 16, "surrogateescape" if head[4] & 16 else "replace"))
    return Case(document, start, end, head[3], (0, 0, 1, 3)[head[5] % 4], pieces)


def cut(answer: bytes, size: int, errors: str):
    """Yield text in pieces of so many bytes; code points that are cut wait for their rest."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors)
    for at in range(0, len(answer), size):
        yield decoder.decode(answer[at : at + size])
    yield decoder.decode(b"", final=True)


def check_ghost(case: Case) -> None:
    """The model completes at the start of the place."""
    made = _ghost(case)
    shown, enough = "", False
    for piece in case.pieces:
        was, enough = enough, made.feed(piece)
        assert enough or not was, "enough became too little"
        ends = enough and shown.startswith(made.text)  # the last line may go, once it says nothing new
        assert ends or made.text.startswith(shown), "text that was shown is gone"
        shown = made.text
    whole = _ghost(case)
    whole.feed("".join(case.pieces))
    assert whole.finish() == made.finish(), "the pieces matter"
    _check_inserted(case, made.finish())


def _ghost(case: Case) -> GhostText:
    return GhostText(case.document.text, case.start, case.document.language, max_lines=case.max_lines)


def _check_inserted(case: Case, text: str | None) -> None:
    if text is None:
        return
    assert text.strip()
    assert not DECEPTIVE_CHARACTERS.search(text)
    fenced = _FENCES.search(case.document.text[: case.start]) is not None  # then fences are text
    assert not (_TOKENS if fenced else _STOPS).search(text)
    assert set(_LINE_ENDS.findall(text)) <= {"\r\n" if "\r\n" in case.document.text else "\n"}
    said = [line for line in _LINE_ENDS.split(text) if line.strip()]
    assert len(said) <= (case.max_lines or 64)


def check_edits(case: Case) -> None:
    """The model is asked to change the whole lines of the place."""
    action, choice = ACTIONS[case.choice % 3], case.choice // 3
    instruction, message = INSTRUCTIONS[choice % len(INSTRUCTIONS)], MESSAGES[choice % len(MESSAGES)]
    found = (Diagnostic(case.start, case.end, message),) if action == "fix" else ()
    form = FORMS[choice % len(FORMS)]
    document = case.document
    tree = SyntaxTree.of(document)
    try:
        target = find_target(action, document, tree, case.start, case.end, found)
        known = gate.edits_without_model(action, document, tree, *target, found, instruction)
        if known is not None:
            _check_edits(document, known, (0, len(document)))
        answer = "".join(case.pieces)
        edits = reply.propose_edits(
            action, document, tree, *target, form, answer, instruction=instruction, diagnostics=found
        )
    except SparkError as error:
        str(error).encode("utf-8", "surrogatepass")
    else:
        _check_edits(document, edits, target)
        if form is not EditFormat.DOCSTRING:
            _check_said(document, edits, target, answer)


def _check_said(document: Document, edits: list[Edit], target: tuple[int, int], answer: str) -> None:
    """Whatever stands in the target now was said, line by line; only indentation is ours."""
    new = apply_edits(document.text, edits)
    now = new[target[0] : len(new) - (len(document) - target[1])]
    said = _LINE_ENDS.sub("\n", answer)
    assert all(line.strip() in said for line in _LINE_ENDS.split(now))


def _check_edits(document: Document, edits: list[Edit], target: tuple[int, int]) -> None:
    assert edits
    assert all(target[0] <= edit.start <= edit.end <= target[1] for edit in edits)
    assert not any(DECEPTIVE_CHARACTERS.search(edit.new) for edit in edits)
    assert all(set(_LINE_ENDS.findall(edit.new)) <= {document.eol} for edit in edits)
    new = apply_edits(document.text, edits)
    before = SyntaxTree.of(document).count_errors()
    after = SyntaxTree(document.language, new).count_errors()
    assert not after or (before and (after <= before or IMPORT.match(new[edits[0].start :])))
