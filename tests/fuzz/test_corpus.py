"""Every committed input of every target, without a fuzzer: what was found once stays found."""

import importlib

import pytest

from tests.fuzz.__main__ import TARGETS, corpus


@pytest.mark.parametrize("name", TARGETS)
def test_every_committed_input_is_survived(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.{name}").TestOneInput
    files = corpus(name)
    assert files
    for file in files:
        try:
            target(file.read_bytes())
        except BaseException as error:
            error.add_note(f"The input is {file}")
            raise


def test_the_corpus_stays_small() -> None:
    files = [file for name in TARGETS for file in corpus(name)]
    assert len(files) < 300
    assert sum(file.stat().st_size for file in files) < 300_000
