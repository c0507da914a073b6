"""The index of one document: a change gives the same index as building it again, at a small cost."""

from hypothesis import given, settings
from hypothesis import strategies as st

from spark_lsp.instant.indexed_document import (
    BLOCK_LINES,
    LEAD_CHARS,
    MAX_CHANGE_CHARS,
    Block,
    IndexedDocument,
)
from spark_lsp.instant.normal_form import make_signature, normalize_line

LINE = st.sampled_from(
    ["x = f(y)", "    return value", "", "\t}", "a" * 500, "# ****", "word " * 20, "é = 'ü'"]
)
TEXT = st.lists(LINE, max_size=200).map("\n".join)


def build(text: str, step: int = 1_000) -> IndexedDocument:
    document = IndexedDocument(text)
    while document.advance(step):
        pass
    return document


def check(document: IndexedDocument) -> None:
    """Check each fact about a complete index that searches rely on."""
    assert document.is_complete
    assert "".join(block.text[block.lead :] for block in document.blocks) == "\n".join(
        map(normalize_line, document.text.split("\n"))
    )
    assert sum(block.chars for block in document.blocks) == len(document.text)
    assert document.chars == sum(len(block.text) - block.lead for block in document.blocks)
    assert document.size == sum(block.size for block in document.blocks)
    before = ""
    at = 0
    for block in document.blocks:
        original = document.text[at : at + block.chars]
        check_block(block, original, before)
        before += block.text[block.lead :]
        at += block.chars


def check_block(block: Block, original: str, before: str) -> None:
    assert block.text[: block.lead] == before[len(before) - block.lead :]
    assert block.lead == min(LEAD_CHARS, len(before))
    assert block.signature == make_signature(block.text)
    assert block.lines == len(block.indents) == original.count("\n") + (not original.endswith("\n"))
    assert block.lines <= BLOCK_LINES


@settings(deadline=None)
@given(text=TEXT, step=st.integers(1, 5_000))
def test_an_index_covers_the_text(text: str, step: int) -> None:
    check(build(text, step))


@settings(deadline=None, max_examples=200)
@given(text=TEXT, data=st.data())
def test_changes_give_the_same_index_as_building_it_again(text: str, data: st.DataObject) -> None:
    document = build(text)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 300, len(text))))
        text = text[:start] + data.draw(TEXT | st.sampled_from(["", "\n", "x", "\n\n"])) + text[end:]
        document.replace_text(text)
        if data.draw(st.booleans()):
            document.advance(200)
    while document.advance(1_000):
        pass
    check(document)


def test_a_keystroke_replaces_only_the_blocks_around_it() -> None:
    lines = [f"value_{number} = compute({number}, other)" for number in range(5_000)]
    document = build("\n".join(lines), 1_000_000)
    before = {id(block) for block in document.blocks}
    lines[2_500] += "x"
    document.replace_text("\n".join(lines))
    kept = [block for block in document.blocks if id(block) in before]
    assert len(document.blocks) - len(kept) <= 3
    check(document)


def test_a_large_change_is_indexed_in_steps() -> None:
    document = build("a = 1\n" * 1_000)
    document.replace_text("a = 1\n" * 500 + "b = 2\n" * MAX_CHANGE_CHARS + "a = 1\n" * 500)
    assert not document.is_complete
    assert document.advance(1_000) < 2_000
    while document.advance(10_000):
        pass
    check(document)


def test_the_same_text_changes_nothing() -> None:
    document = build("a = 1\nb = 2\n")
    blocks = list(document.blocks)
    document.replace_text("".join(["a = 1\n", "b = 2\n"]))
    assert all(one is other for one, other in zip(document.blocks, blocks, strict=True))
