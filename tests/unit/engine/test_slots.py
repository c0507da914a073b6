"""The choice of a window and a slot for a completion, by what the caches hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.local.slots import FULL, NEAR, SCRATCH, WIDE, Plan, Slots
from spark_lsp.prompts.window import ReadingPace

SLOW = ReadingPace(tokens_per_s=100)
FUNCTIONS = "".join(
    f"def function_{number}(value):\n    return value + {number}\n\n\n" for number in range(900)
)
MIDDLE = FUNCTIONS.index("def function_450")
PREFIX, SUFFIX = FUNCTIONS[:MIDDLE] + "value = ", "\n" + FUNCTIONS[MIDDLE:]


def read(slots: Slots, plan: Plan) -> None:
    """Read a plan's prompt completely."""
    slots.record_prompt(plan)
    slots.read(plan, 100, 100)


def read_all(slots: Slots, prefix: str = PREFIX, suffix: str = SUFFIX) -> list[int]:
    """Read at rest until nothing is left to read; return the slots in their order."""
    order: list[int] = []
    while plan := slots.plan_reading(prefix, suffix):
        order.append(plan.slot)
        read(slots, plan)
        assert len(order) < 10
    return order


def test_a_cold_completion_reads_a_small_window() -> None:
    plan = Slots("qwen", SLOW).plan(PREFIX, SUFFIX)
    assert plan.slot == SCRATCH
    assert plan.reading_s <= 2.0


def test_a_rest_reads_ever_larger_windows() -> None:
    slots = Slots("qwen", SLOW)
    assert read_all(slots) == [NEAR, WIDE, FULL]
    sizes = [len(slots.held[index].prompt) for index in (NEAR, WIDE, FULL)]
    assert sizes == sorted(sizes)


def test_a_completion_after_a_long_rest_uses_the_full_window() -> None:
    slots = Slots("qwen", SLOW)
    read_all(slots)
    plan = slots.plan(PREFIX + "func", SUFFIX)
    assert plan.slot == FULL
    assert plan.reading_s < 0.2


def test_an_engine_that_has_become_slow_keeps_what_it_has_read() -> None:
    slots = Slots("qwen", SLOW)
    read_all(slots)
    saved = [replace(slots.held[index]) for index in (NEAR, WIDE, FULL)]
    slots.pace = ReadingPace(tokens_per_s=10)
    kept = slots.plan(PREFIX + "func", SUFFIX)
    assert kept.slot == FULL
    assert kept.reading_s < 0.2
    slots.forget_all()
    read_all(slots, "x = ", "\n")  # another document, with small windows
    for index, contents in zip((NEAR, WIDE, FULL), saved, strict=True):
        slots.restore(index, contents)
    assert slots.plan(PREFIX + "func", SUFFIX) == kept
    elsewhere = slots.plan(FUNCTIONS[:2000] + "value = ", FUNCTIONS[2000:])
    assert len(elsewhere.prompt) < 800


def test_a_completion_after_a_short_rest_uses_the_near_window() -> None:
    slots = Slots("qwen", SLOW)
    near = slots.plan_reading(PREFIX, SUFFIX)
    assert near is not None
    read(slots, near)
    assert slots.plan(PREFIX + "func", SUFFIX).slot == NEAR


def test_a_reading_that_a_key_interrupts_keeps_what_was_read() -> None:
    slots = Slots("qwen", SLOW)
    near = slots.plan_reading(PREFIX, SUFFIX)
    assert near is not None
    slots.record_prompt(near)
    slots.read(near, 50, 100)
    rest = slots.plan_slot(NEAR, PREFIX, SUFFIX)
    assert rest.reading_s == pytest.approx(near.reading_s / 2, rel=0.1)


def test_while_the_user_types_only_the_full_window_is_completed() -> None:
    slots = Slots("qwen", SLOW)
    read_all(slots)
    assert read_all(slots, PREFIX + "function_9(function_10(3))\nother = ") == [FULL]


def test_a_small_document_is_read_whole_though_cold() -> None:
    slots = Slots("qwen", SLOW)
    text = FUNCTIONS[:1_400]
    plan = slots.plan(text, "\n")
    assert plan.slot == WIDE
    assert plan.prefix + plan.fragment == text


def test_a_small_document_needs_one_window_only() -> None:
    assert read_all(Slots("qwen", SLOW), FUNCTIONS[:800], "\n") == [NEAR]


def test_a_fast_engine_reads_the_full_window_at_once() -> None:
    assert read_all(Slots("qwen", replace(SLOW, tokens_per_s=5_000))) == [FULL]


def test_an_edit_leaves_the_windows() -> None:
    slots = Slots("qwen", SLOW)
    read_all(slots)
    slots.forget(SCRATCH)
    assert slots.plan(PREFIX, SUFFIX).slot == FULL


def test_a_new_child_has_read_nothing() -> None:
    slots = Slots("qwen", SLOW)
    read_all(slots)
    slots.forget_all()
    assert slots.plan(PREFIX, SUFFIX).slot == SCRATCH


@given(st.lists(st.tuples(st.integers(0, len(FUNCTIONS)), st.integers(0, 100)), max_size=8))
def test_a_prompt_always_ends_at_the_cursor(jumps: list[tuple[int, int]]) -> None:
    slots = Slots("qwen", SLOW)
    for offset, done in jumps:
        plan = slots.plan(FUNCTIONS[:offset], FUNCTIONS[offset:])
        assert FUNCTIONS[:offset].endswith(plan.prefix + plan.fragment)
        assert plan.prompt.endswith(plan.prefix)
        slots.record_prompt(plan)
        slots.read(plan, done, 100)
        if ahead := slots.plan_reading(FUNCTIONS[:offset], FUNCTIONS[offset:]):
            slots.record_prompt(ahead)
            slots.read(ahead, done, 100)


def test_a_second_answer_reads_the_text_in_the_other_order() -> None:
    slots = Slots("qwen", SLOW)
    read_all(slots)
    first, second = slots.plan(PREFIX, SUFFIX), slots.plan_again(PREFIX, SUFFIX)
    assert second.slot == SCRATCH
    assert first.prompt.endswith("<|fim_middle|>" + first.prefix)
    assert second.prompt.endswith("<|fim_middle|>value =")
    above = second.prefix.removesuffix("value =")
    assert second.prompt.startswith("<|fim_prefix|>" + above + "<|fim_suffix|>")


def test_a_small_document_is_read_completely_on_both_sides() -> None:
    slots = Slots("qwen", SLOW)
    plan = slots.plan("value = ", FUNCTIONS[:1200])
    assert plan.reads_all_below
    assert FUNCTIONS[:1200].rstrip() in plan.prompt


def test_of_a_document_that_is_nearly_small_as_much_is_read_as_of_a_small_one() -> None:
    slots = Slots("qwen", SLOW)
    size = SLOW.characters_in(5.0)
    plan = slots.plan(FUNCTIONS[: size // 2], FUNCTIONS[size // 2 : size])
    assert 2.0 < plan.reading_s <= 4.1
    size = SLOW.characters_in(9.0)
    assert slots.plan(FUNCTIONS[: size // 2], FUNCTIONS[size // 2 : size]).reading_s <= 2.0
