r"""Windows: which part of a text a model reads, so that it answers in time and its cache stays useful.

On a CPU reading is the cost: some 150 tokens a second. A model that has read a prompt before need only
read what differs from it, from the first difference on. So a window is good if it *begins as the last
one did*. Three rules follow:

- The prefix begins at an anchor and the anchor stays, however much is typed behind it, until the window
  is full. Then it moves once, by a quarter of a window or more, to the start of a block. A window that
  slides with every key would be read anew at every key.
- The suffix is a fixed function of the lines below the cursor's. It goes first in the prompt (see
  `fim`), so it must not change while a line is typed, nor when Enter begins a new one.
- Sizes come from the measured pace of the engine, and move only when that has changed a lot.

All lengths are characters; `Pace` translates from tokens and seconds.
"""

import re
from dataclasses import dataclass, replace

from spark_lsp.prompts.fim import closers_only

_SUFFIX_SHARE = 4  # one part in four
_ANCHOR_KEY_CHARS = 200  # characters by which an anchor is found again
_BLOCK_START = re.compile(r"(?<=\n\n)(?=[^\s)\]}])")
_LINE_START = re.compile(r"(?<=\n)")


@dataclass(frozen=True, slots=True)
class ReadingPace:
    """How fast an engine reads: measured, smoothed, and cautious until something was measured."""

    characters_per_token: float = 4.2
    tokens_per_s: float = 120.0

    def characters_in(self, seconds: float) -> int:
        """Return how much text is read in `seconds`."""
        return int(seconds * self.tokens_per_s * self.characters_per_token)

    def seconds_for(self, characters: int) -> float:
        """Return how long reading `characters` takes."""
        return characters / self.characters_per_token / self.tokens_per_s

    def with_measurement(self, characters: int, tokens: int, read: int, seconds: float) -> "ReadingPace":
        """Return the pace after an answer whose prompt had `characters` in `tokens`, of which `read`
        were not cached and took `seconds`. Short readings say little of the speed and are left out."""
        pace = self
        if tokens >= 32:
            pace = replace(
                pace, characters_per_token=_smooth_towards(self.characters_per_token, characters / tokens)
            )
        if read >= 32 and seconds > 0:
            pace = replace(pace, tokens_per_s=_smooth_towards(self.tokens_per_s, read / seconds))
        return pace


def _smooth_towards(old: float, new: float) -> float:
    return old + (new - old) * 0.3


def choose_window_size(pace: ReadingPace, seconds: float, current: int, least: int, most: int) -> int:
    """Return the size of a window that is read in `seconds`; `current` stays unless it is far off."""
    wanted = min(max(pace.characters_in(seconds), least), most)
    return current if current and 0.6 < wanted / current < 1.7 else wanted


@dataclass(frozen=True, slots=True)
class PromptWindow:
    """What a model reads around a cursor: `prefix` before it, `suffix` behind it.

    `closing` is text right of the cursor that is left out of `suffix`; see `fim.closers`.
    """

    prefix: str
    suffix: str
    closing: str = ""


def choose_window(prefix: str, suffix: str, size: int, previous: str = "") -> PromptWindow:
    """Return the window of at most `size` characters around the cursor between `prefix` and `suffix`.

    `previous` is the prefix of the window that the model has read last; its anchor is kept if it still
    fits.
    """
    below, closing = split_frozen_suffix(suffix)
    below = _first_lines(below, size // _SUFFIX_SHARE)
    room = size - len(below)  # what a short suffix leaves over is the prefix's
    return PromptWindow(prefix[find_anchor(prefix, room, previous) :], below, closing)


def split_frozen_suffix(suffix: str) -> tuple[str, str]:
    """Return the text below the cursor that stays the same while its line is typed, and the closers
    left out of it."""
    end = re.search(r"\r\n|\n|\r", suffix)
    at = end.start() if end else len(suffix)
    rest = suffix[:at]
    if not rest.strip():
        return suffix[at:], ""
    closing = closers_only(rest)
    return (suffix[at:], closing) if closing else (suffix, "")


def find_anchor(prefix: str, room: int, previous: str = "") -> int:
    """Return the offset at which a window over `prefix` begins, leaving at most `room` characters."""
    if len(prefix) <= room:
        return 0
    if previous:
        at = prefix.find(previous[:_ANCHOR_KEY_CHARS], len(prefix) - room)
        if at >= 0:
            return at
    least = len(prefix) - room * 3 // 4
    for pattern, reach in ((_BLOCK_START, room // 4), (_LINE_START, room // 2)):
        found = pattern.search(prefix, least)
        if found and found.start() <= least + reach:
            return found.start()
    return least


def _first_lines(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    end = text.rfind("\n", 0, room) + 1
    return text[: end if end > 1 else room]
