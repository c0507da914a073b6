"""Which tests must run in one process, and in what order the processes take them.

`pytest -n 2 --dist loadgroup` hands out whole groups. By default a group is a module, so that what a module
shares (a server, an editor) is started once. All tests of the embedded model are one group, because two
models at a time would take a gigabyte and each other's processor time; VS Code, which one of them needs, is
part of it.
"""

import pytest

from tests.patience import FACTOR, TEST_LIMIT

MODEL = "model"
VSCODE = "tests/editors/test_vscode.py"
# The longest groups first: a group that is begun last keeps the other process waiting at the end.
LONGEST = (
    MODEL,
    "tests/editors/test_neovim.py",
    "tests/editors/test_helix.py",
    "tests/soak/test_soak.py",
    "tests/integration/test_kill.py",
    "tests/integration/test_wheel.py",
    "tests/e2e/",
    "tests/integration/",
    "tests/conformance/",
    "tests/",
)


def group_of(item: pytest.Item) -> str:
    """Return the group of a test: the one it names, the model's, or its module."""
    if named := item.get_closest_marker("xdist_group"):
        return str(named.args[0] if named.args else named.kwargs["name"])
    module = item.nodeid.partition("::")[0]
    return MODEL if module == VSCODE or item.get_closest_marker("model") else module


def assign(items: list[pytest.Item]) -> None:
    """Mark every test with its group, and scale its limit of time to the machine."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(name=group_of(item)))
        if FACTOR != 1:
            limit = item.get_closest_marker("timeout")
            seconds = limit.args[0] * FACTOR if limit and limit.args else TEST_LIMIT
            item.add_marker(pytest.mark.timeout(seconds), append=False)


def sort(items: list[pytest.Item]) -> None:
    """Put the longest groups first; within a group the order stays."""

    def rank(item: pytest.Item) -> int:
        group = group_of(item)
        return next((at for at, start in enumerate(LONGEST) if group.startswith(start)), len(LONGEST))

    items.sort(key=rank)
