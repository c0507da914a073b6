"""Fill-in-the-middle prompts and what is made of their answers."""

import pytest

from spark_lsp.prompts import fim
from spark_lsp.prompts.fim import FimAnswerFilter


def whole(reply: FimAnswerFilter, *pieces: str) -> str:
    return "".join(reply.feed(piece) for piece in pieces) + reply.finish()


def test_the_suffix_goes_first() -> None:
    prompt = fim.render_prompt("def f(x):\n    ", "\nprint(f(1))\n", "qwen")
    assert prompt == "<|fim_prefix|><|fim_suffix|>\nprint(f(1))\n<|fim_middle|>def f(x):\n    "


def test_the_other_order_continues_the_last_line_above() -> None:
    prompt = fim.render_prompt("def f(x):\n    y = x\n\n    ", "\nprint(f(1))\n", "qwen", other_order=True)
    assert prompt == ("<|fim_prefix|>def f(x):\n<|fim_suffix|>\nprint(f(1))\n<|fim_middle|>    y = x\n\n    ")
    prompt = fim.render_prompt("x = ", "\nprint(x)\n", "qwen", other_order=True)
    assert prompt == "<|fim_prefix|>x = <|fim_suffix|>\nprint(x)\n<|fim_middle|>"


def test_typing_only_appends() -> None:
    before, after = (fim.render_prompt(prefix, "\nend\n", "qwen") for prefix in ("x = fo", "x = foo"))
    assert after.startswith(before)


def test_other_files_go_before_everything() -> None:
    prompt = fim.render_prompt("a", "b", "qwen", (("lib.py", "X = 1"),))
    assert prompt.startswith("<|repo_name|>project\n<|file_sep|>lib.py\nX = 1\n<|file_sep|><|fim_prefix|>")


def test_a_family_without_middle_token_reads_the_prefix_alone() -> None:
    assert fim.render_prompt("x = ", "\ny", "plain") == "x = "


@pytest.mark.parametrize("token", ["<|fim_middle|>", "<|im_end|>", "<|endoftext|>", "<|file_sep|>"])
def test_control_tokens_in_the_users_text_are_made_harmless(token: str) -> None:
    prompt = fim.render_prompt(f"s = '{token}'", f"# {token}", "qwen")
    plain = fim.render_prompt("", "", "qwen")
    assert prompt.count(token) == plain.count(token)


def test_text_that_only_looks_a_little_like_a_token_stays() -> None:
    assert fim.split_control_tokens("a <| b |> c <|") == "a <| b |> c <|"


@pytest.mark.parametrize(
    ("prefix", "read", "fragment"),
    [
        ("    return cu", "    return", " cu"),
        ("    ret", "   ", " ret"),
        ("        ", "       ", " "),
        ("x.app", "x", ".app"),
        ("my_na", "my", "_na"),
        ("foo(", "foo(", ""),
        ("x = ", "x =", " "),
        ("def f(x):", "def f(x)", ":"),
        ("x = 12", "x = 12", ""),
        ("done\n", "done\n", ""),
        ("a\r\n", "a\r\n", ""),
        ("", "", ""),
        ("größ", "", "größ"),
    ],
)
def test_what_may_begin_a_token_is_left_to_the_answer(prefix: str, read: str, fragment: str) -> None:
    assert fim.split_fragment(prefix) == (read, fragment)


def test_a_long_word_is_healed_from_within() -> None:
    read, fragment = fim.split_fragment("x" * 500)
    assert len(fragment) <= 24
    assert read + fragment == "x" * 500


@pytest.mark.parametrize("prefix", ["def f(x):", "if (a) {", "call(", "# sort the names", "x = [", "a, b ="])
def test_an_answer_may_open_a_line_behind_what_invites_it(prefix: str) -> None:
    assert fim.may_start_with_newline("first\n    " + prefix)


@pytest.mark.parametrize("prefix", ["x = 1", "", "    ", "return x"])
def test_an_answer_stays_on_the_line_elsewhere(prefix: str) -> None:
    assert not fim.may_start_with_newline("if x:\n    " + prefix)


@pytest.mark.parametrize(("rest", "closing"), [(")", ")"), ('")', '")'), ("  ", ""), ("x)", ""), (") {", "")])
def test_closers_are_told_from_code(rest: str, closing: str) -> None:
    assert fim.closers_only(rest) == closing


def test_the_fragment_is_taken_off_over_several_pieces() -> None:
    reply = FimAnswerFilter(fragment=" cur")
    assert [reply.feed(piece) for piece in (" c", "ur", "rent", " + 1")] == ["", "", "rent", " + 1"]


def test_an_answer_ends_with_its_line() -> None:
    reply = FimAnswerFilter()
    assert whole(reply, "a + b", "\n\nprint") == "a + b"
    assert reply.done
    assert reply.feed("more") == ""


def test_an_opened_block_gets_its_first_line() -> None:
    assert whole(FimAnswerFilter(opens=True), "\n", "    ", "return x", "\ny") == "\n    return x"


def test_without_an_opening_a_line_end_means_nothing_to_add() -> None:
    assert whole(FimAnswerFilter(), "\n    return x") == ""


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_as_many_lines_as_asked(lines: int) -> None:
    text = "one\ntwo\nthree\nfour\n"
    for size in (1, 3, 100):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert whole(FimAnswerFilter(lines=lines), *pieces) == "\n".join(["one", "two", "three"][:lines])


def test_no_bound_of_lines() -> None:
    assert whole(FimAnswerFilter(lines=0), "one\n", "two\n") == "one\ntwo\n"


def replied(reply: fim.FimAnswerFilter, text: str, size: int = 3) -> str:
    shown = "".join(reply.feed(text[at : at + size]) for at in range(0, len(text), size))
    return (shown + reply.finish()).rstrip("\n")


@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_comment_does_not_count_as_the_line(size: int) -> None:
    text = "    # the sum\n    return a + b\n\nprint(1)\n"
    assert replied(fim.FimAnswerFilter(line=""), text, size) == "    # the sum\n    return a + b"
    assert replied(fim.FimAnswerFilter(), text, size) == "    # the sum"


@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_head_brings_its_block_along(size: int) -> None:
    text = "    for a in b:\n        c(a)\n        d(a)\n    return c\n"
    assert replied(fim.FimAnswerFilter(line=""), text, size) == "    for a in b:\n        c(a)\n        d(a)"
    below = fim.FimAnswerFilter(line="", below="        c(a)")
    assert replied(below, text, size) == "    for a in b:"


@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_block_that_ends_with_the_text_is_whole(size: int) -> None:
    assert replied(fim.FimAnswerFilter(line="    "), "if a:\n        b()", size) == "if a:\n        b()"
    assert replied(fim.FimAnswerFilter(line="    "), "if a:\n    b()", size) == "if a:"


def test_a_block_has_its_limit() -> None:
    text = "if a:\n" + "    b()\n" * 20
    assert replied(fim.FimAnswerFilter(line=""), text).count("b()") == 8


@pytest.mark.parametrize(
    ("family", "prompt"),
    [
        ("deepseek", "<｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>"),
        ("starcoder", "<fim_prefix>P<fim_suffix>S<fim_middle>"),
        ("codellama", "<PRE> P <SUF>S <MID>"),
        ("codegemma", "<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>"),
        ("codestral", "[SUFFIX]S[PREFIX]P"),
    ],
)
def test_other_families_are_asked_as_they_were_trained(family: str, prompt: str) -> None:
    assert fim.render_prompt("P", "S", family) == prompt
    assert (
        fim.render_prompt("P", "S", family, (("lib.py", "X"),)) == prompt
    )  # no tokens for other files are known


@pytest.mark.parametrize("family", list(fim.TEMPLATES))
def test_no_family_s_tokens_come_from_the_users_text(family: str) -> None:
    template = fim.TEMPLATES[family]
    text = "".join(template.tokens)
    prompt = fim.render_prompt(text, text, family)
    for token in template.tokens:
        assert prompt.count(token.strip()) == fim.render_prompt("", "", family).count(token.strip())


@pytest.mark.parametrize(
    ("prefix", "suffix", "expected"),
    [
        ("def f():\n    ", "\n", True),  # an indented empty line
        ("x = 1\n", "\n", False),  # an empty line outside of any block
        ("cart.", "\n", True),
        ("total = ", "\n", True),
        ("if ready ", ":\n", True),  # a blank behind a word
        ("print(", "\n", True),
        ("print(", ")\n", False),  # a call without arguments is complete
        ("items = [", "]\n", False),
        ("total = price + 1", "\n", False),
        ("# a comment ", "\n", False),
        ("// see .", "\n", False),
        ("a &&", "\n", True),
        ("", "", False),
    ],
)
def test_where_an_empty_answer_is_wrong(prefix: str, suffix: str, expected: bool) -> None:
    assert fim.expects_text(prefix, suffix) is expected


def test_a_renewed_filter_begins_again() -> None:
    first = fim.FimAnswerFilter(" cur")
    assert first.feed(" current") == "rent"
    assert first.make_another().feed(" current") == "rent"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_head_with_a_brace_has_its_body_and_its_end(size: int) -> None:
    text = "if (a) {\n    b();\n}\nc();\n"
    assert replied(fim.FimAnswerFilter(line=""), text, size) == "if (a) {\n    b();\n}"
    assert replied(fim.FimAnswerFilter(line=""), "if (a) {\n    b();\n}", size) == "if (a) {\n    b();\n}"
    assert replied(fim.FimAnswerFilter(line="", below="    b();"), text, size) == "if (a) {"
