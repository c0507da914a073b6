"""The prompt cache: whole blocks, by all that stands before them, for five minutes."""

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.simulate.cache import PromptCache, keys_of, tokens_of


def cache(capacity: int = 1000) -> PromptCache:
    return PromptCache(block_tokens=128, keep_s=300.0, capacity=capacity)


def test_a_prompt_that_begins_the_same_finds_its_blocks() -> None:
    kept = cache()
    assert kept.take(["a", "b", "c"], 400, now=0) == 0
    assert kept.take(["a", "b", "d"], 400, now=1) == 256
    assert kept.take(["x", "b", "c"], 400, now=2) == 0  # what stands before has changed


def test_the_last_token_is_always_computed() -> None:
    kept = cache()
    kept.take(["a", "b"], 256, now=0)
    assert kept.take(["a", "b"], 256, now=1) == 128


def test_a_block_is_kept_for_a_time_after_its_last_use() -> None:
    kept = cache()
    kept.take(["a", "b"], 300, now=0)
    assert kept.take(["a"], 300, now=299) == 128
    assert kept.take(["a", "b"], 300, now=301) == 128  # b went: nobody used it for more than 300 s
    assert kept.take(["a"], 300, now=700) == 0


def test_the_least_recently_used_go_first() -> None:
    kept = cache(capacity=2)
    kept.take(["a"], 200, now=0)
    kept.take(["b"], 200, now=1)
    kept.take(["a"], 200, now=2)
    kept.take(["c"], 200, now=3)
    assert kept.take(["a"], 200, now=4) == 128
    assert kept.take(["b"], 200, now=5) == 0


def test_keys_depend_on_all_text_before_a_block() -> None:
    one, other = keys_of("a" * 1024, 128), keys_of("b" + "a" * 1023, 128)
    assert len(one) == len(other) == 2
    assert not set(one) & set(other)
    assert keys_of("a" * 511, 128) == []


@given(st.text(max_size=3000), st.text(max_size=50))
def test_typing_on_keeps_every_whole_block(text: str, more: str) -> None:
    before = keys_of(text, 16)
    assert keys_of(text + more, 16)[: len(before)] == before
    assert tokens_of(text) * 4 >= len(text) > tokens_of(text) * 4 - 4
