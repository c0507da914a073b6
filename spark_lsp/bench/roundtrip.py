"""Figures 1 and 3: from a question to the first text of its answer.

In it: the request made and encoded, the way there, its decoding, the state of lanes or of HTTP, the
engine's first token, and the way back to whoever asked. Ours also tells the key that was typed before,
which over HTTP is part of the context that goes along anyway. Not in it: the editor, TLS, a network,
and the engine's own work, which is a text that is at hand.
"""

import time
from collections.abc import Mapping

from spark_lsp.bench.figures import Figure, at_most_of_baseline, measured
from spark_lsp.bench.ours import Ours
from spark_lsp.bench.question import Asker, Question, Typist, typist

SMALL, LARGE = 2_000, 131_072  # characters of context


async def first_us(asker: Asker, question: Question) -> float:
    """Ask, read the answer to its end, and return the microseconds until its first text."""
    asked, first = time.perf_counter_ns(), 0
    async for _ in asker.ask(question):
        first = first or time.perf_counter_ns() - asked
    return first / 1000


async def compared(
    askers: Mapping[str, Asker], characters: int, rounds: int, each: int
) -> dict[str, list[float]]:
    """Let everybody ask in turns, `each` times a round; the first round warms up and does not count."""
    person = typist(characters)
    for asker in askers.values():
        if isinstance(asker, Ours):
            asker.remote.opened(person.document)
    times: dict[str, list[float]] = {name: [] for name in askers}
    for number in range(rounds + 1):
        for name, asker in askers.items():
            taken = [await first_us(asker, _question(person, asker)) for _ in range(each)]
            times[name] += taken if number else []
    return times


def _question(person: Typist, asker: Asker) -> Question:
    """Type a key where it is told; who sends the whole text is spared the work of the editor."""
    return person.key() if isinstance(asker, Ours) else person.again()


def figures(
    number: int,
    name: str,
    times: Mapping[str, list[float]],
    apart: Mapping[str, list[float]],
    limits: tuple[float, float],
) -> list[Figure]:
    """Return ours against both baselines; `limits` are shares of tuned and of plain HTTP.

    `times` were taken with both ends on one processor, `apart` wherever the system put them.
    """
    ours = times["ours"]
    return [
        at_most_of_baseline(number, f"{name}, against tuned HTTP", "µs", ours, times["tuned"], limits[0]),
        at_most_of_baseline(number, f"{name}, against plain HTTP", "µs", ours, times["plain"], limits[1]),
        measured(number, f"{name}, wherever the system puts the ends", "µs", apart["ours"], apart["tuned"]),
    ]
