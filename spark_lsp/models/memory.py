"""Whether this machine has the memory for a model."""

from pathlib import Path

from spark_lsp.models.registry import Model

RUNNING = 1.8  # memory that a running model takes, as a multiple of its file: measured 1.5 and 1.8


def available() -> int:
    """Return the free memory in bytes where the system tells, else 0."""
    try:
        text = Path("/proc/meminfo").read_text("ascii")
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith("MemAvailable:")), "")
    return int(line.split()[1]) * 1024 if line else 0


def needed(model: Model) -> int:
    """Return the bytes that a running model takes, roughly."""
    return int(model.size * RUNNING)


def carries(model: Model) -> bool:
    """Tell whether a model fits into what is free; True where the system does not tell."""
    free = available()
    return not free or free >= needed(model)
