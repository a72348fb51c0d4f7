"""The parser on real pages of 2013 to 2026, beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from insights_assets.snapshots.parser import parse_page
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.capture_time import capture_time_of
from insights_resources.page_providers.document import PageDocument
from insights_resources.page_providers.protocol import Verdict
from tests.unit.snapshots.labelled_pages import (
    CORE_FIELDS,
    FIELDS,
    manifest,
    measure,
    page_bytes,
)

pytestmark = pytest.mark.shared


def test_every_field_against_the_labels(shared_data: Path) -> None:
    accuracy = measure(shared_data)
    assert accuracy.share(CORE_FIELDS, "right") >= 0.98, accuracy.table()
    assert accuracy.share(CORE_FIELDS, "wrong") <= 0.005, accuracy.table()
    assert accuracy.share(FIELDS, "right") >= 0.98, accuracy.table()


def test_every_page_has_its_verdict_and_its_product(shared_data: Path) -> None:
    wrong = []
    for row in manifest(shared_data):
        parsed = parse_page(page_bytes(shared_data, row["file"]))
        if parsed.verdict != row["verdict"]:
            wrong.append(f"{row['file']}: {parsed.verdict} ({parsed.reason}) is {row['verdict']}")
        if row["asin"] and (parsed.asin, parsed.marketplace) != (row["asin"], row["marketplace"]):
            wrong.append(f"{row['file']}: read as {parsed.marketplace}/{parsed.asin}")
        assert (parsed.snapshot is None) == (parsed.verdict is not Verdict.PRODUCT)
        assert (parsed.reason is None) == (parsed.verdict is Verdict.PRODUCT)
    assert not wrong, "\n".join(wrong)


def test_a_page_is_only_the_product_that_was_asked_for(shared_data: Path) -> None:
    for row in manifest(shared_data):
        if row["verdict"] != "product":
            continue
        document = PageDocument.from_bytes(page_bytes(shared_data, row["file"]))
        own = ProductKey(row["marketplace"], row["asin"])
        assert parse_page(document, target=own).verdict is Verdict.PRODUCT, row["file"]
        other = parse_page(document, target=ProductKey(row["marketplace"], "B000000000"))
        assert other.verdict is Verdict.OTHER
        assert other.reason == f"page is for {own.asin}, B000000000 was asked"


def test_a_page_without_a_price_says_why(shared_data: Path) -> None:
    for row in manifest(shared_data):
        snapshot = parse_page(page_bytes(shared_data, row["file"])).snapshot
        if snapshot is not None:
            assert (snapshot.price is None) == (snapshot.price_missing_reason is not None)
            if snapshot.price is not None:
                assert {"price", "title"} <= snapshot.field_sources.keys()


def test_capture_times_lie_in_the_pages_years(shared_data: Path) -> None:
    known = 0
    for row in manifest(shared_data):
        document = PageDocument.from_bytes(page_bytes(shared_data, row["file"]))
        moment = capture_time_of(document)
        if moment is not None:
            known += 1
            assert str(moment.year) == row["year"], row["file"]
    assert known >= 55
