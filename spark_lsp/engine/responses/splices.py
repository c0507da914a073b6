r"""The changes of a document as splices of lines, and as the unified diffs that a model reads. No I/O.

A splice replaces successive lines. Several splices apply one after another: the numbers of each refer to the
text after the splices before it. Here a line ends at ``\n`` only, so a ``\r`` is an ordinary character of its
line, and all text is kept exactly.

A diff without context lines gives the numbers and both texts. Of many or long removed lines it quotes a few
beginnings, because the numbers already name them; added lines are always complete.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spark_lsp.text.lines import common_prefix_length, common_suffix_length

NO_NEWLINE = "\\ No newline at end of file"
QUOTED_LINES = 4  # of the removed lines
QUOTED_CHARS = 32  # of each of them
MOST_STEPS = 16  # each keeps a text
SAME_PLACE = 8  # characters by which a change of the same place grows


@dataclass(frozen=True, slots=True)
class Splice:
    """Replaces the lines `removed`, from line `first` (from 0) on, by the lines `added`."""

    first: int
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def longest_line(self) -> int:
        """The length of its longest line."""
        return max(map(len, (*self.removed, *self.added)), default=0)


def find_splice(old: str, new: str) -> Splice | None:
    """Return the smallest splice that turns `old` into `new`; None if they are equal."""
    if old == new:
        return None
    start = common_prefix_length(old, new)
    kept = common_suffix_length(old[start:], new[start:])
    end, new_end = len(old) - kept, len(new) - kept
    start = old.rfind("\n", 0, start) + 1
    if not (_starts_line(old, end) and _starts_line(new, new_end)):
        line_end = old.find("\n", end)
        more = kept if line_end < 0 else line_end + 1 - end
        end, new_end = end + more, new_end + more
    first = old.count("\n", 0, start)
    return Splice(first, _split_lines(old[start:end]), _split_lines(new[start:new_end]))


def _starts_line(text: str, offset: int) -> bool:
    return offset == 0 or text[offset - 1] == "\n"


def _split_lines(text: str) -> tuple[str, ...]:
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return (*lines, last) if last else tuple(lines)


@dataclass(frozen=True, slots=True)
class Step:
    """A splice, and the text that it changes."""

    splice: Splice
    before: str


def extend(start: str, steps: Sequence[Step], now: str, text: str) -> tuple[Step, ...]:
    """Return steps from `start` to `text`, with a short diff.

    `steps` lead from `start` to `now`. The candidates are another last step, one step more, and one step from
    `start`. Another last step is taken at once if it is hardly longer, as while the user types in a line.
    """
    last = _join(steps[:-1], steps[-1].before, text) if steps else _join((), start, text)
    if _cost_of(last) <= _cost_of(steps) + SAME_PLACE:
        return last
    candidates = [last]
    if steps:
        candidates.append(_join((), start, text))
    if len(steps) < MOST_STEPS:
        candidates.append(_join(steps, now, text))
    return min(candidates, key=_cost_of)


def _cost_of(steps: Sequence[Step]) -> int:
    return sum(_cost(step.splice) for step in steps)


def _join(steps: Sequence[Step], before: str, text: str) -> tuple[Step, ...]:
    splice = find_splice(before, text)
    return (*steps, Step(splice, before)) if splice is not None else tuple(steps)


def _cost(splice: Splice) -> int:
    quoted = sum(min(len(line), QUOTED_CHARS) for line in splice.removed[:QUOTED_LINES])
    return 20 + quoted + sum(len(line) + 1 for line in splice.added)


def render(splices: Iterable[Splice]) -> str:
    """Return the splices as unified diffs without context lines."""
    return "".join(line for splice in splices for line in _render_splice(splice))


def _render_splice(splice: Splice) -> Iterable[str]:
    yield f"@@ -{_range(splice.first, splice.removed)} +{_range(splice.first, splice.added)} @@\n"
    for line in splice.removed[:QUOTED_LINES]:
        shown = line.rstrip("\r\n")
        yield f"-{shown[:QUOTED_CHARS]}{'…' if len(shown) > QUOTED_CHARS else ''}\n"
    if len(splice.removed) > QUOTED_LINES:
        yield "-…\n"
    for line in splice.added:
        yield f"+{line}" if line.endswith("\n") else f"+{line}\n{NO_NEWLINE}\n"


def _range(first: int, lines: Sequence[str]) -> str:
    """Return a range as diffs write it: of no lines, the number is that of the line before."""
    if len(lines) == 1:
        return str(first + 1)
    return f"{first + 1 if lines else first},{len(lines)}"
