"""In stock or not, told of by an alert, without a score."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” is in stock.",
    "“Cirrus” is out of stock.",
    "“Cirrus” went out of stock on November 27.",
    "“Brunnen” is available in limited quantity.",
    "“Brunnen”, which costs €30.00, is limited.",
    "“Cirrus” has no price score, as it is out of stock.",
    "One of the 3 products is out of stock.",
    "“Cirrus” was in stock for 60.0% of the last 30 days.",
    "The buy-box seller of “Brunnen” changed on November 26 from “Kessel-Laden” to “Nordlicht”.",
    "Bring “Cirrus” back in stock.",
    "“Cirrus” has no price because it is out of stock.",
    "“Aalto” was in stock at the last report and remains so today.",
    "“Cirrus” was in stock at the last report.",
    "The buy-box seller of “Aalto” has not changed.",
)
FALSE = (
    "“Aalto” is out of stock.",
    "“Cirrus” is in stock.",
    "“Cirrus” was in stock on November 27.",
    "“Aalto” is available in limited quantity.",
    "“Aalto”, which costs €20.00, is limited.",
    "“Cirrus” has no price score, as it has no peers.",
    "“Aalto” has no price score.",
    "One of the 3 products is in stock.",
    "No product is out of stock.",
    "All products are in stock.",
    "“Cirrus” was out of stock for 60.0% of the last 30 days.",
    "“Cirrus” is back in stock.",
    "The buy-box seller of “Aalto” changed.",
    "“Cirrus” has no price because its page shows a range of variations.",
    "“Cirrus” was in stock at the last report and remains so today.",
    "The buy-box seller of “Brunnen” has not changed.",
    "“Aalto” can be preordered, as a preorder.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
