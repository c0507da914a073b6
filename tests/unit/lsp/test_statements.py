"""Which of an editor's values are in force: only a new value for the same name replaces one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.lsp.settings_parsing import extract_section, is_foreign
from spark_lsp.lsp.statements import Statements, merge_values, remove_known

LISTS = st.lists(st.sampled_from(["*.sql", "*.md", "private/"]), max_size=2)
NOTHING = st.sampled_from([None, 5, {}, [1, 2], {"*.md": False}])


def tables(exclude: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    context = st.fixed_dictionaries({}, optional={"exclude": exclude, "maxTokens": st.integers(1, 9)})
    completion = st.fixed_dictionaries({}, optional={"maxLines": st.integers(0, 9), "enabled": st.booleans()})
    return st.fixed_dictionaries({}, optional={"context": context, "completion": completion})


SILENT = st.one_of(
    st.fixed_dictionaries({}, optional={"context": NOTHING}), tables(NOTHING.filter(lambda each: each != {}))
)


def exclude_of(statements: Statements) -> Any:
    return statements.in_force().get("context", {}).get("exclude")


@given(LISTS, st.lists(SILENT))
def test_no_silent_push_changes_an_exclusion(exclude: list[str], pushes: list[dict[str, Any]]) -> None:
    statements = Statements()
    statements.begin({"context": {"exclude": exclude}})
    for values in pushes:
        statements.push(values)
        assert exclude_of(statements) == exclude


@given(st.lists(st.tuples(st.booleans(), tables(LISTS))))
def test_the_newest_push_of_a_name_counts(said: list[tuple[bool, dict[str, Any]]]) -> None:
    """Of a client that answers with nothing, or not at all."""
    statements, expected = Statements(), None
    for pushed, values in said:
        if pushed:
            statements.push(values)
            expected = values.get("context", {}).get("exclude", expected)
        else:
            statements.answer({})
        assert exclude_of(statements) == expected


@given(st.lists(tables(LISTS)))
def test_what_is_pushed_and_answered_alike_can_be_taken_back(sections: list[dict[str, Any]]) -> None:
    statements = Statements()
    for values in sections:
        statements.push(values)
        statements.answer(values)
        assert exclude_of(statements) == values.get("context", {}).get("exclude")


@given(LISTS, st.sampled_from(["*.txt", {"*.txt": True}, ["*.txt", 5]]))
def test_a_value_of_the_wrong_form_adds_and_takes_nothing_away(exclude: list[str], slip: Any) -> None:
    statements = Statements()
    statements.begin({"context": {"exclude": exclude}})
    statements.push({"context": {"exclude": slip}})
    assert exclude_of(statements) == [*exclude, "*.txt"]
    statements.answer({"context": {"exclude": slip}})
    assert exclude_of(statements)[: len(exclude) + 1] == [*exclude, "*.txt"]


def test_an_engine_is_one_value() -> None:
    below = {"engines": {"a": {"kind": "openai", "key_env": "KEY"}, "b": {"kind": "replay"}}}
    above = {"engines": {"a": {"kind": "openai", "base_url": "http://x/v1"}}}
    assert merge_values(below, above)["engines"] == {**below["engines"], **above["engines"]}
    assert remove_known(below, above) == {"engines": {"b": {"kind": "replay"}}}


def test_routes_are_laid_over_one_another_by_name() -> None:
    below = {"engine": {"routes": {"edit": ["a"], "completion": ["b"]}}}
    above = {"engine": {"routes": {"edit": []}}}
    assert merge_values(below, above) == {"engine": {"routes": {"edit": [], "completion": ["b"]}}}


def test_dotted_names_are_tables() -> None:
    expected = {"context": {"exclude": ["a"], "maxTokens": 1}}
    assert (
        extract_section({"spark.context.exclude": ["a"], "spark": {"context": {"maxTokens": 1}}}) == expected
    )
    assert extract_section({"context.exclude": ["a"], "context": {"maxTokens": 1}}) == expected
    routes = {"routes": {"edit.deep": ["a"]}}
    assert extract_section({"spark": routes}) == extract_section(routes) == routes


def test_sections_of_other_programs_are_told_apart() -> None:
    assert is_foreign({"python": {"completion": {}}, "editor": {"tabSize": 2}})
    assert not is_foreign({"python": {}, "spark": {}})
    assert not is_foreign({"spark.completion.maxLines": 1})
    assert not is_foreign({"completion": {}})
