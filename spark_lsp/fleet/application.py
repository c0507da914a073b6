"""The fleet as an application of Ray Serve, for a cluster that a configuration describes, such as KubeRay's.

Its `import_path` is `spark_lsp.fleet.application:build`, and its `args` are `config` and `token_file`, paths
on the machines of the cluster. The environment variable `SPARK_LSP_TOKEN` may replace the token file. Options
in the configuration of the cluster override those of config.toml.
"""

from pathlib import Path
from typing import Any

from spark_lsp import app
from spark_lsp.fleet.run import make_application


def build(args: dict[str, str]) -> Any:
    """Return the application; Serve calls this on the cluster."""
    config = Path(args["config"]) if "config" in args else None
    token_file = Path(args["token_file"]) if "token_file" in args else None
    settings, _ = app.load_settings(config)
    return make_application(settings.team, config, token_file)
