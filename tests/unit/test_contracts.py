"""Our reliance on undocumented parts of libraries, checked against the installed versions.

Each message names the member and where we use it. When one of these tests fails, a new version of the library
must not be admitted in pyproject.toml before that place has been changed. `tests/test_private_parts.py` lists
the members.
"""

import asyncio
import inspect
import json
import re
import signal
import socket
from collections.abc import Callable
from typing import Any, cast

import anyio
import pytest
import uvicorn
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from spark_lsp.gateway.coalescing import make_coalescing_websocket
from spark_lsp.lsp.pygls_adapter import PyglsProtocol
from tests.test_private_parts import ALLOWED

DEADLINE = 10.0


def relied(library: str, member: str, where: str) -> str:
    """Return what a failing check says."""
    return f"{library}: `{member}` is not what {where} relies on; keep the older version or change that place"


# pygls


PYGLS = {
    "_handle_notification": ["self", "method_name", "params"],
    "_handle_request": ["self", "msg_id", "method_name", "params"],
    "_send_response": ["self", "msg_id", "result", "error"],
    "handle_message": ["self", "message"],
    "notify": ["self", "method", "params"],
}
REQUEST = types.HoverRequest(
    7, types.HoverParams(types.TextDocumentIdentifier("file:///a"), types.Position(0, 0))
)


class Written(list[bytes]):
    """A writer that keeps all messages."""

    def write(self, data: bytes) -> None:
        self.append(data)

    def messages(self) -> list[Any]:
        return [json.loads(data.partition(b"\r\n\r\n")[2]) for data in self if b"\r\n\r\n" in data]


def pygls(name: str) -> str:
    return relied("pygls", name, "spark_lsp/lsp/pygls_adapter.py")


def server_with(handler: Callable[..., Any]) -> tuple[LanguageServer, Written]:
    """Return a stock pygls server that answers hovers, and its output."""
    server, written = LanguageServer("contract", "1"), Written()
    server.feature(types.TEXT_DOCUMENT_HOVER)(handler)
    server.protocol.set_writer(written)  # type: ignore[arg-type]
    return server, written


def test_every_member_of_pygls_that_we_list_is_checked_here() -> None:
    assert ALLOWED["lsp/pygls_adapter.py"] == {*PYGLS}


@pytest.mark.parametrize("name", PYGLS)
def test_pygls_methods_have_the_parameters_that_we_pass(name: str) -> None:
    method = getattr(LanguageServerProtocol, name, None)
    assert method is not None, pygls(name)
    assert list(inspect.signature(method).parameters) == PYGLS[name], pygls(name)


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(DEADLINE):
        while not condition():
            await anyio.sleep(0.001)


@pytest.mark.anyio
async def test_pygls_answers_a_request_once() -> None:
    go_on = asyncio.Event()

    async def hover(*_: object) -> None:
        await go_on.wait()

    server, written = server_with(hover)
    server.protocol._handle_request(7, types.TEXT_DOCUMENT_HOVER, REQUEST.params)
    await asyncio.sleep(0)
    assert written == [], pygls("_handle_request")
    go_on.set()
    await until(written.messages)
    assert [each["id"] for each in written.messages()] == [7], pygls("_handle_request")


@pytest.mark.anyio
async def test_pygls_calls_a_notifications_handler_at_once() -> None:
    seen: list[object] = []
    server, written = server_with(lambda *_: None)
    server.feature(types.TEXT_DOCUMENT_DID_SAVE)(lambda *arguments: seen.append(arguments[-1]))
    params = types.DidSaveTextDocumentParams(types.TextDocumentIdentifier("file:///a"))
    server.protocol._handle_notification(types.TEXT_DOCUMENT_DID_SAVE, params)
    assert seen == [params], pygls("_handle_notification")
    assert written == []


@pytest.mark.anyio
async def test_pygls_cancels_a_request_that_it_handles() -> None:
    ended: list[str] = []

    async def hover(*_: object) -> None:
        try:
            await asyncio.sleep(DEADLINE)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    server, written = server_with(hover)
    server.protocol._handle_request(7, types.TEXT_DOCUMENT_HOVER, REQUEST.params)
    await asyncio.sleep(0)
    server.protocol._handle_notification(types.CANCEL_REQUEST, types.CancelParams(7))
    await until(written.messages)
    assert ended == ["cancelled"], pygls("_handle_notification")
    assert [each["error"]["code"] for each in written.messages()] == [-32800], pygls("_send_response")


@pytest.mark.anyio
async def test_pygls_passes_our_override_through_handle_message() -> None:
    """`initialize`, `shutdown` and `exit` take pygls' own way, which must lead to our method again."""
    called: list[str] = []

    class Noting(PyglsProtocol):
        def _send_response(self, *arguments: Any, **more: Any) -> None:
            called.append("_send_response")
            super()._send_response(*arguments, **more)

    server = LanguageServer("contract", "1", protocol_cls=Noting)
    written = Written()
    server.protocol.set_writer(written)  # type: ignore[arg-type]
    server.protocol.handle_message(cast(Any, types.ShutdownRequest(1)))
    await until(written.messages)
    assert called == ["_send_response"], pygls("_send_response")
    assert written.messages() == [{"jsonrpc": "2.0", "id": 1, "result": None}]


# uvicorn


class Transport(asyncio.Transport):
    """A transport that keeps all output and has no connection."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()

    def write(self, data: Any) -> None:
        self.written += data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to close."""


HANDSHAKE = (
    b"GET /v1/responses HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def uvicorns(name: str, where: str = "spark_lsp/gateway/coalescing.py") -> str:
    return relied("uvicorn", name, where)


def connection(app: Any, kind: Any = WebSocketsSansIOProtocol, **options: Any) -> tuple[Any, Transport]:
    """Return uvicorn's connection after the request for a WebSocket, and its transport."""
    config = uvicorn.Config(app, ws=kind, lifespan="off", log_config=None, access_log=False, **options)
    config.load()
    made = kind(config=config, server_state=ServerState(), app_state={})
    transport = Transport()
    made.connection_made(transport)
    made.data_received(HANDSHAKE)
    return made, transport


async def accepting(_: Any, receive: Any, send: Any) -> None:
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


def test_every_member_of_uvicorn_that_we_list_is_checked_here() -> None:
    """Nothing is overridden; the tests below check the class that `make_coalescing_websocket` uses."""
    assert not [file for file in ALLOWED if file.startswith("gateway/")]


@pytest.mark.anyio
async def test_uvicorn_writes_and_pauses_at_the_transport_that_connection_made_was_given() -> None:
    made, below = connection(accepting, make_coalescing_websocket)
    assert made.loop is asyncio.get_running_loop(), uvicorns("WebSocketsSansIOProtocol.loop")
    await until(lambda: below.written)
    assert below.written.startswith(b"HTTP/1.1 101 "), uvicorns("connection_made")
    assert type(made.transport).__name__ == "CoalescingTransport", uvicorns("connection_made")
    made.connection_lost(None)
    await until(lambda: not made.tasks)


@pytest.mark.anyio
async def test_uvicorn_answers_a_writer_that_waits_when_the_connection_is_lost() -> None:
    """Else a peer that stops reading and then vanishes would hold a session for ever."""
    ended: list[BaseException | None] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        made.pause_writing()
        try:
            await send({"type": "websocket.send", "text": "x"})
        except Exception as error:
            ended.append(error)
            raise
        ended.append(None)

    made, transport = connection(app)
    await until(lambda: not made.writable.is_set())
    made.connection_lost(ConnectionResetError())
    await until(lambda: ended)
    assert isinstance(ended[0], OSError | RuntimeError), uvicorns("send", "spark_lsp/gateway/app.py")
    assert transport.written


@pytest.mark.anyio
async def test_uvicorn_pings_a_silent_peer_and_leaves_one_that_does_not_answer() -> None:
    """Else a peer that vanished without a word would be served for ever."""
    made, transport = connection(accepting, ws_ping_interval=0.01, ws_ping_timeout=0.01)
    await until(lambda: transport.written)
    where = "spark_lsp/gateway/serve.py"
    with anyio.move_on_after(DEADLINE):
        await until(lambda: b"\x89\x04" in transport.written)
    assert b"\x89\x04" in transport.written, uvicorns("Config.ws_ping_interval", where)
    await until(lambda: b"\x88" in transport.written)
    made.connection_lost(None)
    await until(lambda: not made.tasks)


@pytest.mark.anyio
async def test_uvicorn_calls_the_ws_option_for_each_upgrade_with_the_arguments_that_we_take() -> None:
    made: list[Any] = []

    def make(**arguments: Any) -> Any:
        made.append(set(arguments))
        return make_coalescing_websocket(**arguments)

    config = uvicorn.Config(accepting, ws=make, lifespan="off", log_config=None, access_log=False)  # type: ignore[arg-type]
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            await until(lambda: server.started)
            async with await anyio.connect_tcp(*listener.getsockname()) as stream:
                await stream.send(HANDSHAKE)
                answer = await stream.receive()
            server.should_exit = True
    assert made == [{"config", "server_state", "app_state"}], uvicorns("Config.ws")
    assert answer.startswith(b"HTTP/1.1 101 "), uvicorns("Config.ws")


@pytest.mark.anyio
async def test_uvicorn_has_set_its_signal_handlers_when_it_has_started_and_sets_none_later() -> None:
    """The gateway restores its own handlers as soon as `started` is True."""
    where = "spark_lsp/gateway/serve.py"
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = uvicorn.Server(uvicorn.Config(accepting, lifespan="off", log_config=None, access_log=False))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            await until(lambda: server.started)
            during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)
            server.should_exit = True
    assert during != before, relied("uvicorn", "Server.serve", where)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


# detect-secrets


def detects(name: str) -> str:
    return relied("detect-secrets", name, "spark_lsp/privacy/detectors.py")


def plugins() -> dict[str, Any]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    found: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return {kind.__name__: kind for kind in found.values()}


def test_detect_secrets_lists_its_plugins_by_class() -> None:
    needed = {"HexHighEntropyString", "Base64HighEntropyString", "KeywordDetector", "PrivateKeyDetector"}
    missing = needed - plugins().keys()
    assert not missing, detects(f"get_mapping_from_secret_type_to_class: {missing}")
    for name, kind in plugins().items():
        assert kind() is not None, detects(f"{name}()")


def test_detect_secrets_keeps_the_formats_of_keys_as_patterns() -> None:
    formats = {name: getattr(kind(), "denylist", None) for name, kind in plugins().items()}
    patterns = [pattern for each in formats.values() if each for pattern in each]
    assert len(patterns) >= 30, detects("denylist")
    assert all(isinstance(pattern, re.Pattern) for pattern in patterns), detects("denylist")
    for name, line in (
        ("AWSKeyDetector", "AKIA" + "IOSFODNN7EXAMPLE"),
        ("GitHubTokenDetector", "ghp_" + "a1B2" * 9),
        ("PrivateKeyDetector", "-----BEGIN RSA PRIVATE KEY-----"),
    ):
        assert any(pattern.search(line) for pattern in formats[name] or ()), detects(f"{name}.denylist")


@pytest.mark.parametrize("name", ["HexHighEntropyString", "Base64HighEntropyString"])
def test_detect_secrets_gives_quoted_text_without_judging_its_entropy(name: str) -> None:
    text = "00000000000000000000"
    assert list(plugins()[name]().analyze_string(f'x = "{text}"')) == [text], detects(
        f"{name}.analyze_string"
    )


def test_detect_secrets_finds_assigned_secrets_with_the_rules_that_it_is_given() -> None:
    from detect_secrets.plugins import keyword

    detector = plugins()["KeywordDetector"]()
    for rules, line in (
        ("QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP", 'password = "hunter2hunter2"'),
        ("CONFIG_DENYLIST_REGEX_TO_GROUP", "password = hunter2hunter2"),
    ):
        given = getattr(keyword, rules, None)
        assert given, detects(f"keyword.{rules}")
        found = list(detector.analyze_string(line, denylist_regex_to_group=given))
        assert {each.strip() for each in found} == {"hunter2hunter2"}, detects(
            "KeywordDetector.analyze_string"
        )
