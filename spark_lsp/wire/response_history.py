"""The responses that a connection remembers, so that the next request need not repeat them.

Theory. A request may name an earlier response and contain only the new input. The conversation up to that
response is then its history. The memory belongs to the connection and ends with it. Each lane keeps its
*latest* response only: the next response of the lane replaces it. A request that names the response of
another lane is a *fork*; the other lane keeps its response.

A continuation that fails on its parent's lane removes the parent, because a client that gets an error sends
its full context again. A failed fork keeps the parent. Instructions apply to one request and are not kept.

Conversations share their texts, so a response costs only its own text. Their total size is limited: the
oldest response is removed first. Its client then gets `previous_response_not_found` and sends everything, as
it does after a reconnect.
"""

from dataclasses import dataclass

from spark_lsp.codes import Code
from spark_lsp.errors import RemoteProtocolError
from spark_lsp.request import Message

MAX_CHARS = 16 * 1024 * 1024

Conversation = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class _KeptResponse:
    lane: str | None
    conversation: Conversation
    size: int


class ResponseHistory:
    """See the module's text."""

    def __init__(self) -> None:
        self._kept: dict[str, _KeptResponse] = {}  # oldest first
        self._latest: dict[str | None, str] = {}  # by lane
        self._size = 0

    def recall(self, response: str) -> Conversation:
        """Return the conversation up to `response`. Raises `RemoteProtocolError` if it is not kept."""
        kept = self._kept.get(response)
        if kept is None:
            raise RemoteProtocolError(
                "The previous response is not here",
                "This request was not answered",
                "Send the whole context without previous_response_id",
                code=Code.PREVIOUS_RESPONSE_NOT_FOUND,
            )
        return kept.conversation

    def keep(self, lane: str | None, response: str, conversation: Conversation) -> None:
        """Remember a lane's latest response; it replaces the one before."""
        if lane in self._latest:
            self._forget(self._latest[lane])
        kept = _KeptResponse(lane, conversation, sum(len(turn.text) for turn in conversation))
        self._kept[response] = kept
        self._latest[lane] = response
        self._size += kept.size
        while self._size > MAX_CHARS:
            self._forget(next(iter(self._kept)))

    def note_failure(self, lane: str | None, parent: str | None) -> None:
        """Note that a request on `lane` that continues `parent` has failed."""
        if parent is not None and self._latest.get(lane) == parent:
            self._forget(parent)

    def __contains__(self, response: str) -> bool:
        return response in self._kept

    def _forget(self, response: str) -> None:
        kept = self._kept.pop(response)
        self._size -= kept.size
        del self._latest[kept.lane]
