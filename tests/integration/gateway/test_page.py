"""The page over HTTP, on a real gateway: headers, methods, tickets, passes, its state and its playground."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from spark_lsp.gateway.page.files import NAMES, POLICY
from tests.patience import PATIENCE

PRIVATE = ("/page/state", "/page/play", "/page/pass", "/page/proof", "/page/tickets")


def base(running: Any) -> str:
    return running.http.removesuffix("/v1")


@pytest.fixture(scope="module")
def page(running: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base(running), timeout=PATIENCE, trust_env=False) as client:
        yield client


def ticket(page: httpx.Client, running: Any) -> str:
    return page.post("/page/tickets", headers=running.headers).raise_for_status().json()["ticket"]


@pytest.fixture(scope="module")
def entered(page: httpx.Client, running: Any) -> dict[str, str]:
    """The header of a browser that has a pass."""
    reply = page.post("/page/pass", json={"ticket": ticket(page, running)}, headers={"Origin": base(running)})
    return {"Authorization": f"Page {reply.raise_for_status().json()['pass']}"}


def refused(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_every_file_is_small_kept_and_checked_again(page: httpx.Client) -> None:
    total = 0
    for name in NAMES:
        path = "/" if name == "index.html" else f"/page/{name}"
        reply = page.get(path).raise_for_status()
        total += len(reply.content)
        assert reply.headers["cache-control"] == "no-cache"
        again = page.get(path, headers={"If-None-Match": f'"x", W/{reply.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert page.get(path, headers={"If-None-Match": '"x"'}).status_code == 200
        head = page.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(reply.content))
    assert total < 40_000
    assert page.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert page.get("/page/main.js").headers["content-type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/page/main.js", "/page/missing", "/page/sample.txt", *PRIVATE])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_every_answer_keeps_the_page_to_itself(page: httpx.Client, method: str, path: str) -> None:
    reply = page.request(method, path)
    assert reply.status_code in (200, 400, 401, 404, 405)
    assert reply.headers["content-security-policy"] == POLICY
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "DENY"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["cache-control"] == ("no-cache" if reply.status_code == 200 else "no-store")
    assert "access-control-allow-origin" not in reply.headers
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize("path", ["/", "/page/main.js", *PRIVATE])
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_pages_of_others_get_nothing(
    page: httpx.Client, entered: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    method = "POST" if path in ("/page/play", "/page/pass", "/page/tickets") else "GET"
    reply = page.request(method, path, headers={**entered, **headers})
    assert refused(reply) == (403, "forbidden_origin")
    assert "content-security-policy" in reply.headers


def test_only_the_token_gives_tickets(page: httpx.Client, running: Any, entered: dict[str, str]) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, entered):
        assert refused(page.post("/page/tickets", headers=headers)) == (401, "invalid_api_key")
    browser = {**running.headers, "Origin": base(running)}
    assert refused(page.post("/page/tickets", headers=browser)) == (403, "forbidden_origin")


def test_a_ticket_is_valid_once(page: httpx.Client, running: Any) -> None:
    found = {"ticket": ticket(page, running)}
    assert page.post("/page/pass", json=found).status_code == 200
    assert refused(page.post("/page/pass", json=found)) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b"{}", 401), (b'{"ticket": 1}', 401), (b"x" * 70_000, 413)],
)
def test_a_body_without_a_ticket_gives_no_pass(page: httpx.Client, body: bytes, status: int) -> None:
    assert page.post("/page/pass", content=body).status_code == status


@pytest.mark.parametrize(
    "scheme", ["Bearer {token}", "Page {token}", "Page", "Page x.y.z", "Bearer {granted}"]
)
@pytest.mark.parametrize("path", ["/page/state", "/page/play"])
def test_nothing_but_a_pass_opens_the_page(
    page: httpx.Client, running: Any, entered: dict[str, str], path: str, scheme: str
) -> None:
    granted = entered["Authorization"].removeprefix("Page ")
    headers = {"Authorization": scheme.format(token=running.token, granted=granted)}
    reply = page.request("POST" if "play" in path else "GET", path, headers=headers)
    assert refused(reply) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/responses", "/v1/completions", "/status", "/metrics", "/healthz"]
)
@pytest.mark.parametrize("scheme", ["Page", "Bearer"])
def test_a_pass_opens_nothing_but_the_page(
    page: httpx.Client, entered: dict[str, str], path: str, scheme: str
) -> None:
    headers = {"Authorization": f"{scheme} {entered['Authorization'].removeprefix('Page ')}"}
    assert (
        page.request(
            "POST" if "/v1/" in path and "models" not in path else "GET", path, headers=headers
        ).status_code
        == 401
    )


def test_the_gateway_proves_that_it_knows_the_pass(page: httpx.Client, entered: dict[str, str]) -> None:
    import hashlib
    import hmac

    granted = entered["Authorization"].removeprefix("Page ")
    headers = {"x-spark-pass": granted.rpartition(".")[0], "x-spark-nonce": "n" * 16}
    proof = page.get("/page/proof", headers=headers).json()["proof"]
    assert proof == hmac.new(granted.encode(), b"page:" + b"n" * 16, hashlib.sha256).hexdigest()
    assert page.get("/page/proof", headers={**headers, "x-spark-nonce": "short"}).status_code == 400


@contextmanager
def lines(page: httpx.Client, method: str, path: str, **given: Any) -> Iterator[Iterator[Any]]:
    with page.stream(method, path, **given) as reply:
        assert reply.status_code == 200, reply.read()
        assert reply.headers["cache-control"] == "no-store"
        yield (json.loads(line) for line in reply.iter_lines() if line)


def play(page: httpx.Client, entered: dict[str, str], *lanes: str, source: str = "") -> list[dict[str, Any]]:
    body = {"prompt": "SECRET", "lanes": lanes, "source": source}
    with lines(page, "POST", "/page/play", headers=entered, json=body) as events:
        return list(events)


def test_the_state_follows_the_playground(page: httpx.Client, running: Any, entered: dict[str, str]) -> None:
    with lines(page, "GET", "/page/state", headers=entered) as states:
        first = next(states)
        assert first["serving"]["edit"] == "replay"
        assert first["destinations"]["replay"] == "this machine"
        assert first["sessions"] == first["running_now"] == 0
        body = {"prompt": "SECRET", "lanes": ["engine:halting", "engine:replay"]}
        with lines(page, "POST", "/page/play", headers=entered, json=body) as events:
            assert next(events)["type"] == "started"
            busy = next(state for state in states if state["streams"])
            assert ("halting", "playground") in {(each["engine"], each["task"]) for each in busy["streams"]}
        ended = next(state for state in states if not state["streams"])
        assert running.sessions() == 0
    outcomes = {each["engine"]: each["outcomes"] for each in ended["answers"]}
    assert outcomes["halting"] == {"cancelled": 1}  # its reader left
    assert "SECRET" not in json.dumps([first, busy, ended])


def test_two_lanes_play_one_answer(page: httpx.Client, entered: dict[str, str]) -> None:
    events = play(page, entered, "engine:replay", "pace:wafer-4000", source="replay")
    texts = ["".join(each.get("text", "") for each in events if each.get("lane") == lane) for lane in (0, 1)]
    assert texts[0] == texts[1] == "def add(a, b):\n    return a + b\n"
    ends = {each["lane"]: each for each in events if each["type"] == "finished"}
    assert (ends[0]["simulated"], ends[1]["simulated"]) == (False, True)
    assert events[-1] == {"type": "end"}


def test_a_lane_that_fails_says_why(page: httpx.Client, entered: dict[str, str]) -> None:
    events = play(page, entered, "engine:broken", "pace:wafer-4000")
    (failed,) = [each for each in events if each["type"] == "failed"]
    assert failed["code"] == "engine_unavailable"
    assert any(each["type"] == "finished" for each in events)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"prompt": "x", "lanes": ["engine:none", "engine:slow"]}, 404),
        ({"prompt": "", "lanes": ["engine:slow", "engine:slow"]}, 400),
        ({"prompt": "x", "lanes": ["engine:slow", "engine:slow"], "model": "edit"}, 400),
        ({"prompt": "x" * 70_000, "lanes": ["engine:slow", "engine:slow"]}, 413),
    ],
)
def test_a_wrong_play_is_refused(page: httpx.Client, entered: dict[str, str], body: Any, status: int) -> None:
    assert page.post("/page/play", headers=entered, json=body).status_code == status


def test_an_open_page_does_not_keep_the_gateway(start: Any, short: Path) -> None:
    with (
        start(short, "--idle", "4") as started,
        httpx.Client(base_url=base(started), trust_env=False) as page,
    ):
        granted = page.post("/page/pass", json={"ticket": ticket(page, started)}).json()["pass"]
        headers = {"Authorization": f"Page {granted}"}
        with lines(page, "GET", "/page/state", headers=headers) as states:
            assert next(states)["running_now"] == 0
            assert started.process.wait(PATIENCE) == 0
            assert list(states) == []  # it ended in order


def test_on_other_machines_the_page_needs_a_name(start: Any, short: Path) -> None:
    with start(short, "--page-host", "gpu.lan") as started:
        reply = httpx.get(base(started), headers={"Host": "gpu.lan"}, trust_env=False)
        assert reply.status_code == 200
        assert httpx.get(base(started), headers={"Host": "else.lan"}, trust_env=False).status_code == 403
        found = httpx.post(f"{base(started)}/page/tickets", headers=started.headers, trust_env=False).json()
        assert found["address"] == base(started).replace("127.0.0.1", "gpu.lan") + "/"


# `spark-lsp open`.


def opened(where: Path, environment: Any, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "spark_lsp", "open", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(where, **more), check=False, timeout=PATIENCE
    )
    assert "Traceback" not in done.stderr
    return done


def enter(address: str) -> int:
    where, _, found = address.strip().partition("#")
    return httpx.post(f"{where}page/pass", json={"ticket": found}, trust_env=False).status_code


def test_the_command_finds_the_gateway_on_a_port(start: Any, short: Path, environment: Any) -> None:
    with start(short) as started:
        done = opened(short, environment, "--print")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(base(started) + "/#")
        assert enter(done.stdout) == 200


def test_without_a_display_the_command_says_how(start: Any, short: Path, environment: Any) -> None:
    with start(short):
        done = opened(short, environment)
    assert done.returncode == 3
    assert "ssh -L" in done.stderr
    assert done.stdout.startswith("http://127.0.0.1:")


def test_the_command_opens_the_user_s_browser(start: Any, short: Path, environment: Any) -> None:
    browser = short / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{short}/seen'\n")
    browser.chmod(0o700)
    with start(short):
        done = opened(short, environment, BROWSER=str(browser))
        assert done.returncode == 0, done.stderr
        assert "#" not in done.stdout  # the ticket is for the browser
        assert enter((short / "seen").read_text()) == 200


def test_an_editor_s_gateway_listens_for_browsers_on_demand(home: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "empty.toml"
    config.write_text('[engines.replay]\nkind = "replay"\n[routes]\nedit = ["replay"]\n')

    def again(*_: Any, **__: Any) -> dict[str, str]:
        return home

    first = opened(tmp_path, again, "--print", "--config", str(config))
    assert first.returncode == 0, first.stderr
    state = json.loads((Path(home["SPARK_LSP_RUNTIME_DIR"]) / "gateway.json").read_text())
    assert state["url"].startswith("ws+unix:")
    second = opened(tmp_path, again, "--print")
    assert first.stdout.partition("#")[0] == second.stdout.partition("#")[0]  # one port
    assert (enter(second.stdout), enter(first.stdout), enter(first.stdout)) == (200, 200, 401)
    where = first.stdout.partition("#")[0]
    headers = {"Authorization": f"Bearer {state['token']}"}
    assert httpx.get(f"{where}v1/models", headers=headers, trust_env=False).status_code == 404
    assert httpx.get(f"{where}status", headers=headers, trust_env=False).status_code == 404
