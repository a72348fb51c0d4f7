"""The retention file: what it says, and what it is refused for."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from insights_assets.retention_policy import LISTED, parse_policy, read_retention_file
from insights_resources.errors import ConfigurationError
from insights_resources.settings import RETENTION_FILE
from insights_resources.warehouse import tables
from insights_resources.warehouse.contract_views import contract_name


def test_the_file_of_the_project_names_every_table_and_keeps_prices_longest() -> None:
    policy = read_retention_file(RETENTION_FILE)
    assert set(policy.keep_days) == {*LISTED, tables.rejected_pages}
    prices = {tables.product_snapshots, tables.product_features}
    assert min(policy.keep_days[table] for table in prices) >= 5 * 365
    others = (days for table, days in policy.keep_days.items() if table not in prices)
    assert max(others) < min(policy.keep_days[table] for table in prices)


def test_whole_months_stay() -> None:
    policy = parse_policy({"keep_days": {"competitive_reports": 60}}, "r.yaml")
    today = date(2026, 11, 25)
    # 60 days before is 26 September: all of September stays.
    assert policy.first_kept_month(tables.competitive_reports, today) == date(2026, 9, 1)
    assert policy.first_kept_month(tables.product_snapshots, today) is None


def test_rejections_go_with_their_pages() -> None:
    policy = parse_policy({"keep_days": {"raw_pages": 90}}, "r.yaml")
    assert policy.keep_days[tables.rejected_pages] == 90


@pytest.mark.parametrize("document", [None, {}, {"keep_days": {"alerts": "forever"}}])
def test_what_is_not_listed_stays_for_ever(document: Any) -> None:
    policy = parse_policy(document, "r.yaml")
    assert policy.keep_days == {}
    assert policy.superseded_days is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "mapping"),
        ({"keep": {}}, "unknown keep"),
        ({"keep_days": {"pages": 90}}, r"unknown pages; known are .*raw_pages"),
        ({"keep_days": {"rejected_pages": 90}}, "unknown rejected_pages"),
        ({"keep_days": {"alerts": 30}}, "alerts is 30.*at least 60"),
        ({"keep_days": {"alerts": "a year"}}, "'a year'"),
        ({"keep_days": {"alerts": True}}, "alerts is True"),
        ({"keep_days": {"alerts": 90.5}}, "alerts is 90.5"),
        ({"superseded_days": 1}, "superseded_days is 1"),
        # A rebuild of a day would find nothing to compute it from.
        (
            {"keep_days": {"product_snapshots": 400, "product_features": 340, "raw_pages": 90}},
            "product_snapshots is kept 400 days.*at least 408 days",
        ),
        (
            {"keep_days": {"product_snapshots": 400, "raw_pages": 90}},
            "keep product_snapshots for ever",
        ),
        (
            {"keep_days": {"rank_features": 400, "competitive_scores": 400}},
            "rank_features is kept 400",
        ),
        # Pages without snapshots would be parsed again.
        (
            {"keep_days": {"raw_pages": 500, "product_snapshots": 400}},
            "raw_pages, which is parsed again without it, 500 days",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(document: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"r.yaml.*{says}"):
        parse_policy(document, "r.yaml")


def test_a_file_that_cannot_be_read_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="INSIGHTS_RETENTION"):
        read_retention_file(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("keep_days: [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        read_retention_file(broken)


def test_every_table_can_be_listed_by_its_name_in_the_contract() -> None:
    for table in LISTED:
        policy = parse_policy({"keep_days": {contract_name(table): "forever"}}, "r.yaml")
        assert table not in policy.keep_days
