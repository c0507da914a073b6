"""Whatever an editor sends, our documents are the oracle's: after every one of many operations.

`SPARK_LSP_FUZZ_OPERATIONS` says how many; a campaign does a million (see docs/reference/fuzzing.md).
"""

import os
from random import Random
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from spark_lsp.session import documents
from spark_lsp.text.positions import Encoding
from tests.fuzz.pair import LIMIT, PIECES, URIS, Pair, operate

OPERATIONS = int(os.environ.get("SPARK_LSP_FUZZ_OPERATIONS", "100000"))
BATCH = 250

uris = st.sampled_from(URIS)
texts = st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
places = st.tuples(st.integers(0, 6), st.integers(0, 12))
changes = st.lists(st.tuples(texts, st.none() | st.tuples(places, places)), max_size=3)


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_CHARS", LIMIT)


@pytest.mark.timeout(300 + OPERATIONS // 100)
def test_many_operations(capsys: pytest.CaptureFixture[str]) -> None:
    """Batches of operations from drawn seeds: cheap enough for a million of them."""
    done = 0

    @settings(
        max_examples=-(-OPERATIONS // BATCH),
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=cast(Any, list(HealthCheck)),  # its metaclass lists the members
    )
    @given(seed=st.integers(0, 2**64 - 1), encoding=st.sampled_from(list(Encoding)))
    def batch(seed: int, encoding: Encoding) -> None:
        nonlocal done
        random, pair = Random(seed), Pair(encoding)
        try:
            for _ in range(BATCH):
                operate(pair, random)
        except Exception:
            note("\n".join(pair.told))
            raise
        done += pair.done

    batch()
    with capsys.disabled():
        print(f"\n{done:,} document operations, each equal to the oracle")
    assert done >= OPERATIONS


class Editor(RuleBasedStateMachine):
    """The same with fewer operations, each of them drawn: a failure shrinks to its shortest history."""

    pair = Pair(Encoding.UTF16)

    @initialize(encoding=st.sampled_from(list(Encoding)))
    def start(self, encoding: Encoding) -> None:
        self.pair = Pair(encoding)

    @rule(uri=uris, version=st.integers(0, 3), text=texts)
    def open(self, uri: str, version: int, text: str) -> None:
        self.pair.open(uri, version, text)

    @rule(uri=uris, step=st.sampled_from([1, 1, 1, 2, 0, -1]), told=changes)
    def change(self, uri: str, step: int, told: list) -> None:
        known = self.pair.theirs.documents.get(uri)
        self.pair.change(uri, (known.version if known else 0) + step, told)

    @rule(uri=uris)
    def close(self, uri: str) -> None:
        self.pair.close(uri)

    @invariant()
    def all_are_equal(self) -> None:
        for uri in URIS:
            self.pair.check(uri)


Editor.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestEditor = Editor.TestCase
