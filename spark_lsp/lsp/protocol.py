# pyright: reportUnknownMemberType=false, reportUnknownParameterType=false, reportMissingParameterType=false
# pygls is annotated in part only; what of it is used here is checked by running it.

"""pygls' protocol, mended where it keeps for ever what it needs for a moment.

It remembers a future for everything that it runs, so that a cancel can find it, and forgets it when the
answer goes out. What has no answer of its own it never forgets: notifications that start work, and the
inner step of every command. In a server that lives for days these add up. And at a shutdown it goes
through all of them and cancels each, by which some are forgotten while it still counts.
"""

from collections.abc import Callable
from typing import Any

from pygls.protocol import LanguageServerProtocol


class _Futures(dict[int | str, Any]):
    """Futures by id, which may be gone through while some of them go."""

    def items(self) -> Any:
        return list(super().items())


class Protocol(LanguageServerProtocol):
    """See the module's text."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._request_futures = _Futures()

    def _execute_handler(
        self,
        msg_id: int | str,
        handler: Callable[..., Any],
        callback: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        super()._execute_handler(msg_id, handler, callback, args, kwargs)
        future = self._request_futures.get(msg_id)
        if future is not None:
            future.add_done_callback(lambda done: self._forget(msg_id, done))

    def _forget(self, msg_id: int | str, done: Any) -> None:
        if self._request_futures.get(msg_id) is done:
            del self._request_futures[msg_id]
