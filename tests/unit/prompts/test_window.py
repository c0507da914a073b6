"""Windows: they hold their anchor, keep to their size, and freeze what lies below."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.prompts import window
from spark_lsp.prompts.window import ReadingPace, choose_window
from spark_lsp.text.lines import common_prefix_length

FUNCTIONS = "".join(
    f"def function_{n}(value):\n    other = value + {n}\n    return other\n\n\n" for n in range(80)
)


def test_a_small_text_is_read_whole() -> None:
    chosen = choose_window("a = 1\nb", "\nc = 3\n", 1000)
    assert (chosen.prefix, chosen.suffix) == ("a = 1\nb", "\nc = 3\n")


def test_a_window_keeps_to_its_size_and_begins_with_a_block() -> None:
    chosen = choose_window(FUNCTIONS, FUNCTIONS, 1200)
    assert len(chosen.prefix) + len(chosen.suffix) <= 1200
    assert len(chosen.prefix) >= 400
    assert chosen.prefix.startswith("def function_")
    assert FUNCTIONS.endswith(chosen.prefix)
    assert chosen.suffix.endswith("\n")


def test_the_anchor_holds_while_typing_and_moves_rarely() -> None:
    prefix, typed = FUNCTIONS, "".join(f"    result_{n} = compute(value, {n})\n" for n in range(40))
    previous, unread = choose_window(prefix, "\nend\n", 1200).prefix, list[int]()
    for key in typed:
        prefix += key
        chosen = choose_window(prefix, "\nend\n", 1200, previous).prefix
        unread.append(len(chosen) - common_prefix_length(chosen, previous))
        previous = chosen
        assert len(previous) <= 1200 - len("\nend\n")
    assert 1 <= sum(count > 1 for count in unread) <= 8
    assert sum(unread) < 5 * len(typed)


@given(st.text(alphabet="ab \n(){}\r\t", max_size=400), st.text(alphabet="ab \n)\r", max_size=200), st.text())
def test_any_text_gives_a_tail_and_a_head_of_it(prefix: str, suffix: str, previous: str) -> None:
    chosen = choose_window(prefix, suffix, 100, previous)
    assert prefix.endswith(chosen.prefix)
    assert chosen.suffix in suffix
    assert len(chosen.prefix) <= 75
    assert len(chosen.suffix) <= 25
    assert choose_window(prefix, suffix, 100, previous) == chosen


def test_the_suffix_is_the_same_on_a_new_line() -> None:
    before = choose_window("def f():", "\nprint(f())\n", 1000)
    after = choose_window("def f():\n    ", "\nprint(f())\n", 1000)
    assert before.suffix == after.suffix


@pytest.mark.parametrize("rest", [")", '"])', "  ", ":"])
def test_closers_come_and_go_without_changing_the_suffix(rest: str) -> None:
    assert choose_window("f(", rest + "\nx\n", 1000).suffix == choose_window("f", "\nx\n", 1000).suffix


def test_code_right_of_the_cursor_belongs_to_the_suffix() -> None:
    chosen = choose_window("x = ", "foo(1)\ny\n", 1000)
    assert chosen.suffix == "foo(1)\ny\n"
    assert choose_window("f(", ")\ny\n", 1000).suffix == "\ny\n"


def test_pace_follows_what_was_measured() -> None:
    pace = ReadingPace(characters_per_token=4.0, tokens_per_s=100.0)
    assert pace.characters_in(2.0) == 800
    assert pace.seconds_for(800) == 2.0
    for _ in range(40):
        pace = pace.with_measurement(characters=300, tokens=100, read=100, seconds=0.5)
    assert pace.characters_per_token == pytest.approx(3.0, rel=0.01)
    assert pace.tokens_per_s == pytest.approx(200.0, rel=0.01)


def test_short_readings_say_nothing_of_the_speed() -> None:
    pace = ReadingPace()
    assert pace.with_measurement(characters=400, tokens=10, read=2, seconds=0.1) == pace


def test_a_size_moves_only_when_the_pace_has_changed_a_lot() -> None:
    slow = ReadingPace(4.0, 100.0)
    size = window.choose_window_size(slow, 4.0, 0, 100, 10_000)
    assert size == 1600
    assert window.choose_window_size(ReadingPace(4.0, 130.0), 4.0, size, 100, 10_000) == size
    assert window.choose_window_size(ReadingPace(4.0, 400.0), 4.0, size, 100, 10_000) == 6400
    assert window.choose_window_size(ReadingPace(4.0, 9000.0), 4.0, size, 100, 10_000) == 10_000
