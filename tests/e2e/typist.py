"""A person at an editor that shows growing ghost text, on raw pipes: what they do, and what they would see.

The editor keeps each version of its text, so it can say of any message what was typed since. What it shows
is checked after every message: shown text is only extended, trimmed or removed while nothing is typed, and
typing takes letters off its front or removes it. Each request must be answered once.
"""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.pipe import Pipe
from tests.patience import PATIENCE

CONTENT_MODIFIED, CANCELLED = -32801, -32800


def position(text: str, offset: int) -> dict[str, int]:
    """An offset as LSP counts it: lines, and UTF-16 units in the line."""
    line = text.count("\n", 0, offset)
    before = text[text.rfind("\n", 0, offset) + 1 : offset]
    return {"line": line, "character": len(before.encode("utf-16-le")) // 2}


def offset(text: str, at: dict[str, int]) -> int:
    """The offset of a position."""
    start = 0
    for _ in range(at["line"]):
        start = text.index("\n", start) + 1
    line = text[start:].split("\n", 1)[0].encode("utf-16-le")
    return start + len(line[: at["character"] * 2].decode("utf-16-le"))


@dataclass(frozen=True)
class Offer:
    """A suggestion as the server said it: text for a range of one version."""

    token: int
    version: int
    start: int
    end: int
    text: str


@dataclass
class Typist:
    """See the module's text."""

    pipe: Pipe
    uri: str
    text: str
    cursor: int
    growing: bool = True  # whether the client hears of growth
    version: int = 1
    changed_in: int = 1  # the last version that came of more than typing
    versions: dict[int, str] = field(default_factory=dict[int, str])
    offer: Offer | None = None
    open_tokens: set[int] = field(default_factory=set[int])  # those that may still grow
    tokens: list[int] = field(default_factory=list[int])  # all that were heard of, in order
    waiting: set[str] = field(default_factory=set[str])
    asked: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    answered: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    screen: list[str] = field(default_factory=list[str])  # everything that was shown, each once in a row
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.versions[1] = self.text
        self.pipe.open(self.text, self.uri, language="plaintext")  # any text is right in it

    # What the person does.

    def splice(self, start: int, end: int, new: str) -> None:
        """Change the text; the cursor ends behind the new text."""
        before = self.shown
        at = {"start": position(self.text, start), "end": position(self.text, end)}
        self.version += 1
        self.pipe.change(self.version, {"range": at, "text": new}, uri=self.uri)
        typed = start == end == self.cursor
        self.text, self.cursor = self.text[:start] + new + self.text[end:], start + len(new)
        self.versions[self.version] = self.text
        if not typed:
            self.changed_in = self.version
        if before and typed:
            assert self.shown == (before[len(new) :] if before.startswith(new) else "")
        elif not self.shown.endswith(before):  # less of it was typed: more of it is left
            assert self.shown == ""
        if self.offer is not None and self.rest_of(self.offer) is None:
            self.offer = None  # contradicted: undoing that does not bring it back
        self._look()

    def type(self, new: str) -> None:
        """Type at the cursor."""
        self.splice(self.cursor, self.cursor, new)

    def move(self, cursor: int) -> None:
        """Move the cursor."""
        self.cursor = cursor
        self._look()

    def ask(self) -> str:
        """Ask for ghost text, as an editor does at each key; the older requests are overtaken.

        What does not fit any more is gone by then: no editor shows it again if its place comes back.
        """
        if self.offer is not None and self.rest_of(self.offer) is None:
            self.offer = None
        identity = f"{self.uri}#{next(self.numbers)}"
        at = position(self.text, self.cursor)
        self.waiting.add(identity)
        self.asked[identity] = (self.version, self.cursor)
        self.pipe.complete(identity, at["line"], at["character"], self.uri)
        return identity

    def cancel(self, identity: str) -> None:
        """Cancel a request."""
        self.pipe.send(method="$/cancelRequest", params={"id": identity})

    def accept(self) -> None:
        """Take what is shown."""
        offer = self.offer
        assert offer is not None
        assert self.shown
        self.splice(self.cursor, self.cursor + offer.end - offer.start, self.shown)

    # What they see.

    @property
    def shown(self) -> str:
        """The ghost text on screen."""
        return "" if self.offer is None else self.rest_of(self.offer) or ""

    def rest_of(self, offer: Offer) -> str | None:
        """What of an offer is left after what was typed since; None if something else was done."""
        typed = self.typed_since(offer.version, offer.start)
        return offer.text[len(typed) :] if typed is not None and offer.text.startswith(typed) else None

    def typed_since(self, version: int, start: int) -> str | None:
        """What was typed at a place of an earlier version; None if anything else was changed."""
        base = self.versions[version]
        typed = self.text[start : self.cursor]
        return typed if self.text == base[:start] + typed + base[start:] and self.cursor >= start else None

    def _look(self) -> None:
        if not self.screen or self.screen[-1] != self.shown:
            self.screen.append(self.shown)

    # What they hear.

    def pump(self, condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
        """Listen until a condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0, f"not within {seconds} s; waiting for {self.waiting}, shown {self.screen[-5:]}"
            self._take(self.pipe.read(left))

    def settle(self) -> None:
        """Wait until all requests are answered and nothing grows any more."""
        self.pump(lambda: not self.waiting and not self.open_tokens)

    def listen(self, seconds: float) -> None:
        """Hear what is said within so many seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self.pipe.readable(left):
                self._take(self.pipe.read())

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "spark/inlineCompletion":
            self._grown(message["params"])
        elif "method" in message:
            if "id" in message:
                self.pipe.send(id=message["id"], result=None)
        else:
            self._answer(message)

    def _grown(self, params: dict[str, Any]) -> None:
        if params["uri"] != self.uri:
            return  # another document's, of a test before this one
        token, item = params["token"], params["item"]
        if token not in self.tokens:
            assert params["seq"] == 0
            self.tokens.append(token)
        assert token == self.tokens[-1], "an answer grows after its follower has begun"
        (self.open_tokens.discard if params["done"] else self.open_tokens.add)(token)
        if item is None:
            self._show(None)
        else:
            self._show(self._offer(item, params["version"]))

    def _answer(self, message: dict[str, Any]) -> None:
        identity = message["id"]
        assert identity in self.waiting, f"{identity} was answered twice"
        self.waiting.remove(identity)
        self.answered[identity] = message
        if "error" in message:
            assert message["error"]["code"] in (CONTENT_MODIFIED, CANCELLED), message
            return
        version, cursor = self.asked[identity]
        if version < self.changed_in:
            return  # about a text that was changed since, though it may read the same again
        for item in message["result"]["items"]:
            offer = self._offer(item, version)
            assert offer.start == cursor
            if offer.token not in self.tokens:
                self.tokens.append(offer.token)
            self._given(offer)

    def _given(self, offer: Offer) -> None:
        """Take an answer; where the same answer has grown meanwhile, the two must agree."""
        grown = self.offer
        if not self.growing or grown is None or grown.token != offer.token:
            self._show(offer)
        elif self.rest_of(grown) is not None:
            known, given = self.rest_of(grown) or "", self.rest_of(offer) or ""
            assert known.startswith(given) or given.startswith(known), (known, given)

    def _offer(self, item: dict[str, Any], version: int) -> Offer:
        text = self.versions[version]
        start, end = (offset(text, item["range"][key]) for key in ("start", "end"))
        command = item["command"]
        assert command["command"] == "spark.accept"
        return Offer(command["arguments"][0]["token"], version, start, end, item["insertText"])

    def _show(self, offer: Offer | None) -> None:
        before, self.offer = self.shown, offer
        now = self.shown
        assert now.startswith(before) or before.startswith(now), f"{before!r} became {now!r}"
        self._look()
