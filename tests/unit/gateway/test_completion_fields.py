"""The fields of a completions request become the parts of a request."""

import json
from typing import Any

import pytest

from spark_lsp.gateway.completion_fields import FieldError, read_completion
from spark_lsp.prompts.raw_fim import RawPrompt

RAW = "<|fim_prefix|>a<|fim_suffix|>b<|fim_middle|>"


@pytest.mark.parametrize(
    ("fields", "prompt"),
    [
        ({"prompt": "a", "suffix": "b"}, RawPrompt("a", "b")),
        ({"prompt": ["a"]}, RawPrompt("a", "")),
        ({"prompt": RAW}, RawPrompt("a", "b")),
        ({"prompt": RAW, "suffix": ""}, RawPrompt("a", "b")),
        ({"prompt": RAW, "suffix": "c"}, RawPrompt(RAW, "c")),
    ],
)
def test_prefix_and_suffix(fields: dict[str, Any], prompt: RawPrompt) -> None:
    assert read_completion(fields).prompt == prompt


def test_the_message_has_the_parts_and_the_stops() -> None:
    prompt = f"<|file_sep|>x.py\nX = 1\n{RAW}"
    message = json.loads(read_completion({"prompt": prompt, "stop": "\n", "model": "local"}).message)
    assert message == {
        "type": "response.create",
        "model": "local",
        "max_output_tokens": 16,
        "spark": {
            "task": "complete",
            "parts": [
                {"kind": "file", "text": "X = 1", "uri": "x.py"},
                {"kind": "prefix", "text": "a"},
                {"kind": "suffix", "text": "b"},
            ],
            "stop": ["\n"],
            "max_lines": 0,
            "origin": "completions",
        },
    }


@pytest.mark.parametrize(
    ("body", "query", "lines"),
    [
        ({}, {}, 0),
        ({"max_lines": 2}, {}, 2),
        ({}, {"max_lines": "3"}, 3),
        ({"max_lines": 2}, {"max_lines": "3"}, 2),
    ],
)
def test_lines_are_limited_by_the_body_or_the_url(
    body: dict[str, Any], query: dict[str, str], lines: int
) -> None:
    assert read_completion({"prompt": "a", **body}, query).max_lines == lines


@pytest.mark.parametrize("lines", ["many", "-1", "1001", "1.5", "9" * 5000])
def test_a_wrong_number_of_lines_is_refused(lines: str) -> None:
    with pytest.raises(FieldError, match="`max_lines` is invalid"):
        read_completion({"prompt": "a"}, {"max_lines": lines})


def test_an_error_names_its_field() -> None:
    with pytest.raises(FieldError, match="`max_tokens` is invalid") as caught:
        read_completion({"prompt": "a", "max_tokens": "many"})
    assert caught.value.param == "max_tokens"
