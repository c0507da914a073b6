"""The engine side: all background work that needs the gateway.

It is one task group. If it fails it is started again as a whole; until then, new work is refused and
requests wait.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from spark_lsp.codes import Code
from spark_lsp.errors import SparkError
from spark_lsp.lsp.gateway_link import GatewayLink
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.supervise import call_guarded, keep_running, run_guarded

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

UP_TIMEOUT_SECONDS = 20.0  # for which a request waits until the engine side is started


def engine_side_down() -> SparkError:
    """Return the error of a request that arrives while the engine side is being started."""
    return SparkError(
        "The engine side is being started",
        "This was not done",
        "Try again in a moment",
        code=Code.ENGINE_SIDE_DOWN,
    )


class EngineSide:
    """Runs background work as long as the engine side is up; `up` is set during that time."""

    def __init__(self, status: StatusPublisher) -> None:
        self._status = status
        self.up = asyncio.Event()
        self._group: TaskGroup | None = None
        self._from_callbacks = asyncio.Queue[Callable[[], None]]()  # work that waits to be spawned

    async def run(self, link: GatewayLink, on_start: Callable[[], None]) -> None:
        """Run until cancelled. If the link ends, only the link is started again, not the other work."""
        import anyio

        async with anyio.create_task_group() as group:
            self._group = group
            self._from_callbacks = asyncio.Queue[Callable[[], None]]()
            group.start_soon(keep_running, self._spawn_from_callbacks)
            try:
                self.up.set()
                on_start()
                await keep_running(link.run, self.report_end)
            finally:
                self._group = None
                self.up.clear()

    def report_end(self, _: Exception | None) -> None:
        """Report in the status that the engine side ended and is being started again."""
        reason = "the engine side failed and is being started again"
        self._status.update(state="degraded", reason=reason, code=Code.ENGINE_SIDE_DOWN)

    def spawn(
        self,
        work: Callable[..., Coroutine[Any, Any, None]],
        *arguments: Any,
        on_failure: Callable[[Exception], object] | None = None,
    ) -> None:
        """Start work that ends with the engine side. An unexpected exception is passed to `on_failure` only.

        Raises `SparkError` if the engine side is down.
        """
        if self._group is None:
            raise engine_side_down()
        if asyncio.current_task() is None:  # anyio starts no task from a callback, as of a notification
            self._from_callbacks.put_nowait(
                functools.partial(self.spawn, work, *arguments, on_failure=on_failure)
            )
            return
        self._group.start_soon(functools.partial(run_guarded, on_failure=on_failure), work, *arguments)

    async def _spawn_from_callbacks(self) -> None:
        while True:
            call_guarded(await self._from_callbacks.get())

    async def wait_until_up(self) -> None:
        """Wait for the engine side. Raises `SparkError` after `UP_TIMEOUT_SECONDS`."""
        try:
            async with asyncio.timeout(UP_TIMEOUT_SECONDS):
                await self.up.wait()
        except TimeoutError:
            raise engine_side_down() from None
