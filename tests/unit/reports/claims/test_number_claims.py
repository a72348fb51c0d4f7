"""Numbers: their values, whose they are, of what and of when."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” has 70.0 points and “Brunnen” has 65.0 points.",
    "“Aalto” and “Brunnen” cost €20.00 and €30.00.",
    "“Aalto” has 4.1 stars from 1,500 ratings.",
    "“Aalto” has 80.0 points for price and 62.0 for quality.",
    "“Aalto” is rated 4.1 against the 4.6 of “Brunnen”.",
    "“Aalto” is 20.0% off its list price of €25.00.",
    "“Aalto” has about 1,500 ratings.",
    "It is 1 of 3 products.",
)
FALSE = (
    "“Aalto” has 65.0 points and “Brunnen” has 70.0 points.",
    "“Aalto” and “Brunnen” cost €30.00 and €20.00.",
    "“Aalto” has 1,500 stars.",
    "“Aalto” has 1,500 reviews.",
    "“Aalto” has sold 1,500 units.",
    "“Aalto” has 80.0 points for quality.",
    "“Aalto” has a price score of 62.0 points.",
    "“Aalto” has 70.0%.",
    "“Aalto” costs $20.00.",
    "“Aalto” has a price of €25.00.",
    "“Aalto” has rank 1,500.",
    "“Aalto” is in stock for 12 years.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
