"""Opening a WebSocket connection: every answer to the handshake, TLS, Unix sockets, and giving up in time."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve, unix_serve

from spark_lsp import __version__
from spark_lsp.engine.gateway_client.connect import Endpoint, open_socket
from spark_lsp.engine.gateway_client.dial import open_websocket
from spark_lsp.engine.gateway_client.socket import HandshakeFailed, SocketClosed
from spark_lsp.errors import GatewayError
from tests.unit.engine.scripted import Peer, acceptance, scripted

pytestmark = pytest.mark.anyio

DEADLINE = 10.0
TLS = Path(__file__).parents[2] / "fixtures" / "tls"


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The server runs asyncio's loop, the benchmark's askers uvloop's."""
    return request.param


async def talk(peer: ServerConnection) -> None:
    """Send the path and the header names of the request, then echo each message."""
    assert peer.request is not None
    await peer.send(
        f"{peer.request.path} {sorted(name.lower() for name, _ in peer.request.headers.raw_items())}"
    )
    async for message in peer:
        await peer.send(message)


def answering(text: str) -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        peer.writer.write(text.replace("\n", "\r\n").encode("latin-1"))

    return script


def accepting(*headers: str, remove: str = "") -> Callable[[Peer], Awaitable[None]]:
    async def script(peer: Peer) -> None:
        answer = acceptance(await peer.reader.readuntil(b"\r\n\r\n"), *headers).decode()
        lines = [line for line in answer.split("\r\n") if not (remove and line.startswith(remove))]
        peer.writer.write("\r\n".join(lines).encode())

    return script


# Answers.


async def test_the_request_says_what_it_must_and_no_more() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept()
        lines = peer.request.decode().split("\r\n")
        assert lines[0] == "GET /v1/responses?a=b HTTP/1.1"
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        assert fields.pop("Host").startswith("127.0.0.1:")
        assert len(fields.pop("Sec-WebSocket-Key")) == 24
        assert fields == {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "spark.v1",
            "User-Agent": f"spark-lsp/{__version__}",
            "Authorization": "Bearer secret",
        }

    async with scripted(script) as url:
        named = url.replace("ws://", "ws://user:password@") + "?a=b"
        socket = await open_websocket(named, "spark.v1", {"Authorization": "Bearer secret"}, DEADLINE)
        await socket.close()


@pytest.mark.parametrize("selected", ["spark.v1", None])
async def test_the_subprotocol_is_what_the_peer_selects(selected: str | None) -> None:
    headers = [f"Sec-WebSocket-Protocol: {selected}"] if selected else []
    async with scripted(accepting(*headers)) as url:
        socket = await open_websocket(url, "spark.v1", {}, DEADLINE)
        assert socket.subprotocol == selected
        await socket.close()


@pytest.mark.parametrize("status", [200, 204, 302, 401, 403, 404, 426, 500, 503])
@pytest.mark.parametrize("body", ["Content-Length: 0\n\n", "Content-Length: 3\n\nno!", "\nuntil the end"])
async def test_a_refusal_is_raised_with_its_status(status: int, body: str) -> None:
    answer = f"HTTP/1.1 {status} Whatever\nLocation: ws://127.0.0.1:1/\n{body}"
    async with scripted(answering(answer)) as url:
        with pytest.raises(HandshakeFailed) as caught:
            await open_websocket(url, "spark.v1", {}, DEADLINE)
        assert caught.value.status == status


@pytest.mark.parametrize(
    "script",
    [
        answering("nonsense\n\n"),
        answering("\x00\xff" * 10_000),
        answering("HTTP/1.0 101 Old\n\n"),
        answering("HTTP/1.1 one One\n\n"),
        answering("HTTP/1.1 101 " + "x" * 100_000),
        answering("HTTP/1.1 101 Without headers\n\n"),
        answering("HTTP/1.1 200 OK\n" + "Header: x\n" * 1000 + "\n"),
        answering("HTTP/1.1 500 Large\nContent-Length: 99999999\n\n" + "x" * 2_000_000),
        accepting(remove="Upgrade"),
        accepting(remove="Connection"),
        accepting(remove="Sec-WebSocket-Accept"),
        accepting("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=", remove="Sec-WebSocket-Accept"),
        accepting("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        accepting("Sec-WebSocket-Protocol: another.v1"),
        accepting("Sec-WebSocket-Protocol: spark.v1, spark.v2"),
        accepting("Sec-WebSocket-Extensions: permessage-deflate"),
    ],
    ids=range(16),
)
@pytest.mark.parametrize("proves", [False, True])
async def test_an_answer_that_does_not_accept_us_is_a_plain_error(script: Any, proves: bool) -> None:
    async with scripted(script) as url:
        with pytest.raises(GatewayError) as caught:
            await open_socket(Endpoint(url, "secret", proves=proves), DEADLINE)
    words = "is not our gateway" if proves else "is not a gateway"
    assert words in caught.value.what
    assert "None" not in str(caught.value)


@pytest.mark.parametrize("how", ["end", "end within the answer", "reset"])
async def test_one_that_leaves_without_an_answer_is_an_error_at_once(how: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        if how == "end within the answer":
            peer.writer.write(b"HTTP/1.1 101 Swi")
        elif how == "reset":
            peer.reset()

    async with scripted(script) as url:
        with anyio.fail_after(DEADLINE), pytest.raises(OSError, match=r".") as caught:
            await open_websocket(url, "spark.v1", {}, DEADLINE * 2)
    assert not isinstance(caught.value, TimeoutError)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"])
async def test_one_that_does_not_answer_is_left_in_time(answer: bytes) -> None:
    left = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.write(answer)
        with suppress(ConnectionError):
            while await peer.reader.read(65_536):
                pass
        left.set()

    async with scripted(script) as url:
        with pytest.raises(TimeoutError):
            await open_websocket(url, "spark.v1", {}, 0.2)
        with anyio.fail_after(DEADLINE):
            await left.wait()


async def test_cancelling_the_handshake_frees_the_connection() -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        came.set()
        with suppress(ConnectionError):
            await peer.reader.read(1)
        left.set()

    async with scripted(script) as url, anyio.create_task_group() as group:
        group.start_soon(open_websocket, url, "spark.v1", {}, DEADLINE)
        with anyio.fail_after(DEADLINE):
            await came.wait()
            group.cancel_scope.cancel()
            with anyio.CancelScope(shield=True):
                await left.wait()


async def test_one_that_accepts_and_closes_at_once_is_opened_and_closed() -> None:
    async def script(peer: Peer) -> None:
        await peer.accept(then=b"\x88\x02\x03\xf0")

    async with scripted(script) as url:
        socket = await open_websocket(url, "spark.v1", {}, DEADLINE)
        with pytest.raises(SocketClosed) as caught:
            await socket.receive_messages()
        assert caught.value.code == 1008


# Addresses.


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://127.0.0.1/",
        "ws://",
        "ws:///path",
        "ws://a/#b",
        "ws://a:99999/",
        "ws://user@a/",
    ],
)
async def test_an_address_that_cannot_be_used_is_said_to_be_one(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        await open_websocket(url, "spark.v1", {}, DEADLINE)
    with pytest.raises(GatewayError, match="address of the gateway is invalid"):
        await open_socket(Endpoint(url), DEADLINE)


async def test_a_unix_socket_is_reached_by_its_path() -> None:
    with TemporaryDirectory(prefix="spark-") as short:  # pytest's own paths are too long for a socket
        path = f"{short}/a gateway.sock"
        await greeted_at(path)


async def greeted_at(path: str) -> None:
    async with unix_serve(talk, path):
        socket = await open_websocket(f"ws+unix:{path}", "spark.v1", {}, DEADLINE)
        (greeting,) = await socket.receive_messages()
        assert str(greeting).startswith("/v1/responses ")
        await socket.close()


@pytest.mark.parametrize("path", ["/nonexistent/gateway.sock", "/" + "x" * 300])
async def test_a_unix_socket_that_is_not_there_is_an_os_error(path: str) -> None:
    with pytest.raises(OSError, match=r"."):
        await open_websocket(f"ws+unix:{path}", "spark.v1", {}, DEADLINE)


# TLS.


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    return context


async def test_tls_with_a_certificate_that_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))
    async with serve(talk, "127.0.0.1", 0, ssl=server_context()) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        socket = await open_websocket(f"wss://localhost:{port}/x", "spark.v1", {}, DEADLINE)
        (greeting,) = await socket.receive_messages()
        assert str(greeting).startswith("/x ")
        text = "é" * 400_000
        await socket.send_text(text)
        assert await socket.receive_messages() == [text]
        assert await socket.ping() is True
        await socket.close()
        with pytest.raises(SocketClosed) as caught:
            await socket.receive_messages()
        assert caught.value.code == 1000


@pytest.mark.parametrize(
    ("trusted", "host", "words"),
    [(False, "localhost", "self-signed certificate"), (True, "127.0.0.2", "IP address mismatch")],
    ids=["unknown authority", "another host"],
)
async def test_a_certificate_that_is_not_trusted_is_said_to_be_one_and_learns_nothing(
    trusted: bool, host: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "certificate.pem"))
    came: list[str] = []

    async def note(peer: ServerConnection) -> None:
        came.append(str(peer.request))

    async with serve(note, "0.0.0.0", 0, ssl=server_context()) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(GatewayError, match=words):
            await open_socket(Endpoint(f"wss://{host}:{port}/", "secret"), DEADLINE)
    assert came == []


async def test_tls_to_a_server_that_has_none_is_an_error_that_says_so() -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        peer.writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with scripted(script) as url:
        with pytest.raises(GatewayError, match="its TLS connection failed"):
            await open_socket(Endpoint(url.replace("ws://", "wss://")), DEADLINE)
