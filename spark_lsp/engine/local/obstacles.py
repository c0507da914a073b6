"""Why the embedded model is not available, and which file a setting names."""

from pathlib import Path

from spark_lsp.codes import Code
from spark_lsp.errors import EngineError, ModelError
from spark_lsp.models import paths, pinned, registry
from spark_lsp.privacy.approvals import model_path


def find_model(name: str) -> tuple[registry.Model, EngineError | None]:
    """Return the model of a setting, and the error for an unknown name."""
    if model_path(name):
        return registry.from_file(Path(name)), None
    try:
        return pinned.find_model(name), None
    except ModelError as error:
        unknown = EngineError(error.what, error.meaning, error.remedy, code=Code.MODEL_NOT_FOUND)
        return registry.find(registry.AUTO), unknown


def find_file(name: str, model: registry.Model) -> Path:
    """Return the weights' file for a setting."""
    return Path(name).expanduser() if model_path(name) else paths.file_of(model)


def missing_model(model: registry.Model, how: str) -> EngineError:
    """Return the error for weights that are not here, or damaged (`how`)."""
    if not model.sha256:
        return EngineError(
            f"The model file {model.file} {how}",
            "The embedded engine is not available",
            "Correct its path in the settings",
            code=Code.MODEL_UNAVAILABLE,
        )
    name = "" if registry.AUTO in model.aliases else f" {model.name}"
    return EngineError(
        f"The model {model.summary} {how}",
        "The embedded engine is not available until the model is downloaded",
        f"Run: spark-lsp model pull{name}",
        code=Code.MODEL_UNAVAILABLE,
    )


def died_again() -> EngineError:
    """Return the error for a model process that ended twice within a few minutes."""
    return EngineError(
        "The embedded model's process ended twice within a few minutes",
        "The embedded engine is off for ten minutes; other engines still work",
        "Usually memory is too small: close other programs, or choose a smaller model (spark-lsp model list)",
        code=Code.ENGINE_UNAVAILABLE,
    )
