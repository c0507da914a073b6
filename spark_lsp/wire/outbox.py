"""What a server has to say and has not yet written.

Three rules: control messages go first; what belongs to one response keeps its order; text that waits is
merged with text that waits before it, so that a slow reader gets larger pieces instead of a longer
queue. Responses take turns. A response's first text is *urgent*: whoever writes does so at once, while
further text may wait a few milliseconds for more.
"""

from collections import OrderedDict, deque

from spark_lsp.wire.events import JsonObject
from spark_lsp.wire.frames import CHUNK_CHARS

Entry = JsonObject | str  # an event, or text for a delta


class Outbox:
    """See the module's text."""

    def __init__(self) -> None:
        self._control: deque[JsonObject] = deque()
        self._responses: OrderedDict[str, deque[Entry]] = OrderedDict()
        self._spoke: set[str] = set()
        self.urgent = False

    def control(self, message: JsonObject) -> None:
        """Add a message that belongs to no response's order."""
        self._control.append(message)
        self.urgent = True

    def event(self, response: str, event: JsonObject) -> None:
        """Add an event of a response."""
        self._responses.setdefault(response, deque()).append(event)
        self.urgent = True

    def text(self, response: str, text: str) -> None:
        """Add text of a response, merged with what waits."""
        if not text:
            return
        queue = self._responses.setdefault(response, deque())
        if queue and isinstance(queue[-1], str) and len(queue[-1]) + len(text) <= CHUNK_CHARS:
            queue[-1] += text
            return
        for start in range(0, len(text), CHUNK_CHARS):
            queue.append(text[start : start + CHUNK_CHARS])
        if response not in self._spoke:
            self._spoke.add(response)
            self.urgent = True

    def pop(self) -> tuple[str, Entry] | None:
        """Return the next `(response, entry)` to write; the response is empty for control messages."""
        if self._control:
            return "", self._control.popleft()
        if not self._responses:
            self.urgent = False
            return None
        response, queue = self._responses.popitem(last=False)
        entry = queue.popleft()
        if queue:
            self._responses[response] = queue  # at the end: the others have their turn first
        return response, entry

    def forget(self, response: str) -> None:
        """Note that a response's terminal has been written."""
        self._spoke.discard(response)

    def __bool__(self) -> bool:
        return bool(self._control or self._responses)
