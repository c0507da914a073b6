"""Grammars in llama.cpp's notation (GBNF) for the beginning of an answer."""


def make_grammar(fragment: str, starts: tuple[str, ...] = (), avoided: str = "") -> str:
    """Return a GBNF grammar for text that begins with `fragment` and one of `starts`; empty if any may.

    After the fragment and white space, the text must not begin with `avoided`, unless there are `starts`. The
    grammar allows line ends, and an end directly after the beginning.
    """
    choice = ""
    if starts:
        choice = f"({' | '.join(map(_quote, starts))}) "
    elif avoided:
        choice = f"[ \\t\\r\\n]* ({_make_other_than(avoided)}) "
    if not fragment and not choice:
        return ""
    return f"root ::= {_quote(fragment)} {choice}[^\\x00]*"


def _make_other_than(text: str) -> str:
    """Return the choices of a grammar for a beginning that differs from `text` in one of its characters."""
    choices = [f"[^{_escape_in_set(text[0])} \\t\\r\\n\\x00]"]
    choices += [f"{_quote(text[:at])} [^{_escape_in_set(text[at])}\\x00]" for at in range(1, len(text))]
    return " | ".join(choices)


def _escape_in_set(char: str) -> str:
    """Return a character for a set in a GBNF grammar."""
    return char if char.isalnum() or char > "\x7f" else f"\\x{ord(char):02X}"


def _quote(text: str) -> str:
    """Return a text as a literal of a GBNF grammar."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r") + '"'
