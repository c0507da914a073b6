"""An engine behind OpenAI's HTTP interface: vLLM, SGLang, llama.cpp, Ollama, Cerebras, Azure and their like.

    open ─▶ a server that is well ─▶ look: model, context, slots (once) ─▶ openai_answer: POST the call of
      openai_calls, read its stream with openai_events ─▶ Started, Chunk*, Finished

Leaving an answer closes its stream, which stops such servers. Every wait has a timeout: for the connection,
for the first token, for each further one. An answer that exceeds its limit is ended. If a server fails before
its first token, another server of the same model may answer, if the retry budget allows it.
"""

import asyncio
import json
import math
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
from msgspec import UNSET

from spark_lsp.answer_events import Event, Finished, Started
from spark_lsp.codes import Code
from spark_lsp.config import OpenAISettings
from spark_lsp.engine.beside import UNKNOWN_PACE_TOKENS, choose_beside_tokens
from spark_lsp.engine.circuit_breaker import RetryBudget
from spark_lsp.engine.failover import REQUEST_FAULTS, Candidate, Failure, failover
from spark_lsp.engine.openai import calls, errors
from spark_lsp.engine.openai.answer import Asker
from spark_lsp.engine.openai.calls import Target
from spark_lsp.engine.openai.events import served_of, slots_of
from spark_lsp.engine.openai.http import CONNECT_TIMEOUT_S, MAX_LIST_BYTES, Http, ResponseTimeouts
from spark_lsp.engine.openai.keys import key_of
from spark_lsp.engine.openai.servers import Server, are_own, choose, normal_url, only_model
from spark_lsp.engine.opening import open_answer
from spark_lsp.errors import EngineError
from spark_lsp.request import EngineInfo, Focus, Request
from spark_lsp.supervise import run_guarded

NEVER_KEYS = ("host", "connection", "content-length", "content-type", "transfer-encoding", "accept-encoding")
_HEADER = re.compile(r"[A-Za-z0-9-]*")
WARM_INTERVAL_S = 60.0  # seconds after which a connection to a service far away is worth warming again


class OpenAIEngine:
    """`kind = "openai"`: see the module's text."""

    def __init__(
        self, name: str, settings: OpenAISettings, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._settings = settings
        self._now = now
        urls = dict.fromkeys(normal_url(url) for url in (settings.base_url, *settings.base_urls) if url)
        self._servers = [Server(url) for url in urls]
        self._budget = RetryBudget()
        keep = settings.flavour != "llamacpp"  # which closes kept connections unasked
        self._http = Http(name, self._key_header, self._budget.spend_retry, keep=keep)
        self._asker = Asker(name, settings, self._http, self._target)
        self._warming: asyncio.Task[None] | None = None
        self._warmed = -WARM_INTERVAL_S

    @property
    def info(self) -> EngineInfo:
        """The engine's model and state; `off` if its settings cannot work."""
        known = next((server for server in self._servers if server.model), None)
        model = self._settings.model or (known.model if known else "")
        context = self._context(known)
        info = EngineInfo(
            self._name,
            "openai",
            model,
            context_tokens=context,
            free=are_own(self._servers, self._settings) or UNSET,
            beside_budget=self._beside_tokens(known) or UNSET,
        )
        if why := self._find_obstacle():
            return replace(info, state="off", reason=str(why), code=why.code)
        if all(server.loads(time.monotonic()) for server in self._servers):
            loading = errors.make_loading_error(self._name, model)
            return replace(info, state="starting", reason=str(loading), code=loading.code)
        return info

    @property
    def reasoning_timeout_s(self) -> float:
        """Seconds for the first token if the model is known to reason, else 0; see `base.ReasoningEngine`."""
        if not any(calls.may_reason(self._target(server)) for server in self._servers):
            return 0.0
        return self._settings.first_token_s or math.inf

    def _find_obstacle(self) -> EngineError | None:
        if not self._servers:
            return EngineError(
                f"Engine {self._name!r} has no address",
                errors.SKIPPED,
                f"Set `base_url` of engines.{self._name}",
                code=Code.ENGINE_UNAVAILABLE,
            )
        if wrong := next((each for each in self._servers if each.fault), None):
            shown = wrong.url.rsplit("@")[-1].partition("?")[0][:80]
            return EngineError(
                f"Engine {self._name!r}: the `base_url` {shown!r} {wrong.fault}",
                errors.SKIPPED,
                f"Set `base_url` of engines.{self._name} to a URL such as "
                "http://127.0.0.1:8000/v1; set the key with `key_env` or `key_file`",
                code=Code.ENGINE_UNAVAILABLE,
            )
        header = self._settings.key_header
        if not _HEADER.fullmatch(header) or header.lower() in NEVER_KEYS:
            return EngineError(
                f"Engine {self._name!r}: {header[:40]!r} is not a valid header name for an API key",
                errors.SKIPPED,
                f"Set `key_header` of engines.{self._name} to a name such as api-key, or remove it",
                code=Code.ENGINE_UNAVAILABLE,
            )
        try:
            self._key()
        except EngineError as error:
            return error
        return None

    def _key(self) -> str:
        return key_of(self._name, self._settings.key_env, self._settings.key_file)

    def _key_header(self, url: str) -> dict[str, str]:
        """Return the header that carries the key, if there is one, for a request to `url`."""
        key = self._key()
        name = self._settings.key_header or ("api-key" if Server(url).is_azure else "Authorization")
        value = f"Bearer {key}" if name.lower() == "authorization" else key
        return {name: value} if key else {}

    def open(self, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Answer a request."""
        return open_answer(self._find_obstacle, lambda: self._answer(request))

    def observe(self, focus: Focus) -> None:
        """Keep a connection to a remote service warm, if it supports that.

        The engine reads nothing in advance: a server reads faster than the user pauses, and each request
        costs.
        """
        due = time.monotonic() - self._warmed >= WARM_INTERVAL_S
        if self._settings.flavour == "cerebras" and due and self._find_obstacle() is None:
            self._warmed = time.monotonic()
            warming = run_guarded(self._warm_connection, self._servers[0])
            self._warming = asyncio.get_running_loop().create_task(warming)

    async def _warm_connection(self, server: Server) -> None:
        with suppress(EngineError):
            timeouts = ResponseTimeouts(CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S)
            response = await self._http.send("GET", server.endpoint("/tcp_warming"), timeouts)
            await self._http.read_whole(response, timeouts, MAX_LIST_BYTES)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])
        await self._asker.aclose()
        await self._http.aclose()

    # One answer.

    def _answer(self, request: Request) -> AsyncGenerator[Event, None]:
        """Answer from a server; from another one if that one fails before its first text."""
        self._budget.earn_share()
        return failover(self._candidates(request), self._now, _is_final, _last_error)

    def _candidates(self, request: Request) -> Iterator[Candidate]:
        """Give the servers to try. Raises `EngineError` if all servers have asked for a pause."""
        tried: list[Server] = []
        while server := choose(self._servers, request.origin, tried, self._now()):
            if tried and not self._budget.spend_retry():
                return
            tried.append(server)
            yield Candidate(self._name, server.breaker, partial(self._open_on, server, request))
        if not tried:
            wait_s = min(each.breaker.retry_wait_s(self._now()) for each in self._servers)
            raise errors.make_rate_limit_error(self._name, wait_s)

    def _open_on(self, server: Server, request: Request) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        return aclosing(self._read_answer(server, request))

    async def _read_answer(self, server: Server, request: Request) -> AsyncGenerator[Event, None]:
        timeouts = ResponseTimeouts(self._settings.first_token_s, self._settings.next_token_s)
        await self._discover_model(server, timeouts)
        yield Started(self._name, server.model, calls.call_of(request, self._target(server)).format)
        if request.warm:  # nothing is read ahead, see `observe`; the connection is there now
            yield Finished()
            return
        async with aclosing(self._asker.answer(server, request, timeouts)) as events:
            async for event in events:
                yield event

    def _target(self, server: Server) -> Target:
        flavour = server.flavour(self._settings.flavour)
        model = server.model or self._settings.model or server.deployment
        family = calls.family_of(model, self._settings.fim)
        apart = (flavour == "mistral" and bool(family)) or (flavour == "deepseek" and server.suffixes)
        return Target(
            model,
            flavour,
            family if server.infills and (flavour not in ("mistral", "deepseek") or apart) else "",
            self._context(server),
            server.slots,
            suffixes=apart and server.infills and self._settings.fim != "none",
            refuses=server.refuses,
            thinks=server.thinks,
            separates=server.separates,
            thinking_tokens=self._settings.thinking_tokens,
            beside_tokens=self._beside_tokens(server),
        )

    def _context(self, server: Server | None) -> int:
        told = self._settings.context_tokens or (server.context_tokens if server else 0)
        return told or calls.UNTOLD_CONTEXT.get(self._settings.flavour, 0)

    def _beside_tokens(self, server: Server | None) -> int:
        """Return the budget for context beside the document: the setting, or by the model and its pace."""
        if self._settings.beside_tokens is not None:
            return self._settings.beside_tokens
        flavour = server.flavour(self._settings.flavour) if server else self._settings.flavour
        unmeasured = calls.UNMEASURED_TOKENS.get(flavour, UNKNOWN_PACE_TOKENS)
        pace = server.reads_per_s if server else 0.0
        return choose_beside_tokens(self._context(server), pace, unmeasured)

    # What a server serves.

    async def list_models(self) -> list[tuple[str, dict[str, int] | EngineError]]:
        """Return what each server lists, models with their context; for `doctor`."""
        found = list[tuple[str, dict[str, int] | EngineError]]()
        for server in self._servers:
            timeouts = ResponseTimeouts(CONNECT_TIMEOUT_S, CONNECT_TIMEOUT_S)
            try:
                listed = served_of(await self._get_json(server.endpoint("/models"), timeouts))
                found.append((server.url, listed))
            except EngineError as error:
                found.append((server.url, error))
        return found

    async def _discover_model(self, server: Server, timeouts: ResponseTimeouts) -> None:
        """Learn once what a server serves, where the settings do not say."""
        server.model = server.model or self._settings.model or server.deployment
        llama = self._settings.flavour == "llamacpp"
        if server.looked or (server.model and self._settings.context_tokens and not llama):
            return
        served = await self._list_served_models(server, timeouts)
        server.model = server.model or only_model(self._name, served)
        server.context_tokens = served.get(server.model, 0)
        if llama:
            with suppress(EngineError):  # it may be switched off
                server.slots = slots_of(await self._get_json(server.root_endpoint("/props"), timeouts))
        server.looked = True

    async def _list_served_models(self, server: Server, timeouts: ResponseTimeouts) -> dict[str, int]:
        """Return the models that a server lists, with the tokens they read where it says so."""
        try:
            return served_of(await self._get_json(server.endpoint("/models"), timeouts))
        except EngineError as error:
            if server.model and not isinstance(error.__cause__, httpx.HTTPError | OSError):
                return {}  # some servers list nothing; then the settings' word counts
            raise

    async def _get_json(self, url: str, timeouts: ResponseTimeouts) -> Any:
        response = await self._http.send("GET", url, timeouts)
        if response.status_code != 200:
            error, _ = await self._http.refusal(response)
            raise error
        try:
            return json.loads(await self._http.read_whole(response, timeouts, MAX_LIST_BYTES))
        except (ValueError, RecursionError) as error:
            raise errors.make_no_list_error(self._name) from error


def _is_final(error: EngineError) -> bool:
    """Return whether another server of the same model would fail in the same way."""
    return error.code in REQUEST_FAULTS


def _last_error(failures: Sequence[Failure]) -> EngineError:
    return failures[-1].error
