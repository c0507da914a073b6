"""The folder of the state: the user's state directory, or `SPARK_LSP_STATE_DIR`; private (mode 700)."""

import os
from pathlib import Path

DIRECTORY_VARIABLE = "SPARK_LSP_STATE_DIR"


def directory() -> Path:
    """Return the state directory, whether or not it exists."""
    import platformdirs

    given = os.environ.get(DIRECTORY_VARIABLE)
    return Path(given) if given else platformdirs.user_state_path("spark-lsp")
