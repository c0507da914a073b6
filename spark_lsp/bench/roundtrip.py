"""Figures 1 and 3: from a question to the first text of its answer.

Included: building and encoding the request, the way to the gateway, decoding, the state of lanes or of HTTP,
the engine's first token, and the way back to the asker. Ours also sends the preceding keystroke, which over
HTTP is part of the context. Not included: the editor, TLS, a network, and the engine's work, since it replays
a text.
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


async def compare_askers(
    askers: Mapping[str, Asker], characters: int, rounds: int, each: int
) -> dict[str, list[float]]:
    """Let all peers ask in turns, `each` times per round; the first round is a warm-up and does not count."""
    person = typist(characters)
    for asker in askers.values():
        if isinstance(asker, Ours):
            asker.remote.open_document(person.document)
    times: dict[str, list[float]] = {name: [] for name in askers}
    for number in range(rounds + 1):
        for name, asker in askers.items():
            taken = [await first_us(asker, _question(person, asker)) for _ in range(each)]
            times[name] += taken if number else []
    return times


def _question(person: Typist, asker: Asker) -> Question:
    """Type a key for peers that send changes; peers that send the whole text skip the editor's work."""
    return person.key() if isinstance(asker, Ours) else person.again()


def figures(
    number: int,
    name: str,
    times: Mapping[str, list[float]],
    apart: Mapping[str, list[float]],
    limits: tuple[float, float],
) -> list[Figure]:
    """Return ours against both baselines; `limits` are shares of tuned and of plain HTTP.

    `times` are with both ends on one processor, `apart` wherever the system placed them.
    """
    ours = times["ours"]
    return [
        at_most_of_baseline(number, f"{name}, against tuned HTTP", "µs", ours, times["tuned"], limits[0]),
        at_most_of_baseline(number, f"{name}, against plain HTTP", "µs", ours, times["plain"], limits[1]),
        measured(number, f"{name}, wherever the system places the ends", "µs", apart["ours"], apart["tuned"]),
    ]
