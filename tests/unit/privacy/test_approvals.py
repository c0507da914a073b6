"""What has to be approved, by the whole of it."""

import pytest

from spark_lsp.config import LocalSettings, ReplaySettings
from spark_lsp.errors import ConfigError
from spark_lsp.privacy.approvals import ApprovalRequest, approval_requests_of, endpoint_request, file_request


@pytest.mark.parametrize(
    ("url", "subject"),
    [
        ("HTTP://GPU.lan/v1", "http://gpu.lan:80/v1"),
        ("https://gpu.lan", "https://gpu.lan:443/"),
        ("ws://[::1]:8000/v1/responses?a=b", "ws://[::1]:8000/v1/responses?a=b"),
        ("ws+unix:/run/x.sock", "ws+unix:/run/x.sock"),
    ],
)
def test_an_endpoint_has_one_spelling(url: str, subject: str) -> None:
    assert endpoint_request(url).subject == subject


@pytest.mark.parametrize(
    "url", ["", "gpu.lan", "ftp://x/", "http://u:p@gpu.lan/", "http://x:99999/", "http:///v1"]
)
def test_what_is_no_endpoint_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        endpoint_request(url)
    assert "u:p" not in str(refusal.value)


def test_port_path_and_key_are_other_questions() -> None:
    asks = {
        endpoint_request("http://gpu.lan/v1"),
        endpoint_request("http://gpu.lan:8080/v1"),
        endpoint_request("http://gpu.lan/v2"),
        endpoint_request("https://gpu.lan/v1"),
        endpoint_request("http://gpu.lan/v1", "env:KEY"),
        endpoint_request("http://gpu.lan/v1", "env:OTHER"),
        endpoint_request("http://gpu.lan/v1", "file:/k"),
    }
    assert len(asks) == 7


def test_files_of_engines_are_asked_about() -> None:
    assert approval_requests_of(LocalSettings()) == []
    assert approval_requests_of(LocalSettings(model="/m/x.gguf")) == [file_request("/m/x.gguf")]
    table = ReplaySettings(text="/a", texts={"edit": "/b"})
    assert approval_requests_of(table) == [file_request("/a"), file_request("/b")]


def test_questions_and_commands_say_all_of_it() -> None:
    ask = ApprovalRequest("endpoint", "http://gpu.lan:80/v1", "env:GPU_KEY")
    assert str(ask) == "send code to http://gpu.lan:80/v1 with the key in the environment variable GPU_KEY"
    assert ask.command == "spark-lsp trust http://gpu.lan:80/v1 --key-env GPU_KEY"
    assert str(endpoint_request("http://x/")).endswith("without a key")
    assert file_request("/m/a b.gguf").command == "spark-lsp trust '/m/a b.gguf'"
