"""One answer of one server: post the request, read the stream, give events.

If a server refuses a field of the request, with status 400 or 422, we send the request again without it, and
never send that field to it again. Each refusal removes at least one field, and there are few, so this ends.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import anyio
import httpx

from spark_lsp.answer_events import Chunk, Event, Finished, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.config import OpenAISettings
from spark_lsp.engine.confidence import Confidence
from spark_lsp.engine.openai import calls, errors
from spark_lsp.engine.openai.calls import Call, Target
from spark_lsp.engine.openai.events import AnswerReader, Piece
from spark_lsp.engine.openai.fields import SYSTEM, refused_fields
from spark_lsp.engine.openai.http import Http, ResponseTimeouts, close
from spark_lsp.engine.openai.loading import LoadingCall
from spark_lsp.engine.openai.servers import Server
from spark_lsp.errors import EngineError
from spark_lsp.prompts.thinking import AfterThinkingFilter
from spark_lsp.request import Request

CHARS_A_TOKEN = 64  # more than any token has, on average: what says more has more tokens than pieces
MOST_THOUGHTS = 32_768  # pieces of thinking, after which an answer is ended
MOST_REFUSALS = 6  # of fields, for one request
NO_SUCH_PATH = (404, 405, 501)
LOADING_POLL_S = 0.5
CUT = ("length", "max_tokens", "model_length", "max_output_tokens")
FILTERED = ("content_filter", "safety", "recitation", "sensitive", "prohibited_content", "blocklist")
FAILED = ("error", "abort", "aborted", "network_error", "insufficient_system_resource")


@dataclass(slots=True)
class _Progress:
    """What the stream has said of the answer besides its text."""

    asked: float
    first: float = 0.0
    last: float = 0.0
    tokens: int = 0
    thoughts: int = 0
    characters: int = 0
    healed: int = 0  # characters at the beginning of the text that are known
    confidence: Confidence = field(default_factory=Confidence)
    finish: str = ""
    usage: Usage | None = None
    times: dict[str, float] = field(default_factory=dict[str, float])

    def note_piece(self, piece: Piece) -> None:
        self.finish = piece.finish.lower() or self.finish
        self.usage = piece.usage or self.usage
        self.times = piece.times or self.times
        self.thoughts += piece.thinks
        if piece.text:
            self.last = time.monotonic()
            self.first = self.first or self.last
            self.tokens += 1
            self.characters += len(piece.text)
        if self.characters > self.healed:
            for logprob in piece.logprobs:
                self.confidence.add(logprob)

    def exceeds_limit(self, tokens: int) -> bool:
        """Whether more has come than we wanted: each piece of text is at least one token."""
        much = self.tokens > tokens or self.characters > tokens * CHARS_A_TOKEN
        return much or self.thoughts > MOST_THOUGHTS

    def measure_reading(self, server: Server) -> None:
        """Include the time to the first text in the server's pace, if it has reported its tokens."""
        if self.usage is not None and self.first and not self.thoughts:
            read_s = self.times.get("prompt_time") or self.first - self.asked
            server.note_reading(self.usage.input_tokens - self.usage.cached_tokens, read_s)

    def make_finished(self, *, cut: bool) -> Finished:
        first = self.first or time.monotonic()
        timing = Timing(prefill_ms=(first - self.asked) * 1e3, decode_ms=max(self.last - first, 0.0) * 1e3)
        if self.times:  # the server's own clock, in seconds
            queue, prompt, completion = (
                self.times.get(f"{part}_time", 0.0) * 1e3 for part in ("queue", "prompt", "completion")
            )
            timing = Timing(queue, prompt, completion)
        used = self.usage or Usage()  # an answer that was left early has none, or only the prompt's
        used = used if used.output_tokens else replace(used, output_tokens=self.tokens)
        return Finished("length" if cut or self.finish in CUT else "stop", used, timing)


class Exchange:
    """One request and its response, on a connection or carried by a `LoadingCall`."""

    def __init__(self, http: Http, response: httpx.Response, loading: LoadingCall | None = None) -> None:
        self._http = http
        self._loading = loading
        self.response = response

    def body(self, timeouts: ResponseTimeouts) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes."""
        if self._loading is not None:
            return self._loading.body(timeouts)
        return self._http.body(self.response, timeouts)

    async def close(self) -> None:
        """Close it, which is how such servers learn that nobody listens; never raises."""
        if self._loading is not None:
            self._loading.leave()
        else:
            await close(self.response)


class Asker:
    """Asks a server; see the module's text. `target` describes a server for the next call."""

    def __init__(
        self, name: str, settings: OpenAISettings, http: Http, target: Callable[[Server], Target]
    ) -> None:
        self._name = name
        self._settings = settings
        self._http = http
        self._target = target
        self._loading: dict[Server, LoadingCall] = {}

    async def aclose(self) -> None:
        """End the requests that wait for a model to be loaded."""
        for loading in self._loading.values():
            await loading.aclose()

    async def answer(
        self, server: Server, request: Request, timeouts: ResponseTimeouts
    ) -> AsyncGenerator[Event, None]:
        """Give the text as it may be passed on, and the end. Raises `EngineError`."""
        progress = _Progress(time.monotonic())
        call, exchange = await self._post_until_accepted(server, request, timeouts)
        progress.healed = call.healed
        try:
            async with aclosing(self._read_events(server, exchange, call, progress, timeouts)) as events:
                async for event in events:
                    yield event
        finally:
            progress.measure_reading(server)
            await exchange.close()

    # Asking.

    async def _post_until_accepted(
        self, server: Server, request: Request, timeouts: ResponseTimeouts
    ) -> tuple[Call, Exchange]:
        """Send the request until the server takes it. Raises `EngineError` if it does not."""
        refusals = 0
        loads = self._settings.flavour == "ollama"
        while True:
            call = calls.call_of(request, self._target(server))
            try:
                exchange = await self._send_request(server, call, timeouts)
            except EngineError as error:
                if loads and error.code == Code.ENGINE_SILENT:
                    raise errors.make_loading_error(self._name, server.model) from error
                raise
            if exchange.response.status_code == 200:
                return call, exchange
            error, body = await self._http.refusal(exchange.response)
            if error.code == Code.ENGINE_LOADING:
                await self._wait_for_model(server, error, timeouts)
                loads = True
                continue
            server.loading_since = None
            refusals += 1
            learned = self._learn_from_refusal(server, call, exchange.response.status_code, error, body)
            if refusals > MOST_REFUSALS or not learned:
                raise error

    async def _send_request(self, server: Server, call: Call, timeouts: ResponseTimeouts) -> Exchange:
        url = server.endpoint(call.path)
        await self._wait_for_loading(server, timeouts)
        if not server.may_load(time.monotonic(), self._settings.flavour):
            return Exchange(self._http, await self._http.send("POST", url, timeouts, call.body))
        loading = LoadingCall(self._name, self._http, server, url, call.body)
        self._loading[server] = loading
        try:
            return Exchange(self._http, await loading.response(timeouts), loading)
        except BaseException:
            loading.leave()
            raise

    async def _wait_for_loading(self, server: Server, timeouts: ResponseTimeouts) -> None:
        """Wait while another request has the server load its model."""
        while (loading := self._loading.get(server)) is not None and not loading.settled.is_set():
            began = time.monotonic()
            try:
                with anyio.fail_after(timeouts.left_s):
                    await loading.settled.wait()
            except TimeoutError as error:
                raise timeouts.make_timeout_error(self._name) from error
            finally:
                timeouts.spend(time.monotonic() - began)

    async def _wait_for_model(self, server: Server, error: EngineError, timeouts: ResponseTimeouts) -> None:
        """Pause before the next request to a server that loads its model. Raises `error` if time is up."""
        server.loading_since = server.loading_since or time.monotonic()
        if timeouts.left_s <= LOADING_POLL_S:
            raise error
        await anyio.sleep(LOADING_POLL_S)
        timeouts.spend(LOADING_POLL_S)

    def _learn_from_refusal(
        self, server: Server, call: Call, status: int, error: EngineError, body: bytes
    ) -> bool:
        """Learn from a refusal; return whether to send the request again, in another way."""
        if error.code == Code.CONTEXT_LENGTH_EXCEEDED:
            return False
        sent = [*call.body, *(SYSTEM for turn in call.body.get("messages", ()) if turn["role"] == SYSTEM)]
        refused = refused_fields(body, sent) if status in (400, 422) else frozenset[str]()
        if new := refused - server.refuses:
            server.refuses |= new
            return True
        if call.infills and (status in NO_SUCH_PATH or (status == 400 and self._sends_parts_apart(server))):
            server.infills = False
            return True
        return False

    def _sends_parts_apart(self, server: Server) -> bool:
        """Whether prefix and suffix went apart: then 400 may mean that the model cannot fill in."""
        return server.flavour(self._settings.flavour) in ("ollama", "mistral", "deepseek")

    # Reading.

    async def _read_events(
        self, server: Server, exchange: Exchange, call: Call, progress: _Progress, timeouts: ResponseTimeouts
    ) -> AsyncGenerator[Event, None]:
        cut = said = False
        async with aclosing(self._read_pieces(server, exchange, progress, timeouts)) as pieces:
            async for piece in pieces:
                if shown := call.reply.feed(piece.text):
                    said = said or bool(shown.strip())
                    yield Chunk(use_line_ends(shown, call.eol), progress.confidence.value)
                cut = progress.exceeds_limit(_limit_tokens(call)) and not progress.finish
                if call.reply.done or cut:
                    break
        if rest := call.reply.finish():
            said = said or bool(rest.strip())
            yield Chunk(use_line_ends(rest, call.eol), progress.confidence.value)
        self._note_thinking(server, call, progress, said=said)
        yield progress.make_finished(cut=cut and not call.reply.done)

    def _note_thinking(self, server: Server, call: Call, progress: _Progress, *, said: bool) -> None:
        """Remember that the model thinks. Raises `EngineError` for an answer that is not one."""
        thought = progress.thoughts > 0 or _has_thought(call)
        server.separates = server.separates or progress.thoughts > 0
        server.thinks = server.thinks or thought
        if progress.finish in FILTERED:
            raise errors.make_filter_error(self._name)
        if progress.finish in FAILED:
            raise errors.make_broken_off_error(self._name)
        if thought and not said:
            raise errors.make_only_thought_error(self._name)

    async def _read_pieces(
        self, server: Server, exchange: Exchange, progress: _Progress, timeouts: ResponseTimeouts
    ) -> AsyncGenerator[Piece, None]:
        """Give what the stream says. Raises `EngineError` if it ends before the answer does."""
        reader = AnswerReader(self._name, exchange.response.headers.get("content-type", ""))
        async with aclosing(_all_pieces(reader, exchange.body(timeouts))) as pieces:
            async for piece in pieces:
                progress.note_piece(piece)
                if piece.text or piece.alive:
                    timeouts.restart()
                    server.answered(time.monotonic())
                yield piece
        if not (progress.finish or reader.done):
            raise errors.make_broken_off_error(self._name)


async def _all_pieces(reader: AnswerReader, body: AsyncGenerator[bytes, None]) -> AsyncGenerator[Piece, None]:
    async with aclosing(body) as chunks:
        async for chunk in chunks:
            for piece in reader.feed(chunk):
                yield piece
            if reader.done:
                return
    for piece in reader.finish():
        yield piece


def _has_thought(call: Call) -> bool:
    return isinstance(call.reply, AfterThinkingFilter) and call.reply.thinking.removed_thinking


def _limit_tokens(call: Call) -> int:
    """Return the bound of the text that may come, thinking included."""
    return call.max_tokens + MOST_THOUGHTS * _has_thought(call)


def use_line_ends(text: str, eol: str) -> str:
    """Return `text` with the line ends `eol`."""
    return text if eol == "\n" else text.replace("\r\n", "\n").replace("\n", eol)
