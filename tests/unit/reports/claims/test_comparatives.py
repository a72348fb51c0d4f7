"""Comparisons of products with one another, with the others and with what was before."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” is cheaper than “Brunnen”.",
    "“Brunnen” costs more than “Aalto”.",
    "“Brunnen” is better rated than “Aalto”.",
    "“Aalto” is ahead of “Brunnen” by 5.00 points.",
    "“Brunnen” is 5.00 points behind the leader.",
    "“Aalto” costs 33.3% less than the median of its peers.",
    "“Aalto” sells for €20.00, below its list price of €25.00.",
    "“Brunnen” is €10.00 above the cheapest product.",
    "“Aalto” is cheaper than at the last report.",
    "The Best Sellers Rank of “Aalto” is 14% worse than 7 days ago.",
    "No product is cheaper than “Aalto”.",
    "“Cirrus” has more ratings than “Aalto”.",
)
FALSE = (
    "“Aalto” is dearer than “Brunnen”.",
    "“Aalto” is cheaper than “Cirrus”.",
    "“Aalto” is better rated than “Brunnen”.",
    "“Aalto” is behind “Brunnen” by 5.00 points.",
    "“Brunnen” is 5.00 points ahead of the leader.",
    "“Brunnen” is 5.00 points behind the second.",
    "“Aalto” costs 33.3% more than the median of its peers.",
    "“Aalto” sells above its list price of €25.00.",
    "“Brunnen” is €10.00 above the dearest product.",
    "“Brunnen” is cheaper than at the last report.",
    "The Best Sellers Rank of “Aalto” is 14% better than 7 days ago.",
    "No product is cheaper than “Brunnen”.",
    "“Aalto” has more ratings than “Cirrus”.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
