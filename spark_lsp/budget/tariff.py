"""Which price applies to the answers of an engine.

The price in the settings comes first; it applies whatever model answers. Without one, the price table decides
by the host of the service and the name of the model. The model that the answer names has precedence over the
one that the settings name, because the service bills that one; if its price is unknown, the other one's
applies. An engine that costs no money per request, as far as its settings tell, has the price zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_lsp.answer_events import Usage
from spark_lsp.budget.price_table import find_price
from spark_lsp.budget.prices import FREE, Price


@dataclass(frozen=True, slots=True)
class Tariff:
    """The prices of one engine.

    `given` has the price of the settings; a second one there is a lower bound that the editor's price may not
    undercut. `host` is that of the service. With `is_own`, the user runs the engine.
    """

    given: tuple[Price, ...] = ()
    host: str = ""
    is_own: bool = False

    def find_price(self, *models: str) -> Price | None:
        """Return the price for the first of the models that has one; None if none is known."""
        if self.given:
            return self.given[0]
        found = (find_price(self.host, model) for model in models if model)
        return next((price for price in found if price is not None), FREE if self.is_own else None)

    def cost_of(self, usage: Usage, models: Sequence[str]) -> tuple[int, str]:
        """Return the cost of an answer in nanos, and its currency; an unknown price costs 0 of ""."""
        price = self.find_price(*models)
        if price is None:
            return 0, ""
        floors = [each.cost_of(usage) for each in self.given if each.currency == price.currency]
        return max([price.cost_of(usage), *floors]), price.currency
