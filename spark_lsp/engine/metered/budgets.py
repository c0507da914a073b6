"""The budgets of a gateway: limits and prices from config.toml, and those that editors add.

An editor's settings may come from a repository, so they may only narrow: the lowest limit of config.toml and
of all connected editors counts for everybody. The price of an editor's engine is used, but never below the
one that config.toml gives an engine of the same name.
"""

from collections.abc import Mapping
from typing import Any

from spark_lsp import config
from spark_lsp.budget.limits import TOTAL
from spark_lsp.engine.base import Engine
from spark_lsp.engine.guard import info_of
from spark_lsp.engine.metered.accounts import Accounts
from spark_lsp.engine.metered.engine import Metered
from spark_lsp.engine.metered.prices import engine_limits, limits_of, tariff_of, total_limits

EDITOR = "editor"


class Budgets:
    """See the module's text. `settings` are those of config.toml."""

    def __init__(self, settings: config.Settings, accounts: Accounts) -> None:
        self._settings = settings
        self._accounts = accounts
        accounts.narrow("config.toml", limits_of(settings))

    def meter(self, name: str, engine: Engine, table: config.EngineSettings) -> Engine:
        """Return an engine that is counted, and limited if its name has a limit."""
        is_own = info_of(engine, name).is_free
        return Metered(name, engine, tariff_of(self._settings, name, table, is_own=is_own), self._accounts)

    def narrow(
        self, source: object, engines: Mapping[str, config.EngineSettings], budget: Mapping[str, Any]
    ) -> list[config.Problem]:
        """Use the limits of an editor in addition; return the problems of its settings."""
        settings, problems = config.resolve((EDITOR, {"budget": dict(budget)}))
        total = total_limits(settings.budget)
        self._accounts.narrow(source, {**engine_limits(self._settings, engines), **total})
        currency = self._settings.budget.currency
        has_own = bool(self._settings.budget.costPerDay)
        if total and total[TOTAL].money and has_own and settings.budget.currency != currency:
            reason = f"config.toml has a limit in {currency}; this one is not used"
            problems.append(config.Problem("budget.currency", EDITOR, reason))
        return problems

    def forget(self, source: object) -> None:
        """Remove the limits of an editor that has left."""
        self._accounts.forget(source)

    def close(self) -> None:
        """Write everything that is left; blocks until it is written."""
        self._accounts.close()
