"""Budgets for context beside a document, and what each kind of engine does with it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.config import OpenAISettings
from spark_lsp.engine.beside import MOST_TOKENS, SLOW_TOKENS, UNKNOWN_PACE_TOKENS, choose_beside_tokens
from spark_lsp.engine.local.job import job_of
from spark_lsp.engine.local.slots import Slots
from spark_lsp.engine.openai.calls import AROUND_CHARS, CHARS_PER_TOKEN, RESERVE_TOKENS, Target, call_of
from spark_lsp.engine.openai.engine import OpenAIEngine
from spark_lsp.engine.openai.servers import MIN_MEASURED_TOKENS, Server
from spark_lsp.engine.wafer.engine import parts_of
from spark_lsp.request import Part, PartKind, Request, Task

FILES = (
    Part(PartKind.FILE, "def far(a): ...\n", "lib/far.py"),
    Part(PartKind.RECENT_EDIT, "@@ -1 +1 @@\n-a\n+b\n", "near.py"),
    Part(PartKind.DIAGNOSTIC, "x is not defined (at `x`)\n", "main.py"),
)
AROUND = (Part(PartKind.PREFIX, "x = far("), Part(PartKind.SUFFIX, ")\n"))
REQUEST = Request(Task.COMPLETE, (*FILES, *AROUND), language="python", origin="file:///main.py")
ROOM = 1_000


# The budget.


def test_budgets_follow_the_reading_pace() -> None:
    assert choose_beside_tokens(8_192, 120.0, 0) == SLOW_TOKENS
    assert choose_beside_tokens(131_072, 5_000.0, 0) == 4_096
    assert choose_beside_tokens(1_000_000, 500_000.0, 0) == MOST_TOKENS
    assert choose_beside_tokens(0, 0.0, UNKNOWN_PACE_TOKENS) == UNKNOWN_PACE_TOKENS


@given(st.integers(0, 2_000_000), st.floats(0, 1e7), st.integers(0, 100_000))
def test_a_budget_leaves_room_for_the_document(context: int, pace: float, unmeasured: int) -> None:
    tokens = choose_beside_tokens(context, pace, unmeasured)
    assert 0 <= tokens <= MOST_TOKENS
    assert not context or tokens <= context // 4
    assert tokens <= choose_beside_tokens(context, pace * 2, unmeasured * 2)


def test_an_engine_measures_its_server_and_a_setting_wins() -> None:
    engine = OpenAIEngine("gpu", OpenAISettings(base_url="http://127.0.0.1:1/v1", model="m"))
    assert engine.info.beside_tokens == UNKNOWN_PACE_TOKENS
    local = OpenAIEngine("gpu", OpenAISettings(base_url="http://127.0.0.1:1/v1", model="m", flavour="ollama"))
    assert local.info.beside_tokens == 512
    for tokens in (0, 77):
        settings = OpenAISettings(base_url="http://127.0.0.1:1/v1", model="m", beside_tokens=tokens)
        assert OpenAIEngine("gpu", settings).info.beside_tokens == tokens


def test_a_server_remembers_its_pace() -> None:
    server = Server("http://127.0.0.1:1/v1")
    server.note_reading(MIN_MEASURED_TOKENS - 1, 1.0)
    assert server.reads_per_s == 0
    server.note_reading(1_000, 2.0)
    assert server.reads_per_s == 500
    server.note_reading(1_000, 1.0)
    assert 500 < server.reads_per_s < 1_000


# Prompts of servers.


def prompt_of(target: Target, request: Request = REQUEST) -> str:
    body: dict[str, Any] = call_of(request, target).body
    return body["prompt"] if "prompt" in body else body["messages"][-1]["content"]


def test_a_family_with_a_format_for_files_gets_files() -> None:
    assert prompt_of(Target("m", "vllm", "qwen", beside_tokens=ROOM)) == (
        "<|repo_name|>project\n"
        "<|file_sep|>lib/far.py\ndef far(a): ...\n"
        "<|file_sep|>recent_edits.diff\n--- near.py\n+++ near.py\n@@ -1 +1 @@\n-a\n+b\n"
        "<|file_sep|>diagnostics.txt\nx is not defined (at `x`)\n"
        "<|file_sep|><|fim_prefix|><|fim_suffix|>)\n<|fim_middle|>x = far("
    )


@pytest.mark.parametrize("family", ["deepseek", "codellama", "starcoder", "codegemma", "codestral"])
def test_other_families_get_comments_before_the_prefix(family: str) -> None:
    prompt = prompt_of(Target("m", "vllm", family, beside_tokens=ROOM))
    assert "# lib/far.py:\n# def far(a): ...\n# recent_edits.diff:\n# --- near.py\n" in prompt
    assert "# x is not defined (at `x`)\nx = far(" in prompt


def test_comments_are_in_the_document_s_language() -> None:
    target = Target("m", "ollama", "qwen", beside_tokens=ROOM)
    assert prompt_of(target, replace(REQUEST, language="go")).startswith(
        "// lib/far.py:\n// def far(a): ...\n"
    )
    assert prompt_of(target, replace(REQUEST, language="css")) == "x = far("


def test_a_chat_begins_with_the_context_that_changes_least() -> None:
    prompt = prompt_of(Target("gpt", beside_tokens=ROOM))
    order = ("def far(a): ...", "Before the cursor", "After the cursor", "+b", "not defined")
    places = [prompt.index(each) for each in order]
    assert places == sorted(places)


def test_without_a_budget_there_is_no_context() -> None:
    for target in (Target("m", "vllm", "qwen"), Target("m", "vllm", "deepseek"), Target("gpt")):
        assert prompt_of(target) == prompt_of(target, replace(REQUEST, parts=AROUND))


@given(st.integers(1, 40), st.integers(0, 3_000), st.integers(600, 4_000))
def test_the_document_keeps_half_of_the_context(count: int, tokens: int, context: int) -> None:
    files = tuple(Part(PartKind.FILE, "é" * 300 + "\n", f"{number}.py") for number in range(count))
    around = (Part(PartKind.PREFIX, "p\n" * AROUND_CHARS), Part(PartKind.SUFFIX, "s\n" * AROUND_CHARS))
    request = replace(REQUEST, parts=(*files, *around))
    prompt = prompt_of(Target("m", "vllm", "qwen", context, beside_tokens=tokens), request)
    room = (context - RESERVE_TOKENS) * CHARS_PER_TOKEN
    assert prompt.count("é") <= tokens * CHARS_PER_TOKEN
    around_chars = 2 * (prompt.count("p\n") + prompt.count("s\n"))
    assert around_chars >= min(room // 2, AROUND_CHARS) - 4
    assert len(prompt) <= room + 200 + 30 * count


# Other engines.


def test_the_embedded_model_gets_none_by_default() -> None:
    slots = Slots("qwen")
    assert job_of(REQUEST, slots).prompt == job_of(replace(REQUEST, parts=AROUND), Slots("qwen")).prompt


def test_the_embedded_model_reads_context_first_and_ahead_too() -> None:
    slots = Slots("qwen", beside_tokens=SLOW_TOKENS)
    slots.document = "file:///main.py"
    start = "<|repo_name|>project\n<|file_sep|>lib/far.py\ndef far(a): ...\n"
    assert job_of(REQUEST, slots).prompt.startswith(start)
    ahead = slots.plan_reading("x = far(1, ", ")\n")
    assert ahead is not None
    assert ahead.prompt.startswith(start)
    slots.document = "file:///other.py"
    assert "far.py" not in slots.plan("y", "").prompt


def test_the_embedded_model_keeps_to_its_budget() -> None:
    slots = Slots("qwen", beside_tokens=SLOW_TOKENS)
    large = Part(PartKind.FILE, "x" * 1_000, "large.py")
    prompt = job_of(replace(REQUEST, parts=(large, *FILES, *AROUND)), slots).prompt
    assert "large.py" not in prompt
    assert "lib/far.py" in prompt


def test_context_never_makes_a_request_too_long() -> None:
    large = Part(PartKind.FILE, "x" * 100_000, "large.py")
    request = replace(REQUEST, parts=(large, *AROUND))
    call_of(request, Target("m", "vllm", "qwen", 1_000, beside_tokens=ROOM))
    assert parts_of(request) == ("", "x = far(", ")\n")
    assert request.fixed_characters() == 0
    assert replace(request, task=Task.EDIT).fixed_characters() == 100_000
