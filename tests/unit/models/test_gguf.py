"""The header of a GGUF file, also of one that is cut off, wrong or hostile."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spark_lsp.errors import ModelError
from spark_lsp.models.families import family_of_file, guess_family
from spark_lsp.models.gguf import read_header


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def header(*pairs: bytes, version: int = 3, count: int | None = None) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, 5, len(pairs) if count is None else count) + b"".join(pairs)


NAMES = (
    pair("general.architecture", 8, text("qwen2")),
    pair("general.name", 8, text("Qwen2.5 Coder 7B Instruct")),
    pair("general.file_type", 4, struct.pack("<I", 15)),
    pair("general.ready", 7, b"\x01"),
    pair("general.tags", 9, struct.pack("<IQ", 8, 2) + text("code") + text("chat")),
    pair("general.numbers", 9, struct.pack("<IQ", 5, 3) + struct.pack("<iii", 1, 2, 3)),
    pair("qwen2.rope", 6, struct.pack("<f", 0.5)),
)
KNOWN: dict[str, Any] = {
    "general.architecture": "qwen2",
    "general.name": "Qwen2.5 Coder 7B Instruct",
    "general.file_type": 15,
    "general.ready": True,
    "qwen2.rope": 0.5,
}


def test_scalars_are_read_and_arrays_left_out() -> None:
    found = read_header(header(*NAMES))
    assert (found.version, found.metadata) == (3, KNOWN)
    assert found.text("general.file_type") == found.text("missing") == ""


@given(st.integers(24, len(header(*NAMES))))
def test_a_header_that_is_cut_off_gives_what_is_complete(size: int) -> None:
    found = read_header(header(*NAMES)[:size])
    assert found.metadata.items() <= KNOWN.items()


@pytest.mark.parametrize("data", [b"", b"GGUF", b"GGML" + bytes(40), header(version=1), header(version=9)])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="not a GGUF file"):
        read_header(data)


@given(st.binary(max_size=400))
@example(pair("k", 8, struct.pack("<Q", 2**63)))
@example(pair("k", 9, struct.pack("<IQ", 0, 2**64 - 1)))
@example(pair("k", 9, struct.pack("<IQ", 8, 2**64 - 1)))
@example(pair("k", 9, struct.pack("<IQ", 9, 1)))
@example(pair("k", 77, b"12345678"))
def test_any_bytes_end_at_once(rest: bytes) -> None:
    found = read_header(header(rest, count=2**64 - 1))
    assert len(found.metadata) <= len(rest)


@given(st.binary(max_size=200))
def test_any_file_is_read_or_refused(data: bytes) -> None:
    try:
        read_header(data)
    except ModelError:
        assert not data.startswith(b"GGUF\x03\x00\x00\x00") or len(data) < 24


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Qwen2.5-Coder-7B.gguf", "qwen"),
        ("codellama-7b.Q4_K_M.gguf", "codellama"),
        ("CodeGemma-2b.gguf", "codegemma"),
        ("Codestral-22B.gguf", "codestral"),
        ("starcoder2-3b.gguf", "starcoder"),
        ("granite-3b-code-base.gguf", "starcoder"),
        ("deepseek-coder-1.3b.gguf", "deepseek"),
        ("SmolLM2-135M.gguf", "smollm"),
        ("mystery.gguf", "plain"),
    ],
)
def test_the_family_is_in_the_name(name: str, family: str) -> None:
    assert guess_family([name]) == family


def test_without_a_telling_name_the_metadata_tells(tmp_path: Path) -> None:
    file = tmp_path / "mine.gguf"
    assert family_of_file(file) == "plain"
    file.write_bytes(header(*NAMES))
    assert family_of_file(file) == "qwen"
    file.write_bytes(b"no model")
    assert family_of_file(file) == "plain"
