"""The engine and the effort for an edit."""

import pytest

from spark_lsp.session.edit_route import choose_route


@pytest.mark.parametrize(
    ("action", "deep", "expected"),
    [
        ("instruct", "", ("", "balanced")),
        ("instruct", "deep", ("", "deep")),
        ("instruct", "fast", ("", "fast")),
        ("simplify", "gpu", ("gpu", "deep")),
        ("instruct", "gpu/qwen", ("gpu/qwen", "deep")),
        ("document", "gpu", ("", "balanced")),
        ("fix", "deep", ("", "balanced")),
    ],
)
def test_only_actions_that_need_thought_take_another_route(
    action: str, deep: str, expected: tuple[str, str]
) -> None:
    assert choose_route(action, "balanced", deep) == expected
