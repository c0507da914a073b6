"""Types of values that several tables of settings use."""

from typing import Annotated

from msgspec import Meta

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]


def describe(text: str) -> Meta:
    """Return the description of a setting, for its schema and the reference."""
    return Meta(description=text)
