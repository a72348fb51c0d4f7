"""What ``insights parse`` prints for a page."""

from __future__ import annotations

import json

from insights_assets.snapshots.parse_output import parse_result_to_json
from insights_assets.snapshots.parser import PARSER_VERSION, parse_page
from tests.unit.snapshots.product_page import product_page

KEYS = [
    "verdict",
    "reason",
    "marketplace",
    "asin",
    "title",
    "brand",
    "price",
    "price_min",
    "price_max",
    "price_missing_reason",
    "currency",
    "list_price",
    "coupon",
    "subscribe_save_price",
    "used_price",
    "offers_from",
    "rating",
    "rating_count",
    "bsr",
    "availability",
    "seller",
    "bullets",
    "attributes",
    "description",
    "images",
    "breadcrumbs",
    "parent_asin",
    "parser_version",
]


def test_the_keys_of_the_contract_in_their_order() -> None:
    for content in (product_page(), b"", b"<html>"):
        assert list(parse_result_to_json(parse_page(content))) == KEYS


def test_decimals_are_strings_and_unknown_is_null() -> None:
    body = (
        '<span id="priceblock_ourprice">$1,299.50</span><i id="acrPopover" title="4.5 out of 5">'
        '</i><ul><li>#5 in <a href="/gp/bestsellers/k/12345/ref=pd_zg_hrsr_k">Mugs</a></li></ul>'
    )
    printed = json.loads(json.dumps(parse_result_to_json(parse_page(product_page(body)))))
    assert printed["verdict"] == "product"
    assert printed["price"] == "1299.50"
    assert printed["rating"] == "4.5"
    assert printed["bsr"] == [{"category": "Mugs", "node_id": "12345", "rank": 5}]
    assert printed["reason"] is None
    assert printed["list_price"] is None
    assert printed["parser_version"] == PARSER_VERSION


def test_a_rejected_page_has_nulls_and_a_reason() -> None:
    printed = parse_result_to_json(parse_page(b""))
    assert (printed["verdict"], printed["reason"]) == ("error", "the page is empty")
    assert all(printed[key] is None for key in KEYS[2:-1])
