"""The prompt for an explanation of code."""

from spark_lsp.prompts import fences

MAX_CODE_CHARS = 24_000  # a longer explanation would not be read


def build_question(language: str, code: str) -> str:
    """Return the question with the code, which is cut at a line end if it is too long."""
    if len(code) > MAX_CODE_CHARS:
        beginning = code[:MAX_CODE_CHARS]
        code = beginning.rpartition("\n")[0] or beginning
    return (
        f"Explain what this {language or 'text'} does, to a programmer: its purpose in a sentence, then "
        "everything that is not obvious, such as edge cases and mistakes. Be brief.\n\n"
        f"{fences.wrap_in_fence(language, code)}"
    )
