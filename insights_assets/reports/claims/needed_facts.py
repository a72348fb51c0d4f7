"""Words that hold only where the sentence has a number, or an event, of what they name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from insights_assets.reports.claims.fact_book import is_event
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.word_patterns import words

#: No fact has the number of texts that buyers have written.
_UNKNOWN = words(
    r"(?:most|more|fewer|fewest|less|number of|[\d.,]+) reviews?", "previous (?:day|week|month)s?"
)
#: Words -> the keys of which a number of the sentence is one.
_NEEDED = (
    (words("list[- ]prices?"), frozenset({"list_price", "discount_from_list"})),
    (words("robust"), frozenset({"robust_overall"})),
)
#: Mean and median that are known without an event: of a rating, of the peers.
_MEAN_RATING = re.compile(
    r"\bon average\b|"
    r"\b(?:mean|average)(?: star| customer)? (?:ratings?|stars?)\b|"
    r"\b(?:mean|average) of (?:only |just )?\d[.,]\d stars\b"
)
_MEAN = re.compile(r"\b(?P<word>mean|average)\b|\b(?:\d+|seven)-day (?P<usual>median)\b")
#: Of ratings the mean is known, of peers the median.
_OTHERWISE = words(
    "median rating",
    r"(?:mean|average)(?: \w+)? of (?:its|the|their) (?:peers|rivals|competitors)",
    "(?:peers|peers['’]) (?:mean|average)",
)


def missing_fact(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """The first word without the fact that it needs."""
    plain = sentence.plain
    if found := _UNKNOWN.search(plain) or _OTHERWISE.search(plain):
        return f"“{found[0]}” cannot be looked up"
    keys = {fact.key for claim in numbers for fact in claim.matched}
    for pattern, needed in _NEEDED:
        if (found := pattern.search(plain)) and numbers and not keys & needed:
            return f"nothing cited is of “{found[0]}”"
    events = [str(fact.value) for fact in sentence.cited if is_event(fact)]
    known = [match.span() for match in _MEAN_RATING.finditer(plain)]
    for match in _MEAN.finditer(plain):
        if any(start <= match.start() < end for start, end in known):
            continue
        word = "median" if match["usual"] else "mean"
        if not any(word in event for event in events):
            return f"no “{match[0]}” is known"
    return None
