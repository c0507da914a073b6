"""Which tests must run in one process, and in what order the processes take them.

`pytest -n 2` hands out whole groups. By default a group is a module, so that what a module
shares (a server, an editor) is started once. All tests of the embedded model are one group, because two
models at a time would take a gigabyte and each other's processor time; VS Code, which one of them needs, is
part of it.
"""

import json
from pathlib import Path
from typing import Any

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
    "tests/faults/",
    "tests/integration/test_wheel.py",
    "tests/e2e/test_faults_wire.py",
    "tests/e2e/test_lifecycle.py",
    "tests/e2e/test_privacy_settings.py",
    "tests/e2e/test_odd_clients.py",
    "tests/e2e/test_faults_link.py",
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


def scale(items: list[pytest.Item]) -> None:
    """Give every test as much more time as the machine needs."""
    if FACTOR == 1:
        return
    for item in items:
        limit = item.get_closest_marker("timeout")
        seconds = limit.args[0] * FACTOR if limit and limit.args else TEST_LIMIT
        item.add_marker(pytest.mark.timeout(seconds), append=False)


def sort(items: list[pytest.Item]) -> None:
    """Put the longest groups first; within a group the order stays."""

    def rank(item: pytest.Item) -> int:
        group = group_of(item)
        return next((at for at, start in enumerate(LONGEST) if group.startswith(start)), len(LONGEST))

    items.sort(key=rank)


def write(file: Path, items: list[pytest.Item]) -> None:
    """Tell the process that hands out the tests, which has not collected any, their groups."""
    file.write_text(json.dumps({item.nodeid: group_of(item) for item in items}))


def scheduler(config: pytest.Config, log: Any, file: Path) -> Any:
    """Return a scheduler of pytest-xdist that hands out the groups that a worker wrote to `file`.

    Its own `--dist loadgroup` writes the group into the name of a test, which pytest 9.2 does not take over.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        """Hands out groups in the order of their first tests."""

        def schedule(self) -> None:
            self.groups: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
            super().schedule()

        def _split_scope(self, nodeid: str) -> str:
            return self.groups[nodeid]

    config.option.loadscopereorder = False  # by the number of their tests, which says little
    return Groups(config, log)
