"""A mirror outlives its connection for a while, and no longer; nobody finds another's."""

import pytest

from spark_lsp.gateway import replica_cache as module
from spark_lsp.gateway.replica_cache import MAX_AGE_S, ReplicaCache
from spark_lsp.wire.frames import DocOpen
from spark_lsp.wire.replica_store import ReplicaStore, digest


class Time:
    """A clock that stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


def holding(text: str) -> ReplicaStore:
    mirror = ReplicaStore()
    mirror.open_document(
        DocOpen(doc="d1", uri="file:///a", version=1, length=len(text), hash=digest(text), text=text)
    )
    return mirror


def ended(cache: ReplicaCache, session: str, text: str) -> None:
    cache.add_session(session, lambda: holding(text))
    cache.end_session(session)


def text_in(mirror: ReplicaStore | None) -> str:
    replica = mirror.find("d1", 1) if mirror is not None else None
    return replica.text if replica is not None else "-"


def test_it_is_found_once_after_its_connection_has_ended(clock: Time):
    cache = ReplicaCache(clock)
    ended(cache, "s1", "one")
    ended(cache, "s2", "two")
    assert text_in(cache.find("s1")) == "one"
    assert cache.find("s1") is None
    assert cache.find("unknown") is None
    assert text_in(cache.find("s2")) == "two"


def test_of_a_connection_that_lives_there_is_a_copy(clock: Time):
    cache, mirror = ReplicaCache(clock), holding("one")
    cache.add_session("s1", lambda: mirror)
    copy = cache.find("s1")
    assert copy is not None
    copy.close("d1")
    assert text_in(mirror) == "one"
    assert text_in(cache.find("s1")) == "one"


def test_it_is_not_kept_for_ever(clock: Time):
    cache = ReplicaCache(clock)
    ended(cache, "s1", "one")
    clock.now = MAX_AGE_S + 1
    assert cache.find("s1") is None


def test_the_oldest_go_first_when_there_is_too_much(clock: Time, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_CHARS", 7)
    cache = ReplicaCache(clock)
    for session in ("s1", "s2", "s3"):
        ended(cache, session, "abc")
    assert [text_in(cache.find(session)) for session in ("s1", "s2", "s3")] == ["-", "abc", "abc"]


def test_what_is_empty_is_not_kept(clock: Time):
    cache = ReplicaCache(clock)
    ended(cache, "s1", "")
    assert cache.find("s1") is None
