"""Counts and ratings in the shops' languages."""

from __future__ import annotations

from decimal import Decimal

import pytest

from insights_assets.snapshots.parser.numbers import parse_count, parse_rating, whole_numbers


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("6,536 ratings", 6536),
        ("1.091 Sternebewertungen", 1091),
        ("1 Sternebewertung", 1),
        ("(33,869)", 33869),
        ("2 480 évaluations", 2480),
        ("2\u202f480 évaluations", 2480),
        ("99.265 değerlendirme", 99265),
        ("1,23,456 ratings", 123456),
        ("1,344 レビュー", 1344),
        ("٢٬٨٤٢ تقييم", 2842),
        ("1,046 customer reviews", 1046),
        ("1.2K ratings", None),
        ("1,3 Tsd. Bewertungen", None),
        ("2万件", None),
        ("No customer reviews", None),
        ("", None),
        ("4.4 out of 5 stars (47)", None),
        ("9" * 5000, None),
    ],
)
def test_counts(text: str, count: int | None) -> None:
    assert parse_count(text) == count


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("4.5 out of 5 stars", "4.5"),
        ("4 out of 5", "4"),
        ("5 out of 5 stars", "5"),
        ("4,7 von 5 Sternen", "4.7"),
        ("4.4 von 5 Sternen", "4.4"),
        ("3,6 sur 5 étoiles", "3.6"),
        ("4.5 étoiles sur 5", "4.5"),
        ("3.0 de un máximo de 5 estrellas", "3.0"),
        ("4,7 de 5 estrelas", "4.7"),
        ("4.7 / 5 yıldız", "4.7"),
        ("5 yıldız üzerinden 4,7", "4.7"),
        ("5つ星のうち3.9", "3.9"),
        ("5 颗星，最多 5 颗星", "5"),
        ("4.1 4.1 out of 5 stars", "4.1"),
        ("٤٫٥ من ٥ نجوم", "4.5"),
        ("44 ratings", None),
        ("10.5 out of 5", None),
        ("no stars", None),
        ("", None),
    ],
)
def test_ratings(text: str, rating: str | None) -> None:
    assert parse_rating(text) == (None if rating is None else Decimal(rating))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Nr. 3.845", [3845]),
        ("Nr. 17,413", [17413]),
        ("#2111", [2111]),
        ("2,593,388", [2593388]),
        ("12 of 1.234", [12, 1234]),
    ],
)
def test_ranks_come_with_either_separator(text: str, numbers: list[int]) -> None:
    assert whole_numbers(text) == numbers
