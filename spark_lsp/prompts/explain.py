"""The question that asks what some lines do."""

from spark_lsp.prompts import fences

MAX_CHARS = 24_000  # of code; nobody wants more explained in one go


def question(language: str, code: str) -> str:
    """Ask for an explanation of code that is shown along with the question."""
    shown = code if len(code) <= MAX_CHARS else code[:MAX_CHARS].rpartition("\n")[0] or code[:MAX_CHARS]
    return (
        f"Explain what this {language or 'text'} does, to somebody who programs: its purpose in a sentence, "
        "then what is not obvious, such as edge cases and mistakes. Be brief.\n\n"
        f"{fences.wrapped(language, shown)}"
    )
