"""An engine behind OpenAI's HTTP interface: vLLM, SGLang, llama.cpp, Ollama, Cerebras and their like.

    open ─▶ a server that is well ─▶ look: model, context, slots (once) ─▶ openai_calls: the request
      ─▶ POST, a stream of events ─▶ Started, Chunk*, Finished

Leaving an answer closes its stream, which is how such servers learn that nobody listens. Every wait has an
end: for the connection, for the first token, for each further one; and an answer that will not end is ended.
What fails before its first token may be asked of another server of the same model, if the budget of retries
allows.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from spark_lsp.config import OpenAIEngine
from spark_lsp.engine import openai_calls as calls
from spark_lsp.engine import openai_errors as errors
from spark_lsp.engine.health import Health
from spark_lsp.engine.keys import key_of
from spark_lsp.engine.openai_calls import Call, Piece, Target
from spark_lsp.engine.openai_http import CONNECT_S, LARGEST_LIST, Http, Patience, close
from spark_lsp.engine.openai_servers import Server, choose, only_model
from spark_lsp.engine.sse import Parser, TooLong
from spark_lsp.errors import EngineError
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Focus, Request, Started, Timing, Usage
from spark_lsp.supervise import run_guarded

CHARS_A_TOKEN = 64  # more than any token has, on average: what says more has more tokens than pieces
NOT_ITS_FAULT = ("context_length_exceeded",)
NO_SUCH_PATH = (404, 405, 501)
WARM_S = 60.0  # seconds after which a connection to a service far away is worth warming again


@dataclass(slots=True)
class _Told:
    """What the stream has said of the answer besides its text."""

    asked: float
    first: float = 0.0
    last: float = 0.0
    tokens: int = 0
    characters: int = 0
    finish: str = ""
    usage: Usage | None = None
    times: dict[str, float] = field(default_factory=dict[str, float])

    def heard(self, piece: Piece) -> None:
        self.finish = piece.finish or self.finish
        self.usage = piece.usage or self.usage
        self.times = piece.times or self.times
        if piece.text:
            self.last = time.monotonic()
            self.first = self.first or self.last
            self.tokens += 1
            self.characters += len(piece.text)

    def beyond(self, tokens: int) -> bool:
        """Whether more has come than was asked for: each piece of text is a token at least."""
        return self.tokens > tokens or self.characters > tokens * CHARS_A_TOKEN

    def finished(self, *, cut: bool) -> Finished:
        first = self.first or time.monotonic()
        timing = Timing(prefill_ms=(first - self.asked) * 1e3, decode_ms=max(self.last - first, 0.0) * 1e3)
        if self.times:  # the server's own clock, in seconds
            queue, prompt, completion = (
                self.times.get(f"{part}_time", 0.0) * 1e3 for part in ("queue", "prompt", "completion")
            )
            timing = Timing(queue, prompt, completion)
        reason = "length" if cut or self.finish in ("length", "max_tokens") else "stop"
        used = self.usage or Usage()  # an answer that was left early has none, or only the prompt's
        return Finished(
            reason, used if used.output_tokens else replace(used, output_tokens=self.tokens), timing
        )


class OpenAI:
    """`kind = "openai"`: see the module's text."""

    def __init__(self, name: str, settings: OpenAIEngine, now: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._settings = settings
        self._now = now
        urls = dict.fromkeys(url.rstrip("/") for url in (settings.base_url, *settings.base_urls) if url)
        self._servers = [Server(url) for url in urls]
        self._budget = Health()
        keep = settings.flavour != "llamacpp"  # which closes kept connections unasked
        self._http = Http(name, self._key, self._budget.may_retry, keep=keep)
        self._warming: asyncio.Task[None] | None = None
        self._warmed = -WARM_S

    @property
    def info(self) -> EngineInfo:
        """Who this is; it is off where it cannot be asked at all."""
        known = next((server for server in self._servers if server.model), None)
        model = self._settings.model or (known.model if known else "")
        context = self._context(known)
        info = EngineInfo(self._name, "openai", model, context_tokens=context)
        why = self._why_off()
        return info if why is None else replace(info, state="off", reason=str(why))

    def _why_off(self) -> EngineError | None:
        if not self._servers:
            return EngineError(
                f"The engine {self._name!r} has no address",
                "It is passed over",
                f"Set `base_url` of engines.{self._name}",
                code="engine_unavailable",
            )
        if wrong := next((each.url for each in self._servers if not each.is_http), None):
            shown = wrong.rsplit("@")[-1][:80]
            return EngineError(
                f"The engine {self._name!r} has an address that is none: {shown!r}",
                "It is passed over",
                f"Set `base_url` of engines.{self._name} to one such as http://127.0.0.1:8000/v1, "
                "without a user name or password",
                code="engine_unavailable",
            )
        try:
            self._key()
        except EngineError as error:
            return error
        return None

    def _key(self) -> str:
        return key_of(self._name, self._settings.key_env, self._settings.key_file)

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer a request."""
        return self._open(request)

    @asynccontextmanager
    async def _open(self, request: Request) -> AsyncGenerator[AsyncIterator[Event], None]:
        if why := self._why_off():
            raise why
        async with aclosing(self._answer(request)) as events:
            yield events

    def observe(self, focus: Focus) -> None:
        """Nothing is read ahead: a server reads faster than a person rests, and each reading costs.

        But a service far away is told to keep a connection warm, where it offers that.
        """
        due = time.monotonic() - self._warmed >= WARM_S
        if self._settings.flavour == "cerebras" and due and self._why_off() is None:
            self._warmed = time.monotonic()
            warming = run_guarded(self._warm, self._servers[0])
            self._warming = asyncio.get_running_loop().create_task(warming)

    async def _warm(self, server: Server) -> None:
        with suppress(EngineError):
            patience = Patience(CONNECT_S, CONNECT_S)
            response = await self._http.send("GET", f"{server.url}/tcp_warming", patience)
            await self._http.whole(response, patience, LARGEST_LIST)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await self._http.aclose()

    # One answer.

    async def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer from a server; from another one if it fails before it says anything."""
        self._budget.asked(self._now())
        server, tried = self._first(request), list[Server]()
        begun = spoken = False
        while True:
            tried.append(server)
            try:
                async with aclosing(self._asked(server, request)) as events:
                    async for event in events:
                        spoken = spoken or isinstance(event, Chunk)
                        if not (begun and isinstance(event, Started)):
                            yield event
                        begun = True
                return
            except EngineError as error:
                following = choose(self._servers, request.origin, tried, self._now())
                again = error.code not in NOT_ITS_FAULT and following is not None
                if spoken or not again or not self._budget.may_retry():
                    raise
                assert following is not None
                server = following

    def _first(self, request: Request) -> Server:
        now = self._now()
        if server := choose(self._servers, request.origin, (), now):
            return server
        raise errors.wants_a_pause(self._name, min(each.health.wants(now) for each in self._servers))

    async def _asked(self, server: Server, request: Request) -> AsyncGenerator[Event, None]:
        """Answer from one server, and note how it fared."""
        server.health.asked(self._now())
        try:
            async with aclosing(self._told(server, request)) as events:
                async for event in events:
                    if isinstance(event, Chunk | Finished):  # whoever asked may leave when it is enough
                        server.health.answered()
                    yield event
        except EngineError as error:
            if error.code not in NOT_ITS_FAULT:
                plain = error.code in ("engine_silent", "answer_broke_off")
                server.health.failed(self._now(), error.what, error.retry_after, plain=plain)
            raise
        finally:
            server.health.gave_up()

    async def _told(self, server: Server, request: Request) -> AsyncGenerator[Event, None]:
        patience = Patience(self._settings.first_token_s, self._settings.next_token_s)
        told = _Told(time.monotonic())
        await self._look(server, patience)
        call = calls.call_of(request, self._target(server))
        yield Started(self._name, server.model, call.format)
        if request.warm:  # nothing is read ahead, see `observe`; the connection is there now
            yield Finished()
            return
        response = await self._posted(server, call, patience)
        if response is None:
            server.infills = False
            call = calls.call_of(request, self._target(server))
            response = await self._posted(server, call, patience)
            assert response is not None
        try:
            async with aclosing(self._read(response, call, told, patience)) as events:
                async for event in events:
                    yield event
        finally:
            await close(response)

    def _target(self, server: Server) -> Target:
        family = calls.family_of(server.model, self._settings.fim) if server.infills else ""
        return Target(server.model, self._settings.flavour, family, self._context(server), server.slots)

    def _context(self, server: Server | None) -> int:
        told = self._settings.context_tokens or (server.context_tokens if server else 0)
        return told or calls.UNTOLD_CONTEXT.get(self._settings.flavour, 0)

    async def _posted(self, server: Server, call: Call, patience: Patience) -> httpx.Response | None:
        """Send a call and return its response, a stream of events; None if the server knows chats only."""
        response = await self._http.send("POST", server.url + call.path, patience, call.body)
        if response.status_code != 200:
            refusal = await self._http.refusal(response)
            if call.infills and self._only_chats(response.status_code):
                return None
            raise refusal
        kind = response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            await close(response)
            raise errors.no_stream(self._name, kind)
        return response

    def _only_chats(self, status: int) -> bool:
        """Whether a refusal may mean that prompts are not understood; Ollama says so with 400."""
        return status in NO_SUCH_PATH or (status == 400 and self._settings.flavour == "ollama")

    async def _read(
        self, response: httpx.Response, call: Call, told: _Told, patience: Patience
    ) -> AsyncGenerator[Event, None]:
        """Give the text as it may be passed on, and the end."""
        cut = False
        async with aclosing(self._pieces(response, told, patience)) as pieces:
            async for piece in pieces:
                if shown := call.reply.feed(piece.text):
                    yield Chunk(_ends(shown, call.eol))
                cut = told.beyond(call.max_tokens) and not told.finish
                if call.reply.done or cut:
                    break
        if rest := call.reply.finish():
            yield Chunk(_ends(rest, call.eol))
        yield told.finished(cut=cut and not call.reply.done)

    async def _pieces(
        self, response: httpx.Response, told: _Told, patience: Patience
    ) -> AsyncGenerator[Piece, None]:
        """Give what the stream says. Raises `EngineError` if it ends before the answer does."""
        stream = Parser()
        async with aclosing(self._http.body(response, patience)) as chunks:
            async for chunk in chunks:
                for data in self._events(stream, chunk):
                    if data.strip() == "[DONE]":
                        return
                    piece = calls.piece_of(data)
                    told.heard(piece)
                    if piece.text or piece.alive:
                        patience.heard()
                    yield piece
        if not told.finish:
            raise errors.broke_off(self._name)

    def _events(self, stream: Parser, chunk: bytes) -> list[str]:
        try:
            return [event.data for event in stream.feed(chunk)]
        except TooLong as error:
            raise errors.no_stream(self._name, "an event without end") from error

    # What a server serves.

    async def listed(self) -> list[tuple[str, dict[str, int] | EngineError]]:
        """Return what each server lists, models with their context; for `doctor`."""
        found = list[tuple[str, dict[str, int] | EngineError]]()
        for server in self._servers:
            patience = Patience(CONNECT_S, CONNECT_S)
            try:
                listed = calls.served_of(await self._got(f"{server.url}/models", patience))
                found.append((server.url, listed))
            except EngineError as error:
                found.append((server.url, error))
        return found

    async def _look(self, server: Server, patience: Patience) -> None:
        """Learn once what a server serves, where the settings do not say."""
        server.model = server.model or self._settings.model
        llama = self._settings.flavour == "llamacpp"
        if server.looked or (server.model and self._settings.context_tokens and not llama):
            return
        served = await self._served(server, patience)
        server.model = server.model or only_model(self._name, served)
        server.context_tokens = served.get(server.model, 0)
        if llama:
            with suppress(EngineError):  # it may be switched off
                server.slots = calls.slots_of(await self._got(f"{server.root}/props", patience))
        server.looked = True

    async def _served(self, server: Server, patience: Patience) -> dict[str, int]:
        """Return the models that a server lists, with the tokens they read where it says so."""
        try:
            return calls.served_of(await self._got(f"{server.url}/models", patience))
        except EngineError as error:
            if server.model and not isinstance(error.__cause__, httpx.HTTPError | OSError):
                return {}  # some servers list nothing; then the settings' word counts
            raise

    async def _got(self, url: str, patience: Patience) -> Any:
        response = await self._http.send("GET", url, patience)
        if response.status_code != 200:
            raise await self._http.refusal(response)
        try:
            return json.loads(await self._http.whole(response, patience, LARGEST_LIST))
        except (ValueError, RecursionError) as error:
            raise errors.no_list(self._name) from error


def _ends(text: str, eol: str) -> str:
    return text if eol == "\n" else text.replace("\r\n", "\n").replace("\n", eol)
