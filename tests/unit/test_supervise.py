"""Supervision: what fails costs itself, is logged by its place, and who waits hears of it."""

import asyncio
import logging

import anyio
import pytest

from spark_lsp import supervise
from spark_lsp.supervise import call_guarded, guarded, keep_running, run_guarded, watch_loop

pytestmark = pytest.mark.anyio

SECRET = "def secret_of_the_user"


class Boom(Exception):
    """What nobody expects."""


async def fail() -> None:
    raise Boom(SECRET)


def fail_now() -> None:
    raise Boom(SECRET)


async def test_a_task_that_fails_leaves_its_group_and_its_neighbours_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = list[Exception]()
    finished = list[str]()

    async def neighbour() -> None:
        await anyio.lowlevel.checkpoint()
        finished.append("neighbour")

    async with anyio.create_task_group() as group:
        group.start_soon(lambda: run_guarded(fail, on_failure=heard.append))
        group.start_soon(run_guarded, neighbour)
    assert finished == ["neighbour"]
    assert [type(each) for each in heard] == [Boom]
    assert "fail failed unexpectedly: Boom at" in caplog.text
    assert SECRET not in caplog.text


async def test_cancellation_passes_through() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(run_guarded, anyio.sleep_forever)
        group.start_soon(keep_running, anyio.sleep_forever)
        await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


def test_a_callback_that_fails_is_contained_and_so_is_what_hears_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_too(_: Exception) -> None:
        raise Boom(SECRET)

    assert call_guarded(lambda: 3) == 3
    assert call_guarded(fail_now, on_failure=fail_too) is None
    guarded(fail_now)()
    assert caplog.text.count("failed unexpectedly") == 3
    assert SECRET not in caplog.text


async def test_work_that_must_not_end_is_started_again_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses, ends = list[float](), list[Exception | None]()

    async def no_sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 9:
            raise asyncio.CancelledError

    async def work() -> None:
        if len(pauses) != 1:
            raise Boom(SECRET)

    monkeypatch.setattr(supervise.asyncio, "sleep", no_sleep)
    with pytest.raises(asyncio.CancelledError):
        await keep_running(work, ends.append)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert [type(each) for each in ends[:3]] == [Boom, type(None), Boom]


async def test_what_reaches_the_loop_is_logged_by_its_place(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    before, called = loop.get_exception_handler(), asyncio.Event()
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    watch_loop(loop)
    loop.call_soon(fail_now)
    loop.call_soon(called.set)
    await called.wait()
    loop.set_exception_handler(before)
    logging.getLogger("asyncio").setLevel(logging.NOTSET)
    assert "an exception reached the event loop: Boom at" in caplog.text
    assert SECRET not in caplog.text
