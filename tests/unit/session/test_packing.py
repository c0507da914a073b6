"""Packing: the best pieces that fit, in an order that changes as little as possible."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.request import BESIDE, PartKind
from spark_lsp.session.packing import CHARS_PER_TOKEN, Candidate, ContextPart, pack_context

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.sampled_from(BESIDE),
        st.sampled_from(["a.py", "b.py", "c.py"]),
        st.text("xyz", min_size=1, max_size=60),
        st.tuples(st.integers(0, 3), st.integers(0, 5)),
        st.tuples(st.integers(0, 5)),
    ),
    max_size=20,
)


def pieces(parts: tuple[ContextPart, ...]) -> set[tuple[PartKind, str, str]]:
    return {(part.kind, part.title, line) for part in parts for line in part.text.splitlines()}


@given(CANDIDATES, st.integers(0, 300))
def test_the_budget_holds(candidates: list[Candidate], tokens: int) -> None:
    parts = pack_context(candidates, tokens)
    assert sum(len(part.title) + len(part.text) for part in parts) <= tokens * CHARS_PER_TOKEN
    assert pieces(parts) <= {(each.kind, each.title, each.text) for each in candidates}
    kinds = [BESIDE.index(part.kind) for part in parts]
    assert kinds == sorted(kinds)
    assert len({(part.kind, part.title) for part in parts}) == len(parts)


@given(CANDIDATES, st.randoms())
def test_the_order_of_the_candidates_does_not_matter(candidates: list[Candidate], random: object) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pieces(pack_context(candidates, 60)) == pieces(pack_context(shuffled, 60))


@given(CANDIDATES)
def test_with_room_all_are_there(candidates: list[Candidate]) -> None:
    assert pieces(pack_context(candidates, 10_000)) == {
        (each.kind, each.title, each.text) for each in candidates
    }


def test_a_better_piece_wins_and_keeps_its_place() -> None:
    first = Candidate(PartKind.FILE, "a.py", "x" * 50, (1,), (0,))
    second = Candidate(PartKind.FILE, "a.py", "y" * 50, (0,), (1,))
    assert pack_context([first, second], 30) == (ContextPart(PartKind.FILE, "a.py", "y" * 50 + "\n"),)
    both = "x" * 50 + "\n" + "y" * 50 + "\n"
    assert pack_context([first, second], 100) == (ContextPart(PartKind.FILE, "a.py", both),)


def test_ranks_decide_which_pieces_are_there_and_not_where() -> None:
    """Moving the cursor changes ranks only, so a prompt with room for all stays the same."""
    near = [Candidate(PartKind.FILE, name, name, (0,), (place,)) for place, name in enumerate("abc")]
    far = [Candidate(PartKind.FILE, name, name, (1,), (place,)) for place, name in enumerate("abc")]
    assert pack_context([near[0], far[1], far[2]], 100) == pack_context([far[0], far[1], near[2]], 100)
