"""Approvals on disk: private, shared by processes, and never there by accident."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from spark_lsp.config import LocalSettings, OpenAISettings
from spark_lsp.errors import ConfigError
from spark_lsp.privacy.approvals import endpoint_request, file_request
from spark_lsp.store.approvals import Approvals


def test_what_is_added_is_there_until_removed(tmp_path: Path) -> None:
    approvals, ask = Approvals(tmp_path), endpoint_request("http://gpu.lan/v1", "env:KEY")
    assert not approvals.has(ask)
    approvals.add(ask)
    approvals.add(ask)
    assert Approvals(tmp_path).all() == [ask]
    assert not approvals.has(endpoint_request("http://gpu.lan/v1"))
    assert approvals.remove(ask.subject) == 1
    assert approvals.remove(ask.subject) == 0


def test_the_file_is_private(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path / "state")
    approvals.add(file_request("/x"))
    assert stat.S_IMODE(approvals.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(approvals.file.parent.stat().st_mode) == 0o700


def test_a_damaged_file_approves_nothing_and_says_so(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    approvals.file.write_bytes(b"no database" * 100)
    assert approvals.all() == []
    assert approvals.damage()
    with pytest.raises(ConfigError, match="cannot be written"):
        approvals.add(file_request("/x"))


def test_many_writers_lose_nothing(tmp_path: Path) -> None:
    asks = [file_request(f"/{number}") for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda ask: Approvals(tmp_path).add(ask), asks))
    assert sorted(Approvals(tmp_path).all()) == sorted(asks)


def test_a_model_file_of_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    approvals, table = Approvals(tmp_path), LocalSettings(model="~/m/x.gguf")
    [ask] = approvals.find_missing(table)
    assert ask == file_request("/home/me/m/x.gguf")
    approvals.add(ask)
    assert approvals.find_missing(table) == []
    with pytest.raises(ConfigError, match="not absolute"):
        approvals.find_missing(LocalSettings(model="m/x.gguf"))


def test_an_endpoint_goes_with_its_key_and_each_server_is_asked_about(tmp_path: Path) -> None:
    approvals = Approvals(tmp_path)
    table = OpenAISettings(base_urls=("http://a:1/v1", "http://b:1/v1"), key_env="KEY")
    for ask in approvals.find_missing(table)[:1]:
        approvals.add(ask)
    assert [str(ask) for ask in approvals.find_missing(table)] == [
        "send code to http://b:1/v1 with the key in the environment variable KEY"
    ]
    assert len(approvals.find_missing(OpenAISettings(base_url="http://a:1/v1", key_env="OTHER"))) == 1


def test_a_key_s_path_must_be_whole(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not absolute"):
        Approvals(tmp_path).find_missing(OpenAISettings(base_url="http://a:1/v1", key_file="key"))
