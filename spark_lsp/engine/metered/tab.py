"""The tab of one request: the amount that it may use, the use of its answer, and the charge for that.

A request with a limit is reserved before it reaches the engine and settled when its answer ends, however it
ends. The engine's own report counts. Without one, and for an answer that was left before its end, the tokens
are estimated. A failure before any text costs nothing, unless the service had the request for a while.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass

from spark_lsp.answer_events import Chunk, Event, Finished, Started, Usage
from spark_lsp.budget import wording
from spark_lsp.budget.estimate import complete_usage, estimate_request
from spark_lsp.budget.ledger import Charge, Claim
from spark_lsp.budget.limits import Amount, Limits
from spark_lsp.budget.tariff import Tariff
from spark_lsp.codes import Code
from spark_lsp.engine.metered.accounts import Accounts
from spark_lsp.engine.openai.calls import AROUND_CHARS
from spark_lsp.errors import EngineError, StoreError
from spark_lsp.request import EngineInfo, Priority, Request, Task

# The service had the request, and may bill the text that it read.
BILLED_FAILURES = frozenset(
    (Code.ENGINE_SILENT, Code.ANSWER_BROKE_OFF, Code.CONTENT_FILTER, Code.ENGINE_ONLY_THOUGHT)
)
MODEL_CHARS = 80
AROUND = {"openai": AROUND_CHARS}  # by kind: the most characters around the cursor that an engine sends


@dataclass(slots=True)
class Tab:
    """See the module's text. `info` is that of the engine, when the request came; `day` is the day then.

    Without limits, everything is computed after the answer, so that no token waits for it.
    """

    accounts: Accounts
    engine: str
    info: EngineInfo
    names: tuple[str, ...]
    limits: Mapping[str, Limits]
    tariff: Tariff
    request: Request
    day: str
    _known_claim: Claim | None = None
    _known_estimate: Usage | None = None
    _answering: str = ""  # the model that the answer names
    _is_simulated: bool = False
    _has_started: bool = False
    _is_reserved: bool = False
    _characters: int = 0
    _finished: Finished | None = None
    _failure: EngineError | None = None

    @property
    def _estimate(self) -> Usage:
        if self._known_estimate is None:
            info = self.info
            around = AROUND.get(info.kind, 0)
            self._known_estimate = estimate_request(self.request, around, info.context_tokens)
        return self._known_estimate

    @property
    def _claim(self) -> Claim:
        if self._known_claim is None:
            estimate = self._estimate
            money, currency = self.tariff.cost_of(estimate, (self.info.model,))
            self._known_claim = Claim(
                secrets.token_hex(8) if self.limits else "",
                self.engine,
                self.info.model[:MODEL_CHARS],
                self.names,
                Amount(estimate.input_tokens + estimate.output_tokens, money),
                currency,
                self.day,
                self.accounts.owner,
            )
        return self._known_claim

    @property
    def _is_optional(self) -> bool:
        """Whether no user waits: a completion that was requested ahead of time, or a warm-up."""
        is_ahead = self.request.task is Task.COMPLETE and self.request.priority is Priority.BACKGROUND
        return is_ahead or self.request.warm

    async def reserve(self) -> None:
        """Reserve the request if it has a limit. Raises `EngineError` if that does not hold it."""
        if not self.limits:
            return
        limits = self.limits
        if self._is_optional:
            limits = {name: each.harden() for name, each in limits.items()}
        self._is_reserved = True  # also if this is cancelled: the ledger may have it then
        try:
            decision = await self.accounts.reserve(self._claim, limits)
        except StoreError as error:
            raise wording.make_ledger_error(self.engine, error.what) from error
        if decision.excess is None:
            return
        self._is_reserved = False
        if self._is_optional:
            raise wording.make_saving_error(decision.account, decision.excess)
        if self.request.task is Task.COMPLETE and decision.account in self.limits:
            self.accounts.note_denied(decision.account, decision.excess, self.limits[decision.account])
        raise wording.make_used_up_error(decision.account, decision.excess)

    async def watch(self, events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
        """Give the events, and count them."""
        async for event in events:
            if isinstance(event, Chunk):
                self._characters += len(event.text)
            elif isinstance(event, Started):
                self._has_started = True
                self._answering, self._is_simulated = event.model, event.simulated
            elif isinstance(event, Finished):
                self._finished = event
            yield event

    def note_failure(self, error: EngineError) -> None:
        """Note that the answer ended with an error."""
        self._failure = error

    def close(self) -> None:
        """Charge the tokens that were used. Never blocks."""
        usage, is_estimated = self._find_usage()
        money, _ = self.tariff.cost_of(usage, (self._answering, self.info.model))
        charge = Charge(
            self._claim,
            usage,
            money,
            (self._answering or self.info.model)[:MODEL_CHARS],
            self._is_reserved,
            self._is_simulated,
            answers=int(self._finished is not None and not self.request.warm),
            estimated=int(is_estimated),
        )
        if self._is_reserved or charge.answers or charge.amount != Amount():
            self.accounts.post(charge)

    def _find_usage(self) -> tuple[Usage, bool]:
        """Return the tokens of the answer, and whether they are estimated."""
        if self._finished is not None:
            reported = self._finished.usage
            if self.request.warm and reported == Usage():
                return reported, False  # nothing was read, or its engine counts it apart
            return self._complete(reported)
        if self._is_billed:
            return self._complete(Usage())
        return Usage(), False

    def _complete(self, reported: Usage) -> tuple[Usage, bool]:
        if reported.input_tokens and (reported.output_tokens or not self._characters):
            return reported, False
        return complete_usage(reported, self._estimate, self._characters)

    @property
    def _is_billed(self) -> bool:
        """Whether an answer without an end costs anything."""
        if self._characters:
            return True
        if self._failure is not None:
            return self._failure.code in BILLED_FAILURES
        return self._has_started and not self.request.warm
