"""Fetching from a real HTTP server: resume, wrong digests, full disks, interruptions, two at once."""

import errno
import hashlib
import http.server
import shutil
import threading
from collections import namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spark_lsp.errors import ModelError
from spark_lsp.models import paths, pull, remove, sources
from spark_lsp.models.pinned import list_pinned, parse_pinned
from spark_lsp.models.registry import HuggingFace, Model

Usage = namedtuple("Usage", "total used free")


class Repository(http.server.ThreadingHTTPServer):
    """Serves one file; `content` and `cut` (bytes after which it hangs up) can be changed."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.ranges = content, 0, list[str]()
        self.status, self.heeds_range, self.tells_size = 200, True, True


class Handler(http.server.BaseHTTPRequestHandler):
    server: Repository  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.server.heeds_range else 0
        body = self.server.content[start:]
        self.send_response(206 if start else self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.cut or None])

    def do_HEAD(self) -> None:
        self.send_response(self.server.status)
        if self.server.tells_size:
            self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def repository(weights: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with Repository(weights) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def model(make_model: Callable[..., Model]) -> Model:
    return make_model()


def test_a_model_is_fetched_verified_and_comes_with_its_notice(
    repository: Repository, model: Model, weights: bytes
) -> None:
    steps: list[tuple[str, int]] = []
    file = pull.pull(model, lambda step, source, done: steps.append((step, done)))
    assert file.read_bytes() == weights
    assert paths.is_installed(model)
    assert "Apache License, Version 2.0" in file.with_name(file.name + ".NOTICE").read_text("utf-8")
    assert steps[-1] == ("verify", len(weights))
    assert [done for step, done in steps if step == "fetch"][-1] == len(weights)
    assert pull.pull(model) == file
    assert len(repository.ranges) == 1


def test_a_broken_download_goes_on_where_it_stopped(repository: Repository, model: Model) -> None:
    repository.cut = 2_000_000
    with pytest.raises(ModelError, match="could not be reached"):
        pull.pull(model)
    repository.cut = 0
    pull.pull(model)
    have = int(repository.ranges[1].removeprefix("bytes=").rstrip("-"))
    assert 0 < have <= 2_000_000
    assert paths.is_installed(model)


def test_a_server_without_ranges_starts_again(repository: Repository, model: Model) -> None:
    repository.cut, repository.heeds_range = 2_000_000, False
    with pytest.raises(ModelError):
        pull.pull(model)
    repository.cut = 0
    pull.pull(model)
    assert paths.is_installed(model)


def test_a_wrong_digest_is_thrown_away(repository: Repository, model: Model, weights: bytes) -> None:
    repository.content = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(ModelError, match="wrong digest and was discarded") as caught:
        pull.pull(model)
    assert "spark-lsp model pull tiny" in str(caught.value)
    assert not paths.looks_present(model)
    repository.content = weights
    pull.pull(model)
    assert repository.ranges == ["", ""]


def test_the_next_source_is_asked(
    repository: Repository, make_model: Callable[..., Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(HuggingFace("gone", "gone"), HuggingFace("someone/tiny", "tiny.gguf"))
    real = sources.fetch

    def fetch(source: HuggingFace, *rest: object) -> None:
        repository.status = 404 if source.repository == "gone" else 200
        real(source, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(pull, "fetch", fetch)
    pull.pull(model)
    assert paths.is_installed(model)


def test_without_network_the_reason_is_clear(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(ModelError, match=r"could not be fetched.*could not be reached.*Check the network"):
        pull.pull(model)


def test_a_full_disk_is_told_before_the_download(
    repository: Repository, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10, 9, 1_000_000))
    with pytest.raises(ModelError, match=r"no room .* 1 MB are free.*SPARK_LSP_MODELS"):
        pull.pull(model)
    assert repository.ranges == []


def test_a_disk_that_fills_meanwhile_keeps_what_came(
    repository: Repository, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tick(step: str, source: str, done: int) -> None:
        if done > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ModelError, match="no room"):
        pull.pull(model, tick)
    pull.pull(model)
    assert repository.ranges[1].startswith("bytes=")


def test_an_interruption_keeps_what_came(repository: Repository, model: Model) -> None:
    def tick(step: str, source: str, done: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull.pull(model, tick)
    pull.pull(model)
    assert repository.ranges[1].startswith("bytes=")
    assert paths.is_installed(model)


def test_a_second_pull_at_once_is_refused(repository: Repository, model: Model) -> None:
    refused: list[str] = []

    def tick(step: str, source: str, done: int) -> None:
        if not refused:
            with pytest.raises(ModelError) as caught:
                pull.pull(model)
            refused.append(str(caught.value))

    pull.pull(model, tick)
    assert "by another process already" in refused[0]
    assert paths.is_installed(model)


def test_a_directory_that_cannot_be_made_is_named(model: Model, place: Path) -> None:
    place.write_text("a file in the way")
    with pytest.raises(ModelError, match=r"cannot be written.*SPARK_LSP_MODELS"):
        pull.pull(model)


@pytest.fixture
def pinned(weights: bytes) -> Model:
    return parse_pinned(f"someone/tiny/folder/Qwen-tiny.gguf@{hashlib.sha256(weights).hexdigest()}")


def test_a_pinned_file_is_fetched_resumed_and_listed(repository: Repository, pinned: Model) -> None:
    repository.cut = 2_000_000
    with pytest.raises(ModelError, match="could not be reached"):
        pull.pull(pinned)
    assert list_pinned() == []
    repository.cut = 0
    file = pull.pull(pinned)
    assert repository.ranges[1].startswith("bytes=")
    assert paths.is_installed(pinned)
    assert paths.looks_present(pinned)
    assert list_pinned() == [pinned]
    assert "licence: see https://huggingface.co/someone/tiny" in file.with_name(
        file.name + ".NOTICE"
    ).read_text("utf-8")
    remove.remove(pinned)
    assert list_pinned() == []
    assert remove.find_leavings(pinned) == []


def test_a_pinned_file_with_another_digest_is_thrown_away(
    repository: Repository, pinned: Model, weights: bytes
) -> None:
    repository.content = weights[::-1]
    with pytest.raises(ModelError, match="wrong digest and was discarded"):
        pull.pull(pinned)
    assert not paths.looks_present(pinned)


def test_a_pinned_file_without_a_size_is_not_fetched(repository: Repository, pinned: Model) -> None:
    repository.tells_size = False
    with pytest.raises(ModelError, match="without the file's size"):
        pull.pull(pinned)
    repository.tells_size, repository.status = True, 404
    with pytest.raises(ModelError, match="it answered 404"):
        pull.pull(pinned)
    assert repository.ranges == []
