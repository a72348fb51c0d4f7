"""The view ``score_explanations`` says what the stored scores say, on both engines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from insights_assets.competition.formulas import Dimension
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_relation
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from insights_resources.warehouse.written_views import WrittenView
from tests.integration.platform_fixture import FIRST_DAY, make_platform

KEY = ("day", "group_id", "marketplace", "asin", "method")
#: Inputs by what the view shows them as, by dimension.
VALUES = {
    Dimension.PRICE: (("price",), ("peer_median_price",), "priced_peers"),
    Dimension.QUALITY: (("rating",), ("peer_mean_rating",), "rated_peers"),
    Dimension.POPULARITY: (
        ("rank", "rank_median_7d"),
        ("peer_median_rank", "peer_median_rank_median_7d"),
        "ranked_peers",
    ),
}


def explanations(warehouse: Warehouse) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The view's rows by score and dimension."""
    query = f"SELECT * FROM {contract_relation(warehouse, 'score_explanations')}"  # noqa: S608
    with warehouse.read() as connection:
        rows = [dict(row._mapping) for row in connection.execute(text(query))]
    for row in rows:
        for name in ("inputs", "peers", "left_out"):
            if isinstance(row[name], str):
                row[name] = json.loads(row[name])
        row["day"] = str(row["day"])
    keyed = {tuple(row[name] for name in (*KEY, "dimension")): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def first_of(inputs: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((inputs[name] for name in names if name in inputs), None)


def test_every_score_of_the_sandbox_is_explained_by_what_is_stored(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = make_platform(tmp_path, warehouse_url, monkeypatch)
    platform.run("whole_graph", FIRST_DAY, FIRST_DAY.replace(day=4))
    stored = platform.warehouse.read_frame(select_current(tables.competitive_scores))
    found = explanations(platform.warehouse)
    assert len(found) == 3 * len(stored) > 100
    for row in stored.to_dict("records"):
        key = (
            str(row["day"].date()),
            *(row[name] for name in KEY[1:]),
        )
        inputs: dict[str, Any] = {}
        for dimension in Dimension:
            shown = found[*key, str(dimension)]
            score = row[f"{dimension}_score"]
            assert shown["score"] == (None if math.isnan(score) else score)
            assert shown["missing_reason"] == row["missing_reasons"].get(str(dimension))
            assert shown["contribution"] == row["contributions"].get(str(dimension))
            own, peers, count = VALUES[dimension]
            assert shown["value"] == first_of(row["inputs"], own)
            assert shown["peer_value"] == first_of(row["inputs"], peers)
            assert shown["compared_peers"] == row["inputs"].get(count)
            assert shown["peers"] == row["peers"]["eligible"]
            assert shown["left_out"] == row["peers"]["left_out"]
            assert shown["peer_count"] == row["peer_count"] == len(shown["peers"])
            assert (shown["currency"] is not None) == (
                dimension is Dimension.PRICE and "currency" in row["inputs"]
            )
            inputs |= shown["inputs"]
        assert inputs == row["inputs"], "each input belongs to one dimension"
        points = [found[*key, str(dimension)]["contribution"] for dimension in Dimension]
        known = [point for point in points if point is not None]
        if math.isnan(row["overall_score"]):
            assert known == []
        else:
            assert abs(sum(known) - row["overall_score"]) < 0.0051
    platform.warehouse.dispose()


def test_a_placeholder_that_there_is_not_is_refused() -> None:
    view = WrittenView("v", "", "", (), "SELECT {nothing:s.inputs.price} FROM {fact_alerts} AS s")
    for is_postgres in (False, True):
        with pytest.raises(ValueError, match="no placeholder of the kind 'nothing'"):
            view.select(is_postgres=is_postgres)
