"""The configuration: the file, the environment, and a project's own file."""

import difflib
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path

from spark_lsp import app, config
from spark_lsp.doctor.finding import Finding
from spark_lsp.errors import ConfigError
from spark_lsp.privacy.files import PROJECT_FILE, read_project_file

VARIABLES = (
    *("SPARK_LSP_CONFIG", "SPARK_LSP_ENGINE_URL", "SPARK_LSP_LOG_LEVEL", "SPARK_LSP_MODELS"),
    *("SPARK_LSP_RUNTIME_DIR", "SPARK_LSP_STATE_DIR", "SPARK_LSP_TOKEN", "SPARK_LSP_GATEWAY_IDLE"),
)
"""Every variable that is read; `SPARK_LSP_REQUIRE_…` belongs to the tests."""
SUBJECT = "configuration"


def look(path: Path | None) -> tuple[config.Settings, list[Finding]]:
    """Return the settings in force (the defaults if they cannot be read), and the findings."""
    findings = [*_environment(), *_project()]
    file = path or app.config_path()
    try:
        settings, problems = app.load_settings(path)
    except ConfigError as error:
        broken = Finding("error", SUBJECT, error.what, error.remedy)
        return config.resolve(config.from_environment(os.environ))[0], [broken, *findings]
    findings += [Finding("warning", SUBJECT, str(problem), "Correct it") for problem in problems]
    if not file.exists() and "SPARK_LSP_CONFIG" in os.environ:
        what = f"{file} does not exist; the defaults are used"
        findings.append(Finding("warning", SUBJECT, what, "Correct SPARK_LSP_CONFIG"))
    elif not problems:
        what = f"{file} can be used as it is" if file.exists() else "none of your own; the defaults are used"
        findings.insert(0, Finding("ok", SUBJECT, what))
    return settings, findings


def _environment() -> Iterator[Finding]:
    for name in sorted(os.environ):
        if name.startswith("SPARK_LSP_") and name not in VARIABLES and "_REQUIRE_" not in name:
            close = difflib.get_close_matches(name, VARIABLES, 1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known are: {', '.join(VARIABLES)}"
            yield Finding("warning", "environment", f"{name} is not read by spark-lsp", remedy)


def _project() -> Iterator[Finding]:
    """Check the `.spark.toml` files from here upwards."""
    try:
        here = Path.cwd()
    except OSError:
        what = "the working directory was deleted; relative names of files lead nowhere"
        yield Finding("warning", "project", what, "Change to another directory: cd")
        return
    for file in (folder / PROJECT_FILE for folder in (here, *here.parents)):
        if not file.is_file():
            continue
        try:
            narrowing, problems = read_project_file(tomllib.loads(file.read_text("utf-8")), str(file))
        except (OSError, ValueError) as error:
            what = f"{file} cannot be read ({error}); everything below it stays in the editor"
            yield Finding("error", "project", what, "Correct it")
            continue
        yield from (Finding("warning", "project", str(each), "Take it out") for each in problems)
        for each in narrowing.limits:
            parts = [f"{each.tokens:,} tokens"] * bool(each.tokens)
            parts += [f"{each.money:g} {each.currency}"] * bool(each.money)
            yield Finding("ok", "project", f"{file} limits its requests to {' and '.join(parts)} a day")
        if not narrowing.ghost_text:
            yield Finding("warning", "project", f"{file} switches ghost text off", "Ask who keeps it")
