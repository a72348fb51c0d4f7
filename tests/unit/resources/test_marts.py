"""The marts' files: each explains itself, and its SELECT gives the columns that it explains."""

from __future__ import annotations

from importlib.resources import files

import pytest

from insights_resources.warehouse.marts import MARTS, read_mart


@pytest.mark.parametrize("name", MARTS)
def test_a_mart_states_its_grain_its_key_and_its_columns(name: str) -> None:
    mart = read_mart(name)
    assert mart.comment.endswith(".")
    assert mart.grain
    names = [column.name for column in mart.columns]
    assert len(names) >= 5
    assert all((column.comment or "").endswith(".") for column in mart.columns)
    required = {column.name for column in mart.columns if not column.nullable}
    assert set(mart.key) <= required
    assert {column for index in mart.indexes for column in index} <= set(names)
    for is_postgres in (True, False):
        select = mart.select(is_postgres=is_postgres)
        assert select.startswith("SELECT")
        assert "{" not in select
        assert ";" not in select


def test_every_file_is_a_mart() -> None:
    folder = files("insights_resources.warehouse") / "marts_sql"
    assert {path.name for path in folder.iterdir()} == {f"{name}.sql" for name in MARTS}
