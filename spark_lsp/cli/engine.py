"""`--engine NAME`: settings that send every route to one engine, if that engine exists."""

from typing import Any

from spark_lsp.client.settings import with_engine
from spark_lsp.errors import ConfigError


def settings_for(name: str | None) -> dict[str, Any]:
    """Return the section `spark` to send.

    Raises `ConfigError` if the user's own gateway has no engine `name`. The engines of a gateway elsewhere
    are not known here.
    """
    from spark_lsp.app import load_settings

    if name is not None:
        settings, _ = load_settings()
        if settings.engine.url == "auto" and name not in settings.engines:
            raise ConfigError(
                f"There is no engine {name!r}",
                "No request was sent",
                f"Choose from {', '.join(settings.engines)}, or add engines.{name} to config.toml",
            )
    return with_engine(name)
