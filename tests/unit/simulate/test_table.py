"""The table of parameters: every number beside its source, and what is wrong is named."""

import tomllib
from importlib.resources import files

import pytest

from spark_lsp.engine.wafer.machines import table
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.table import read

FOLDER = files("spark_lsp.simulate") / "data"
PARAMETERS, ARCHITECTURES, PUBLISHED = (
    (FOLDER / name).read_text("utf-8")
    for name in ("parameters.toml", "architectures.csv", "wafer_published.csv")
)


def test_every_number_has_its_source() -> None:
    values = tomllib.loads(PARAMETERS)
    entries = [*values["wafer"].values(), *values["gpu"].values(), *values["gpus"].values()]
    assert all(entry["source"] for entry in (*entries, *values["profiles"].values()))


def test_the_package_s_table_is_whole() -> None:
    assert len(table().published) == 12
    assert table().architectures["gptoss"].layers == 36
    assert set(table().gpus) == {"h100_sxm", "h200_sxm", "b200_sxm"}


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[wafer]", "[wafer", "not valid TOML.*line"),
        ("layer_us = { value = 14.2", "layer_us = { value = -1", "wafer.layer_us must be"),
        ("layer_us = { value = 14.2", "layer_um = { value = 14.2", "wafer.layer_us must be"),
        ("tokens_per_s = 1000", "tokens_per_s = -5", "profiles.codex-spark.tokens_per_s"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_by_its_key(before: str, after: str, says: str) -> None:
    changed = PARAMETERS.replace(before, after, 1)
    assert changed != PARAMETERS
    with pytest.raises(ConfigError, match=says):
        read(changed, ARCHITECTURES, PUBLISHED)
