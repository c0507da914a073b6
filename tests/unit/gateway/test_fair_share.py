"""The turns of a gateway's users: how many answers run, and whose begins next."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.gateway.admission import Admission
from spark_lsp.gateway.fair_share import FairShare
from spark_lsp.request import Priority

FRONT, BACK = Priority.INTERACTIVE, Priority.BACKGROUND


def test_a_user_with_many_requests_gets_the_same_share_as_one_with_few() -> None:
    share = FairShare(4)
    assert [share.request(f"a{n}", "alice", FRONT) for n in range(10)] == [True] * 4 + [False] * 6
    assert not any(share.request(f"b{n}", "bob", FRONT) for n in range(3))
    begun = [share.release(f"a{n}") for n in range(3)]
    assert begun == ["b0", "b1", "a4"]  # until both have two under way; then by the last turn


def test_interactive_requests_go_before_background_ones() -> None:
    share = FairShare(1)
    share.request("busy", "alice", FRONT)
    share.request("job", "bob", BACK)
    share.request("key", "alice", FRONT)
    assert share.release("busy") == "key"
    assert share.release("key") == "job"


def test_a_request_that_is_not_wanted_any_more_leaves_the_queue() -> None:
    share = FairShare(1)
    share.request("busy", "alice", FRONT)
    share.request("old", "bob", FRONT)
    assert share.release("old") is None
    assert share.release("unknown") is None
    assert share.release("busy") is None
    assert share.statistics() == (0, 0)


@given(
    limit=st.integers(1, 4),
    steps=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(Priority), st.integers(0, 5)), max_size=60
    ),
)
def test_each_answer_begins_once_and_none_is_forgotten(
    limit: int, steps: list[tuple[str, Priority, int]]
) -> None:
    share, running, waiting, number = FairShare(limit), list[str](), list[str](), 0

    def end(answer: str) -> None:
        (running if answer in running else waiting).remove(answer)
        following = share.release(answer)
        if following is not None:
            waiting.remove(following)
            running.append(following)

    for user, priority, which in steps:
        known = [*running, *waiting]
        if which and known:
            end(known[which % len(known)])
        else:
            number += 1
            answer = f"{user}{number}"
            (running if share.request(answer, user, priority) else waiting).append(answer)
        assert len(running) <= limit
        assert not waiting or len(running) == limit
        assert share.statistics() == (len(running), len(waiting))
    while running:
        end(running[0])
    assert not waiting


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(1, 8))
def test_users_who_wait_differ_by_one_answer_at_most(requests: list[int], limit: int) -> None:
    """Once a user's first answers have ended, no one who waits has two fewer under way than another."""
    share, running = FairShare(limit), Counter[str]()
    order: list[str] = []
    for user, count in enumerate(requests):
        for number in range(count):
            if share.request(f"{user}-{number}", str(user), FRONT):
                order.append(f"{user}-{number}")
                running[str(user)] += 1
    left = Counter({str(user): count for user, count in enumerate(requests)}) - running
    while order:
        ended = order.pop(0)
        running[ended.split("-")[0]] -= 1
        begun = share.release(ended)
        if begun is None:
            continue
        user = begun.split("-")[0]
        waiting = [each for each in left if left[each] > 0]
        assert running[user] == min(running[each] for each in waiting)
        running[user] += 1
        left[user] -= 1
        order.append(begun)
    assert not +left


@pytest.mark.anyio
async def test_a_waiting_answer_begins_when_another_ends_or_is_cancelled() -> None:
    admission, begun = Admission(1), list[str]()
    may_end = {name: asyncio.Event() for name in "abc"}

    async def answer(name: str) -> None:
        async with admission.turn(name, name, FRONT):
            begun.append(name)
            await may_end[name].wait()

    async def settle() -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    tasks = {}
    for name in "abc":
        tasks[name] = asyncio.create_task(answer(name))
        await settle()
    assert (begun, admission.statistics()) == (["a"], (1, 2))
    tasks["b"].cancel()
    may_end["a"].set()
    await settle()
    assert (begun, admission.statistics()) == (["a", "c"], (1, 0))
    tasks["c"].cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    assert admission.statistics() == (0, 0)


@pytest.mark.anyio
async def test_without_a_limit_nobody_waits() -> None:
    admission = Admission()
    async with admission.turn("1", "a", FRONT), admission.turn("2", "a", BACK):
        assert admission.statistics() == (0, 0)
