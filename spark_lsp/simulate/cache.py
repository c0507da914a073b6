"""The prompt cache of a simulated machine: whole blocks of tokens, keyed by the text up to their end. Pure.

A prompt is cut into blocks; a block's key depends on all text before it, so a prompt with the same
beginning as an earlier one finds those blocks, and a changed character invalidates every block from there on.
The last token is always computed. Blocks are kept for a fixed time after their last use; when memory is full,
the least recently used are dropped first.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

CHARS_PER_TOKEN = 4  # the same as everywhere in the simulator


@dataclass(slots=True)
class PromptCache:
    """See the module's text. `capacity` is in blocks."""

    block_tokens: int
    keep_s: float
    capacity: int
    _used: OrderedDict[Hashable, float] = field(default_factory=OrderedDict[Hashable, float])  # by last use

    def take(self, keys: Sequence[Hashable], tokens: int, now: float) -> int:
        """Return the number of a prompt's `tokens` that were cached, and cache its blocks."""
        self._drop_expired(now)
        found = 0
        while found < len(keys) and keys[found] in self._used:
            found += 1
        for key in keys:
            self._used[key] = now
            self._used.move_to_end(key)
        while len(self._used) > self.capacity:
            self._used.popitem(last=False)
        return min(found, max(tokens - 1, 0) // self.block_tokens) * self.block_tokens

    def _drop_expired(self, now: float) -> None:
        while self._used and now - next(iter(self._used.values())) > self.keep_s:
            self._used.popitem(last=False)


def tokens_of(text: str) -> int:
    """Return the number of tokens that a text counts as."""
    return -(-len(text) // CHARS_PER_TOKEN)


def keys_of(text: str, block_tokens: int) -> list[Hashable]:
    """Return the keys of a text's whole blocks."""
    return list(_list_block_keys(text, block_tokens * CHARS_PER_TOKEN))


def _list_block_keys(text: str, size: int) -> Iterator[Hashable]:
    chain = hashlib.blake2b(digest_size=16)
    for start in range(0, len(text) - size + 1, size):
        chain.update(text[start : start + size].encode("utf-8", "surrogatepass"))
        yield chain.digest()
