"""One request to a server that may have to load its model first, as Ollama and LM Studio do.

Such a server loads the model for the first request, which takes seconds to minutes, and stops loading when
that request is closed. A user who types on leaves one request after the other, so the model would never be
loaded. A `LoadingCall` therefore runs in a separate task: when its reader leaves before the server has
answered, it stays open until the first sign of an answer, and closes then. One at a time: other requests wait
for it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import anyio
import httpx

from spark_lsp.engine.openai import errors
from spark_lsp.engine.openai.events import AnswerReader
from spark_lsp.engine.openai.http import Http, ResponseTimeouts, close
from spark_lsp.engine.openai.servers import LONGEST_LOAD_S, Server
from spark_lsp.errors import EngineError

WAITING_CHUNKS = 64  # read ahead of the reader
STILL_LOADING = 503


class LoadingCall:
    """See the module's text."""

    def __init__(self, name: str, http: Http, server: Server, url: str, body: Any) -> None:
        self._name = name
        self._http = http
        self._server = server
        self._left = False
        self._response: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._read = asyncio.Event()
        self._end_of_body: EngineError | None = None
        self._loads_on = False
        self._task = asyncio.create_task(self._run_request(url, body))
        self.settled = asyncio.Event()  # the server has answered, or it will not
        server.loading_since = server.loading_since or time.monotonic()

    async def _run_request(self, url: str, body: Any) -> None:
        """Send the request and read its response for as long as somebody needs it."""
        end: EngineError | None = errors.make_broken_off_error(self._name)
        try:
            response = await self._http.send(
                "POST", url, ResponseTimeouts(LONGEST_LOAD_S, LONGEST_LOAD_S), body
            )
            await self._take_response(response)
            end = None
        except EngineError as error:
            end = error
        finally:
            self._end_request(end)

    async def _take_response(self, response: httpx.Response) -> None:
        """Hand the response over. One that is an error is closed by its reader."""
        refused = response.status_code != 200
        self._loads_on = response.status_code == STILL_LOADING
        self._response.set_result(response)
        try:
            if not refused:
                await self._pass_body_on(response)
        finally:
            if self._left or not refused:
                await close(response)

    def _end_request(self, error: EngineError | None) -> None:
        """Wake the reader and the requests that wait."""
        if not self._loads_on:
            self._server.loading_since = None
        self.settled.set()
        if not self._response.done():
            self._response.set_exception(error or errors.make_broken_off_error(self._name))
            self._response.exception()  # mark it as seen: its reader may have left
        self._end_of_body = error
        self._chunks.put_nowait(None)

    async def _pass_body_on(self, response: httpx.Response) -> None:
        """Pass the body on; once nobody reads it, only until the server has answered."""
        reader = AnswerReader(self._name, response.headers.get("content-type", ""))
        async with aclosing(
            self._http.body(response, ResponseTimeouts(LONGEST_LOAD_S, LONGEST_LOAD_S))
        ) as chunks:
            async for chunk in chunks:
                if not self.settled.is_set() and any(
                    p.text or p.alive or p.finish for p in reader.feed(chunk)
                ):
                    self._server.answered(time.monotonic())
                    self.settled.set()
                if not self._left:
                    await self._pass_chunk_on(chunk)
                elif self.settled.is_set():
                    return

    async def _pass_chunk_on(self, chunk: bytes) -> None:
        """Pass a chunk on as soon as the reader has room for it."""
        self._chunks.put_nowait(chunk)
        while self._chunks.qsize() > WAITING_CHUNKS and not self._left:
            self._read.clear()
            await self._read.wait()

    async def response(self, timeouts: ResponseTimeouts) -> httpx.Response:
        """Return the response once its headers are there. Raises `EngineError`."""
        began = time.monotonic()
        try:
            with anyio.fail_after(timeouts.left_s):
                return await asyncio.shield(self._response)
        except TimeoutError as error:
            raise timeouts.make_timeout_error(self._name) from error
        finally:
            timeouts.spend(time.monotonic() - began)

    async def body(self, timeouts: ResponseTimeouts) -> AsyncGenerator[bytes, None]:
        """Give the body as it comes. Raises `EngineError`."""
        while True:
            began = time.monotonic()
            try:
                with anyio.fail_after(timeouts.left_s):
                    chunk = await self._chunks.get()
            except TimeoutError as error:
                raise timeouts.make_timeout_error(self._name) from error
            self._read.set()
            timeouts.spend(time.monotonic() - began)
            if chunk is not None:
                yield chunk
            elif self._end_of_body is not None:
                raise self._end_of_body
            else:
                return

    def leave(self) -> None:
        """Stop reading. The request ends now if the server has answered, else as soon as it does."""
        self._left = True
        if self.settled.is_set():
            self._task.cancel()
        self._read.set()

    async def aclose(self) -> None:
        """End the request in any case."""
        self._left = True
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([self._task])
