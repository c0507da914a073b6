"""Notices changes of engines and publishes them to the connections.

An engine's state also changes without a request: a model is downloaded, a pause after failures ends. One
timer of the gateway looks at each engine once a second, while at least one connection listens. A connection
does no work until an engine has changed.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from spark_lsp.supervise import call_guarded, guarded

PERIOD_S = 1.0

Listener = Callable[[], object]


class WatchedEngines(Protocol):
    """Engines whose state can be compared."""

    def snapshot(self) -> tuple[object, ...]:
        """Return values that differ from the earlier ones if the state of an engine has changed."""
        ...


class EngineWatch:
    """See the module's text. Several connections may watch the same engines."""

    def __init__(self) -> None:
        self._listeners: dict[Listener, tuple[WatchedEngines, ...]] = {}
        self._snapshots: dict[WatchedEngines, tuple[object, ...]] = {}
        self._uses: Counter[WatchedEngines] = Counter()  # listeners of each, since there may be thousands
        self._timer: asyncio.TimerHandle | None = None

    def subscribe(self, listener: Listener, *watched: WatchedEngines) -> Callable[[], None]:
        """Call `listener` after each change of these engines; return a function that ends this."""
        self._forget(listener)
        self._listeners[listener] = watched
        for engines in watched:
            self._uses[engines] += 1
            if engines not in self._snapshots:
                self._snapshots[engines] = engines.snapshot()
        if self._timer is None:
            self._set_timer()

        def unsubscribe() -> None:
            self._forget(listener)
            if not self._listeners and self._timer is not None:
                self._timer.cancel()
                self._timer = None

        return unsubscribe

    def _forget(self, listener: Listener) -> None:
        for engines in self._listeners.pop(listener, ()):
            self._uses[engines] -= 1
            if not self._uses[engines]:
                del self._uses[engines], self._snapshots[engines]

    def _set_timer(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PERIOD_S, guarded(self._tick))

    def _tick(self) -> None:
        self._set_timer()  # first, so that a failure below does not end the watch
        changed: set[WatchedEngines] = set()
        for engines, before in list(self._snapshots.items()):
            now = engines.snapshot()
            if now != before:
                self._snapshots[engines] = now
                changed.add(engines)
        if not changed:
            return
        for listener, watched in list(self._listeners.items()):
            if not changed.isdisjoint(watched):
                call_guarded(listener)
