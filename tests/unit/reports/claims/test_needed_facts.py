"""Words that need a number or an event of what they name."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” costs €20.00 after a list price of €25.00.",
    "On November 25 “Aalto” fell 15.0% below its 7-day mean.",
    "“Aalto” has a mean rating of 4.1 stars.",
)
FALSE = (
    "“Aalto” has a list price of €20.00.",
    "“Aalto” has a robust score of 70.0 points.",
    "“Brunnen” is 50.0% above the mean of its peers.",
    "On November 25 “Aalto” fell 15.0% below its 7-day median.",
    "“Aalto” has a median rating of 4.1 stars.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
