"""Secrets in one line of text, as the rules of detect-secrets see them.

detect-secrets (Yelp, Apache-2.0) knows the formats of keys and tokens, and names that secrets are given
to. Its own scanner reads files and asks services whether a key is valid; here only its patterns are used,
on one line at a time, and nothing is asked. Two rules are added, since its scanner needs quotes around
random text: a long word that looks random, quoted or not, and credentials in configuration formats.

Most lines cannot hold a secret: `may_hold_secret` sorts them out in two microseconds, the rules take
eighty.
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
_MIN_RANDOM_BITS = 4.3  # bits a character; words and names have under 4
_MIN_HEX_BITS, _MIN_BASE64_BITS = 3.0, 4.5  # detect-secrets' own limits
_MIN_HEX_CHARS = 20
_NOT_SECRET = ("IPPublicDetector",)  # addresses are no credentials
Span = tuple[int, int]


def may_hold_secret(text: str) -> bool:
    """Tell quickly whether a text, of any number of lines, is worth a closer look."""
    if _LONG.search(text):
        return True
    lowered = text.lower()
    return any(word in lowered for word in _WORDS)


def find_suspects(text: str) -> list[int]:
    """Return the offsets in `text`, in order, at which something is worth a closer look."""
    found = [match.start() for match in _LONG.finditer(text)]
    lowered = text.lower()
    if len(lowered) != len(text):  # a letter whose lower case is longer: offsets would not fit
        lowered = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    for word in _WORDS:
        at = lowered.find(word)
        while at >= 0:
            found.append(at)
            at = lowered.find(word, at + 1)
    return sorted(found)


def find_secrets(line: str, language: str = "") -> list[Span]:
    """Return where secrets stand in one line, as disjoint, ordered offsets."""
    if not may_hold_secret(line):
        return []
    whole = _close_quote(line)
    found = [
        *_find_known_formats(line),
        *_find_random_words(line),
        *_find_quoted_secrets(whole),
        *_find_assigned_secrets(whole, language),
    ]
    spans = [(start, min(end, len(line))) for start, end in found]
    return _merge_spans(sorted(span for span in spans if _is_real_value(line[span[0] : span[1]])))


def _close_quote(line: str) -> str:
    """Return the line with a quote behind it that is still to be typed."""
    quote = next((each for each in "\"'`" if line.count(each) % 2), "")
    return line + quote


def _is_real_value(text: str) -> bool:
    """Tell whether a finding is a value, and not a placeholder for one."""
    return len(text) >= 4 and _TEMPLATE.fullmatch(text) is None


def _find_known_formats(line: str) -> Iterator[Span]:
    """Give keys and tokens that their format betrays: the part in brackets if it is most of the match."""
    for pattern in _load_patterns():
        for match in pattern.finditer(line):
            group = next((n for n, text in enumerate(match.groups(), 1) if text), 0)
            long_enough = group and len(match[group]) * 3 > len(match[0])
            yield match.span(group) if long_enough and "://" in match[0] else match.span()


def _find_random_words(line: str) -> Iterator[Span]:
    for match in _RANDOM.finditer(line):
        word = match[0]
        mixed = any(c.isdigit() for c in word) and any(c.isupper() for c in word) and not word.isupper()
        if mixed and _entropy_bits(word) >= _MIN_RANDOM_BITS and not _ALPHABET.search(word):
            yield match.span()


def _find_quoted_secrets(line: str) -> Iterator[Span]:
    """Give quoted text that looks random, as detect-secrets' two entropy rules do."""
    for name, limit, shortest in (
        ("HexHighEntropyString", _MIN_HEX_BITS, _MIN_HEX_CHARS),
        ("Base64HighEntropyString", _MIN_BASE64_BITS, 0),
    ):
        for text in _load_plugins()[name].analyze_string(line):
            if len(text) >= shortest and _entropy_bits(text) > limit and not _ALPHABET.search(text):
                yield from _find_occurrences(line, text)


def _find_assigned_secrets(line: str, language: str) -> Iterator[Span]:
    """Give what is assigned to a name such as `password`; without quotes in configuration formats only."""
    from detect_secrets.plugins import keyword

    rules = keyword.QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP
    if language.lower() in _CONFIGURATION:
        rules = keyword.CONFIG_DENYLIST_REGEX_TO_GROUP
    for text in _load_plugins()["KeywordDetector"].analyze_string(line, denylist_regex_to_group=rules):
        yield from _find_occurrences(line, text.strip())


def _find_occurrences(line: str, text: str) -> Iterator[Span]:
    at = line.find(text) if text else -1
    while at >= 0:
        yield at, at + len(text)
        at = line.find(text, at + len(text))


def _entropy_bits(text: str) -> float:
    """Return the entropy of a text's characters, in bits a character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _merge_spans(spans: list[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


@functools.cache
def _load_plugins() -> dict[str, Any]:
    """Return detect-secrets' rules by name; importing them takes 0.2 s, once."""
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class

    known = cast(dict[str, Any], get_mapping_from_secret_type_to_class())
    return {kind.__name__: kind() for kind in known.values() if kind.__name__ not in _NOT_SECRET}


@functools.cache
def _load_patterns() -> list[re.Pattern[str]]:
    """Return the formats of keys; a private key's first line is none, its lines of random text are."""
    plugins = (plugin for name, plugin in _load_plugins().items() if name != "PrivateKeyDetector")
    return [pattern for plugin in plugins for pattern in getattr(plugin, "denylist", ())]


def load_rules() -> None:
    """Load the rules now, so that the first document need not wait for them."""
    find_secrets("password = 'x'")
