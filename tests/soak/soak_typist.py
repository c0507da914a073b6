"""Somebody who types for hours: opens files, types real code, asks as real editors do, accepts, undoes.

All of it goes through the real server on its pipes. The moments and places come from one seed.
"""

import random
import textwrap
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from spark_lsp.client.answers import lsp_position, read_item, read_range
from spark_lsp.client.editor import Editor
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

LIBRARY = Path(textwrap.__file__).parent
SMALLEST, LARGEST = 3_000, 80_000  # bytes of a file
MOST_OPEN = 7  # files at a time
KEY_S = (0.02, 0.08)
REST_S = 0.3  # longer than the 0.25 s after which the server takes the cursor for resting
DEBOUNCE_S = 0.2  # Neovim's
ANSWER_S = 30.0
OVERTAKEN = (-32800, -32801)  # cancelled; content modified

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"completion": {"maxLines": 1}},
    {"completion": {"maxLines": 3, "delayMs": 20}, "edit": {"effort": "fast"}},
    {"engines": {"other": {"kind": "replay", "delay_ms": 1}}},
    {"context": {"exclude": ["*.pem"]}, "completion": {"disabledGlobs": ["*.md"]}},
)


def sources() -> list[Path]:
    """Real modules of a size that people work on."""
    found = sorted(LIBRARY.glob("*.py"))
    return [path for path in found if SMALLEST <= path.stat().st_size <= LARGEST]


@dataclass
class Typist:
    """One person at one editor. `done` counts what they did."""

    editor: Editor
    folder: Path
    chance: random.Random
    done: Counter[str] = field(default_factory=Counter[str])
    _open: list[str] = field(default_factory=list[str])
    _asked: dict[int, tuple[str, Document, int]] = field(default_factory=dict[int, tuple[str, Document, int]])
    _last: int = 0  # the newest request, which the next key cancels
    _undo: list[tuple[str, Edit]] = field(default_factory=list[tuple[str, Edit]])

    async def warm_up(self) -> None:
        """Do everything once, so that what is loaded at first use is there.

        As many of the largest files are open as ever are, so that later only what leaks takes more memory.
        """
        for source in sorted(sources(), key=lambda path: path.stat().st_size)[-MOST_OPEN:]:
            uri = self._opened(source)
            for _ in range(2):
                await self._edit(uri)
                self._ask(uri, self._place(uri))
                await self._answered()
        for uri in list(self._open):
            self._close(uri)
        for settings in SETTINGS:
            self.editor.settings = settings
            self.editor.connection.notify("workspace/didChangeConfiguration", {"settings": None})
        await self.editor.settled()

    async def work(self, seconds: float) -> None:
        """Type until the time is over, then finish what was begun."""
        end = anyio.current_time() + seconds
        while anyio.current_time() < end:
            await self._visit(end)
        await self._answered()
        assert not self.editor.connection.dead

    async def _visit(self, end: float) -> None:
        """Open a file or come back to one; type at some places of it; save it; perhaps close it."""
        uri = self._file()
        style = self.chance.choice([self._as_vscode, self._as_neovim])
        text = self.chance.choice(sources()).read_text("utf-8", "replace")
        for _ in range(self.chance.randint(1, 3)):
            offset = self._place(uri)
            first = self.chance.randrange(len(text))
            for key in text[first : first + self.chance.randint(20, 160)]:
                if anyio.current_time() > end:
                    return
                offset = await self._key(uri, offset, key, style)
            await self._answered()
            await self._after_typing(uri)
        self._leave(uri)

    def _file(self) -> str:
        if self._open and self.chance.random() < 0.4:
            return self.chance.choice(self._open)
        return self._opened(self.chance.choice(sources()))

    def _opened(self, source: Path) -> str:
        copy = self.folder / source.name
        if not copy.exists():
            copy.write_bytes(source.read_bytes())
        uri = copy.as_uri()
        if uri not in self._open:
            self.editor.open(uri, source.read_text("utf-8", "replace"), "python")
            self._open.append(uri)
            self.done["opened"] += 1
        return uri

    def _place(self, uri: str) -> int:
        document = self.editor.documents[uri]
        return document.line_end(self.chance.randrange(document.line_count))

    # Keys.

    async def _key(self, uri: str, offset: int, key: str, style: Any) -> int:
        """Type a key, ask, and wait as people do; returns where the cursor is then."""
        self.editor.change(uri, Edit(offset, offset, key))
        self.done["keys"] += 1
        offset += len(key)
        await style(uri, offset)
        await anyio.sleep(self.chance.uniform(*KEY_S))
        if key == "\n" and self.chance.random() < 0.3:
            await anyio.sleep(REST_S)
        if self.chance.random() < 0.03:
            offset = await self._look_at_ghost(uri, offset)
        return offset

    async def _as_vscode(self, uri: str, offset: int) -> None:
        """Ask at each key; the request before is cancelled."""
        if self._last in self._asked:
            self.editor.connection.notify("$/cancelRequest", {"id": self._last})
            self.done["cancelled"] += 1
        self._ask(uri, offset)

    async def _as_neovim(self, uri: str, offset: int) -> None:
        """Ask when no key has come for a while; nothing is cancelled."""
        if self.chance.random() < 0.1:
            await anyio.sleep(DEBOUNCE_S)
            self._ask(uri, offset)

    def _ask(self, uri: str, offset: int) -> None:
        self._collect()
        document = self.editor.documents[uri]
        position = lsp_position(document, offset, self.editor.encoding)
        params = {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": 2}}
        self._last = self.editor.connection.begin("textDocument/inlineCompletion", params)
        self._asked[self._last] = (uri, document, offset)
        self.done["asked"] += 1

    def _collect(self) -> tuple[Document, Edit] | None:
        """Take the answers that have come; returns the newest ghost text and the text it is for."""
        answers = self.editor.connection._answers
        ghost: tuple[Document, Edit] | None = None
        for number in [number for number in self._asked if answers[number] is not None]:
            _, document, offset = self._asked.pop(number)
            answer = answers.pop(number) or {}
            if "error" in answer:
                assert answer["error"]["code"] in OVERTAKEN, answer
            elif item := read_item(answer["result"]):
                self.done["answered"] += 1
                span = (offset, offset)
                if item[1]:
                    span = read_range(item[1], document, self.editor.encoding)
                ghost = (document, Edit(*span, item[0]))
        return ghost

    async def _answered(self) -> None:
        """Wait until every request has its answer."""
        answers = self.editor.connection._answers
        await self.editor.connection.until(
            lambda: all(answers[number] is not None for number in self._asked), ANSWER_S, "every answer"
        )
        self._collect()

    async def _look_at_ghost(self, uri: str, offset: int) -> int:
        """Wait for ghost text; accept it, or a word of it, or leave it; often take it back again."""
        await self._answered()
        self._ask(uri, offset)
        number = self._last
        answers = self.editor.connection._answers
        await self.editor.connection.until(lambda: answers[number] is not None, ANSWER_S, "ghost text")
        ghost = self._collect()
        if ghost is None or ghost[0] is not self.editor.documents[uri]:
            return offset
        return await self._accept(uri, ghost[1]) if self.chance.random() < 0.5 else offset

    async def _accept(self, uri: str, edit: Edit) -> int:
        old = self.editor.documents[uri].text[edit.start : edit.end]
        self.editor.change(uri, edit)
        self.done["accepted"] += 1
        after = edit.start + len(edit.new)
        if self.chance.random() < 0.5:
            return after
        await anyio.sleep(self.chance.uniform(*KEY_S))
        self.editor.change(uri, Edit(edit.start, after, old))
        self.done["undone"] += 1
        return edit.end

    # Between the keys.

    async def _after_typing(self, uri: str) -> None:
        self.editor.connection.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
        self.done["saved"] += 1
        if self.chance.random() < 0.5:
            await self._edit(uri)
        if self.chance.random() < 0.3:
            self._configure()

    async def _edit(self, uri: str) -> None:
        """Ask for the code actions at a place, run one, and take its change back."""
        before = self.editor.documents[uri]
        offset = self._place(uri)
        action, instruction = self.chance.choice([("document", ""), ("instruct", "Add two numbers.")])
        outcome = await self.editor.edit(uri, offset, offset, action, instruction)
        self.editor._edits.clear()
        self.done[f"edits {outcome.state}"] += 1
        if outcome.after != outcome.before:
            now = self.editor.documents[uri]
            self.editor.change(uri, Edit(0, len(now), before.text))
            self.done["undone"] += 1

    def _configure(self) -> None:
        """Change the settings, by a push or by a hint to ask for them."""
        self.editor.settings = self.chance.choice(SETTINGS)
        pushed = {"spark": self.editor.settings} if self.chance.random() < 0.5 else None
        self.editor.connection.notify("workspace/didChangeConfiguration", {"settings": pushed})
        self.done["configured"] += 1

    def _leave(self, uri: str) -> None:
        if len(self._open) >= MOST_OPEN or self.chance.random() < 0.4:
            self._close(uri)

    def _close(self, uri: str) -> None:
        self._open.remove(uri)
        self.editor.connection.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
        del self.editor.documents[uri]
        self.done["closed"] += 1
