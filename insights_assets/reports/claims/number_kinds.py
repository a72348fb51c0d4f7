"""What the words beside a number say of the fact that it may be of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from insights_assets.reports.claims.fact_book import is_event
from insights_assets.reports.fact import GROUP, Fact


def _has_key(*keys: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.key in keys


def _has_unit(*units: str) -> Callable[[Fact], bool]:
    return lambda fact: fact.unit in units


def _counts_products(fact: Fact) -> bool:
    is_of_group = fact.subject == GROUP and fact.unit == "count" and "7d" not in fact.key
    return is_of_group or fact.key in ("position_of", "peer_count")


def _is_never_known(fact: Fact) -> bool:
    return False


#: Nouns right after a number -> the facts that it may be of.
_NOUNS: tuple[tuple[re.Pattern[str], Callable[[Fact], bool]], ...] = tuple(
    (re.compile(rf"(?:{noun})\b"), allows)
    for noun, allows in (
        (r"(?:more |fewer )?points?", _has_unit("points")),
        (r"stars?", _has_unit("stars", "number")),
        (
            r"(?:(?:new|more|additional|extra|fresh) )*ratings",
            _has_key("rating_count", "ratings_gained_30d"),
        ),
        (r"(?:(?:written|new) )*reviews?", _is_never_known),
        (r"(?:\w+ )?(?:sold|units?|orders?|sales|pieces|buyers|customers)", _is_never_known),
        (r"critical alerts?", _has_key("critical_7d")),
        (r"(?:\w+ )?alerts?", _has_key("alerts_7d", "critical_7d")),
        (
            r"(?:\w+[ -])?(?:peers|rivals|competitors)",
            _has_key("peer_count", "members", "scored", "position_of"),
        ),
        (r"(?:\w+ )?products?", _counts_products),
        (r"captures?", is_event),
        (r"places?", _has_key("position", "position_before")),
        (r"(?:weeks?|months?|hours?|minutes?|times?|years?)", _is_never_known),
    )
)

_EVENT = "event"
#: Words before a number -> the keys of the facts that it may be of; ``event``: of one's words.
_CONCEPTS: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b"), frozenset(keys))
    for words, keys in (
        (r"price[- ]scores?", ("price_score", "at_median_price_score", "room_price_score")),
        (r"quality(?: scores?)?", ("quality_score", "at_more_stars_score")),
        (r"popularity(?: scores?)?", ("popularity_score", "at_median_rank_score")),
        (r"robust(?: \w+){0,3}", ("robust_overall",)),
        (r"listing(?:s|[- ]quality)?(?: scores?)?", ("listing_quality",)),
        (
            r"overall|total scores?",
            (
                *("overall", "overall_before", "overall_change", "overall_behind", "lead"),
                *("at_median_price", "at_median_rank", "at_more_stars"),
                *("at_median_price_gain", "at_median_rank_gain", "at_more_stars_gain"),
                *("room_overall", "catch_up_overall"),
            ),
        ),
        (r"list[- ]prices?", ("list_price", "discount_from_list")),
        (r"discount\w*", ("discount_from_list",)),
        (
            r"median",
            (
                *("peer_median_price", "compared_peer_median_rank", "price_to_median", _EVENT),
                *("at_median_price", "at_median_price_gain"),
                *("at_median_rank", "at_median_rank_gain"),
            ),
        ),
        (
            r"rank",
            (
                *("primary_rank", "compared_rank", "compared_peer_median_rank", _EVENT),
                *("rank_change_7d", "at_median_rank", "at_median_rank_gain"),
            ),
        ),
        (r"(?:places?|number|no\.)(?=\W*$)", ("position", "position_before")),
        (r"rating", ("rating", "more_stars", "rating_change_30d", "at_more_stars", _EVENT)),
        (r"lead (?:of|is|stands at)", ("lead", "overall_behind")),
    )
)
#: How far before a number such words may stand, in characters.
_REACH = 42
#: A name or another number: what stands before it is not of this number.
_ELSEWHERE = re.compile(r"[\d\ue000-\uf8ff]")
#: Words that end the reach of a concept.
_CONCEPT_ENDS = re.compile(r"\b(?:to|from|and|but|against|than)\b|(?<!score )\bwould\b|[,;:(]")


#: After a number: "38.3 for popularity", "90 points on quality".
_DIMENSION = re.compile(
    r"(?:points? )?(?:for|on|in) (?:its )?(?P<dimension>price|quality|popularity)\b"
    # "for quality and popularity" is of two.
    r"(?!,? and\b|,)"
)
#: Facts that are told only with one of these words before them.
_ONLY_WITH = {"list_price": re.compile(r"\blist\b|\boff\b|\binstead of\b|\bdiscount")}
#: Facts that are not told after these words.
_NOT_AFTER = {
    "in_stock_share_30d": re.compile(
        r"\b(?:out of stock|not in stock|unavailable)\b(?!.*\bin stock\b)"
    ),
    # "Costs €20": the price, not the median of the peers.
    "peer_median_price": re.compile(r"\b(?:costs?|sells? for)(?: \w+)? \W?$"),
}


def allowed_by_dimension(after: str, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that are of the dimension that ``after`` begins with; all, where it names none."""
    found = _DIMENSION.match(after)
    if found is None:
        return list(facts)
    # A gain may be "on price" too.
    scores = {f"{each}_score" for each in ("price", "quality", "popularity")} | {"overall"}
    own = f"{found['dimension']}_score"
    return [fact for fact in facts if fact.key == own or fact.key not in scores]


def allowed_by_words_before(before: str, facts: Sequence[Fact]) -> list[Fact]:
    """The facts that may be told after these words of their sentence."""
    return [
        fact
        for fact in facts
        if (fact.key not in _ONLY_WITH or _ONLY_WITH[fact.key].search(before))
        and (fact.key not in _NOT_AFTER or not _NOT_AFTER[fact.key].search(before))
    ]


def allowed_by_noun(after: str, facts: Sequence[Fact]) -> tuple[str, list[Fact]] | None:
    """The noun that ``after`` begins with, and the facts that may be counted by it; None: there is
    no such noun."""
    for noun, allows in _NOUNS:
        if found := noun.match(after):
            return found[0], [fact for fact in facts if allows(fact)]
    return None


def allowed_by_concept(before: str, facts: Sequence[Fact]) -> tuple[str, list[Fact]] | None:
    """The words at the end of ``before`` that name what a number is of, and the facts that are of
    it; None: there are no such words."""
    near = before[-_REACH:]
    near = near[max((match.end() for match in _ELSEWHERE.finditer(near)), default=0) :]
    near = near[max((match.end() for match in _CONCEPT_ENDS.finditer(near)), default=0) :]
    found = [
        # The last words; of as late ones the longer: "price score", not "score".
        (match.start() + len(match[0].rstrip("_ ")), len(match[0]), match[0], keys)
        for concept, keys in _CONCEPTS
        if (match := concept.search(near)) is not None
    ]
    if not found:
        return None
    _, _, words, keys = max(found, key=lambda each: each[:2])
    allowed = [f for f in facts if f.key in keys or (_EVENT in keys and is_event(f))]
    return words.strip("_ "), allowed
