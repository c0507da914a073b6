"""Raw fill-in-the-middle prompts: prefix and suffix, read back from a prompt with a family's control tokens.

Several editors build such a prompt themselves and send it as plain text to a completions server. An engine
here needs the parts instead: it knows its own model's tokens, and which order of the parts keeps its cache.

A prompt counts as raw only if it *begins* with a control token. A file about such tokens does not.
"""

import re
from dataclasses import dataclass

from spark_lsp.prompts.fim import TEMPLATES, FimTemplate

_GLM = FimTemplate("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>")
_TEMPLATES = (*TEMPLATES.values(), _GLM)
# Tokens that begin any text of a family; a tokeniser usually adds them itself.
_BEGINNINGS = re.compile(r"\s*(?:<s>|<bos>|<｜begin▁of▁sentence｜>|<\|begin_of_text\|>)?\s*")


@dataclass(frozen=True, slots=True)
class RawPrompt:
    """The parts of a raw prompt; `files` has the paths and texts of other files, in their order."""

    prefix: str
    suffix: str
    files: tuple[tuple[str, str], ...] = ()


def parse_raw_prompt(prompt: str) -> RawPrompt | None:
    """Return the parts of a raw prompt; None for a text without control tokens at its beginning.

    All usual orders are known: prefix, suffix, middle; suffix, prefix, middle; and the prefix after the token
    of the middle. Text after that token belongs to the prefix: the model continues it.
    """
    for template in _TEMPLATES:
        found = _parse_with(template, prompt)
        if found is not None:
            return found
    return None


def _parse_with(template: FimTemplate, prompt: str) -> RawPrompt | None:
    prefix_token, suffix_token = template.prefix.strip(), template.suffix.strip()
    starts = [at for at in (prompt.find(prefix_token), prompt.find(suffix_token)) if at >= 0]
    if len(starts) < 2:
        return None
    files = _parse_preamble(template, prompt[: min(starts)])
    if files is None:
        return None
    body, middle = _split_middle(template, prompt[min(starts) :])
    if body is None:
        return None
    has_spaces = template.prefix in body and template.suffix in body and template.prefix.endswith(" ")
    if body.startswith(prefix_token):
        prefix, _, suffix = body.removeprefix(prefix_token).partition(suffix_token)
    else:
        suffix, _, prefix = body.removeprefix(suffix_token).partition(prefix_token)
    if has_spaces:  # one space belongs to each of the family's tokens
        prefix, middle = prefix.removeprefix(" ").removesuffix(" "), middle.removeprefix(" ")
        suffix = suffix.removesuffix(" ")
    return RawPrompt(prefix + middle, suffix, files)


def _split_middle(template: FimTemplate, body: str) -> tuple[str | None, str]:
    """Return the text before the token of the middle and the text after it; None if the token is missing."""
    token = template.middle.strip()
    if not token:
        return body, ""
    before, found, after = body.rpartition(token)
    return (before, after) if found else (None, "")


def _parse_preamble(template: FimTemplate, text: str) -> tuple[tuple[str, str], ...] | None:
    """Return the files before the first control token; None if the text there is no preamble."""
    text = _BEGINNINGS.sub("", text, count=1)
    if not text:
        return ()
    if not template.file or not text.startswith((template.repository, template.file)):
        return None
    _, *sections = text.split(template.file)
    files = (section.partition("\n") for section in sections)
    return tuple((path.strip(), body.removesuffix("\n")) for path, _, body in files if body.strip())
