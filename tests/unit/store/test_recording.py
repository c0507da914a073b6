"""The recorded days on disk: private, bounded, and deleted on request."""

import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from spark_lsp.errors import StoreError
from spark_lsp.simulate.recorded import Event
from spark_lsp.store import recording
from spark_lsp.store.recording import DAY_SECONDS, MAX_DAYS, Recording

NOW = float(int(time.time()))
EVENT = Event(NOW, "complete", 0.25, 0.5, 900, 12, waited=True, chars=0)


def test_events_come_back_in_order(tmp_path: Path) -> None:
    kept = Recording(tmp_path)
    assert kept.load() == []
    later = replace(EVENT, at=NOW + 0.5, waited=False)
    kept.add([later, EVENT])
    assert Recording(tmp_path).load() == [EVENT, later]


def test_old_and_many_events_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MAX_ROWS", 3)
    old = replace(EVENT, at=NOW - MAX_DAYS * DAY_SECONDS - 60)
    Recording(tmp_path).add([old, *(replace(EVENT, at=NOW + n) for n in range(5))])
    assert [event.at - NOW for event in Recording(tmp_path).load()] == [2, 3, 4]


def test_events_are_deleted_on_request(tmp_path: Path) -> None:
    assert Recording(tmp_path).forget() == 0
    Recording(tmp_path).add([EVENT, EVENT])
    assert Recording(tmp_path).forget() == 2
    assert Recording(tmp_path).load() == []


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_the_file_is_private(tmp_path: Path) -> None:
    Recording(tmp_path).add([EVENT])
    assert stat.S_IMODE((tmp_path / recording.NAME).stat().st_mode) == 0o600


def test_a_damaged_file_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / recording.NAME).write_bytes(b"no database" * 500)
    for use in (
        Recording(tmp_path).load,
        Recording(tmp_path).forget,
        lambda: Recording(tmp_path).add([EVENT]),
    ):
        with pytest.raises(StoreError, match="the times of your recorded days"):
            use()
