"""The price of a simulated machine. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Price:
    """The cost of a machine: per million tokens read and written, or per hour."""

    read: float = 0.0
    written: float = 0.0
    hour: float = 0.0
