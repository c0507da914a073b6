"""What is asked of every peer alike. Its text is real source, never filler and never one token again."""

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
    """Complete `document` at `offset`, behind a change of it; `tokens` come back from engine `engine`."""

    document: Document
    offset: int
    edits: Sequence[Edit] = ()
    tokens: int = 16
    engine: str = "replay"

    def request(self) -> Request:
        """Return the request as the language server would make it."""
        asked = context.completion(self.document, self.offset, model=self.engine)
        return replace(asked, max_tokens=self.tokens)


class Asker(Protocol):
    """One way to an engine and back."""

    def ask(self, question: Question) -> AsyncGenerator[str]:
        """Ask, and yield the answer's text as it comes."""
        ...


@dataclass(slots=True)
class Typist:
    """Types real words in the middle of a document; a question behind each key."""

    document: Document
    offset: int
    tokens: int = 16
    engine: str = "replay"
    _keys: int = field(default=0)

    def key(self) -> Question:
        """Type one key and return the question behind it."""
        typed = KEYS[self._keys % len(KEYS)]
        self._keys += 1
        edit = Edit(self.offset, self.offset, typed)
        self.document = self.document.splice(edit.start, edit.end, typed, self.document.version + 1)
        self.offset += 1
        return replace(self.again(), edits=(edit,))

    def again(self) -> Question:
        """Return a question about the text as it is."""
        return Question(self.document, self.offset, (), self.tokens, self.engine)


def typist(characters: int, *, tokens: int = 16, engine: str = "replay") -> Typist:
    """Return somebody who types in the middle of so much source, at the end of a line."""
    text = source(characters)
    offset = text.index("\n", len(text) // 2)
    document = Document(f"bench:///{characters}-{tokens}-{engine}.py", text, 1, "python")
    return Typist(document, offset, tokens, engine)


@cache
def source(characters: int) -> str:
    """Return so much source of the standard library: modules one behind the other, none twice."""
    modules, text = sorted(Path(textwrap.__file__).parent.glob("*.py")), ""
    for module in modules:
        if len(text) >= characters:
            break
        text += module.read_text("utf-8", "replace")
    return text[:characters]
