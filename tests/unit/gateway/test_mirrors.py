"""A mirror outlives its connection for a while, and no longer; nobody finds another's."""

import pytest

from spark_lsp.gateway import mirrors as module
from spark_lsp.gateway.mirrors import KEPT_S, Mirrors
from spark_lsp.wire.frames import DocOpen
from spark_lsp.wire.mirror import Mirror, digest


class Time:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


def holding(text: str) -> Mirror:
    mirror = Mirror()
    mirror.open(DocOpen(doc="d1", uri="file:///a", version=1, length=len(text), hash=digest(text), text=text))
    return mirror


def ended(mirrors: Mirrors, session: str, text: str) -> None:
    mirrors.live(session, lambda: holding(text))
    mirrors.ended(session)


def text_in(mirror: Mirror | None) -> str:
    replica = mirror.find("d1", 1) if mirror is not None else None
    return replica.text if replica is not None else "-"


def test_it_is_found_once_after_its_connection_has_ended(clock: Time):
    mirrors = Mirrors(clock)
    ended(mirrors, "s1", "one")
    ended(mirrors, "s2", "two")
    assert text_in(mirrors.find("s1")) == "one"
    assert mirrors.find("s1") is None
    assert mirrors.find("unknown") is None
    assert text_in(mirrors.find("s2")) == "two"


def test_of_a_connection_that_lives_there_is_a_copy(clock: Time):
    mirrors, mirror = Mirrors(clock), holding("one")
    mirrors.live("s1", lambda: mirror)
    copy = mirrors.find("s1")
    assert copy is not None
    copy.close("d1")
    assert text_in(mirror) == "one"
    assert text_in(mirrors.find("s1")) == "one"


def test_it_is_not_kept_for_ever(clock: Time):
    mirrors = Mirrors(clock)
    ended(mirrors, "s1", "one")
    clock.now = KEPT_S + 1
    assert mirrors.find("s1") is None


def test_the_oldest_go_first_when_there_is_too_much(clock: Time, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "LIMIT_CHARS", 7)
    mirrors = Mirrors(clock)
    for session in ("s1", "s2", "s3"):
        ended(mirrors, session, "abc")
    assert [text_in(mirrors.find(session)) for session in ("s1", "s2", "s3")] == ["-", "abc", "abc"]


def test_what_is_empty_is_not_kept(clock: Time):
    mirrors = Mirrors(clock)
    ended(mirrors, "s1", "")
    assert mirrors.find("s1") is None
