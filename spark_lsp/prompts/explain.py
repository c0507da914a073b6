"""The question that asks what some lines do."""

from spark_lsp.prompts import fences

MAX_CODE_CHARS = 24_000  # of code; nobody wants more explained in one go


def build_question(language: str, code: str) -> str:
    """Ask for an explanation of code that is shown along with the question."""
    shown = (
        code
        if len(code) <= MAX_CODE_CHARS
        else code[:MAX_CODE_CHARS].rpartition("\n")[0] or code[:MAX_CODE_CHARS]
    )
    return (
        f"Explain what this {language or 'text'} does, to somebody who programs: its purpose in a sentence, "
        "then what is not obvious, such as edge cases and mistakes. Be brief.\n\n"
        f"{fences.wrap_in_fence(language, shown)}"
    )
