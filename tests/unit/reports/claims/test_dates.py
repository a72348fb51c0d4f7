"""Days that a sentence names."""

from __future__ import annotations

import pytest

from tests.unit.reports.claims.market import problem

TRUE = (
    "The price of “Aalto” fell on Nov 25, 2026.",
    "The price of “Aalto” fell on November 25.",
    "“Cirrus” went out of stock on 2026-11-27.",
    "This has changed since the last report, of November 24.",
)
FALSE = (
    "The price of “Aalto” fell on November 26.",
    "The price of “Aalto” fell on Nov 25, 2025.",
    "“Cirrus” went out of stock on November 25.",
    "The price of “Aalto” fell yesterday.",
    "The price of “Aalto” fell last year.",
    "The price of “Aalto” fell in January.",
)


@pytest.mark.parametrize("sentence", TRUE)
def test_what_is_so_is_kept(sentence: str) -> None:
    assert problem(sentence) is None


@pytest.mark.parametrize("sentence", FALSE)
def test_what_is_not_so_is_found(sentence: str) -> None:
    assert problem(sentence) is not None
