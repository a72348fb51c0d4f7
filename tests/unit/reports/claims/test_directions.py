"""What rose and what fell."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” climbed to first place.",
    "“Brunnen” fell to second place.",
    "“Aalto” became 12.0% cheaper over 7 days.",
    "The price of “Brunnen” rose by 8.0% over 7 days.",
    "“Aalto” gained 4.00 points since the last report.",
    "“Brunnen” lost 3.00 points since the last report.",
    "The Best Sellers Rank of “Brunnen” improved by 30% over 7 days.",
    "The price of “Aalto” fell to €20.00 on November 25.",
    "“Aalto” went from €22.00 down to €20.00.",
    "At the median price of its peers “Brunnen” would gain 12.50 points.",
    "Lower the price of “Brunnen” towards the median of its peers, €20.00.",
)
FALSE = (
    "“Aalto” fell to first place.",
    "“Brunnen” climbed to second place.",
    "“Brunnen” fell to last place.",
    "“Aalto” became 12.0% dearer over 7 days.",
    "The price of “Brunnen” fell by 8.0% over 7 days.",
    "“Aalto” lost 4.00 points since the last report.",
    "“Brunnen” gained 3.00 points since the last report.",
    "With a loss of 4.00 points “Aalto” has 70.0 points.",
    "With 4.00 points less “Aalto” has 70.0 points.",
    "The Best Sellers Rank of “Brunnen” worsened by 30% over 7 days.",
    "The price of “Aalto” rose to €20.00 on November 25.",
    "“Aalto” rose from €22.00 to €20.00.",
    "The price of “Brunnen” rose by 8.0% over 30 days.",
    "Raise the price of “Brunnen” towards the median of its peers, €20.00.",
    "The rating of “Aalto” rose.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
