"""The trial: a real suggestion through the real language server and gateway, requested like an editor.

The started gateway is the user's own and stays for its idle time, as with any editor.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from spark_lsp.client.answers import Suggestion
from spark_lsp.client.connection import SERVE
from spark_lsp.client.editor import editing
from spark_lsp.doctor.finding import Finding
from spark_lsp.errors import SparkError

SUBJECT = "trial"
PATIENCE = 40.0  # seconds; a cold start of gateway and model takes about three
TEXT = "def add(a, b):\n    return "


def look(config: Path | None = None, limit_s: float = PATIENCE) -> Finding:
    """Try for `limit_s` seconds at most, and give the result."""
    command = [*SERVE, *(["--config", str(config.absolute())] if config else [])]
    try:
        found = anyio.run(_complete, command, limit_s)
    except SparkError as error:
        return Finding("error", SUBJECT, error.what, error.remedy or "See the findings above")
    status = found.status
    if not found.text:
        return Finding("error", SUBJECT, f"no suggestion came: {found.reason}", "See the findings above")
    made = "simulated" if status.simulated else "real"
    who = f"{status.engine}, {status.model or 'no model'}, {made}"
    return Finding("ok", SUBJECT, f"a suggestion came after {found.elapsed_ms:.0f} ms from {who}")


async def _complete(command: list[str], limit_s: float) -> Suggestion:
    with TemporaryDirectory(prefix="spark-lsp-doctor-") as folder:
        root, env = Path(folder), dict(os.environ)
        async with editing({}, root, command=command, env=env, limit_s=limit_s) as editor:
            uri = (root / "trial.py").as_uri()
            editor.open(uri, TEXT, "python")
            return await editor.complete(uri, len(TEXT), limit_s)
    raise AssertionError("never reached: the block returns or raises")
