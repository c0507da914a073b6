"""A simulated wafer-scale machine: another engine's tokens, played when that machine would have sent them.

The timing is that of `simulate/wafer.py`. One schedule is fixed when an answer begins: the first token after
the overhead and the reading of the uncached part of the prompt, then one burst per pass. No token is early;
late tokens are sent at once, so delays do not add up. If the source is slower than the machine, the answer
reports that (`source_limited`). With `buffer`, the source is read to its end first; that time is reported
separately as `buffer_ms`.

A token is a chunk of the source, or four characters of a chunk that is longer than a token can be.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import replace

from msgspec import UNSET

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.codes import Code
from spark_lsp.config import Profile, WaferSettings
from spark_lsp.engine.base import Engine
from spark_lsp.engine.beside import MOST_TOKENS, choose_beside_tokens
from spark_lsp.engine.guard import reasoning_timeout_of
from spark_lsp.engine.metered.engine import remove_meter
from spark_lsp.engine.wafer.machines import wafer_of
from spark_lsp.engine.wafer.play import TOLERANCE, Memory, Play, sleep_until, tokens_in
from spark_lsp.errors import ConfigError, EngineError
from spark_lsp.prompts.context_files import list_context_files
from spark_lsp.prompts.window import choose_window
from spark_lsp.request import AROUND, BESIDE, EngineInfo, Focus, PartKind, Request, Task
from spark_lsp.simulate.cache import CHARS_PER_TOKEN, PromptCache, keys_of, tokens_of
from spark_lsp.simulate.wafer import Wafer as Machine

ANSWER_TOKENS = 1024  # context memory kept for an answer whose bound nobody gave
WINDOWS = 100  # documents whose window is remembered

FindEngine = Callable[[str], Engine | None]


class WaferEngine:
    """`kind = "wafer"`: see the module's text. `find` looks up an engine by name."""

    def __init__(
        self,
        name: str,
        settings: WaferSettings,
        find: FindEngine,
        own: Mapping[str, Profile] | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._find = find
        self._users = settings.users
        self._windows: dict[str, str] = {}  # by origin: the prefix read last, where the text is cut
        self._note = ""  # about a source that was too slow, for the last answer
        self._machine: Machine | None = None
        self._trouble = ""
        try:
            self._start(wafer_of(settings.profile, own or {}))
        except ConfigError as error:
            self._trouble = str(error)

    def _start(self, machine: Machine) -> None:
        rate = self._settings.tokens_per_s
        self._machine = machine.at(rate) if rate else machine
        self._memory = Memory(machine.kv_tokens)
        blocks = machine.kv_tokens // machine.cache_block_tokens
        self._cache = PromptCache(machine.cache_block_tokens, machine.cache_s, blocks)

    @property
    def info(self) -> EngineInfo:
        """The simulated machine, in the state of its source."""
        try:
            machine, source = self._simulated(), self._source().info
        except EngineError as error:
            model = self._machine.model if self._machine else ""
            return EngineInfo(
                self._name, "wafer", model, simulated=True, state="off", reason=str(error), code=error.code
            )
        return EngineInfo(
            self._name,
            "wafer",
            machine.model,
            simulated=True,
            context_tokens=machine.context_tokens,
            prefill_tokens_per_s=machine.prefill_tokens_per_s,
            beside_budget=_beside_tokens(machine, source) or UNSET,
            state=source.state,
            reason=source.reason or self._note,
            code=source.code,
            source=self._settings.source,
            free=source.free,
        )

    @property
    def reasoning_timeout_s(self) -> float:
        """That of the source, whose model may reason before its first token."""
        return reasoning_timeout_of(self._source())

    def _simulated(self) -> Machine:
        if self._machine is None:
            raise _make_unusable_error(self._name, self._trouble)
        return self._machine

    def _source(self) -> Engine:
        """Return the source. Raises `EngineError` if it is missing or leads back to this engine."""
        chain, seen = [self._name], list[Engine]([self])
        name, engine = self._settings.source, self._find(self._settings.source)
        found = engine
        while isinstance(engine := remove_meter(engine), WaferEngine):
            chain.append(name)
            if engine in seen:
                raise _make_unusable_error(
                    self._name, f"Its source leads back to itself: {' → '.join(chain)}"
                )
            seen.append(engine)
            name = engine._settings.source
            engine = engine._find(name)
        if found is None or engine is None:
            raise _make_unusable_error(self._name, f"Its source is missing: there is no engine {name!r}")
        return found

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer with the source's tokens at the machine's pace."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        async with aclosing(self._answer(request)) as events:
            yield events

    async def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        machine, source = self._simulated(), self._source()
        kept = request.max_tokens or min(ANSWER_TOKENS, machine.context_tokens // 4)
        prompt = self._prompt(request, machine.context_tokens - kept)
        tokens = tokens_of(prompt)
        need = tokens + kept
        asked = time.monotonic()
        await self._memory.take(need)
        self._users += 1
        try:
            queued = time.monotonic()
            keys = keys_of(prompt, machine.cache_block_tokens)
            cached = self._cache.take(keys, tokens, queued)
            play = Play(machine, self._users, self._settings.seed, Usage(tokens, 0, cached), asked, queued)
            async with (
                source.open(replace(request, model="")) as events,
                aclosing(self._play_events(events, play)) as played,
            ):
                async for event in played:
                    yield event
        finally:
            self._users -= 1
            self._memory.give(need)

    def _prompt(self, request: Request, room: int) -> str:
        """Return what the machine would read, in `room` tokens: of the text around the place what fits."""
        fixed, prefix, suffix = parts_of(request)
        left = room * CHARS_PER_TOKEN - len(fixed) - len(request.instruction)
        beside = "".join(path + text for path, text in list_context_files(request, max(left, 0) // 2))
        left -= len(beside)
        if left < 0:
            wanted = tokens_of(fixed + request.instruction) + self._simulated().context_tokens - room
            raise _too_long(self._name, wanted, self._simulated().context_tokens)
        if len(prefix) + len(suffix) > left:
            around = choose_window(prefix, suffix, left, self._windows.get(request.origin, ""))
            prefix, suffix = around.prefix, around.suffix
            if len(self._windows) >= WINDOWS:
                self._windows.clear()
            self._windows[request.origin] = prefix
        return beside + fixed + suffix + prefix + request.instruction

    async def _play_events(self, events: AsyncIterator[Event], play: Play) -> AsyncGenerator[Event, None]:
        if self._settings.buffer:
            held = [event async for event in events]
            play.buffered(time.monotonic())
            events = _replay_events(held)
        while True:
            wanted = time.monotonic()
            event = await anext(events, None)
            if isinstance(event, Started):
                yield Started(self._name, play.machine.model, event.format, simulated=True)
            elif isinstance(event, Chunk):
                for token in tokens_in(event.text):
                    await play.wait_for_next(wanted)
                    yield Chunk(token, event.confidence)
            elif isinstance(event, Finished):
                if not play.usage.output_tokens:
                    await sleep_until(play.begun)  # an empty answer still takes the time to read the prompt
                self._note = self._note_limit(play)
                yield play.finished(event)
                return
            else:
                return

    def _note_limit(self, play: Play) -> str:
        """Return a note if the source, not the simulated machine, determined the answer's time."""
        if play.buffer_s > TOLERANCE * play.prompt_s:
            return f"buffered its source {self._settings.source!r} first: {play.buffer_s:.1f} s"
        if not play.limited:
            return ""
        true = play.usage.output_tokens / max(play.last - play.asked, 1e-9)
        return (
            f"its source {self._settings.source!r} is slower than the simulated machine ({true:.0f} of "
            f"{play.machine.tokens_per_s:.0f} tokens/s); set buffer = true for the simulated pace"
        )

    def observe(self, focus: Focus) -> None:
        """Pass the hint to the source, whose warmth is real."""
        if self.info.state != "off":
            self._source().observe(focus)

    async def aclose(self) -> None:
        """The source is not ours to close."""


def parts_of(request: Request) -> tuple[str, str, str]:
    """Return a request's text in three parts: the text that must not be cut, the prefix and the suffix.

    The context of a completion is in none of them.

    The prompt has the suffix before the prefix, like the embedded model's: typing then only adds to its end,
    and the rest stays in the prompt cache.
    """
    cut = (*AROUND, *BESIDE) if request.task is Task.COMPLETE else AROUND
    texts = (*(turn.text for turn in request.history), *(p.text for p in request.parts if p.kind not in cut))
    return "".join(texts), request.text_of(PartKind.PREFIX), request.text_of(PartKind.SUFFIX)


def _beside_tokens(machine: Machine, source: EngineInfo) -> int:
    """Return the budget for context beside the document: the source reads it too, unless it is a replay."""
    own = choose_beside_tokens(machine.context_tokens, machine.prefill_tokens_per_s, MOST_TOKENS)
    return own if source.kind == "replay" else min(own, source.beside_tokens)


async def _replay_events(events: Iterable[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


def _make_unusable_error(name: str, what: str) -> EngineError:
    return EngineError(
        what.rstrip("."),
        f"Engine {name!r} is not available",
        f"Correct engines.{name} in your settings",
        code=Code.ENGINE_UNAVAILABLE,
    )


def _too_long(name: str, tokens: int, limit: int) -> EngineError:
    return EngineError(
        f"The request needs {tokens:,} tokens; the machine that engine {name!r} simulates has {limit:,}",
        "Nothing was changed",
        "Select less code, or use another engine",
        code=Code.CONTEXT_LENGTH_EXCEEDED,
    )
