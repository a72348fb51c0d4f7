"""Names that are nobody's."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "“Aalto” leads Kettles.",
    "Kettles have “Aalto” as their leader.",
    "Customers like “Brunnen”, the best rated.",
    "B0TEST0001 leads.",
)
FALSE = (
    "“Zirkon” leads Kettles.",
    "“Aalto” leads, and Zirkon is dear.",
    "Zirkon is cheap.",
    "“Aalto” by Kesselmann leads.",
    "“Aalto” leads, not ゼブラ.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
