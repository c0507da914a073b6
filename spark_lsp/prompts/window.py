r"""Windows: the part of a text around the cursor that a model reads.

A window is small enough for an answer in time, and keeps the model's cache useful. On a CPU, reading is the
cost: some 150 tokens a second. A model that has read a similar prompt before only reads the text after the
first difference. A window should therefore *begin like the last one*. Three rules follow:

- The prefix begins at an anchor. The anchor stays while the user types, until the window is full. It then
  moves once, by a quarter of a window or more, to the start of a block. If the window moved with every key,
  the model would read all of it again at every key.
- The suffix depends only on the lines below the cursor's. It is first in the prompt (see `fim`), so it must
  not change while the user types a line, nor when Enter begins a new one.
- The size depends on the measured pace of the engine, and changes only if the pace has changed a lot.

All lengths are characters; `ReadingPace` converts tokens and seconds.
"""

import re
from dataclasses import dataclass, replace

from spark_lsp.prompts.fim import closers_only
from spark_lsp.text.lines import find_line_end

_SUFFIX_SHARE = 4  # the suffix gets one part in four
_ANCHOR_KEY_CHARS = 200  # after an anchor, to find it again
_MIN_MEASURED_TOKENS = 32  # the time for fewer tokens says little about the pace
_MEASUREMENT_WEIGHT = 0.3  # of a new measurement against those before
_BLOCK_START = re.compile(r"(?<=\n\n)(?=[^\s)\]}])")
_LINE_START = re.compile(r"(?<=\n)")


@dataclass(frozen=True, slots=True)
class ReadingPace:
    """The reading speed of an engine: the smoothed measurements, and a cautious guess before the first."""

    characters_per_token: float = 4.2
    tokens_per_s: float = 120.0

    def characters_in(self, seconds: float) -> int:
        """Return how many characters the engine reads in `seconds`."""
        return int(seconds * self.tokens_per_s * self.characters_per_token)

    def seconds_for(self, characters: int) -> float:
        """Return how many seconds the engine needs for `characters`."""
        return characters / self.characters_per_token / self.tokens_per_s

    def with_measurement(self, characters: int, tokens: int, read: int, seconds: float) -> "ReadingPace":
        """Return the pace after one more answer.

        Its prompt had `characters` in `tokens`. The engine read `read` of these tokens, which were not
        cached, in `seconds`.
        """
        pace = self
        if tokens >= _MIN_MEASURED_TOKENS:
            smoothed = _smooth_towards(self.characters_per_token, characters / tokens)
            pace = replace(pace, characters_per_token=smoothed)
        if read >= _MIN_MEASURED_TOKENS and seconds > 0:
            smoothed = _smooth_towards(self.tokens_per_s, read / seconds)
            pace = replace(pace, tokens_per_s=smoothed)
        return pace


def _smooth_towards(old: float, new: float) -> float:
    return old + (new - old) * _MEASUREMENT_WEIGHT


def choose_window_size(pace: ReadingPace, seconds: float, current: int, least: int, most: int) -> int:
    """Return the size of a window that an engine reads in `seconds`, from `least` to `most` characters.

    Return `current` (0 for none) if it is roughly that size.
    """
    wanted = min(max(pace.characters_in(seconds), least), most)
    if current and 0.6 < wanted / current < 1.7:
        return current
    return wanted


@dataclass(frozen=True, slots=True)
class PromptWindow:
    """The text for a model: `prefix` before the cursor, `suffix` after it."""

    prefix: str
    suffix: str


def choose_window(prefix: str, suffix: str, size: int, previous: str = "") -> PromptWindow:
    """Return the window of at most `size` characters around the cursor between `prefix` and `suffix`.

    `previous` is the prefix of the last window that the model has read; its anchor is kept if it still fits.
    """
    below = frozen_suffix(suffix)
    below = _first_lines(below, size // _SUFFIX_SHARE)
    room = size - len(below)  # the prefix also gets the space that a short suffix leaves
    start = find_anchor(prefix, room, previous)
    return PromptWindow(prefix[start:], below)


def frozen_suffix(suffix: str) -> str:
    """Return the part of the suffix that stays the same while the user types.

    Closers right of the cursor are left out, because an editor adds and removes them (`fim.closers_only`);
    other text there is a part of it.
    """
    line_end = find_line_end(suffix, 0)
    rest = suffix[:line_end]
    return suffix if rest.strip() and not closers_only(rest) else suffix[line_end:]


def find_anchor(prefix: str, room: int, previous: str = "") -> int:
    """Return the offset at which a window over `prefix` begins; it has at most `room` characters.

    If the anchor of `previous` cannot stay, the new one leaves a quarter of `room`, or more, for further
    text.
    """
    if len(prefix) <= room:
        return 0
    if previous:
        at = prefix.find(previous[:_ANCHOR_KEY_CHARS], len(prefix) - room)
        if at >= 0:
            return at
    least = len(prefix) - room * 3 // 4
    for pattern, reach in ((_BLOCK_START, room // 4), (_LINE_START, room // 2)):
        match = pattern.search(prefix, least)
        if match and match.start() <= least + reach:
            return match.start()
    return least


def _first_lines(text: str, room: int) -> str:
    """Return the complete lines within `room` characters; a first line that is longer is cut.

    `text` begins with a line end, so its first line is empty.
    """
    if len(text) <= room:
        return text
    end = text.rfind("\n", 0, room) + 1
    return text[: end if end > 1 else room]
