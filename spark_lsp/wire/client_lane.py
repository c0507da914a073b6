"""A request in flight, at the server's end of a connection to the gateway."""

from dataclasses import dataclass, field

from spark_lsp.answer_events import Started, Timing
from spark_lsp.request import EditFormat, Request
from spark_lsp.wire.public_requests import expected_format


@dataclass(slots=True)
class ClientLane:
    """A request in flight. The response of a cancelled lane is ignored. `unread` counts deltas and bytes."""

    request: Request
    started: bool = False
    cancelled: bool = False
    resent: bool = False
    timing: Timing = field(default_factory=Timing)
    unread: tuple[int, int] = (0, 0)

    def make_started(self, model: str | None = None, *, spark: bool) -> Started:
        """Return the start of a response by a server that names neither its engine nor the answer's form."""
        format = EditFormat.TEXT if spark else expected_format(self.request)
        return Started("remote", self.request.model if model is None else model, format)
