"""The cases of the code actions, which the editors' tests run."""

from tests.editors.action_cases import CASES, NAMES


def test_each_action_of_the_table_has_a_case() -> None:
    assert sorted(CASES) == sorted(NAMES)
