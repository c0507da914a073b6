"""Finds secrets in one line of text, with the rules of detect-secrets.

detect-secrets (Yelp, Apache-2.0) knows the formats of keys and tokens, and the names that code gives to
secrets. Its own scanner reads files and asks services whether a key is valid. spark-lsp uses only its
patterns, on one line at a time, and asks no service. That scanner needs quotes around random text, so
spark-lsp adds two rules: a long word that looks random, quoted or not, and credentials in configuration
formats.

Most lines cannot hold a secret. `may_hold_secret` rejects them in two microseconds; the rules take eighty.
"""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

_LONG = re.compile(r"[0-9][A-Za-z0-9+/]{14}|[A-Za-z0-9+/]{20}")
_WORDS = ("://", "passw", "_pass", "pwd", "secret", "token", "_key", "apikey", "authkey", "contrase")
_RANDOM = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}={0,2}(?![A-Za-z0-9+/=_-])")
_ALPHABET = re.compile(r"abcdefghijkl|0123456789", re.IGNORECASE)
_TEMPLATE = re.compile(r"[$%]?\{.*\}|<.*>|\$\w+|%\(?\w*\)?[sd]|\W*|(.)\1*|x{3,}.*|\*{3,}.*", re.IGNORECASE)
_CONFIGURATION = frozenset(
    ("bat", "conf", "dockerfile", "dotenv", "env", "ini", "plaintext", "powershell", "properties", "sh")
).union(("shellscript", "toml", "yaml", "zsh"))
_MIN_RANDOM_BITS = 4.3  # per character; words and names have fewer than 4
_MIN_HEX_BITS = 3.0  # per character; the limit of detect-secrets
_MIN_BASE64_BITS = 4.5  # per character; the limit of detect-secrets
_MIN_HEX_CHARS = 20
_MIN_VALUE_CHARS = 4
_UNUSED_PLUGINS = ("IPPublicDetector",)  # addresses are not credentials
Span = tuple[int, int]


def may_hold_secret(text: str) -> bool:
    """Tell quickly whether a text, of any number of lines, needs a check by the rules."""
    if _LONG.search(text):
        return True
    lowered = text.lower()
    return any(word in lowered for word in _WORDS)


def find_suspects(text: str) -> list[int]:
    """Return the offsets in `text`, in order, whose lines need a check by the rules."""
    found = [match.start() for match in _LONG.finditer(text)]
    lowered = _lower_same_length(text)
    for word in _WORDS:
        at = lowered.find(word)
        while at >= 0:
            found.append(at)
            at = lowered.find(word, at + 1)
    return sorted(found)


def _lower_same_length(text: str) -> str:
    """Return the text in lower case, apart from letters whose lower case is longer: offsets must fit."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def find_secrets(line: str, language: str = "") -> list[Span]:
    """Return the secrets of one line as disjoint ranges `[start, end)`, in order.

    `language` is LSP's language id: configuration formats may assign a password without quotes.
    """
    if not may_hold_secret(line):
        return []
    closed = _close_quote(line)
    found = [
        *_find_known_formats(line),
        *_find_random_words(line),
        *_find_quoted_secrets(closed),
        *_find_assigned_secrets(closed, language),
    ]
    spans = [(start, min(end, len(line))) for start, end in found]  # without the quote that was added
    return _merge_spans(sorted(span for span in spans if _is_real_value(line[slice(*span)])))


def _close_quote(line: str) -> str:
    """Return the line with a closing quote if it lacks one, because the user is still typing the value."""
    quote = next((each for each in "\"'`" if line.count(each) % 2), "")
    return line + quote


def _is_real_value(text: str) -> bool:
    """Tell whether a finding is a value, and not a placeholder for one."""
    return len(text) >= _MIN_VALUE_CHARS and _TEMPLATE.fullmatch(text) is None


def _find_known_formats(line: str) -> Iterator[Span]:
    """Give the keys and tokens of known formats.

    A URL with a password also holds the user's name and the host. If the password is a large part of the
    match, it alone is the secret.
    """
    for pattern in _load_patterns():
        for match in pattern.finditer(line):
            group = next((number for number, text in enumerate(match.groups(), 1) if text), 0)
            is_large_part = group and len(match[group]) * 3 > len(match[0])
            if is_large_part and "://" in match[0]:
                yield match.span(group)
            else:
                yield match.span()


def _find_random_words(line: str) -> Iterator[Span]:
    """Give long words that look random, quoted or not."""
    for match in _RANDOM.finditer(line):
        word = match[0]
        has_digit = any(letter.isdigit() for letter in word)
        has_upper = any(letter.isupper() for letter in word)
        is_mixed = has_digit and has_upper and not word.isupper()
        if is_mixed and _entropy_bits(word) >= _MIN_RANDOM_BITS and not _ALPHABET.search(word):
            yield match.span()


def _find_quoted_secrets(line: str) -> Iterator[Span]:
    """Give quoted text that looks random, as the two entropy rules of detect-secrets define it."""
    rules = (
        ("HexHighEntropyString", _MIN_HEX_BITS, _MIN_HEX_CHARS),
        ("Base64HighEntropyString", _MIN_BASE64_BITS, 0),
    )
    for plugin, min_bits, min_chars in rules:
        for text in _load_plugins()[plugin].analyze_string(line):
            if len(text) >= min_chars and _entropy_bits(text) > min_bits and not _ALPHABET.search(text):
                yield from _find_occurrences(line, text)


def _find_assigned_secrets(line: str, language: str) -> Iterator[Span]:
    """Give the values assigned to names such as `password`; without quotes only in configuration formats."""
    from detect_secrets.plugins import keyword

    if language.lower() in _CONFIGURATION:
        rules = keyword.CONFIG_DENYLIST_REGEX_TO_GROUP
    else:
        rules = keyword.QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP
    for text in _load_plugins()["KeywordDetector"].analyze_string(line, denylist_regex_to_group=rules):
        yield from _find_occurrences(line, text.strip())


def _find_occurrences(line: str, text: str) -> Iterator[Span]:
    at = line.find(text) if text else -1
    while at >= 0:
        yield at, at + len(text)
        at = line.find(text, at + len(text))


def _entropy_bits(text: str) -> float:
    """Return the entropy of a text, in bits per character."""
    shares = (count / len(text) for count in Counter(text).values())
    return -sum(share * math.log2(share) for share in shares)


def _merge_spans(spans: list[Span]) -> list[Span]:
    """Join ranges that touch or overlap; `spans` is sorted."""
    merged: list[Span] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            first, last = merged.pop()
            merged.append((first, max(end, last)))
        else:
            merged.append((start, end))
    return merged


@functools.cache
def _load_plugins() -> dict[str, Any]:
    """Return the rules of detect-secrets by name; the first call imports them, which takes 0.2 s."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    known = cast(dict[str, Any], get_mapping_from_secret_type_to_class())
    return {kind.__name__: kind() for kind in known.values() if kind.__name__ not in _UNUSED_PLUGINS}


@functools.cache
def _load_patterns() -> list[re.Pattern[str]]:
    """Return the formats of keys.

    The pattern for private keys is left out: it matches a key's first line, which is public. The lines below
    it are random text, which other rules find.
    """
    plugins = [plugin for name, plugin in _load_plugins().items() if name != "PrivateKeyDetector"]
    return [pattern for plugin in plugins for pattern in getattr(plugin, "denylist", ())]


def load_rules() -> None:
    """Load the rules now, so that the first document need not wait for them."""
    find_secrets("password = 'x'")
