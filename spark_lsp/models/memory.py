"""Checks whether this machine has enough memory for a model."""

from pathlib import Path

from spark_lsp.models import paths
from spark_lsp.models.registry import Model

RUNNING = 1.8  # memory of a running model, as a multiple of its file size: measured 1.5 and 1.8


def available() -> int:
    """Return the free memory in bytes; 0 if the system does not report it."""
    try:
        text = Path("/proc/meminfo").read_text("ascii")
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith("MemAvailable:")), "")
    return int(line.split()[1]) * 1024 if line else 0


def estimate_bytes(model: Model) -> int:
    """Return the approximate bytes of memory that a running model takes."""
    return int((model.size or paths.size_of(paths.file_of(model))) * RUNNING)


def carries(model: Model) -> bool:
    """Tell whether a model fits into the free memory; True if the free memory is unknown."""
    free = available()
    return not free or free >= estimate_bytes(model)
