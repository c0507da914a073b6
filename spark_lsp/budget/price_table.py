"""Public prices of well-known services: each with the place where it was read, and when.

They may be out of date: services change prices without notice, and an account may have others. A price in
the settings (`[engines.NAME.price]`) replaces the one here. A service is known by its host, because the same
model has another price elsewhere. A dated name, such as `gpt-5-mini-2025-08-07`, has the price of the name
before the date.

Where a service has a higher price at some hours, the table has the higher one: a budget then ends too early
rather than too late.
"""

import re
from collections.abc import Mapping

from spark_lsp.budget.prices import Price

_MODELS_DEV = "https://models.dev", "2026-07-02"
_DEEPSEEK = "https://api-docs.deepseek.com/quick_start/pricing", "2026-10-27"  # its prices of peak hours
_XAI = "https://docs.x.ai/developers/grok-4-7", "2026-11"
_OPENROUTER = "https://openrouter.ai/x-ai/grok-code-fast-1", "2026-11"


def _usd(input: float, cached: float | None, output: float, origin: tuple[str, str]) -> Price:
    return Price(input, output, cached, "USD", *origin)


PRICES: Mapping[str, Mapping[str, Price]] = {
    "api.openai.com": {
        "gpt-4.1": _usd(2.0, 0.5, 8.0, _MODELS_DEV),
        "gpt-4.1-mini": _usd(0.4, 0.1, 1.6, _MODELS_DEV),
        "gpt-5": _usd(1.25, 0.125, 10.0, _MODELS_DEV),
        "gpt-5-codex": _usd(1.25, 0.125, 10.0, _MODELS_DEV),
        "gpt-5-mini": _usd(0.25, 0.025, 2.0, _MODELS_DEV),
        "gpt-5.2-codex": _usd(1.75, 0.175, 14.0, _MODELS_DEV),
        "gpt-5.3-codex": _usd(1.75, 0.175, 14.0, _MODELS_DEV),
        "gpt-5.3-codex-spark": _usd(1.75, 0.175, 14.0, _MODELS_DEV),
        "gpt-5.4": _usd(2.5, 0.25, 15.0, _MODELS_DEV),
        "gpt-5.4-mini": _usd(0.75, 0.075, 4.5, _MODELS_DEV),
        "gpt-5.4-nano": _usd(0.2, 0.02, 1.25, _MODELS_DEV),
        "gpt-5.5": _usd(5.0, 0.5, 30.0, _MODELS_DEV),
    },
    "api.x.ai": {
        "grok-4.7": _usd(2.0, None, 6.0, _XAI),
        "grok-code-fast-1": _usd(0.2, None, 1.5, _OPENROUTER),
    },
    "api.deepseek.com": {
        "deepseek-flash": _usd(0.3, 0.006, 1.2, _DEEPSEEK),
        "deepseek-v4-flash": _usd(0.3, 0.006, 1.2, _DEEPSEEK),
        "deepseek-v4-pro": _usd(1.32, 0.044, 3.96, _DEEPSEEK),
    },
    "api.cerebras.ai": {"gpt-oss-120b": _usd(0.35, None, 0.75, _MODELS_DEV)},
    "api.mistral.ai": {"codestral-latest": _usd(0.3, None, 0.9, _MODELS_DEV)},
}
_DATE = re.compile(r"-\d{4}(-?\d{2}){1,2}$")


def find_price(host: str, model: str) -> Price | None:
    """Return the price of a model at a host; None if it is not in the table."""
    models = PRICES.get(host.lower(), {})
    return models.get(model) or models.get(_DATE.sub("", model))
