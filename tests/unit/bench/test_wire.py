"""The pure parts of the wire's benchmark: what is asked, what is counted, what is configured."""

import tomllib
from dataclasses import asdict

import pytest

from spark_lsp.bench import keystroke, peers, service
from spark_lsp.bench.figures import NO_TARGET, at_least, measured
from spark_lsp.bench.question import source, typist
from spark_lsp.config import ReplaySettings
from spark_lsp.request import PartKind


def test_source_is_real_and_nowhere_the_same() -> None:
    text = source(100_000)
    assert len(text) == 100_000
    pieces = [text[at : at + 1_000] for at in range(0, len(text), 1_000)]
    assert len(set(pieces)) == len(pieces)
    assert source(10) == text[:10]


def test_a_typist_asks_behind_each_key_about_the_text_with_it() -> None:
    person = typist(2_000, tokens=3, engine="fast")
    before = person.document.text
    first, second = person.key(), person.key()
    assert len(second.document) == len(before) + 2
    assert second.document.version == first.document.version + 1
    request = second.request()
    assert (request.model, request.max_tokens) == ("fast", 3)
    assert request.text_of(PartKind.PREFIX) + request.text_of(PartKind.SUFFIX) == second.document.text
    assert request.text_of(PartKind.PREFIX).endswith(first.edits[0].new + second.edits[0].new)
    assert person.again().edits == ()


@pytest.mark.parametrize(
    ("payload", "frame"), [(0, 6), (125, 131), (126, 134), (65_535, 65_543), (65_536, 65_550)]
)
def test_a_frame_is_as_long_as_the_protocol_says(payload: int, frame: int) -> None:
    assert keystroke.frame_length(payload) == frame


def test_a_key_costs_the_same_however_many_came_before() -> None:
    person = typist(10_000)
    document = person.document
    counted = keystroke.ours(document, [person.key() for _ in range(100)])
    assert all(60 < each.change < 150 and 60 < each.request < 250 for each in counted)
    assert counted[0].both == counted[0].change + counted[0].request


def test_the_configuration_says_what_each_engine_is() -> None:
    engines = {
        "replay": ReplaySettings(text="a.txt", tokens_per_s=0, delay_ms=0),
        "fast": ReplaySettings(),
    }
    tables = tomllib.loads(peers.toml(engines, {"edit": "fast"}))
    assert tables["routes"] == {"completion": ["replay"], "edit": ["fast"], "chat": ["replay"]}
    told = tables["engines"]["replay"]
    tables = ("texts", "budget", "price")
    assert told == {key: value for key, value in asdict(engines["replay"]).items() if key not in tables}


def test_what_has_no_target_misses_none() -> None:
    figure = measured(2, "x", "µs", [4, 2, 3], [1.5])
    assert (figure.value, figure.ratio, figure.target, figure.met) == (3, 2, NO_TARGET, True)


def test_a_rate_is_held_against_its_baseline_too() -> None:
    figure = at_least(9, "pairs", "pairs/s", [4_000, 6_000], 3_000, [2_500])
    assert (figure.value, figure.ratio, figure.met) == (5_000, 2, True)
    assert not at_least(9, "pairs", "pairs/s", [2_000], 3_000).met


def test_a_key_at_a_service_costs_at_most_600_bytes() -> None:
    most, mean = service.bytes_of_keys(200, [100_000.0])
    assert (most.met, most.n) == (True, 200)
    assert 300 < mean.value < most.value <= 600
