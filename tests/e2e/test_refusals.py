"""What the user sent away does not come back at its place; a confidence that is too low shows nothing."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.codes import Code
from spark_lsp.session.outcomes import SEEN_SECONDS
from spark_lsp.store.history import History, Row
from tests.e2e.pipe import SCARCE, TEXT, Pipe

SAID = "return a + b"
EXECUTE = "workspace/executeCommand"
REJECTS = {"initializationOptions": {"spark": {"client": {"growing": True, "rejects": True}}}}
Start = Callable[..., Pipe]


@pytest.fixture
def start(home: dict[str, str], replay_config: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a server on the test's own state; more than one, one after another."""
    running: list[Pipe] = []

    def start(options: dict[str, Any] | None = None, language: str = "python") -> Pipe:
        pipe = Pipe(home, tmp_path / "log")
        running.append(pipe)
        pipe.initialize(**(options or {}))
        pipe.engine()
        pipe.open(language=language)
        return pipe

    yield start
    for pipe in running:
        pipe.close()
    log = (tmp_path / "log").read_text("utf-8")
    assert not any(word in log for word in SCARCE), log


@pytest.fixture
def state(home: dict[str, str]) -> Path:
    """The folder of the state."""
    return Path(home["XDG_STATE_HOME"]) / "spark-lsp"


@pytest.fixture
def history(state: Path) -> History:
    return History(state)


def token_of(item: dict[str, Any]) -> int:
    return item["command"]["arguments"][0]["token"]


def run(pipe: Pipe, name: str, argument: Any) -> dict[str, Any]:
    return pipe.ask(name, EXECUTE, {"command": name, "arguments": [argument]})


def reject(pipe: Pipe, item: dict[str, Any], **more: Any) -> bool:
    return run(pipe, "spark.reject", {"token": token_of(item), **more})["result"]["rejected"]


def type_at(pipe: Pipe, version: int, text: str, line: int = 1, character: int = 4, length: int = 0) -> None:
    start, end = {"line": line, "character": character}, {"line": line, "character": character + length}
    pipe.change(version, {"range": {"start": start, "end": end}, "text": text})


def rows(pipe: Pipe, history: History, count: int) -> list[Row]:
    """The rows of the history, once there are so many."""
    return pipe.until(lambda: len(found := history.rows()) >= count and found)


def test_a_rejected_text_stays_away_from_its_place_and_no_other(start: Start) -> None:
    pipe = start(REJECTS)
    [item] = pipe.items()
    assert item["insertText"] == SAID
    assert reject(pipe, item)
    assert pipe.items() == []
    assert pipe.told("spark/status")[-1]["code"] == Code.DISMISSED
    type_at(pipe, 2, "x")
    type_at(pipe, 3, "", length=1)
    assert pipe.items() == []  # a new answer of the engine
    other = "file:///b.py"
    pipe.open(TEXT, other)
    assert [each["insertText"] for each in pipe.items(uri=other)] == [SAID]


def test_another_text_at_the_place_is_shown(start: Start, replay_config: Path) -> None:
    other = replay_config.parent / "other.txt"
    other.write_text("return b + a\n")
    with replay_config.open("a") as file:
        file.write(f'\n[engines.other]\nkind = "replay"\ntext = "{other}"\n')
    pipe = start(REJECTS)
    [item] = pipe.items()
    assert reject(pipe, item)
    run(pipe, "spark.selectEngine", {"engine": "other"})
    type_at(pipe, 2, "x")
    type_at(pipe, 3, "", length=1)
    assert [each["insertText"] for each in pipe.items()] == ["return b + a"]


def test_a_refusal_survives_a_restart_without_any_text(start: Start, state: Path) -> None:
    pipe = start(REJECTS)
    [item] = pipe.items()
    assert reject(pipe, item)
    file = state / "refused.sqlite3"
    pipe.until(lambda: count_rows(file))
    pipe.end()
    kept = b"".join(each.read_bytes() for each in file.parent.glob("refused.sqlite3*"))
    assert b"return" not in kept
    assert b"a.py" not in kept
    again = start(REJECTS)
    assert again.items() == []
    again.open(TEXT, "file:///b.py")
    assert again.items(uri="file:///b.py")


def count_rows(file: Path) -> int:
    try:
        with sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True) as link:
            return link.execute("SELECT count(*) FROM refused").fetchone()[0]
    except sqlite3.Error:
        return 0


def test_a_text_that_was_seen_and_typed_over_is_not_shown_there_again(start: Start) -> None:
    pipe = start(language="plaintext")
    [item] = pipe.items()
    time.sleep(SEEN_SECONDS)  # the time that the user looks at it is what the server measures
    type_at(pipe, 2, "x")
    type_at(pipe, 3, "", length=1)
    assert pipe.items() == []
    assert not reject(pipe, item)  # it has gone already
    type_at(pipe, 4, "x")
    assert [each["insertText"] for each in pipe.items(character=5)] == [SAID]  # another cursor


def test_a_text_that_was_typed_over_at_once_is_shown_again(start: Start) -> None:
    pipe = start(REJECTS)
    [item] = pipe.items()
    assert not reject(pipe, item, leaving=True)
    type_at(pipe, 2, "x")
    type_at(pipe, 3, "", length=1)
    assert pipe.items()


def test_the_history_has_figures_and_no_text(start: Start, history: History) -> None:
    pipe = start(REJECTS)
    [item] = pipe.items()
    type_at(pipe, 2, SAID)
    run(pipe, "spark.accept", {"token": token_of(item)})
    pipe.open(TEXT, "file:///b.py")
    [item] = pipe.items(uri="file:///b.py")
    assert reject(pipe, item)
    found = sorted(rows(pipe, history, 2), key=lambda row: row.outcome)
    assert [(row.outcome, row.accepted_chars, row.chars) for row in found] == [
        ("accepted", len(SAID), len(SAID)),
        ("rejected", 0, len(SAID)),
    ]
    assert {(row.language, row.engine, row.confidence) for row in found} == {("python", "replay", None)}
    assert all(0 <= row.latency_ms < 60_000 for row in found)
    kept = b"".join(each.read_bytes() for each in history.file.parent.glob("history.sqlite3*"))
    assert b"return" not in kept
    assert b"b.py" not in kept
    assert b"sums.py" not in kept


def test_no_history_is_kept_if_it_is_switched_off(start: Start, history: History, state: Path) -> None:
    spark = REJECTS["initializationOptions"]["spark"] | {"stats": {"enabled": False}}
    pipe = start({"initializationOptions": {"spark": spark}})
    [item] = pipe.items()
    assert reject(pipe, item)
    pipe.until(lambda: count_rows(state / "refused.sqlite3"))
    assert not history.file.exists()


@pytest.mark.parametrize(
    "argument", [None, 7, {}, {"token": "1"}, {"token": True}, {"token": 1, "leaving": 1}]
)
def test_a_rejection_without_a_token_is_refused(start: Start, argument: Any) -> None:
    assert run(start(), "spark.reject", argument)["error"]["data"]["code"] == Code.INVALID_ARGUMENT


def test_an_unknown_token_rejects_nothing(start: Start) -> None:
    pipe = start()
    assert run(pipe, "spark.reject", {"token": 4711})["result"] == {"rejected": False}
    assert pipe.items()


@pytest.mark.parametrize("damage", ["garbage", "later", "directory"])
def test_a_file_that_cannot_be_used_costs_one_warning(start: Start, state: Path, damage: str) -> None:
    state.mkdir(parents=True, exist_ok=True)
    for name in ("history.sqlite3", "refused.sqlite3"):
        file = state / name
        if damage == "directory":
            file.mkdir()
        elif damage == "garbage":
            file.write_bytes(b"no database" * 500)
        else:
            with sqlite3.connect(file) as link:
                link.execute("PRAGMA user_version = 99")
    pipe = start(REJECTS)
    for version in range(2, 8, 2):
        [item] = pipe.items()
        run(pipe, "spark.accept", {"token": token_of(item)})
        type_at(pipe, version, "x")
        type_at(pipe, version + 1, "", length=1)
    [item] = pipe.items()
    assert reject(pipe, item)  # this session remembers it
    assert pipe.items() == []
    shown = [each["message"] for each in pipe.told("window/showMessage")]
    assert any(str(state) in each and "continues without it" in each for each in shown)
    assert len(shown) == len(set(shown)) <= 2


# The threshold.


def answer_with(replay_config: Path, confidence: float) -> None:
    text = replay_config.read_text()
    assert 'kind = "replay"' in text
    replay_config.write_text(
        text.replace('kind = "replay"', f'kind = "replay"\nconfidence = {confidence}', 1)
    )


def with_threshold(threshold: float) -> dict[str, Any]:
    return {
        "initializationOptions": {
            "spark": {"client": {"growing": True}, "completion": {"threshold": threshold}}
        }
    }


def test_an_unsure_answer_is_not_shown_and_the_status_says_why(start: Start, replay_config: Path) -> None:
    answer_with(replay_config, 0.25)
    pipe = start(with_threshold(0.5))
    assert pipe.items() == []
    assert pipe.told("spark/status")[-1]["code"] == Code.LOW_CONFIDENCE
    assert "completion.threshold" in pipe.told("spark/status")[-1]["reason"]
    assert not any(each["item"] for each in pipe.told("spark/inlineCompletion"))


def test_a_sure_answer_is_shown_and_its_confidence_recorded(
    start: Start, replay_config: Path, history: History
) -> None:
    answer_with(replay_config, 0.75)
    pipe = start(with_threshold(0.5))
    [item] = pipe.items()
    assert reject(pipe, item)
    assert [row.confidence for row in rows(pipe, history, 1)] == [0.75]


def test_an_engine_without_confidence_is_never_hidden(start: Start) -> None:
    pipe = start(with_threshold(1.0))
    assert [each["insertText"] for each in pipe.items()] == [SAID]


@pytest.mark.parametrize(("confidence", "shown"), [(0.3, False), (0.9, True)])
def test_a_threshold_that_is_no_share_is_reported_and_the_default_is_used(
    start: Start, replay_config: Path, confidence: float, shown: bool
) -> None:
    answer_with(replay_config, confidence)
    pipe = start(with_threshold(7))
    assert bool(pipe.items()) is shown
    assert any("threshold" in each["message"] for each in pipe.told("window/showMessage"))
