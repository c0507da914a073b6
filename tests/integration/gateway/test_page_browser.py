"""The page in a real browser: what it shows, its playground, its accessibility, and what it must not do."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.conftest import fetched
from tests.editors.code import free_port, launch
from tests.patience import PATIENCE

CONFIG = """\
[engines.text]
kind = "replay"
text = "text.txt"
tokens_per_s = 400
delay_ms = 5
[engines.wafer]
kind = "wafer"
source = "text"
buffer = true
[engines.gone]
kind = "replay"
text = "missing.txt"
[engines.lost]
kind = "wafer"
source = "nothing"
[routes]
completion = ["wafer", "text"]
edit = ["text"]
"""
PROMPT = "Please use a loop."
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    (folder / "text.txt").write_text("word " * 60)
    (folder / "config.toml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def gateway(where: Path, start: Any) -> Iterator[Any]:
    with start(where / "run", "--config", str(where / "config.toml")) as running:
        yield running


@pytest.fixture(scope="module")
def address(gateway: Any) -> Callable[..., str]:
    """Return the page's address with a new ticket, as `spark-lsp open` gets it."""

    def asked(running: Any = gateway) -> str:
        url = running.http.removesuffix("/v1") + "/page/tickets"
        reply = httpx.post(url, headers=running.headers, trust_env=False).raise_for_status().json()
        return f"{reply['address']}#{reply['ticket']}"

    return asked


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, address: Callable[..., str]) -> Iterator[Visit]:
    """Open the page in a window; fail if it reports an error, or asks another host for anything."""
    contexts, faults, requests = [], list[str](), list[tuple[str, str]]()

    def visited(width: int = 1000, scheme: Any = "light", url: str = "", *, shown: bool = True) -> Page:
        url = url or address()
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if shown:  # a refusal of the gateway is a message of the console
            page.on("console", lambda message: faults.append(message.text))
        origin = url.partition("#")[0]
        page.on("request", lambda asked: requests.append((asked.url, origin)))
        page.goto(url)
        if shown:
            page.wait_for_selector("#playground:not([hidden])")
        return page

    yield visited
    for context in contexts:
        context.close()
    assert faults == []
    assert [url for url, origin in requests if not url.startswith(origin)] == []


def run(page: Page, left: str, right: str, source: str = "") -> None:
    """Fill in the playground and wait until both lanes have finished."""
    page.select_option("#lane0", left)
    page.select_option("#lane1", right)
    if page.is_enabled("#source"):
        page.select_option("#source", source)
    page.fill("#prompt", PROMPT)
    page.click("#run")
    page.wait_for_selector("#run:not([disabled])")


def figures(page: Page, lane: int) -> dict[str, str]:
    return page.eval_on_selector(
        f".lane:nth-child({lane + 1}) dl",
        "list => Object.fromEntries([...list.querySelectorAll('dt')]"
        ".map(term => [term.textContent, term.nextElementSibling.textContent]))",
    )


def violations(page: Page, axe: str) -> list[Any]:
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]


@pytest.fixture(scope="module")
def axe() -> str:
    return Path(fetched("axe")).read_text("utf-8")


@pytest.mark.parametrize(
    ("width", "scheme"), [(1000, "light"), (1000, "dark"), (360, "light"), (320, "dark")]
)
def test_it_is_accessible_at_each_width_and_in_each_scheme(
    visit: Visit, axe: str, width: int, scheme: str
) -> None:
    page = visit(width, scheme)
    run(page, "pace:wafer-1000", "pace:wafer-4000")
    page.wait_for_selector("#amdahl:not([hidden])")
    assert violations(page, axe) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 27)"
    assert dark == (scheme == "dark")


def test_it_shows_engines_routes_and_reasons(visit: Visit) -> None:
    page = visit()
    assert "#" not in page.url  # the ticket is not kept in the history
    assert "Connected" in page.inner_text("#link")
    cards = {card.split()[0]: card for card in page.locator("#engines > li").all_inner_texts()}
    assert set(cards) >= {"text", "wafer", "gone", "lost"}
    assert "simulated pace" in cards["wafer"]
    assert "this machine" in cards["text"]
    assert "Its source is missing" in cards["lost"]
    assert page.locator("#routes").inner_text().split()[:2] == ["completion", "wafer"]


def test_the_playground_compares_two_simulated_paces(visit: Visit) -> None:
    page = visit()
    run(page, "pace:gpu-65", "pace:wafer-1000", source="text")
    assert "text (this machine)" in page.inner_text("#destination")
    left, right = figures(page, 0), figures(page, 1)
    assert left.keys() == right.keys() >= {"First token", "Tokens/s", "Total"}
    assert "(the pace is 65)" in left["Tokens/s"]
    assert "(the pace is 1,000)" in right["Tokens/s"]
    assert page.locator(".lane .mark").all_inner_texts() == ["simulated pace"] * 2
    assert "±16%" in page.locator(".lane").nth(1).inner_text()
    texts = page.locator(".lane pre").all_inner_texts()
    assert texts == ["word " * 60] * 2
    gain = page.inner_text("#gain")
    assert gain.startswith(
        "Wafer at 1,000 tokens/s (simulated) against GPU at 65 tokens/s (simulated): tokens come"
    )
    page.fill("#own", "0")
    assert "Even an engine" not in page.inner_text("#gain")  # without own time there is no limit
    page.wait_for_selector('#answers tr:has-text("text")')


def test_an_engine_runs_at_its_true_pace_beside_its_simulated_text(visit: Visit) -> None:
    page = visit()
    run(page, "engine:text", "pace:wafer-4000", source="text")
    assert page.locator(".lane .mark").count() == 1
    assert "the pace is" not in figures(page, 0)["Tokens/s"]
    assert page.locator(".lane pre").all_inner_texts() == ["word " * 60] * 2


def test_a_lane_that_fails_gives_its_reason(visit: Visit) -> None:
    page = visit()
    run(page, "engine:gone", "pace:wafer-4000")
    assert "missing.txt" in page.locator(".lane").nth(0).inner_text()
    assert page.is_hidden("#amdahl")
    assert "goes to: gone (this machine)" in page.inner_text("#destination")


def test_the_keyboard_is_enough(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order == ["lane0", "lane1", "source", "prompt", "run"]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector("#stop:not([disabled])")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#run:not([disabled])")
    assert page.inner_text("#play-status") == "Stopped."


def test_a_ticket_opens_one_page(visit: Visit, address: Callable[..., str]) -> None:
    url = address()
    page = visit(url=url)
    page.reload()
    page.wait_for_selector("#playground:not([hidden])")  # the tab keeps its pass
    other = visit(url=url, shown=False)
    other.wait_for_selector("#link.bad")
    assert "used already" in other.inner_text("#link")
    assert other.is_hidden("#now")
    empty = visit(url=url.partition("#")[0], shown=False)
    empty.wait_for_selector("#link.bad")
    assert "Run: spark-lsp open" in empty.inner_text("#link")


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A server of somebody else: it remembers each request, and answers with one page."""

    protocol_version = "HTTP/1.1"
    page = b""
    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.seen.append((self.path, str(self.headers)))
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(self.page)))
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def elsewhere(port: int = 0, page: bytes = b"") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    seen = list[tuple[str, str]]()
    handler = type("Server", (Elsewhere,), {"seen": seen, "page": page})
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", seen
        finally:
            server.shutdown()
            thread.join()


def test_a_page_of_another_origin_gets_nothing(
    visit: Visit, browser: Browser, address: Callable[..., str]
) -> None:
    own = visit()
    granted = own.evaluate("sessionStorage.getItem('spark-lsp.pass')")
    gateway = own.url
    ask = """async ([gateway, granted]) => {
      const asked = async (path, options) => {
        try { return (await fetch(gateway + path, options)).type; } catch { return 'refused'; }
      };
      const headers = { authorization: `Page ${granted}` };
      const framed = await new Promise((resolve) => {
        const frame = document.createElement('iframe');
        frame.addEventListener('load', () => {
          try { resolve(frame.contentDocument === null ? 'blocked' : 'shown'); } catch { resolve('blocked'); }
        });
        frame.src = gateway;
        document.body.append(frame);
      });
      const play = { method: 'POST', headers, body: '{}' };
      return [await asked('page/state', { headers }), await asked('page/play', play),
        await asked('page/main.js', {}), framed];
    }"""
    with elsewhere(page=b"<!doctype html><title>Elsewhere</title><body>") as (url, _):
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        assert page.evaluate(ask, [gateway, granted]) == ["refused", "refused", "refused", "blocked"]
        context.close()


def test_it_comes_back_after_a_restart_and_sends_no_pass_to_another_program(
    visit: Visit, where: Path, start: Any, address: Callable[..., str]
) -> None:
    runtime, token = where / "other", where / "other-token"
    arguments = (
        "--config",
        str(where / "config.toml"),
        "--port",
        str(free_port()),
        "--token-file",
        str(token),
    )
    with start(runtime, *arguments) as running:
        page = visit(url=address(running), shown=False)
        page.wait_for_selector("#playground:not([hidden])")
    page.wait_for_selector("#link.bad")
    assert "does not answer" in page.inner_text("#link")
    with start(runtime, *arguments):
        page.wait_for_selector("#link:not(.bad)")
        assert "Connected" in page.inner_text("#link")
    page.wait_for_selector("#link.bad")
    with elsewhere(int(arguments[3])) as (_, seen):
        page.wait_for_selector('#link:has-text("Another program")')
    assert [path for path, _ in seen] == ["/page/proof"]
    assert "authorization" not in seen[0][1].lower()
    assert page.evaluate("sessionStorage.length") == 0


def test_a_hidden_page_reads_nothing(visit: Visit, gateway: Any) -> None:
    page = visit()
    requests = list[str]()
    page.on("requestfailed", lambda asked: requests.append(asked.url))
    page.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange')); }"
    )
    page.wait_for_timeout(1)
    assert [url.rpartition("/")[2] for url in requests] == ["state"]
    with page.expect_request("**/page/state"):
        page.evaluate(
            "() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }"
        )
