"""What a connection remembers of its answers, so that the next request need not repeat them.

Theory. A request may cite an earlier response by its id and bring only what is new; the conversation up to
that response is then its history. The memory belongs to the connection and ends with it. Each lane keeps
its *latest* response and no other: the next answer on the lane takes its place. Citing a response that
another lane keeps is a *fork*, and leaves it where it is.

A continuation that fails on the lane of its parent takes the parent with it, since a client that sees an
error starts again with its whole context; a fork that fails leaves it. Instructions are a request's own
and are not remembered.

Conversations share their texts, so a turn costs its own text; together they are bounded, and what is
oldest goes first. A client then reads `previous_response_not_found` and sends everything, as it does
after a reconnect.
"""

from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message

LIMIT_CHARS = 16 * 1024 * 1024

Turns = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    lane: str | None
    turns: Turns
    size: int


class Lineage:
    """See the module's text."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}  # oldest first
        self._latest: dict[str | None, str] = {}
        self._size = 0

    def recall(self, response: str) -> Turns:
        """Return the conversation up to `response`. Raises `RemoteProtocolError` if it is not here."""
        kept = self._kept.get(response)
        if kept is None:
            raise RemoteProtocolError(
                "The previous response is not here",
                "This request was not answered",
                "Send the whole context without previous_response_id",
                code=Code.PREVIOUS_RESPONSE_NOT_FOUND,
            )
        return kept.turns

    def keep(self, lane: str | None, response: str, turns: Turns) -> None:
        """Remember a lane's latest response in the place of the one before."""
        if lane in self._latest:
            self._forget(self._latest[lane])
        kept = _Kept(lane, turns, sum(len(turn.text) for turn in turns))
        self._kept[response], self._latest[lane] = kept, response
        self._size += kept.size
        while self._size > LIMIT_CHARS:
            self._forget(next(iter(self._kept)))

    def failed(self, lane: str | None, parent: str | None) -> None:
        """Note that a request on `lane` that cites `parent` has failed."""
        if parent is not None and self._latest.get(lane) == parent:
            self._forget(parent)

    def __contains__(self, response: str) -> bool:
        return response in self._kept

    def _forget(self, response: str) -> None:
        kept = self._kept.pop(response)
        self._size -= kept.size
        del self._latest[kept.lane]
