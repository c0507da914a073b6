"""The prompt cache of a machine in the planner: one entry for each shared beginning. Pure.

`cache.PromptCache` has an entry for each block of a text, which is exact and takes long for a trace of some
hundred thousand prompts. In a trace, requests share named beginnings and nothing else, so a beginning can be
one entry, and the rest of a prompt another one, which only takes space. The two caches agree as long as
nothing is dropped; when memory is full, this one drops a beginning as a unit.
"""

from collections import OrderedDict
from dataclasses import dataclass, field


@dataclass(slots=True)
class PrefixCache:
    """See the module's text. `capacity` is in blocks, `keep_s` in seconds since the last use."""

    block_tokens: int
    keep_s: float
    capacity: int
    blocks: int = 0
    _used: OrderedDict[str | int, tuple[float, int]] = field(
        default_factory=OrderedDict[str | int, tuple[float, int]]
    )
    _rests: int = 0

    def take(self, prefix: str, shared_tokens: int, tokens: int, now: float) -> int:
        """Return the number of a prompt's `tokens` that were cached, and cache the prompt."""
        self._drop_expired(now)
        block = self.block_tokens
        shared = min(shared_tokens, tokens) // block if prefix else 0
        found = 0
        if shared:
            _, length = self._used.pop(prefix, (0.0, 0))
            found = min(length, shared)
            self._used[prefix] = (now, max(length, shared))
            self.blocks += max(shared - length, 0)
        if (rest := tokens // block - shared) > 0:
            self._rests += 1
            self._used[self._rests] = (now, rest)
            self.blocks += rest
        while self.blocks > self.capacity:
            self.blocks -= self._used.popitem(last=False)[1][1]
        return min(found, max(tokens - 1, 0) // block) * block

    def _drop_expired(self, now: float) -> None:
        oldest = now - self.keep_s
        while self._used:
            key = next(iter(self._used))
            at, length = self._used[key]
            if at >= oldest:
                return
            del self._used[key]
            self.blocks -= length
