"""The process that makes a refactoring: it reads one request from stdin and answers on stdout, both in JSON.

    python -P -I -S -W ignore child.py

The request is `{"action", "text", "start", "end", "name", "bytes"}`; `bytes` is the most memory. The answer
is `{"edits": [[start, end, new text], ...]}` or `{"refused": reason}`. Nothing of the text is executed. The
work has a process of its own because Python's parser may fail, or crash, on a text of extreme depth.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

SECONDS = 10  # of processor time


def main() -> None:
    """Answer the request."""
    answers = sys.stdout
    request = json.loads(sys.stdin.buffer.read())
    _limit(int(request["bytes"]))
    make, refused = _load(request["action"])
    try:
        edits = make(request["text"], request["start"], request["end"], request["name"])
        answer: dict[str, Any] = {"edits": sorted(edits)}
    except refused as error:
        answer = {"refused": str(error)}
    except RecursionError:
        answer = {"refused": "The code is nested too deeply"}
    answers.write(json.dumps(answer))


def _load(action: str) -> tuple[Callable[..., Any], type[Exception]]:
    """Return the function of an action; the package is on `sys.path` for its import alone."""
    standard = list(sys.path)
    here = os.path.abspath(__file__)
    for _ in range(4):  # from spark_lsp/lsp/refactor/child.py to the folder of spark_lsp
        here = os.path.dirname(here)
    sys.path.append(here)
    from spark_lsp.lsp.refactor.extract import extract_variable
    from spark_lsp.lsp.refactor.extract_function import extract_function
    from spark_lsp.lsp.refactor.inline import inline_variable
    from spark_lsp.lsp.refactor.source import Refused

    sys.path[:] = standard
    actions: dict[str, Callable[..., Any]] = {
        "inline": inline_variable,
        "extract_variable": extract_variable,
        "extract_function": extract_function,
    }
    return actions[action], Refused


def _limit(most: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits
        return
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


if __name__ == "__main__":
    main()
