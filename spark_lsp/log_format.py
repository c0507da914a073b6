"""The format of log lines: one line per record, and never an exception's message.

An exception's message may hold the user's code, and a library may log any exception with its traceback.
"""

import logging
import sys

from spark_lsp.errors import origin


class PlaceOnly(logging.Formatter):
    """Format an exception as its type and the place that raised it."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line for a record."""
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        return line if error is None else f"{line}: {origin(error)}"


def log_to_stderr() -> None:
    """Write warnings and worse to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlaceOnly())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
