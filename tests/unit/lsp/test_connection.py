"""What is decoded, what is refused, and how deep a message may be."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.lsp.connection import LARGE_BODY_BYTES, MAX_NESTING, decode, is_deep, may_be_deep
from spark_lsp.lsp.lenient import repair
from spark_lsp.lsp.main_loop import is_alive

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(values, st.sampled_from([0, LARGE_BODY_BYTES]))
def test_json_is_decoded_however_large(value: Any, padding: int) -> None:
    body = json.dumps(value).encode() + b" " * padding
    assert decode(body) == (value, True)


@given(st.binary(max_size=60))
def test_other_bytes_raise_nothing_but_value_errors(body: bytes) -> None:
    try:
        decode(body)
    except ValueError:
        return
    assert json.loads(body) is not Ellipsis


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("padding", [0, LARGE_BODY_BYTES])
def test_numbers_that_are_not_finite_are_told(number: str, padding: int) -> None:
    message, finite = decode(f'{{"id": 3, "x": [{number}]}}'.encode() + b" " * padding)
    assert message["id"] == 3
    assert not finite


@pytest.mark.parametrize("charset", ["utf-16", "utf-32", "utf-8-sig", "latin-1"])
def test_only_utf_8_is_read(charset: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode('{"é": 1}'.encode(charset))


def nested(depth: int, *, objects: bool = False) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = {"a": value} if objects else [value]
    return value


@pytest.mark.parametrize("objects", [True, False])
def test_depth_is_counted_without_recursion(objects: bool) -> None:
    assert not is_deep(nested(MAX_NESTING - 1, objects=objects))
    assert is_deep(nested(MAX_NESTING, objects=objects))
    assert is_deep(nested(100_000, objects=objects))
    assert not is_deep([[]] * 10_000)


@given(st.integers(0, 200))
def test_no_deep_value_is_overlooked(depth: int) -> None:
    value = nested(depth)
    assert may_be_deep(json.dumps(value).encode()) or not is_deep(value)


@pytest.mark.parametrize("uri", ["http://[", "", 5, "no scheme", None])
def test_a_root_that_is_no_uri_is_none(uri: object) -> None:
    params = repair({"method": "initialize", "params": {"rootUri": uri, "x": 1}})["params"]
    assert params == {"rootUri": None, "x": 1}


def test_a_root_that_is_one_stays() -> None:
    message = {"method": "initialize", "params": {"rootUri": "vscode-remote://wsl%2Bdebian/home"}}
    assert repair(message) is message


def test_processes_that_are_there_and_that_are_not() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert not is_alive(ended.pid)
    assert is_alive(os.getpid())
    assert is_alive(1)  # whoever owns it
    assert is_alive(0)
    assert is_alive(10**30)
