"""Prefix and suffix, read back from the raw prompts of editors' plug-ins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts import fim
from spark_lsp.prompts.raw_fim import RawPrompt, parse_raw_prompt

# The formats of Zed's `open_ai_compatible_api` provider, one for each `prompt_format`.
ZED = {
    "code_llama": "<PRE> {prefix} <SUF>{suffix} <MID>",
    "star_coder": "<fim_prefix>{prefix}<fim_suffix>{suffix}<fim_middle>",
    "deepseek_coder": "<｜fim▁begin｜>{prefix}<｜fim▁hole｜>{suffix}<｜fim▁end｜>",
    "qwen": "<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
    "codestral": "[SUFFIX]{suffix}[PREFIX]{prefix}",
    "glm": "<|code_prefix|>{prefix}<|code_suffix|>{suffix}<|code_middle|>",
}
OTHERS = {
    "suffix first": "<|fim_prefix|><|fim_suffix|>{suffix}<|fim_middle|>{prefix}",
    "suffix, prefix": "<fim_suffix>{suffix}<fim_prefix>{prefix}<fim_middle>",
    "without spaces": "<PRE>{prefix}<SUF>{suffix}<MID>",
    "codellama, suffix first": "<PRE> <SUF>{suffix} <MID> {prefix}",
    "mistral, prefix first": "[PREFIX]{prefix}[SUFFIX]{suffix}",
    "after a token of the beginning": "<s>[SUFFIX]{suffix}[PREFIX]{prefix}",
}
FORMATS = [pytest.param(text, id=name) for name, text in {**ZED, **OTHERS}.items()]


@pytest.mark.parametrize("text", FORMATS)
@pytest.mark.parametrize(
    ("prefix", "suffix"),
    [
        ("def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"),
        ("x = 1\n", ""),
        ("", "\nend"),
        ("", ""),
        ("    indented(", ")\n"),
    ],
)
def test_a_raw_prompt_is_taken_apart(text: str, prefix: str, suffix: str) -> None:
    assert parse_raw_prompt(text.format(prefix=prefix, suffix=suffix)) == RawPrompt(prefix, suffix)


def test_other_files_before_the_prompt_are_files() -> None:
    prompt = (
        "<|repo_name|>project\n<|file_sep|>a.py\nA = 1\n<|file_sep|>b/c.py\nB = 2\nC = 3\n"
        "<|file_sep|>d.py\n<|fim_prefix|>x = <|fim_suffix|>\n<|fim_middle|>"
    )
    files = (("a.py", "A = 1"), ("b/c.py", "B = 2\nC = 3"))
    assert parse_raw_prompt(prompt) == RawPrompt("x = ", "\n", files)


def test_text_after_the_middle_is_the_end_of_the_prefix() -> None:
    prompt = "<|fim_prefix|>def f():\n<|fim_suffix|>\n<|fim_middle|>    ret"
    assert parse_raw_prompt(prompt) == RawPrompt("def f():\n    ret", "\n")


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "def add(a, b):",
        'TOKENS = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")\n',
        "<|fim_prefix|>without the others",
        "<|fim_prefix|>a<|fim_suffix|>without the middle",
        "<fim_prefix>a<|fim_suffix|>b<fim_middle>",
        "# See [PREFIX] and [SUFFIX]",
    ],
)
def test_other_text_is_no_raw_prompt(prompt: str) -> None:
    assert parse_raw_prompt(prompt) is None


code = st.text(st.sampled_from("ab(): \n{}"), max_size=40).map(str.strip)


@given(code, code, st.sampled_from(sorted(fim.TEMPLATES)))
def test_our_own_prompts_are_taken_apart(prefix: str, suffix: str, family: str) -> None:
    prompt = fim.render_prompt(prefix, suffix, family)
    assert parse_raw_prompt(prompt) == RawPrompt(prefix, suffix)


tokens = [
    "<|fim_prefix|>",
    "<|fim_suffix|>",
    "<|fim_middle|>",
    "<PRE>",
    "<SUF>",
    "<MID>",
    "[PREFIX]",
    "[SUFFIX]",
]


@given(st.lists(st.sampled_from([*"ab <|>", *tokens])).map("".join))
def test_any_text_gives_parts_of_itself_or_none(prompt: str) -> None:
    found = parse_raw_prompt(prompt)
    if found is not None:
        assert found.suffix in prompt
        assert len(found.prefix) + len(found.suffix) <= len(prompt)
