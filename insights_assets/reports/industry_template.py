"""What matters in an industry: which sentences a report has, from which size on, in which words.

A template is data, ``industry_templates/<name>.yaml``: it says only what it has other than
``generic``. A list takes the place of the generic one as a whole. What is wrong in a file is told
with the file and the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from insights_resources.errors import ConfigurationError

#: The template of a group that names none, and what the others build on.
GENERIC = "generic"

_FOLDER = files("insights_assets.reports") / "industry_templates"

#: Those that a group may name, by their files.
TEMPLATE_NAMES = tuple(
    sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if "yaml" in file.name)
)

SentenceName = Literal[
    # Who stands where.
    "leader",
    "price_range",
    "best_rated",
    "best_seller",
    "stock",
    "alerts",
    # What changed since the last report, and over the last days.
    "last_report",
    "places",
    "price_changes",
    "stock_changes",
    "seller_changes",
    "listing_changes",
    "events",
    "price_moves",
    "rank_moves",
    "rating_moves",
    # Strengths.
    "lead_rests_on",
    "best_scores",
    "cheapest_below_peers",
    "most_new_ratings",
    "largest_discount",
    "subscriptions",
    # Weaknesses.
    "last_place",
    "leader_weakest",
    "dearest_above_peers",
    "leader_above_cheapest",
    "weak_listing",
    "often_out_of_stock",
    # Opportunities and threats.
    "others_out_of_stock",
    "dearer",
    "losing_rank",
    "leader_room",
    "price_war",
    "cheaper",
    "gaining_rank",
    "falling_ratings",
    "catch_up",
    # Caveats.
    "unscored",
    "other_dimensions",
    "missing_scores",
    "price_ranges",
    "carried",
    "robust_leader",
]
SENTENCE_NAMES: tuple[str, ...] = get_args(SentenceName)

AdviceName = Literal[
    "restock", "reprice", "raise_rating", "win_rank", "use_room", "complete_listing"
]
ADVICE_NAMES: tuple[str, ...] = get_args(AdviceName)

_Ratio = Annotated[float, Field(ge=0, le=1)]
_Points = Annotated[float, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Thresholds(_Part):
    """From which size on something is worth a sentence, or is weak, strong, or no advice."""

    price_move: _Ratio = Field(description="Smallest move of a price.")
    rank_move: _Ratio = Field(description="Smallest move of a rank.")
    rating_move: float = Field(gt=0, le=4, description="Smallest move of a rating, in stars.")
    score_move: _Points = Field(description="Smallest move of an overall score.")
    discount: _Ratio = Field(description="Smallest discount from the list price.")
    strong_score: _Points = Field(description="A score is strong from here on.")
    weak_score: _Points = Field(description="A score is weak below.")
    weak_listing: _Points = Field(description="A listing is incomplete below.")
    low_stock_share: _Ratio = Field(description="A product is often out of stock below.")
    largest_price_change: _Ratio = Field(description="A larger change of a price is no advice.")
    least_gain: _Points = Field(description="Overall points that make a change worth advising.")
    medium_gain: _Points = Field(description="Those that make it of medium priority.")
    high_gain: _Points = Field(description="Those that make it of high priority.")


class Limits(_Part):
    """How much a report says."""

    of_a_kind: int = Field(ge=1, description="Products that one kind of sentence is about.")
    sentences_of_a_product: int = Field(ge=1, description="Sentences of one statement.")
    advice_of_a_product: int = Field(ge=1, description="Recommendations about one product.")
    price_war: int = Field(ge=2, description="Products cheaper at once that make a price war.")
    recommendations: int = Field(ge=1, description="Recommendations.")


class Sections(_Part):
    """The sentences of each section, in their order, each where the facts speak of it."""

    position: list[SentenceName]
    changes: list[SentenceName]
    strengths: list[SentenceName]
    weaknesses: list[SentenceName]
    opportunities: list[SentenceName]
    threats: list[SentenceName]
    caveats: list[SentenceName]


class WordingChange(_Part):
    """What takes the place of a language's terms and phrases."""

    terms: dict[str, str] = Field(default_factory=dict)
    phrases: dict[str, str] = Field(default_factory=dict)


class IndustryTemplate(_Part):
    """A template, filled up with ``generic``."""

    thresholds: Thresholds
    limits: Limits
    sections: Sections
    recommendations: list[AdviceName] = Field(
        description="Kinds of advice; of equal effect, the earlier one stands first."
    )
    wording: dict[str, WordingChange] = Field(description="By language.")


@cache
def industry_template(name: str) -> IndustryTemplate:
    """The template of this name; raises ``ConfigurationError`` when it is none, or is wrong."""
    if name not in TEMPLATE_NAMES:
        raise ConfigurationError(
            f"{name!r} is no industry template; known are {', '.join(TEMPLATE_NAMES)}"
        )
    return parse_template(_read(name), f"industry_templates/{name}.yaml")


def parse_template(fields: Mapping[str, Any], file_name: str) -> IndustryTemplate:
    """The template that has these fields, and all else as ``generic``; ``file_name`` is for
    messages. Raises ``ConfigurationError``."""
    try:
        return IndustryTemplate.model_validate(_merged(_read(GENERIC), fields))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{file_name}: {field}: {first['msg']}") from None


def _read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the changes; mappings are merged in turn."""
    merged = dict(base)
    for key, value in changes.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged
