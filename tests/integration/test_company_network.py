"""A company's certificate authority and proxy: engines, downloads, the gateway's address, doctor."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from spark_lsp.answer_events import Chunk
from spark_lsp.config import OpenAISettings, Settings
from spark_lsp.doctor import network
from spark_lsp.engine.gateway_client.connect import Endpoint, open_socket
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.errors import EngineError, GatewayError
from spark_lsp.models import sources
from spark_lsp.models.registry import HuggingFace, Model
from spark_lsp.request import Request, Task
from tests.integration.company import HOST, Company, HttpProxy, company, http_proxy
from tests.integration.http_server import Asked, HttpServer, Reply, http_server

pytestmark = pytest.mark.anyio

CHAT = Request(Task.CHAT, instruction="hi")
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return company(tmp_path_factory.mktemp("company"))


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *PROXIES, *(each.lower() for each in PROXIES)):
        monkeypatch.delenv(name, raising=False)


async def well(asked: Asked, reply: Reply) -> None:
    if asked.method == "GET":
        await reply.whole(200, b"weights", "application/octet-stream")
    else:
        await reply.say("hello")


@pytest.fixture
async def secure(ours: Company) -> AsyncIterator[HttpServer]:
    async with http_server(well, ours.tls) as server:
        yield server


@pytest.fixture
async def proxy() -> AsyncIterator[HttpProxy]:
    async with http_proxy() as each:
        yield each


async def ask(url: str) -> str:
    engine = OpenAIEngine("gpu", OpenAISettings(base_url=url, model="m", context_tokens=4096))
    try:
        with anyio.fail_after(20):
            async with engine.open(CHAT) as events:
                return "".join([event.text async for event in events if isinstance(event, Chunk)])
    finally:
        await engine.aclose()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_an_engine_with_the_companys_certificate_is_trusted(
    secure: HttpServer, ours: Company, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(ours.bundle))
    assert await ask(f"{secure.url}/v1") == "hello"


async def test_without_it_the_error_says_what_to_set(secure: HttpServer) -> None:
    with pytest.raises(EngineError, match="certificate is not accepted") as caught:
        await ask(f"{secure.url}/v1")
    assert "issuer" in caught.value.what
    assert "operating system's trust store" in caught.value.what
    assert "SSL_CERT_FILE" in caught.value.remedy
    assert "spark-lsp doctor" in caught.value.remedy
    assert secure.asked == []


async def test_a_variable_that_names_no_file_is_an_error_and_no_crash(
    secure: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(EngineError, match="SSL_CERT_FILE"):
        await ask(f"{secure.url}/v1")
    with pytest.raises(GatewayError, match="SSL_CERT_FILE"):
        await open_socket(Endpoint(f"wss://127.0.0.1:{secure.port}/v1/responses"), 5)


@pytest.mark.parametrize("tls", [False, True])
async def test_an_engine_is_reached_through_the_proxy(
    ours: Company, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    monkeypatch.setenv("HTTPS_PROXY" if tls else "HTTP_PROXY", f"http://me:secret@127.0.0.1:{proxy.port}")
    async with http_server(well, ours.tls if tls else None) as server:
        assert await ask(f"{server.scheme}://{HOST}:{server.port}/v1") == "hello"
        assert len(proxy.heads) == 1
        assert "proxy-authorization: basic" in proxy.heads[0].lower()
        assert "proxy-authorization" not in server.asked[0].headers
        assert await ask(f"{server.url}/v1") == "hello"  # on loopback nothing goes through it
        assert len(proxy.heads) == 1


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_a_proxy_that_refuses_is_named_without_its_password(
    secure: HttpServer, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    proxy.status = status
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{proxy.port}")
    with pytest.raises(EngineError, match=f"proxy http://127.0.0.1:{proxy.port} .*{status}") as caught:
        await ask(f"https://{HOST}:{secure.port}/v1")
    with pytest.raises(GatewayError, match=f"proxy http://127.0.0.1:{proxy.port} .*{status}") as refused:
        await open_socket(Endpoint(f"wss://{HOST}:{secure.port}/v1/responses"), 5)
    assert "secret" not in str(caught.value) + str(refused.value)
    assert "NO_PROXY" in caught.value.remedy


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "http://", "http://127.0.0.1:1"])
async def test_a_proxy_that_cannot_be_used_is_an_error_and_no_crash(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(EngineError, match="ALL_PROXY") as caught:
        await ask(f"https://{HOST}/v1")
    assert caught.value.code == "engine_unavailable"
    with pytest.raises(GatewayError, match="ALL_PROXY"):
        await open_socket(Endpoint(f"wss://{HOST}/v1/responses"), 5)


@pytest.mark.parametrize("proxied", [False, True])
async def test_a_gateway_behind_tls_is_reached(
    secure: HttpServer, ours: Company, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    async def answer(asked: Asked, reply: Reply) -> None:
        await reply.whole(401, b"")

    secure.handler = answer
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    url = f"wss://{HOST if proxied else '127.0.0.1'}:{secure.port}/v1/responses"
    with pytest.raises(GatewayError, match="certificate is not accepted"):
        await open_socket(Endpoint(url), 5)
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    with pytest.raises(GatewayError, match="rejected the token"):
        await open_socket(Endpoint(url), 5)
    assert bool(proxy.heads) == proxied


async def test_a_model_is_fetched_in_the_companys_network(
    secure: HttpServer, ours: Company, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"https://{HOST}:{secure.port}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    source = HuggingFace("o/r", "f.gguf")
    model = Model("m", "f.gguf", 7, "", "qwen", (source,))
    with pytest.raises(sources.SourceFailed, match="SSL_CERT_FILE"):
        await anyio.to_thread.run_sync(_fetch, source, model, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    await anyio.to_thread.run_sync(_fetch, source, model, tmp_path)
    assert (tmp_path / "part").read_bytes() == b"weights"
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    (tmp_path / "part").unlink()
    with pytest.raises(sources.SourceFailed, match="HTTPS_PROXY"):
        await anyio.to_thread.run_sync(_fetch, source, model, tmp_path)


def _fetch(source: HuggingFace, model: Model, folder: Path) -> None:
    sources.fetch(source, model, folder / "part", lambda done: None)


async def test_doctor_names_the_authorities_and_the_proxy(
    ours: Company, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engines = {
        "gpu": OpenAISettings(base_url=f"https://{HOST}/v1"),
        "odd": OpenAISettings(base_url="http://["),
    }
    settings = Settings(engines=engines)
    plain = [each.what for each in network.look(settings)]
    assert plain == ["certificates are checked with the operating system's trust store", "no proxy is used"]
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@p:3128")
    monkeypatch.setenv("NO_PROXY", "huggingface.co")
    found = list(network.look(settings))
    assert f"{ours.bundle} (SSL_CERT_FILE)" in found[0].what
    assert found[1].what == f"the proxy http://p:3128 (HTTPS_PROXY) is used for {HOST}"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("HTTPS_PROXY", "socks5://p")
    assert [each.level for each in network.look(settings)] == ["error", "error"]
