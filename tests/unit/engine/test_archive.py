"""Which states of the model's slots are kept for documents that the user may come back to."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.engine.local.archive import Archive
from spark_lsp.engine.local.slots import NEAR, SCRATCH, WIDE, Slots


def slots_with(near: int = 0, wide: int = 0) -> Slots:
    slots = Slots("qwen")
    slots.held[NEAR].prompt = "n" * near
    slots.held[WIDE].prompt = "w" * wide
    slots.held[SCRATCH].prompt = "s" * 5_000
    return slots


def test_both_windows_are_kept_and_found_again() -> None:
    archive = Archive()
    states = archive.plan_saving("a.py", slots_with(2_000, 9_000))
    assert [state.slot for state in states] == [NEAR, WIDE]
    assert archive.keep("a.py", states) == []
    assert archive.states_of("a.py") == states
    assert archive.states_of("b.py") == ()


def test_a_short_prompt_is_not_worth_a_file() -> None:
    assert Archive().plan_saving("a.py", slots_with(300)) == ()


def test_a_later_state_of_a_document_takes_the_same_file() -> None:
    archive = Archive()
    archive.keep("a.py", first := archive.plan_saving("a.py", slots_with(2_000)))
    later = archive.plan_saving("a.py", slots_with(3_000))
    assert archive.keep("a.py", later) == []
    assert later[0].name == first[0].name
    assert archive.states_of("a.py")[0].contents.prompt == "n" * 3_000


def test_a_window_that_is_gone_gives_its_file_back() -> None:
    archive = Archive()
    archive.keep("a.py", both := archive.plan_saving("a.py", slots_with(2_000, 9_000)))
    assert archive.keep("a.py", archive.plan_saving("a.py", slots_with(2_000))) == [both[1].name]


def test_what_is_kept_does_not_follow_the_slots() -> None:
    archive, slots = Archive(), slots_with(2_000)
    archive.keep("a.py", archive.plan_saving("a.py", slots))
    slots.forget(NEAR)
    assert archive.states_of("a.py")[0].contents.prompt


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 12_000)), max_size=30))
def test_the_least_recently_used_documents_give_way(visits: list[tuple[str, int]]) -> None:
    archive = Archive()
    files: set[str] = set()
    for document, size in visits:
        states = archive.plan_saving(document, slots_with(wide=size))
        files |= {state.name for state in states}
        deleted = archive.keep(document, states)
        assert files.issuperset(deleted)
        files -= set(deleted)
        assert archive.states_of(document) == states  # the latest always stays
        known = {state.name for each in "abcdefgh" for state in archive.states_of(each)}
        assert known == files
        kept = sum(len(s.contents.prompt) for each in "abcdefgh" for s in archive.states_of(each))
        assert kept <= 40_000
