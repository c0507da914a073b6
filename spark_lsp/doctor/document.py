"""One file: why it gets suggestions or not."""

from pathlib import Path

from spark_lsp.codes import Code
from spark_lsp.config import Settings
from spark_lsp.doctor.finding import Finding
from spark_lsp.lsp.exclusion import ExclusionPolicy
from spark_lsp.session.documents import MAX_CHARS, Unusable
from spark_lsp.session.reasons import REMEDIES, TEXTS


def look(file: Path, settings: Settings) -> Finding:
    """Tell whether a file may leave the editor; reads its size, not its contents."""
    subject = str(file)
    path = file.absolute()
    policy = ExclusionPolicy(settings=lambda: settings)
    why = policy.find_reason(path.as_uri())
    if why is None and (glob := policy.find_disabling_pattern(path.as_uri())):
        why = Code.DISABLED_FOR_FILE, glob
    if why is not None:
        reason, detail = why
        return Finding(
            "warning", subject, TEXTS[reason] + (f" ({detail})" if detail else ""), REMEDIES[reason]
        )
    if path.is_file() and path.stat().st_size > MAX_CHARS:
        return Finding("warning", subject, Unusable.TOO_LARGE, "Split it")
    return Finding("ok", subject, "may have suggestions")
