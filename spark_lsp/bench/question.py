"""The questions for all peers. Their text is real source code, never filler or a repeated token."""

import textwrap
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from spark_lsp.request import Request
from spark_lsp.session import context
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

KEYS = "return value  # as it was read\n"


@dataclass(frozen=True, slots=True)
class Question:
    """Complete `document` at `offset`, after a change of it; engine `engine` returns `tokens` tokens."""

    document: Document
    offset: int
    edits: Sequence[Edit] = ()
    tokens: int = 16
    engine: str = "replay"

    def request(self) -> Request:
        """Return the request in the language server's form."""
        asked = context.build_completion(self.document, self.offset, model=self.engine)
        return replace(asked, max_tokens=self.tokens)


class Asker(Protocol):
    """One peer: a path to an engine and back."""

    def ask(self, question: Question) -> AsyncGenerator[str]:
        """Ask, and yield the answer's text as it arrives."""
        ...


@dataclass(slots=True)
class Typist:
    """Types real words in the middle of a document, with one question after each key."""

    document: Document
    offset: int
    tokens: int = 16
    engine: str = "replay"
    _keys: int = field(default=0)

    def key(self) -> Question:
        """Type one key and return the question after it."""
        typed = KEYS[self._keys % len(KEYS)]
        self._keys += 1
        edit = Edit(self.offset, self.offset, typed)
        self.document = self.document.splice(edit.start, edit.end, typed, self.document.version + 1)
        self.offset += 1
        return replace(self.again(), edits=(edit,))

    def again(self) -> Question:
        """Return a question about the current text."""
        return Question(self.document, self.offset, (), self.tokens, self.engine)


def typist(characters: int, *, tokens: int = 16, engine: str = "replay") -> Typist:
    """Return a typist in the middle of that much source code, at the end of a line."""
    text = source(characters)
    offset = text.index("\n", len(text) // 2)
    document = Document(f"bench:///{characters}-{tokens}-{engine}.py", text, 1, "python")
    return Typist(document, offset, tokens, engine)


@cache
def source(characters: int) -> str:
    """Return that much source code of the standard library: successive modules, none twice."""
    modules, text = sorted(Path(textwrap.__file__).parent.glob("*.py")), ""
    for module in modules:
        if len(text) >= characters:
            break
        text += module.read_text("utf-8", "replace")
    return text[:characters]
