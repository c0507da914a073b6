"""The doctor is right about each of many broken set-ups, and all green where nothing is broken."""

import http.server
import importlib.util
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_lsp import cli, runtime
from spark_lsp.answer_events import Usage
from spark_lsp.budget.ledger import Charge, Claim
from spark_lsp.budget.limits import Amount
from spark_lsp.codes import Code
from spark_lsp.config import ResponsesSettings, Settings
from spark_lsp.doctor import servers
from spark_lsp.engine.metered.accounts import read_clock
from spark_lsp.failures import PROBLEM, Failure
from spark_lsp.store.ledger import SqliteLedger
from spark_lsp.wire.proof import NONCE_HEADER, PROOF_HEADER, proof_of

Look = Callable[..., dict[str, list[dict[str, str]]]]


@pytest.fixture
def look(
    home: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Look:
    """Run the doctor in the private home; returns the findings that are not ok, by subject."""
    for name in [name for name in os.environ if name.startswith("SPARK_LSP_")]:
        monkeypatch.delenv(name)
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getppid", lambda: 1)  # pytest may run in an editor's terminal
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")

    def run(*words: str, trial: bool = False) -> dict[str, list[dict[str, str]]]:
        code = cli.main(["doctor", "--json", *([] if trial else ["--no-trial"]), *words])
        findings = json.loads(capsys.readouterr().out)
        assert code == any(finding["level"] == "error" for finding in findings)
        assert all(bool(finding["remedy"]) == (finding["level"] != "ok") for finding in findings)
        found: dict[str, list[dict[str, str]]] = {}
        for finding in findings:
            if finding["level"] != "ok":
                found.setdefault(finding["subject"], []).append(finding)
        return found

    return run


@pytest.fixture
def config(replay_config: Path) -> Path:
    return replay_config


def only(found: dict[str, list[dict[str, str]]], subject: str, level: str) -> dict[str, str]:
    """The one finding there is."""
    assert list(found) == [subject], found
    [finding] = found[subject]
    assert finding["level"] == level
    return finding


def test_nothing_is_wrong(look: Look, config: Path) -> None:
    assert look(trial=True) == {}


@pytest.mark.model
def test_all_green_with_the_embedded_model(look: Look, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_MODELS", str(model.parent))
    assert look(trial=True) == {}


def test_a_configuration_that_is_no_toml(look: Look, config: Path) -> None:
    config.write_text("[engines")
    found = look()
    assert "not valid TOML" in found["configuration"][0]["what"]
    assert found["configuration"][0]["level"] == "error"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('[engines.x]\nkind = "abacus"\n', "engines.x.kind"),
        ('[engine.routes]\nchat = ["nobody"]\n', "routes.chat"),
        ("[completion]\nmaxLines = -1\n", "completion.maxLines"),
        ("[compleetion]\n", "compleetion"),
    ],
)
def test_a_value_that_cannot_be_used(look: Look, config: Path, text: str, name: str) -> None:
    config.write_text(config.read_text() + text)
    assert name in only(look(), "configuration", "warning")["what"]


BUDGET = """\
[engines.paid]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
model = "m"
key_env = "HOME"
[engines.paid.budget]
tokens_per_day = 1000
"""


def test_a_limit_of_money_needs_a_price(look: Look, config: Path) -> None:
    config.write_text(config.read_text() + BUDGET + "money_per_day = 1\n")
    [finding] = look()["budget"]
    assert finding["level"] == "error"
    assert "has no known price for the model 'm'" in finding["what"]
    assert "engines.paid.price" in finding["remedy"]
    priced = BUDGET + "money_per_day = 1\n[engines.paid.price]\ninput = 1\noutput = 2\n"
    config.write_text(config.read_text().replace(BUDGET + "money_per_day = 1\n", priced))
    assert "budget" not in look()


def test_half_a_price_is_named(look: Look, config: Path) -> None:
    config.write_text(config.read_text() + "[engines.replay.price]\ninput = 1\n")
    assert "engines.replay.price" in only(look(), "configuration", "warning")["what"]


def test_a_used_up_budget_is_named(look: Look, config: Path, home: dict[str, str]) -> None:
    config.write_text(config.read_text() + BUDGET)
    claim = Claim("", "paid", "m", ("engine:paid",), Amount(), "", read_clock().day)
    ledger = SqliteLedger(Path(home["XDG_STATE_HOME"]) / "spark-lsp")
    ledger.settle([Charge(claim, Usage(1_000), 0, "m")], read_clock().now)
    [finding] = look()["budget"]
    assert finding["level"] == "warning"
    assert finding["what"] == "engine 'paid': 1,000 of 1,000 tokens today, used up"


def test_a_misspelt_variable(look: Look, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_MODEL", "/models")
    assert "SPARK_LSP_MODELS" in only(look(), "environment", "warning")["remedy"]


def test_a_configuration_that_is_not_there(look: Look, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_CONFIG", "/nowhere/config.toml")
    assert "/nowhere/config.toml" in look()["configuration"][0]["what"]


def test_no_model(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_MODELS", str(tmp_path / "models"))
    finding = only(look(), "model", "error")
    assert "qwen2.5-coder-0.5b (491 MB, Apache-2.0) is not on this machine" in finding["what"]
    assert finding["remedy"] == "Run: spark-lsp model pull qwen2.5-coder-0.5b"


def test_a_damaged_model(look: Look, tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_MODELS", str(tmp_path))
    with (tmp_path / "smollm2-135m-instruct-q4_1.gguf").open("wb") as file:
        file.truncate(98_362_432)
    config.write_text('[engines.local]\nkind = "local"\nmodel = "smollm2-135m"\n')
    assert "damaged" in only(look(), "model", "error")["what"]


def test_a_model_of_ones_own_that_is_not_there(look: Look, config: Path) -> None:
    config.write_text('[engines.local]\nkind = "local"\nmodel = "/nowhere/mine.gguf"\n')
    assert "/nowhere/mine.gguf" in only(look(), "model", "error")["what"]


def test_a_model_that_nobody_knows(look: Look, config: Path) -> None:
    config.write_text('[engines.local]\nkind = "local"\nmodel = "gpt-9"\n')
    assert "gpt-9" in only(look(), "model", "error")["what"]


def test_no_runtime_for_the_model(
    look: Look, tmp_path: Path, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "xllamacpp" else find(name))
    config.write_text(config.read_text().replace('"replay"]', '"replay", "local"]'))
    found = look()
    assert found["embedded runtime"][0]["level"] == "warning"
    config.unlink()
    found = look()
    assert found["embedded runtime"][0]["level"] == "error"
    assert "pip install 'spark-lsp[local]'" in found["embedded runtime"][0]["remedy"]


def test_a_runtime_directory_that_is_none(
    look: Look, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").symlink_to(tmp_path)
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path / "run"))
    assert "belongs to another user" in only(look(), "runtime directory", "error")["what"]


def test_a_runtime_directory_too_deep_for_a_socket(
    look: Look, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPARK_LSP_RUNTIME_DIR", str(tmp_path / ("x" * 120)))
    assert "too long" in only(look(), "runtime directory", "warning")["what"]


def test_a_gateway_that_does_not_answer(look: Look, config: Path, home: dict[str, str]) -> None:
    where = Path(home["SPARK_LSP_RUNTIME_DIR"])
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(where / "gateway.sock"))
        deaf.listen()
        url = f"ws+unix:{where / 'gateway.sock'}"
        runtime.write_state(where, runtime.State(url, "t", os.getpid(), "0.1.0"))
        finding = only(look(), "gateway", "error")
    assert f"kill -9 {os.getpid()}" in finding["remedy"]


@pytest.fixture
def old_gateway(home: dict[str, str]) -> Iterator[None]:
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            proof = proof_of("t", "gateway", self.headers[NONCE_HEADER])
            self.send_header(PROOF_HEADER, proof)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state = runtime.State(f"ws://127.0.0.1:{server.server_port}/v1/responses", "t", os.getpid(), "0.0.1")
        runtime.write_state(Path(home["SPARK_LSP_RUNTIME_DIR"]), state)
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("old_gateway")
def test_a_gateway_of_another_version(look: Look, config: Path) -> None:
    assert "0.0.1" in only(look(), "gateway", "warning")["what"]


def test_a_state_file_that_is_damaged(look: Look, config: Path, home: dict[str, str]) -> None:
    (Path(home["SPARK_LSP_RUNTIME_DIR"]) / "gateway.json").write_text("{")
    assert "cannot be read" in only(look(), "gateway", "warning")["what"]


def test_a_gateway_that_died_is_no_trouble(look: Look, config: Path, home: dict[str, str]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    state = runtime.State("ws+unix:/x", "t", gone.pid, "0.1.0")
    runtime.write_state(Path(home["SPARK_LSP_RUNTIME_DIR"]), state)
    assert look() == {}


def test_a_gateway_that_complained(look: Look, config: Path, home: dict[str, str]) -> None:
    log = Path(home["SPARK_LSP_RUNTIME_DIR"]) / "gateway.log"
    log.write_text("ERROR spark_lsp.gateway: it broke\n")
    assert (
        "1 complaints, the last: ERROR spark_lsp.gateway: it broke"
        in only(look(), "gateway", "warning")["what"]
    )
    problem = Failure(PROBLEM, Code.CONFIG_ERROR, "engines.x cannot be used").line
    log.write_text(f"INFO spark_lsp: an ERROR in words\n{problem}\n")
    assert "1 complaints, the last: engines.x cannot be" in only(look(), "gateway", "warning")["what"]


def test_approvals_that_are_damaged(look: Look, config: Path, home: dict[str, str]) -> None:
    state = Path(home["XDG_STATE_HOME"]) / "spark-lsp"
    state.mkdir(parents=True)
    (state / "approvals.sqlite3").write_bytes(b"not a database" * 99)
    assert "Delete it" in only(look(), "approvals", "error")["remedy"]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("exclude = [", "error"),
        ('[engine]\nurl = "ws://x"\n', "warning"),
        ("completion.enabled = false\n", "warning"),
    ],
)
def test_a_projects_file(look: Look, config: Path, text: str, level: str) -> None:
    Path(".spark.toml").write_text(text)
    assert ".spark.toml" in only(look(), "project", level)["what"]


def test_an_old_neovim(look: Look, config: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "nvim"
    program.write_text("#!/bin/sh\necho NVIM v0.9.5\n")
    program.chmod(0o755)
    assert "0.9" in only(look(), "editor", "warning")["what"]


def test_files_that_get_nothing(look: Look, config: Path) -> None:
    config.write_text(config.read_text() + '[completion]\ndisabledGlobs = ["*.md"]\n')
    Path(".gitignore").write_text("build/\n")
    Path(".git").mkdir()
    found = look(".env", "build/a.py", "a.md", "a.py")
    assert {name: each[0]["what"].split(" ")[0] for name, each in found.items()} == {
        ".env": "files",
        "build/a.py": "git",
        "a.md": "completions",
    }


def test_a_replay_without_its_text(look: Look, config: Path) -> None:
    (config.parent / "complete.txt").unlink()
    assert "complete.txt" in only(look(trial=True), "trial", "error")["what"]


def test_nobody_listens_there(look: Look, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_ENGINE_URL", "ws://127.0.0.1:1/v1/responses")
    assert "cannot be reached" in only(look(trial=True), "trial", "error")["what"]


def test_a_wrong_token(look: Look, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-m", "spark_lsp", "gateway"]
    environment = {**os.environ, "SPARK_LSP_TOKEN": "right"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        monkeypatch.setenv("SPARK_LSP_ENGINE_URL", json.loads(gateway.stdout.readline())["url"])
        monkeypatch.setenv("SPARK_LSP_TOKEN", "wrong")
        finding = only(look(trial=True), "trial", "error")
        gateway.terminate()
    assert "token" in finding["what"]


@pytest.fixture
def gpu(config: Path) -> Iterator[Callable[..., str]]:
    """Start a server that lists these models, and have the routes' only engine be there."""
    running: list[http.server.ThreadingHTTPServer] = []

    def start(*models: str, status: int = 200, **fields: str) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                listed = [{"id": name, "max_model_len": 4096} for name in models]
                body = json.dumps({"data": listed}).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        running.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=running[-1].serve_forever, daemon=True).start()
        fields = {"base_url": f"http://127.0.0.1:{running[-1].server_port}/v1", **fields}
        lines = [f'{name} = "{value}"' for name, value in fields.items()]
        config.write_text(
            "\n".join(
                ['[engines.gpu]\nkind = "openai"', *lines, '[routes]\ncompletion = ["gpu"]', 'edit = ["gpu"]']
            )
        )
        return fields["base_url"]

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def test_a_server_that_serves_the_model_is_well(look: Look, gpu: Callable[..., str]) -> None:
    gpu("coder")
    assert look() == {}
    gpu("coder", "other", model="coder")
    assert look() == {}


@pytest.mark.parametrize(
    ("status", "fields", "level", "words", "remedy"),
    [
        (200, {"model": "gone"}, "warning", "does not list the model 'gone'; it lists a, b", "`model`"),
        (200, {}, "error", "serves 2 models, and the settings name none", "one of: a, b"),
        (401, {}, "error", "rejected the API key", "key_env"),
        (404, {}, "error", "404", "ends in /v1"),
        (200, {"key_env": "NO_SUCH_KEY"}, "error", "NO_SUCH_KEY is not set", "Correct it"),
        (200, {"base_url": "ftp://127.0.0.1/v1"}, "error", "not a valid http", "Correct it"),
        (
            200,
            {"base_url": "http://me:secret@127.0.0.1/v1"},
            "error",
            "contains a user name or a password",
            "Correct it",
        ),
        (200, {"base_url": "http://127.0.0.1:9/v1"}, "error", "nothing listens", "base_url"),
    ],
)
def test_a_server_that_is_not_as_the_settings_say(
    look: Look,
    gpu: Callable[..., str],
    status: int,
    fields: dict[str, str],
    level: str,
    words: str,
    remedy: str,
) -> None:
    gpu("a", "b", status=status, **fields)
    finding = only(look(), "server", level)
    assert words in finding["what"]
    assert remedy in finding["remedy"]
    assert "secret" not in str(finding)


@pytest.mark.parametrize(
    ("status", "table", "level", "words"),
    [
        (
            426,
            {"model": "m"},
            "ok",
            "over HTTP, because the service refused the WebSocket: status 426, model m",
        ),
        (401, {"model": "m"}, "error", "rejected the API key"),
        (426, {"profile": "codex-spark", "key_env": "NO_SUCH_KEY"}, "error", "NO_SUCH_KEY is not set"),
    ],
)
def test_a_service_is_connected_to_without_code(
    gpu: Callable[..., str], status: int, table: dict[str, str], level: str, words: str
) -> None:
    url = gpu("m", status=status)
    settings = Settings(
        engines={"far": ResponsesSettings(**{"base_url": url, **table})},  # type: ignore[arg-type]
        routes={"completion": ("far",)},
    )
    (finding,) = servers.look(settings)
    assert finding.level == level
    assert words in finding.what


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://localhost:1/v1", False),
        ("http://10.1.2.3/v1", False),
        ("http://gpu.lan:8000/v1", False),
        ("http://gpu:8000/v1", False),
        ("https://api.example.com/v1", False),
        ("http://api.example.com/v1", True),
        ("http://8.8.8.8/v1", True),
    ],
)
def test_an_address_that_sends_code_in_the_clear_is_told(url: str, told: bool) -> None:
    assert servers._in_the_clear(url) is told
