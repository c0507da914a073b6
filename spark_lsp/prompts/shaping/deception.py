r"""Invisible characters that make code look like other code (CVE-2021-42574).

Two of them, U+200C and U+200D (joiners), are also part of the spelling of languages such as Persian and
Hindi, and of emoji. They are allowed between two characters of such a script, where they are no disguise.
"""

import re

_JOINED = (
    "\u0300-\u036f\u0600-\u1fff\u20d0-\u20ff\u2190-\u2bff\ua800-\uabff\ufe00-\ufe0f\U0001f000-\U0001faff"
)
_CONTROLS = "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
DECEPTIVE_CHARACTERS = re.compile(
    f"[{_CONTROLS}]|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}]|\\Z)"
)
JOINERS = "\u200c\u200d"
