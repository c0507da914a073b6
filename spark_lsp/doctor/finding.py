"""The findings of the doctor: one for each check. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warning", "error"]
MARKS: dict[Level, str] = {"ok": "✓", "warning": "!", "error": "✗"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: its `subject`, the finding in `what`, and a `remedy` unless all is well."""

    level: Level
    subject: str
    what: str
    remedy: str = ""

    def lines(self) -> Iterator[str]:
        """Return the finding as text for the user."""
        yield f"{MARKS[self.level]} {self.subject}: {self.what}"
        if self.remedy:
            yield f"    → {self.remedy}"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the object that `--json` prints."""
    return [asdict(finding) for finding in findings]


def is_well(findings: Sequence[Finding]) -> bool:
    """Tell whether no finding prevents suggestions; warnings do not."""
    return all(finding.level != "error" for finding in findings)
