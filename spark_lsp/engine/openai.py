"""An engine behind OpenAI's HTTP interface: vLLM, SGLang, llama.cpp, Ollama, Cerebras and their like.

One HTTP client for life. Leaving an answer closes its stream, which is how such servers learn that nobody
listens. Every wait has an end: for the connection, for the first token, for each further one; and an answer
that will not end is ended. With several servers of one model, a document stays with one of them, whose prompt
cache then serves it, as long as that one is well.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import httpx

from spark_lsp.config import OpenAIEngine
from spark_lsp.engine import openai_calls as calls
from spark_lsp.engine import openai_errors as errors
from spark_lsp.engine.health import Health
from spark_lsp.engine.keys import key_of
from spark_lsp.engine.openai_calls import Call, Piece
from spark_lsp.engine.sse import EventStream
from spark_lsp.errors import EngineError
from spark_lsp.request import Chunk, EngineInfo, Event, Finished, Focus, Request, Started, Timing, Usage

CONNECT_S, CLOSE_S = 5.0, 2.0
LARGEST_ERROR = 64 * 1024  # bytes read of a response that is an error
WARM_S = 60.0  # seconds for which a connection stays warm
TOO_MUCH = 2  # times the tokens that were asked for, after which an answer is ended


@dataclass(slots=True)
class _Server:
    """One of the servers, what it says it serves, and how it has fared."""

    url: str
    health: Health = field(default_factory=Health)
    model: str = ""
    context_tokens: int = 0


@dataclass(slots=True)
class _Told:
    """What the stream has said of the answer besides its text."""

    asked: float
    first: float = 0.0
    last: float = 0.0
    tokens: int = 0
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

    def finished(self) -> Finished:
        first = self.first or time.monotonic()
        timing = Timing(prefill_ms=(first - self.asked) * 1e3, decode_ms=max(self.last - first, 0.0) * 1e3)
        if self.times:  # the server's own clock, in seconds
            queue, prompt, completion = (
                self.times.get(f"{part}_time", 0.0) * 1e3 for part in ("queue", "prompt", "completion")
            )
            timing = Timing(queue, prompt, completion)
        reason = "length" if self.finish in ("length", "max_tokens") else "stop"
        return Finished(reason, self.usage or Usage(0, self.tokens), timing)


class OpenAI:
    """`kind = "openai"`: see the module's text."""

    def __init__(self, name: str, settings: OpenAIEngine) -> None:
        self._name = name
        self._settings = settings
        urls = [url for url in (settings.base_url, *settings.base_urls) if url]
        self._servers = [_Server(url.rstrip("/")) for url in urls]
        self._client: httpx.AsyncClient | None = None
        self._health = Health()  # for its budget of retries
        self._warming: asyncio.Task[None] | None = None
        self._warmed = -WARM_S

    @property
    def info(self) -> EngineInfo:
        """Who this is; it is off where it cannot be asked at all."""
        known = next((server for server in self._servers if server.model), None)
        model = self._settings.model or (known.model if known else "")
        context = self._settings.context_tokens or (known.context_tokens if known else 0)
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

        Cerebras offers to have the connection made and kept warm, without a word of the text.
        """
        now = time.monotonic()
        if self._settings.flavour == "cerebras" and now - self._warmed > WARM_S and not self._why_off():
            self._warmed = now
            self._warming = asyncio.get_running_loop().create_task(self._warm())

    async def _warm(self) -> None:
        with suppress(EngineError, httpx.HTTPError):
            response = await self._sent(self._servers[0], "GET", "/tcp_warming")
            await response.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        if self._warming is not None:
            self._warming.cancel()
        client, self._client = self._client, None
        if client is not None:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_S):
                await client.aclose()

    # One answer.

    async def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        server = self._server_for(request)
        try:
            await self._look(server)
            call = self._call(request, server)
            told = _Told(time.monotonic())
            yield Started(self._name, server.model, call.format)
            async with aclosing(self._events(server, call, told)) as events:
                async for event in events:
                    yield event
        except EngineError as error:
            if error.code != "context_length_exceeded":
                server.health.failed(time.monotonic(), error.what, error.retry_after)
            raise
        server.health.answered()

    def _call(self, request: Request, server: _Server) -> Call:
        family = calls.family_of(server.model, self._settings.fim)
        context = self._settings.context_tokens or server.context_tokens
        return calls.call_of(request, server.model, self._settings.flavour, family, context)

    async def _events(self, server: _Server, call: Call, told: _Told) -> AsyncGenerator[Event, None]:
        async with aclosing(self._pieces(server, call, told)) as pieces:
            async for piece in pieces:
                told.heard(piece)
                shown = call.reply.feed(piece.text) if call.path == "/completions" else piece.text
                if shown:
                    yield Chunk(_ends(shown, call.eol))
                if call.reply.done or told.tokens > call.max_tokens * TOO_MUCH:
                    break
        if rest := call.reply.finish() if call.path == "/completions" else "":
            yield Chunk(_ends(rest, call.eol))
        yield told.finished()

    async def _pieces(self, server: _Server, call: Call, told: _Told) -> AsyncGenerator[Piece, None]:
        response = await self._post(server, call)
        stream = EventStream()
        try:
            async with aclosing(self._bytes(response, told)) as chunks:
                async for chunk in chunks:
                    for data in stream.feed(chunk):
                        if data.strip() == "[DONE]":
                            return
                        yield calls.piece_of(data)
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_S), suppress(Exception):
                await response.aclose()
        if stream.rest or not told.finish:
            raise errors.broke_off(self._name)

    async def _bytes(self, response: httpx.Response, told: _Told) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes; each wait has its end."""
        chunks = aiter(response.aiter_raw())
        while True:
            patience = self._settings.next_token_s if told.tokens else self._settings.first_token_s
            chunk = b""
            try:
                with anyio.fail_after(patience):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise errors.silent(self._name, patience, begun=told.tokens > 0) from error
            except (httpx.HTTPError, OSError) as error:
                raise errors.broke_off(self._name) from error
            yield chunk

    # HTTP.

    async def _post(self, server: _Server, call: Call) -> httpx.Response:
        """Send the call and return its response, once it is known to be a stream of events."""
        response = await self._sent(server, "POST", call.path, call.body)
        if response.status_code != 200:
            raise await self._refusal(response)
        kind = response.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            await response.aclose()
            raise errors.no_stream(self._name, kind)
        return response

    async def _sent(self, server: _Server, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request; once more if a kept connection turned out to have been closed."""
        headers = {"Authorization": f"Bearer {key}"} if (key := self._key()) else {}
        while True:
            request = self._http().build_request(method, server.url + path, json=body, headers=headers)
            try:
                with anyio.fail_after(self._settings.first_token_s):
                    return await self._http().send(request, stream=True)
            except TimeoutError as error:
                raise errors.silent(self._name, self._settings.first_token_s) from error
            except httpx.RemoteProtocolError as error:
                if not self._health.may_retry():
                    raise errors.unreachable(self._name) from error
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                raise errors.unreachable(self._name) from error

    async def _refusal(self, response: httpx.Response) -> EngineError:
        body = b""
        with suppress(httpx.HTTPError, OSError), anyio.move_on_after(CONNECT_S):
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > LARGEST_ERROR:
                    break
        with anyio.CancelScope(shield=True), anyio.move_on_after(CLOSE_S), suppress(Exception):
            await response.aclose()
        return errors.of_status(self._name, response.status_code, response.headers, body)

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            kept = 0 if self._settings.flavour == "llamacpp" else 20  # llama.cpp closes them unasked
            self._client = httpx.AsyncClient(
                http2=False,
                trust_env=False,
                follow_redirects=False,  # code goes where it was allowed to go, and nowhere else
                timeout=httpx.Timeout(None, connect=CONNECT_S, pool=CONNECT_S),
                limits=httpx.Limits(max_keepalive_connections=kept),
            )
        return self._client

    # Which server, and what it serves.

    def _server_for(self, request: Request) -> _Server:
        """Return the document's server, or the next that is well: rendezvous hashing by its origin."""
        now = time.monotonic()

        def rank(server: _Server) -> bytes:
            return hashlib.blake2b(f"{request.origin}\0{server.url}".encode(), digest_size=8).digest()

        ranked = sorted(self._servers, key=rank)
        chosen = next((server for server in ranked if server.health.allows(now)), ranked[0])
        chosen.health.asked(now)
        return chosen

    async def _look(self, server: _Server) -> None:
        """Learn once what a server serves, where the settings do not say."""
        server.model = server.model or self._settings.model
        if server.model and (self._settings.context_tokens or server.context_tokens):
            return
        served = await self._served(server)
        if not server.model:
            server.model = self._only(served)
        server.context_tokens = served.get(server.model, 0) or -1  # asked, and not told

    async def _served(self, server: _Server) -> dict[str, int]:
        """Return the models that a server lists, with the tokens they read where it says so."""
        try:
            response = await self._sent(server, "GET", "/models")
            if response.status_code != 200:
                raise await self._refusal(response)
            with anyio.fail_after(CONNECT_S):
                await response.aread()
            return calls.served_of(response.json())
        except (httpx.HTTPError, ValueError, TimeoutError) as error:
            raise errors.no_stream(self._name, "no list of models") from error
        except EngineError:
            if server.model:
                return {}  # some servers list nothing; then the settings' word counts
            raise

    def _only(self, served: dict[str, int]) -> str:
        if len(served) == 1:
            return next(iter(served))
        names = ", ".join(sorted(served)[:10])
        raise EngineError(
            f"The engine {self._name!r} serves {len(served)} models, and the settings name none",
            "It is passed over",
            f"Set `model` of engines.{self._name}" + (f" to one of: {names}" if names else ""),
            code="model_not_found",
        )


def _ends(text: str, eol: str) -> str:
    return text if eol == "\n" else text.replace("\r\n", "\n").replace("\n", eol)
