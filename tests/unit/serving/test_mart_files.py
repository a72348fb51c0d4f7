"""The marts' files: each explains itself."""

from __future__ import annotations

from importlib.resources import files

import pytest

from insights_assets.serving import marts


@pytest.mark.parametrize("name", marts.MARTS)
def test_a_mart_states_its_grain_and_its_columns(name: str) -> None:
    mart = marts.read_mart(name)
    assert "Grain: " in mart.comment
    assert len(mart.columns) >= 5
    assert all(meaning.endswith(".") for meaning in mart.columns.values())
    assert mart.select.startswith("SELECT")
    assert "{insights}" in mart.select
    assert ";" not in mart.select


def test_every_file_is_a_mart() -> None:
    folder = files("insights_assets.serving") / "marts_sql"
    assert {path.name for path in folder.iterdir()} == {f"{name}.sql" for name in marts.MARTS}
