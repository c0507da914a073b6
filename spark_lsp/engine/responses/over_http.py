"""Requests to a service without the WebSocket: `POST`, answered by server-sent events.

Nothing is stored at the service, so there is nothing to continue: each request has its complete input. A
server may answer with one JSON object instead of a stream.
"""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from typing import Any

import httpx
import msgspec

from spark_lsp.answer_events import Chunk, Event
from spark_lsp.engine.openai import errors
from spark_lsp.engine.openai.http import Http, ResponseTimeouts, close
from spark_lsp.engine.responses.errors import RefusedError, make_refused_error
from spark_lsp.engine.responses.events import PublicEvent, Refusal, ResponseReader, decode, read_refusal
from spark_lsp.engine.sse import EventParser, EventTooLong
from spark_lsp.errors import RemoteProtocolError


class OverHttp:
    """Sends requests to `url`; `now` is Unix time, for dates in a service's headers."""

    def __init__(self, name: str, url: str, http: Http, now: Callable[[], float]) -> None:
        self._name = name
        self._url = url
        self._http = http
        self._now = now

    async def events(
        self, body: dict[str, Any], reader: ResponseReader, timeouts: ResponseTimeouts
    ) -> AsyncGenerator[Event, None]:
        """Send a request and give the events of its answer. Raises `EngineError`."""
        response = await self._http.send("POST", self._url, timeouts, {**body, "stream": True})
        try:
            if response.status_code != 200:
                raise await self._raise_refusal(response)
            async with aclosing(self._read(response, reader, timeouts)) as events:
                async for event in events:
                    yield event
        finally:
            await close(response)

    async def _raise_refusal(self, response: httpx.Response) -> RefusedError:
        error, body = await self._http.refusal(response)
        refusal = Refusal(response.status_code)
        with suppress(ValueError, RecursionError, msgspec.ValidationError):
            said = read_refusal(msgspec.convert(json.loads(body), type=PublicEvent))
            refusal = Refusal(response.status_code, said.code, said.message, said.param)
        return RefusedError(error, refusal)

    async def _read(
        self, response: httpx.Response, reader: ResponseReader, timeouts: ResponseTimeouts
    ) -> AsyncGenerator[Event, None]:
        kind = response.headers.get("content-type", "")
        if "json" not in kind and "event-stream" not in kind:
            raise errors.make_no_stream_error(self._name, kind)
        parse = _whole_parser() if "json" in kind else _stream_parser()
        async with aclosing(self._http.body(response, timeouts)) as pieces:
            async for piece in pieces:
                for event in self._parse(parse, piece):
                    events = reader.feed(event)
                    if reader.is_sign(event) or any(isinstance(each, Chunk) for each in events):
                        timeouts.restart()
                    for each in events:
                        yield each
                    if reader.has_ended:
                        break
                if reader.has_ended:
                    break
        if reader.refusal is not None:
            raise make_refused_error(self._name, reader.refusal, self._now())
        if not reader.has_ended:
            raise errors.make_broken_off_error(self._name)

    def _parse(self, parse: "Parse", piece: bytes) -> list[PublicEvent]:
        try:
            return parse(piece)
        except (RemoteProtocolError, EventTooLong) as error:
            raise errors.make_invalid_event_error() from error


Parse = Callable[[bytes], list[PublicEvent]]


def _stream_parser() -> Parse:
    parser = EventParser()

    def parse(piece: bytes) -> list[PublicEvent]:
        return [decode(event.data) for event in parser.feed(piece) if event.data != "[DONE]"]

    return parse


def _whole_parser() -> Parse:
    """Return a parser of one JSON object, which is complete when it can be read."""
    whole = bytearray()

    def parse(piece: bytes) -> list[PublicEvent]:
        whole.extend(piece)
        try:
            response = json.loads(whole)
        except ValueError:
            return []
        return [PublicEvent("response.completed", response=response)]

    return parse
