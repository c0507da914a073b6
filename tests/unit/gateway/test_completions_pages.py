"""The pages about completions say what the code does."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from spark_lsp.gateway import completion_fields
from spark_lsp.gateway.app import COMPLETIONS_PATH
from spark_lsp.gateway.completion_fields import read_completion
from spark_lsp.wire.server_messages import MAX_MESSAGE_BYTES

DOCS = Path(__file__).parents[3] / "docs"


def test_the_reference_has_the_limits() -> None:
    page = " ".join((DOCS / "reference" / "completions.md").read_text("utf-8").split())
    assert f"1 to {completion_fields.MAX_TOKENS:,}; {completion_fields.DEFAULT_TOKENS} without it" in page
    assert f"0 to {completion_fields.MAX_LINES:,}:" in page
    assert (
        f"at most {completion_fields.MAX_STOPS} strings, of 1 to {completion_fields.MAX_STOP_CHARS:,}" in page
    )
    assert f"at most {MAX_MESSAGE_BYTES // 1024 // 1024} MiB" in page


def test_zeds_settings_name_the_endpoint() -> None:
    page = (DOCS / "how-to" / "zed.md").read_text("utf-8")
    (block,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    settings = json.loads(block)["edit_predictions"]["open_ai_compatible_api"]
    url = urlsplit(settings["api_url"])
    assert url.path == COMPLETIONS_PATH
    body = {"model": settings["model"], "prompt": "x", "max_tokens": settings["max_output_tokens"]}
    completion = read_completion(body, dict(parse_qsl(url.query)))
    assert (completion.max_lines, completion.max_tokens, completion.model) == (1, 64, "completion")
