"""The gateway: whether it runs and is reachable, its version, and the complaints in its log."""

import os
from collections.abc import Iterator
from pathlib import Path

from spark_lsp import __version__, failures, runtime
from spark_lsp.config import Settings
from spark_lsp.doctor.finding import Finding
from spark_lsp.errors import GatewayError
from spark_lsp.launch import alive, answers
from spark_lsp.privacy.approvals import TOKEN_VARIABLE

SUBJECT = "gateway"
LEVELS = ("ERROR", "CRITICAL", "Traceback")  # first words of a line of the log


def look(settings: Settings) -> Iterator[Finding]:
    """Give the findings about the gateway, without starting one."""
    if settings.engine.url != "auto":
        yield _check_remote_gateway(settings.engine.url)
        return
    try:
        where = runtime.directory()
    except GatewayError:
        return  # reported with the machine
    yield _check_own_gateway(where)
    yield from _log(where)


def _check_remote_gateway(url: str) -> Finding:
    token = "with" if os.environ.get(TOKEN_VARIABLE) else "without"
    return Finding("ok", SUBJECT, f"{url}, {token} a token in {TOKEN_VARIABLE}; the trial tells the rest")


def _check_own_gateway(where: Path) -> Finding:
    state = runtime.read_state(where)
    if state is None:
        if (where / "gateway.json").exists():
            what = f"{where / 'gateway.json'} cannot be read; a new gateway will replace it"
            return Finding("warning", SUBJECT, what, "Nothing; it is mended by the next start")
        return Finding("ok", SUBJECT, "not running; the first editor that needs it starts it")
    if not alive(state.pid):
        return Finding("ok", SUBJECT, "the last one ended without a word; the next start replaces it")
    if not answers(state):
        what = f"process {state.pid} does not answer"
        return Finding("error", SUBJECT, what, f"End it: kill -9 {state.pid}; a new one is started by itself")
    if state.version != __version__:
        what = f"process {state.pid} is of version {state.version}; the next start replaces it"
        return Finding("warning", SUBJECT, what, "Restart your editors")
    return Finding("ok", SUBJECT, f"process {state.pid} answers at {state.url}")


def _log(where: Path) -> Iterator[Finding]:
    file = where / "gateway.log"
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    bad = [complaint for line in lines if (complaint := _complaint(line))]
    if bad:
        what = f"{file} holds {len(bad)} complaints, the last: {bad[-1][:160]}"
        yield Finding("warning", SUBJECT, what, "Report it, if it says nothing you can mend")


def _complaint(line: str) -> str:
    """Return what a line of the log complains of, by its level or its event; nothing for other lines."""
    if failure := failures.read(line):
        return failure.message
    return line if line.split(" ", 1)[0] in LEVELS else ""
