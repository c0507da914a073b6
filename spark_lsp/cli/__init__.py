"""The command line: one file per command, found by name and imported only when the command runs.

A command's file has `configure(parser)`, which declares its arguments, and `run(arguments)`, which
returns the exit code. Exit codes: 0 a result, 1 an error, 2 wrong usage, 3 no result or a refusal.
"""

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, Protocol, cast

from spark_lsp import __version__
from spark_lsp.codes import Code
from spark_lsp.errors import SparkError, origin
from spark_lsp.failures import FAILED, Failure
from spark_lsp.home import settle

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

OK, ERROR, USAGE, NOTHING = 0, 1, 2, 3

COMMANDS = {
    "serve": "run the language server on stdio (the default)",
    "gateway": "run the engine gateway in the foreground",
    "fleet": "run the gateway as several processes on Ray Serve, and manage its users",
    "demo": "demonstrate ghost text and one targeted edit on a real file",
    "complete": "complete at FILE:LINE:COL through the real language server",
    "edit": "make one targeted edit in a file",
    "model": "list, fetch, find and remove the embedded models",
    "status": "show the running gateway, its engines, and the engine of each route",
    "open": "open the gateway's page in a browser: engines, queue, reasons, and a playground",
    "stats": "show what became of your suggestions, from the history on this machine",
    "endpoint": "print URL and token of the gateway for plug-ins and SDKs",
    "doctor": "check everything that a suggestion depends on, and give remedies",
    "config": "show the effective settings, check a settings file, or print the schema",
    "trust": "approve an endpoint or a file that the editor's settings name",
    "clean": "show or remove everything that spark-lsp keeps on this machine",
    "simulate": "predict how a simulated wafer or GPUs serve many users, or one editing session",
    "bench": "measure performance against a named baseline in the same run",
}


class Command(Protocol):
    """The interface of a command's module.

    A command that other programs run also has `talks_to_a_program(arguments)`. If it returns True, a
    failure of the command goes to stdout as well, as a line of `failures`.
    """

    def configure(self, parser: "argparse.ArgumentParser") -> None: ...

    def run(self, arguments: "argparse.Namespace") -> int: ...


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command and return its exit code; errors go to stderr as one sentence, never a traceback."""
    if argv is None:  # called as the program itself, not from another one
        settle()
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or (words[0].startswith("-") and words[0] not in ("-h", "--help", "--version")):
        words.insert(0, "serve")
    if words in (["serve"], ["serve", "--stdio"]):
        from spark_lsp.cli import serve

        return serve.serve()  # the way editors start it: parsing arguments would only delay them
    return _run(words[0], words[1:]) if words[0] in COMMANDS else _top_level(words)


def _run(name: str, words: list[str]) -> int:
    import argparse

    from spark_lsp.cli.output import settle_streams

    settle_streams()
    command = cast(Command, importlib.import_module(f"spark_lsp.cli.{name}"))
    parser = argparse.ArgumentParser(f"spark-lsp {name}", description=COMMANDS[name])
    command.configure(parser)
    arguments = parser.parse_args(words)
    return _call(command, arguments)


def _call(command: Command, arguments: "argparse.Namespace") -> int:
    try:
        code = command.run(arguments)
        sys.stdout.flush()
        return code
    except SparkError as error:
        failure = Failure(FAILED, error.code, str(error))
    except UnicodeEncodeError:
        failure = Failure(FAILED, Code.INVALID_ARGUMENT, _NOT_TEXT)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if _is_output(error):
            return _output_gone(error)
        failure = _unexpected(error)
    except Exception as error:
        failure = _unexpected(error)
    return _complain(command, arguments, failure)


def _unexpected(error: Exception) -> Failure:
    """Return the place of an unexpected failure, not its message: that may contain the user's code."""
    message = f"the command failed unexpectedly: {origin(error)}. Please report it."
    return Failure(FAILED, Code.INTERNAL_ERROR, message)


def _complain(command: Command, arguments: "argparse.Namespace", failure: Failure) -> int:
    """Report on stderr why a command failed, and on stdout for a program that started it."""
    print(f"spark-lsp: {failure.message}", file=sys.stderr)
    talks = getattr(command, "talks_to_a_program", None)
    if talks is not None and talks(arguments):
        print(failure.line, flush=True)
    return ERROR


_NOT_TEXT = "A name or a text on the command line is not valid UTF-8. Nothing was done. Give it in UTF-8."
_UNWRITTEN = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT)


def _is_output(error: OSError) -> bool:
    """Tell whether an error came from writing the output: errors of other files are handled earlier."""
    return error.filename is None and error.errno in _UNWRITTEN


def _output_gone(error: OSError) -> int:
    """Report why the output ends, unless the reader closed the pipe (`| head`)."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())  # discards the buffered rest without another error
    os.close(null)
    if not isinstance(error, BrokenPipeError):
        print(f"spark-lsp: the output could not be written: {error.strerror}", file=sys.stderr)
    return ERROR


def _top_level(words: list[str]) -> int:
    """Answer `--help`, `--version` and unknown commands."""
    import argparse

    listing = "\n".join(f"  {name:10} {text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        "spark-lsp", epilog=f"commands:\n{listing}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"spark-lsp {__version__}")
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), metavar="COMMAND")
    parser.parse_args(words[:1])
    return USAGE
