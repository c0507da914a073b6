"""An engine behind the Responses API: OpenAI, xAI, Azure, LocalAI, or the gateway of a colleague.

    open ─▶ upstream: the one WebSocket ─▶ a gateway of spark-lsp: mirrors, cancel (`spark.v1`)
                │                        └▶ a service: fork the document's base, a few hundred bytes a key
                └▶ no WebSocket there: the same request by POST, its answer by server-sent events

An attempt that fails before its first text is repeated once for each cause that the next attempt avoids: a
base that the service has lost, a connection at its limit or lost, a field that the service refuses.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import replace
from typing import Any

from msgspec import UNSET

from spark_lsp.answer_events import Chunk, Draft, Event, Finished, Started, Usage
from spark_lsp.codes import Code
from spark_lsp.config import ResponsesSettings
from spark_lsp.engine.base import ReportUsage
from spark_lsp.engine.beside import UNKNOWN_PACE_TOKENS, choose_beside_tokens
from spark_lsp.engine.circuit_breaker import RetryBudget
from spark_lsp.engine.gateway_client.socket import Socket
from spark_lsp.engine.openai.http import Http, ResponseTimeouts
from spark_lsp.engine.opening import open_answer
from spark_lsp.engine.responses import calls
from spark_lsp.engine.responses.address import address_of
from spark_lsp.engine.responses.answer import Answer
from spark_lsp.engine.responses.attempt import Attempt
from spark_lsp.engine.responses.connection import Outgoing
from spark_lsp.engine.responses.creates import Call
from spark_lsp.engine.responses.credentials import Credentials
from spark_lsp.engine.responses.dialing import NoWebSocket, open_service
from spark_lsp.engine.responses.errors import RefusedError
from spark_lsp.engine.responses.events import ResponseReader
from spark_lsp.engine.responses.line import Exchange, Line, Owner, Patience
from spark_lsp.engine.responses.obstacles import find_obstacle
from spark_lsp.engine.responses.over_http import OverHttp
from spark_lsp.engine.responses.standing import Standing, refuses_key
from spark_lsp.engine.responses.steers import SteerError
from spark_lsp.engine.responses.upstream import Limits, Upstream
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Priority, Request
from spark_lsp.supervise import run_guarded

WITHOUT_WEBSOCKET_S = 3600.0  # before the WebSocket is tried again


class ResponsesEngine:
    """`kind = "responses"`: see the module's text.

    Without `offers_spark`, a gateway of spark-lsp is used as a service like any other.
    """

    def __init__(
        self,
        name: str,
        settings: ResponsesSettings,
        limits: Limits | None = None,
        *,
        offers_spark: bool = True,
    ) -> None:
        self._offers_spark = offers_spark
        self._name = name
        self._settings = settings
        self._address = address_of(settings.base_url)
        self._standing = Standing()
        self._credentials = Credentials(name, settings, self._address)
        self._budget = RetryBudget()
        self._refused: frozenset[str] = frozenset()
        self._model = settings.model  # as the service names it
        self._thinks = False
        self._no_websocket = ""  # the reason, while requests go over HTTP
        self._try_again_at = 0.0
        self._report_usage: ReportUsage = lambda _model, _usage: None
        owner = Owner(self._make_body, self._note_failure, self._note_usage)
        patience = Patience(settings.first_token_s, settings.next_token_s)
        self._upstream = Upstream(
            name, self._open_socket, patience, limits or Limits(), owner, self._prepare_successor
        )
        http = Http(name, self._credentials.http_headers, self._budget.spend_retry, keep=True)
        self._http = http
        self._over_http = OverHttp(name, self._address.http, http, time.time)

    # The state.

    @property
    def info(self) -> EngineInfo:
        """The engine's model, transport and state; `off` if its settings or its key cannot work."""
        is_free = self._address.is_near and not (self._settings.key_env or self._settings.key_file)
        info = EngineInfo(
            self._name,
            "responses",
            self._settings.model,
            context_tokens=self._settings.context_tokens,
            beside_budget=self._beside_tokens or UNSET,
            free=is_free or UNSET,
            note=self._note,
        )
        obstacle = self._find_obstacle()
        problem = obstacle or self._standing.problem
        if problem is None:
            return info
        pauses = obstacle is None or obstacle.code == Code.RATE_LIMIT_EXCEEDED
        return replace(info, state="degraded" if pauses else "off", reason=str(problem), code=problem.code)

    @property
    def _note(self) -> str:
        """The transport in use, and the model that answers if it is another one than the settings name."""
        notes: list[str] = []
        if self._no_websocket:
            notes.append(f"over HTTP, because {self._no_websocket}")
        elif (line := self._upstream.line) is not None:
            notes.append("over the WebSocket" + (" (spark.v1)" if line.gateway is not None else ""))
        wanted = self._settings.model
        if wanted and not self._model.startswith(wanted):
            notes.append(f"the service answers with the model {self._model[:60]!r}")
        return "; ".join(notes)

    @property
    def reasoning_timeout_s(self) -> float:
        """Seconds for the first token if the model has been seen to reason, else 0."""
        return (self._settings.first_token_s or math.inf) if self._thinks else 0.0

    @property
    def _beside_tokens(self) -> int:
        if self._settings.beside_tokens is not None:
            return self._settings.beside_tokens
        return choose_beside_tokens(self._settings.context_tokens, 0.0, UNKNOWN_PACE_TOKENS)

    def _find_obstacle(self) -> EngineError | None:
        """Return why no request may be sent now: the settings, the key, or a pause."""
        if error := find_obstacle(self._name, self._settings, self._address):
            return error
        try:
            key = self._credentials.digest(fresh=self._standing.problem is not None)
        except EngineError as error:
            return error
        return self._standing.obstacle(key, time.monotonic())

    # The key and the connection.

    async def _open_socket(self) -> Socket:
        return await open_service(
            self._name, self._address, self._credentials.header, offers_spark=self._offers_spark
        )

    async def _line(self) -> Line | None:
        """Return the connection; None if the service has no WebSocket."""
        if self._no_websocket and time.monotonic() < self._try_again_at:
            return None
        try:
            line = await self._upstream.connect()
        except NoWebSocket as error:
            self._no_websocket = error.reason
            self._try_again_at = time.monotonic() + WITHOUT_WEBSOCKET_S
            return None
        self._no_websocket = ""
        return line

    def _make_body(self, call: Call) -> dict[str, Any]:
        return call.body(self._settings.model, self._refused)

    def report_usage_to(self, report: ReportUsage) -> None:
        """Call `report` with the tokens of bases, which are prepared outside of requests."""
        self._report_usage = report

    def _note_usage(self, model: str, usage: Usage) -> None:
        self._report_usage(model or self._settings.model, usage)

    async def _prepare_successor(self, old: Line, new: Line) -> None:
        """Prepare the document in use on the next connection, before that one gets requests."""
        if (latest := old.bases.latest) is not None:
            uri, lineage = latest
            if (preparing := new.bases.prepare(uri, lineage.text, lineage.language)) is not None:
                await asyncio.wait([preparing])

    # Requests.

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer a request."""
        return open_answer(self._find_obstacle, lambda: self._answer(request))

    async def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer in one attempt, or in another one after a failure that it avoids."""
        self._budget.earn_share()
        answer = Answer(self._name, request, self._settings.model)
        attempt = Attempt()
        has_succeeded = False
        while True:
            try:
                source = await self._open_source(request, answer, attempt)
                async with aclosing(source) as events:
                    async for event in events:
                        if not has_succeeded and not isinstance(event, Started):
                            has_succeeded = True
                            self._standing.note_success()
                        yield event
                return
            except EngineError as error:
                if answer.has_text or not self._recovers(error, request, attempt):
                    self._note_failure(error)
                    raise

    def _note_failure(self, error: EngineError) -> None:
        if refuses_key(error):
            self._no_websocket = ""  # the handshake with the next key may succeed
        again = time.time() + error.retry_after
        clock = time.strftime("%H:%M:%S", time.localtime(again))
        with suppress(EngineError):
            key = self._credentials.digest()
            self._standing.note_failure(self._name, error, key, time.monotonic(), clock)

    async def _open_source(
        self, request: Request, answer: Answer, attempt: Attempt
    ) -> AsyncGenerator[Event, None]:
        attempt.line = line = await self._line()
        if line is not None and line.gateway is not None:
            return self._read_gateway(line, request, answer)
        if request.warm:
            return self._warm(line, request, answer)
        return self._read_service(line, request, answer, attempt)

    async def _warm(self, line: Line | None, request: Request, answer: Answer) -> AsyncGenerator[Event, None]:
        """Prepare the document of a request that wants no text."""
        for event in answer.start():
            yield event
        if line is not None and calls.fits(request, self._settings):
            text = calls.document_text(request)
            if (preparing := line.bases.prepare(request.origin, text, request.language)) is not None:
                await asyncio.wait([preparing])
        yield Finished()

    async def _read_gateway(
        self, line: Line, request: Request, answer: Answer
    ) -> AsyncGenerator[Event, None]:
        """Give the answer of another gateway, which knows our tasks and formats."""
        exchange = await line.send_to_gateway(replace(request, model=self._settings.model))
        try:
            async with aclosing(exchange.events()) as events:
                async for event in events:
                    if isinstance(event, Started):
                        yield replace(event, engine=self._name)
                    elif not isinstance(event, Draft):  # our gateway has its own
                        answer.has_text = answer.has_text or isinstance(event, Chunk)
                        yield event
        finally:
            exchange.close()

    async def _read_service(
        self, line: Line | None, request: Request, answer: Answer, attempt: Attempt
    ) -> AsyncGenerator[Event, None]:
        """Give the answer of a service, over its WebSocket or over HTTP."""
        reader = ResponseReader()
        exchange = None if line is None else await self._send(line, request, attempt, reader)
        try:
            if exchange is not None:
                source = exchange.events()
            else:
                source = self._read_http(await self._make_request(None, request, attempt), reader)
            async with aclosing(answer.read(source, reader)) as events:
                async for event in events:
                    yield event
        finally:
            self._model = reader.model or self._model
            self._thinks = self._thinks or reader.reasoning_tokens > 0
            if line is not None and exchange is not None:
                line.leave(request, exchange)

    async def _send(self, line: Line, request: Request, attempt: Attempt, reader: ResponseReader) -> Exchange:
        """Send a request over the WebSocket: steer the response that it adds to, or begin a new one."""
        if attempt.steers and (steered := await line.steer(request, reader)) is not None:
            return steered
        body = await self._make_request(line, request, attempt)
        exchange = await line.send_public(request.task, Outgoing(body, reader=reader))
        if request.priority is Priority.INTERACTIVE:  # others are about a text that may never be
            line.bases.follow(request.origin)
        return exchange

    async def _make_request(self, line: Line | None, request: Request, attempt: Attempt) -> dict[str, Any]:
        """Return the fields of a request, which continues the document's base if there is one."""
        beside = self._beside_tokens
        fork = None
        if line is not None and not attempt.full_text and calls.fits(request, self._settings):
            fork = await line.bases.fork(
                request.origin,
                calls.document_text(request),
                request.language,
                calls.steady_context(request, beside),
            )
        if fork is None and (why := self._find_obstacle()):  # learned from the base
            raise why
        call = calls.call_of(request, self._settings, beside, fork, whole=attempt.full_text)
        body = self._make_body(call)
        attempt.sent = frozenset(body)
        return body

    def _read_http(self, body: dict[str, Any], reader: ResponseReader) -> AsyncGenerator[Event, None]:
        timeouts = ResponseTimeouts(self._settings.first_token_s, self._settings.next_token_s)
        return self._over_http.events(body, reader, timeouts)

    def _recovers(self, error: EngineError, request: Request, attempt: Attempt) -> bool:
        """Return whether another attempt avoids the cause of a failure, once per cause."""
        if isinstance(error, SteerError):
            attempt.steers = False
            return attempt.spend("steer")
        if isinstance(error, RefusedError):
            if error.ends_connection and attempt.line is not None:
                self._upstream.drop(attempt.line)
            new = error.refused_of(attempt.sent) - self._refused
            self._refused |= new
            return bool(new) or attempt.avoids(error, request.origin)
        if attempt.line is None or error.code != Code.ANSWER_BROKE_OFF:
            return False
        self._upstream.drop(attempt.line)  # it was lost, or its only lane waits for a cancelled response
        return self._budget.spend_retry() and attempt.spend("loss")

    def observe(self, focus: Focus) -> None:
        """Prepare the document in which the cursor rests, unless the settings say otherwise."""
        if not self._settings.prewarm or self._find_obstacle() is not None:
            return
        if len(focus.text) <= calls.room_of(self._settings):
            self._upstream.begin(run_guarded(self._prepare_focus, focus))

    async def _prepare_focus(self, focus: Focus) -> None:
        try:
            line = await self._line()
        except EngineError as error:
            self._note_failure(error)
            return
        if line is not None and line.public is not None:
            line.bases.prepare(focus.uri, focus.text, focus.language)

    # The rest.

    async def probe(self) -> str:
        """Connect without sending code, for `doctor`; return the transport. Raises `EngineError`."""
        if why := self._find_obstacle():
            raise why
        await self._line()
        return self._note

    async def aclose(self) -> None:
        """Close all connections."""
        await self._upstream.aclose()
        await self._http.aclose()
