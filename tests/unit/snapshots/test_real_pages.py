"""The parser on real pages of 2013 to 2026, beside the checkout."""

from __future__ import annotations

import re
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

#: Scripts, styles, marks of direction, links to help.
NO_TEXT = re.compile(
    r"[{}<>\u200b-\u200f\u202a-\u202e\u2066-\u2069]"
    r"|function ?\(|https?:|(?i:learn more|see more|view ship)"
)
ELSEWHERE = re.compile(r"(?i)rank|rang\b|review|rezension|recension|commentaires|opiniones|avalia")


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


#: Excerpts, and phones' pages of 2013 and 2014, which show no details.
WITHOUT_DETAILS = {"B09MCGPN62", "0596516177", "193609620X"}


def test_attributes_are_clean_rows_without_what_has_a_field_of_its_own(shared_data: Path) -> None:
    without = set()
    for row in manifest(shared_data):
        snapshot = parse_page(page_bytes(shared_data, row["file"])).snapshot
        if snapshot is None:
            continue
        if not snapshot.attributes:
            without.add(snapshot.asin)
        for label, value in snapshot.attributes.items():
            shown = f"{row['file']}: {label!r} = {value!r}"
            assert label == " ".join(label.split()).strip(":： "), shown
            assert value == " ".join(value.split()), shown
            assert value, shown
            assert not NO_TEXT.search(f"{label} {value}"), shown
            assert not ELSEWHERE.search(label), shown
            assert value != snapshot.asin or label == "ISBN-10", shown
    assert without <= WITHOUT_DETAILS


def test_capture_times_lie_in_the_pages_years(shared_data: Path) -> None:
    known = 0
    for row in manifest(shared_data):
        document = PageDocument.from_bytes(page_bytes(shared_data, row["file"]))
        moment = capture_time_of(document)
        if moment is not None:
            known += 1
            assert str(moment.year) == row["year"], row["file"]
    assert known >= 55
