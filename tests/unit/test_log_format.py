"""A log line names where an exception was raised, and holds nothing of its message."""

import logging
import sys

from spark_lsp.log_format import PlaceOnly


def test_an_exception_is_one_line_without_its_message() -> None:
    try:
        raise ValueError("def secret_of_the_user")
    except ValueError:
        record = logging.LogRecord("library", logging.ERROR, __file__, 1, "failed %d", (7,), sys.exc_info())
    line = PlaceOnly().format(record)
    assert line.startswith(f"ERROR library: failed 7: ValueError at {__file__}:")
    assert "secret_of_the_user" not in line
    assert "\n" not in line
