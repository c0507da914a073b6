"""What an editor excludes stays excluded, whatever it pushes later, until it says otherwise."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import RECORDED, recorded
from tests.e2e.pipe import CAPABILITIES
from tests.e2e.recording import Person, person

EXCLUDE = {"context": {"exclude": ["*.sql"]}}
WHY = "context.exclude"
NO_STATEMENT: list[Any] = [
    {"settings": None},
    {},
    {"settings": {}},
    {"settings": {"completion": {"maxLines": 3}}},
    {"settings": {"spark": {"completion": {"maxLines": 3}}}},
    {"settings": {"python": {"analysis": {"exclude": []}}}},
    {"settings": {"spark": None}},
    {"settings": {"spark": {"context": None}}},
    {"settings": {"spark": {"context": {}}}},
    {"settings": {"spark": {"context": {"exclude": None}}}},
    {"settings": {"spark": {"context": {"maxTokens": 100}}}},
    {"settings": {"spark": {"context": {"exclude": 5}}}},
    {"settings": {"spark": {"context": {"exclude": {}}}}},
    {"settings": {"spark": {"context": {"exclude": [5]}}}},
    {"settings": {"spark": {"context": {"exclude": "*.txt"}}}},
    {"settings": {"spark": {"context": {"exclude": {"*.txt": True}}}}},
    {"settings": {"spark": {"context": "none"}}},
    {"settings": {"spark.completion.maxLines": 3}},
    {"settings": {"spark": []}},
    {"settings": [EXCLUDE]},
    {"settings": "spark"},
    {"settings": 1},
]
Begin = Callable[..., AbstractContextManager[Person]]


@pytest.fixture
def begin(home: dict[str, str], tmp_path: Path) -> Begin:
    """Start a server for a person: `begin(initializationOptions=…, configuration=…)`."""
    return lambda **more: person(home, tmp_path, **more)


def capabilities(name: str) -> dict[str, Any]:
    """What a recorded client says of itself."""
    return {**recorded(name), "processId": None, "rootUri": None}


def asks(answers: bool) -> dict[str, Any]:
    """The capabilities of a client that can, or cannot, be asked for its settings."""
    workspace = {**CAPABILITIES["workspace"], "configuration": answers}
    return {"capabilities": {**CAPABILITIES, "workspace": workspace}}


@pytest.fixture
def numbered() -> Iterator[str]:
    return (f"file:///w/list{number}.sql" for number in range(100))


@pytest.mark.parametrize("name", [file.stem for file in RECORDED])
def test_no_push_undoes_what_was_excluded_at_start(begin: Begin, name: str, numbered: Iterator[str]) -> None:
    with begin(
        **capabilities(name), initializationOptions={"spark": EXCLUDE}, configuration=[None]
    ) as editor:
        editor.stays(next(numbered), WHY)
        for params in NO_STATEMENT:
            editor.push(params)
            editor.stays(next(numbered), WHY)


@pytest.mark.parametrize(
    "answer",
    [
        *(None, [], [None], [{}], {}, "spark", [5], [[]], [{"context": None}]),
        *([{"completion": {"maxLines": 3}}], [{"context": {"exclude": "no", "maxTokens": 1}}]),
        RuntimeError("no settings today"),
    ],
    ids=repr,
)
def test_no_answer_undoes_what_was_excluded_at_start(
    begin: Begin, answer: Any, numbered: Iterator[str]
) -> None:
    with begin(**asks(True), initializationOptions=EXCLUDE, configuration=answer) as editor:
        editor.stays(next(numbered), WHY)
        editor.push({"settings": None})
        editor.stays(next(numbered), WHY)


@pytest.mark.parametrize("answers", [True, False])
def test_a_pushed_exclusion_outlives_other_pushes(
    begin: Begin, answers: bool, numbered: Iterator[str]
) -> None:
    with begin(**asks(answers), configuration=[{}]) as editor:
        editor.goes(next(numbered))
        editor.push({"settings": {"spark": EXCLUDE}})
        for params in NO_STATEMENT:
            editor.push(params)
            editor.stays(next(numbered), WHY)


def test_an_explicit_value_replaces_the_one_before(begin: Begin, numbered: Iterator[str]) -> None:
    with begin(**asks(False), initializationOptions=EXCLUDE) as editor:
        editor.push({"settings": {"spark": {"context": {"exclude": ["*.txt"]}}}})
        editor.goes(next(numbered))
        editor.stays("file:///w/a.txt", WHY)
        editor.push({"settings": {"spark": {"context": {"exclude": []}}}})
        editor.goes("file:///w/b.txt")


def test_a_client_that_answers_with_its_whole_section_takes_a_setting_back(
    begin: Begin, numbered: Iterator[str]
) -> None:
    """As VS Code does: it pushes and answers with all that is set, and leaves out what is not any more."""
    with begin(**asks(True), configuration=[{}]) as editor:
        editor.goes(next(numbered))
        editor.configuration = [EXCLUDE]
        editor.push({"settings": {"spark": EXCLUDE}})
        editor.stays(next(numbered), WHY)
        editor.configuration = [{"completion": {"maxLines": 3}}]
        editor.push({"settings": {"spark": {"completion": {"maxLines": 3}}}})
        editor.goes(next(numbered))


def test_a_pushed_exclusion_holds_for_the_very_next_message(begin: Begin, numbered: Iterator[str]) -> None:
    with begin(**asks(True), configuration=[None]) as editor:
        editor.send(method="workspace/didChangeConfiguration", params={"settings": {"spark": EXCLUDE}})
        editor.stays(next(numbered), WHY)


def test_a_slip_in_one_pattern_does_not_undo_the_others(begin: Begin) -> None:
    values = {"context": {"exclude": ["*.sql", 5]}, "completion": {"disabledGlobs": "*.md"}}
    with begin(**asks(False), initializationOptions={"spark": values}) as editor:
        editor.stays("file:///w/a.sql", WHY)
        editor.open(uri="file:///w/a.md")
        assert editor.items(uri="file:///w/a.md") == []
        told = [each["message"] for each in editor.told("window/showMessage")]
        assert [text for text in told if "context.exclude" in text and "must be a text" in text]
        assert [text for text in told if "disabledGlobs" in text and "must be a list" in text]


def test_a_map_of_patterns_as_vs_code_has_it(begin: Begin) -> None:
    values = {"context": {"exclude": {"*.sql": True, "*.txt": False}}}
    with begin(**asks(False), initializationOptions=values) as editor:
        editor.stays("file:///w/a.sql", WHY)
        editor.goes("file:///w/a.txt")
