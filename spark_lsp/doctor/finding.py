"""What the doctor says: one finding for each thing looked at. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warning", "error"]
MARKS: dict[Level, str] = {"ok": "✓", "warning": "!", "error": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` was looked at, `what` was found; `remedy` says what to do unless all is well."""

    level: Level
    subject: str
    what: str
    remedy: str = ""

    def lines(self) -> Iterator[str]:
        """Give the finding as a person reads it."""
        yield f"{MARKS[self.level]} {self.subject}: {self.what}"
        if self.remedy:
            yield f"    → {self.remedy}"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what `--json` prints."""
    return [asdict(finding) for finding in findings]


def is_well(findings: Sequence[Finding]) -> bool:
    """Tell whether nothing keeps suggestions from coming; warnings do not."""
    return all(finding.level != "error" for finding in findings)
