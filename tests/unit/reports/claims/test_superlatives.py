"""Who is first, and in what."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” is the cheapest.",
    "“Brunnen” is the dearest product.",
    "“Brunnen” is the best rated with 4.6 stars.",
    "“Cirrus” has the most ratings, 2,100.",
    "“Aalto” leads with 70.0 points.",
    "The leader, “Aalto”, has 70.0 points.",
    "“Cirrus” comes last.",
    "“Brunnen” is in second place.",
    "“Aalto” moved up from second to first place.",
    "“Brunnen” has the highest quality score, 92 points.",
    "The weakest dimension of “Aalto” is quality.",
    "“Aalto” has the best Best Sellers Rank, 120.",
    "“Brunnen”, second with 65.0 points, has 4.6 stars.",
)
FALSE = (
    "“Brunnen” is the cheapest.",
    "“Aalto” is the dearest product.",
    "“Aalto” is the best rated.",
    "“Aalto” has the most ratings.",
    "“Brunnen” leads with 65.0 points.",
    "The leader, “Brunnen”, has 65.0 points.",
    "“Brunnen” comes last.",
    "“Brunnen” is in third place.",
    "“Aalto” is now in second place.",
    "“Aalto” moved up from third to first place.",
    "“Aalto” has the highest quality score.",
    "The weakest dimension of “Aalto” is price.",
    "“Cirrus” has the best Best Sellers Rank.",
    "“Brunnen”, third with 65.0 points, has 4.6 stars.",
    "“Aalto” is the prettiest and has the greatest charm.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
