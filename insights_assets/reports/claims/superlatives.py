"""Who is the cheapest, the best rated, the leader, the third: each against all facts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from insights_assets.reports.claims.fact_book import FactBook
from insights_assets.reports.claims.measures import COMPARED, LOWER_IS_BETTER, measure_near
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import CLOSING, OPENING, Sentence
from insights_assets.reports.claims.word_patterns import ORDINALS, words
from insights_assets.reports.fact import GROUP

_SMALLEST, _LARGEST = -1, 1


@dataclass(frozen=True)
class _Superlative:
    """Words for the product of which a measure is the largest (or the smallest) of all."""

    pattern: re.Pattern[str]
    key: str
    extreme: int


_TOP = "(?:best|highest|top|strongest)"
_BOTTOM = "(?:worst|lowest|weakest|poorest)"
_BIG = "(?:biggest|largest|steepest|sharpest|deepest|strongest)"
_CUT = "(?:price )?(?:cut|drop|fall|decline|decrease|reduction)s?"
_RISE = "(?:price )?(?:rise|increase|jump|hike)s?"
_MEAN = "(?: mean| average| star)?"
_IS = "(?:ranks?|comes?|is|stands|sits|places?|finishes)"
#: Of two that stand at one place of a sentence the one further up is meant.
_SUPERLATIVES = tuple(
    _Superlative(words(*alternatives), key, extreme)
    for key, extreme, alternatives in (
        ("price_score", _LARGEST, (rf"{_TOP} price[- ]scores?",)),
        ("price_score", _SMALLEST, (rf"{_BOTTOM} price[- ]scores?",)),
        ("quality_score", _LARGEST, (rf"{_TOP} quality(?: scores?)?",)),
        ("quality_score", _SMALLEST, (rf"{_BOTTOM} quality(?: scores?)?",)),
        ("popularity_score", _LARGEST, (rf"{_TOP} popularity(?: scores?)?", "most popular")),
        ("popularity_score", _SMALLEST, (rf"{_BOTTOM} popularity(?: scores?)?", "least popular")),
        (
            "listing_quality",
            _LARGEST,
            (rf"(?:{_TOP}|most complete|fullest|richest) listings?(?: quality)?",),
        ),
        (
            "listing_quality",
            _SMALLEST,
            (rf"(?:{_BOTTOM}|thinnest) listings?(?: quality)?", "least complete"),
        ),
        ("robust_overall", _LARGEST, (rf"{_TOP} robust(?: overall)?(?: score)?",)),
        ("discount_from_list", _LARGEST, (rf"{_BIG} (?:list[- ]price )?discounts?",)),
        (
            "price",
            _SMALLEST,
            ("cheapest", "least expensive", "most affordable", r"lowest[- ]price[ds]?"),
        ),
        (
            "price",
            _LARGEST,
            (
                *("dearest", "most expensive", "priciest", "costliest"),
                *(r"highest[- ]price[ds]?", "tops the price range"),
            ),
        ),
        (
            "rating",
            _LARGEST,
            (rf"{_TOP}[- ]rated", rf"{_TOP}{_MEAN} rating", "rated (?:the )?highest"),
        ),
        (
            "rating",
            _SMALLEST,
            (
                *(rf"(?:{_BOTTOM}|least well)[- ]rated", rf"{_BOTTOM}{_MEAN} rating"),
                "rated (?:the )?lowest",
            ),
        ),
        (
            "ratings_gained_30d",
            _LARGEST,
            (
                "most new ratings",
                r"(?:gain\w*|added|won|picked up) the most (?:new )?ratings",
            ),
        ),
        ("rating_count", _LARGEST, ("most ratings", r"most[- ]rated", "most reviewed")),
        ("rating_count", _SMALLEST, ("fewest ratings", "least rated")),
        (
            "primary_rank",
            _SMALLEST,
            (
                *(r"best[- ]sell(?:er|ing)", r"best[- ]placed", "sells? (?:the )?best"),
                rf"{_TOP}(?: top-level)?(?: sales)? rank_*",
            ),
        ),
        (
            "primary_rank",
            _LARGEST,
            ("sells? (?:the )?worst", rf"{_BOTTOM}(?: top-level)?(?: sales)? rank_*"),
        ),
        ("price_change_7d", _SMALLEST, (rf"{_BIG} {_CUT}",)),
        ("price_change_7d", _LARGEST, (rf"{_BIG} {_RISE}",)),
        ("overall_change", _LARGEST, (r"(?:biggest|largest|greatest) gains?",)),
        ("overall_change", _SMALLEST, (r"(?:biggest|largest|greatest) loss(?:es)?",)),
        ("alerts_7d", _LARGEST, ("most alerts",)),
        (
            "overall",
            _LARGEST,
            (
                *(rf"{_TOP}(?: overall)? scores?", "best overall", "highest overall", "leader"),
                *("in front", "in first place", "first place"),
                *("top spot", "number one", "pole position"),
            ),
        ),
        (
            "overall",
            _SMALLEST,
            (
                *(rf"{_BOTTOM}(?: overall)? scores?", "lowest overall"),
                *("last place", "last overall", "in last"),
                r"last (?:in|by|on) (?:the )?overall",
                *("brings up the rear", r"(?:at the )?bottom", "rear"),
            ),
        ),
    )
)
_LEADS = (
    r"(?:leads?|led|leading|heads|tops|topping)"
    # "Leads in price", "leads with a rating": another measure. "The lead of": no verb.
    r"(?! (?:in|on|by|the price|to|over|of|is|stands|depends|with (?!an?\b|\d)))"
)
#: Of the overall score, or of the fact whose number follows: "leads with 90 points".
_BY_NUMBERS = (
    _Superlative(words(_LEADS, rf"{_IS} first"), "overall", _LARGEST),
    _Superlative(words(rf"{_IS} last"), "overall", _SMALLEST),
)
#: What says only by a measure beside it of what it is: the extreme, and whether it means better
#: or worse rather than more or less.
_BARE = {
    "highest": (_LARGEST, False),
    "lowest": (_SMALLEST, False),
    "best": (_LARGEST, True),
    "strongest": (_LARGEST, True),
    "leads in": (_LARGEST, True),
    "leads on": (_LARGEST, True),
    "worst": (_SMALLEST, True),
    "weakest": (_SMALLEST, True),
    "poorest": (_SMALLEST, True),
}
#: Any other: nothing here can look it up.
_OTHER = words(
    *_BARE,
    *("biggest", "largest", "smallest", "steepest", "greatest", "fewest"),
    *("sharpest", "deepest", "closest"),
)
_HARMLESS = words("at best", "at worst", "at the latest", "top-level", "best available")
#: Among the scores of one product: "its weakest dimension is price".
_IN_ITSELF = re.compile(
    r"\b(?P<extreme>strongest|weakest|best|worst|lowest|highest|falls? behind most)"
    r"(?: (?:on|in|for|dimension\w*|point\w*|score|is|at|mark|of “.”))*[ :,]*(?:is |its )?"
    r"(?P<dimension>price|quality|popularity)\b"
)
_HIGH = frozenset({"strongest", "best", "highest"})
#: Between a name and what it is called: "“A”, the cheapest product".
_APPOSITION = re.compile(rf"[{CLOSING}]?, (?:still |now |currently )?(?:the |its )?(?:group's )?")
_CALLED_WORDS = (
    *("product", "one", "model", "overall", "in the group", "of (?:all|them)", r"of the \w+"),
    *(r"by \w+", "still", "today", "now", "here", "and", "to"),
    *("is", "was", "remains", "stays", "belongs to", "comes from", "goes to"),
)
#: Between what a product is called and its name: "the cheapest of the group is “A”".
_CALLED = re.compile(rf"[,: ]*(?:(?:{'|'.join(_CALLED_WORDS)})\b[,: ]*)*(?:the )?[{OPENING}]?")
_PLACES = ("position_before", "position")
_BEFORE_PLACE = (
    *("in", "to", "at", "from", "takes?", "holds?", "keeps?", "is", "stays?", "remains"),
    *("ranks?", "comes?", "sits", "stands", "runs", "finishes"),
)
#: "None leads": the scores cannot be compared.
_NONE = re.compile(r"\b(?:none|nobody|no product) (?:\w+ )?$")
_ORDINAL = "|".join(ORDINALS)
_PLACE = re.compile(
    rf"(?:\b(?:{'|'.join(_BEFORE_PLACE)}) (?:(?:a|the|still|now|only|clear|close|distant) )*"
    rf"(?P<one>{_ORDINAL})(?! (?:capture|time|day|alert|product|to|only))"
    rf"|\b(?P<other>{_ORDINAL})[- ]place\w*"
    # “A”, third with 66 points
    rf"|(?<=[{CLOSING}], )(?P<apposed>{_ORDINAL})(?= (?:with|at|of)\b))\b"
)
_FROM_TO = re.compile(rf"\bfrom (?P<before>{_ORDINAL})(?: place)? to (?P<now>{_ORDINAL})\b")
#: Words of a clause that may tell of a place at the last report.
_EARLIER = words("was", "were", "had", "from", "last report", "before", "formerly", "previously")
#: Before a superlative: it is what something else is compared with.
_COMPARED_WITH = re.compile(
    r"\b(?:above|below|over|than|behind|ahead of|against|with|between|from|to|off|of|as"
    r"|exceeds?|beats|trail(?:s|ed)?|catch|reach|match|join|overtake|pass) "
    r"(?:the |its |that of the )?(?:group'?s? |current )?$"
)


def wrong_superlative(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """The first superlative or place that is not its product's, or cannot be looked up."""
    return (
        _first_wrong_in_itself(sentence)
        or _first_wrong_superlative(sentence, numbers)
        or _wrong_place(sentence)
    )


def is_extreme(book: FactBook, subject: str, key: str, extreme: int) -> bool:
    """Whether the product has the largest (1) or the smallest (-1) value of all that can be
    compared with its own."""
    own = book.number(subject, key)
    if own is None:
        return False
    others = [book.number(each, key) for each in book.alike(subject, key)]
    known = [value for value in others if value is not None]
    return own == (max(known) if extreme == _LARGEST else min(known))


def in_itself_at(sentence: Sentence) -> list[tuple[int, int]]:
    """Where words tell of a product's own scores: no comparison with others."""
    return [match.span() for match in _own_extremes(sentence)]


def _own_extremes(sentence: Sentence) -> Iterator[re.Match[str]]:
    for match in _IN_ITSELF.finditer(sentence.plain):
        # "The best price score" is one among the products'.
        if not any(each.pattern.match(sentence.plain, match.start()) for each in _SUPERLATIVES):
            yield match


def _first_wrong_in_itself(sentence: Sentence) -> str | None:
    for match in _own_extremes(sentence):
        within = [m for m in sentence.mentions if match.start() <= m.start < match.end()]
        for subject in (within[0].subject,) if within else _whose(match, sentence):
            scores = {
                dimension: score
                for dimension in ("price", "quality", "popularity")
                if (score := sentence.book.number(subject, f"{dimension}_score")) is not None
            }
            own = scores.get(match["dimension"])
            extreme = max if match["extreme"] in _HIGH else min
            if own is None or own != extreme(scores.values()):
                return f"“{match[0]}” is not so"
    return None


def _first_wrong_superlative(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    seen = [match.span() for match in _HARMLESS.finditer(sentence.plain)]
    seen += in_itself_at(sentence)
    for superlative, match in _superlatives(sentence):
        if any(start < match.end() and match.start() < end for start, end in seen):
            continue
        seen.append(match.span())
        if _COMPARED_WITH.search(sentence.plain[: match.start()]):
            continue
        written = sentence.text[match.start() : match.end()]
        if _NONE.search(sentence.plain[: match.start()]):
            if sentence.book.get(GROUP, "lead") is None and match[0] in ("leads", "led"):
                continue
            return f"“{written}”: that nobody is cannot be looked up"
        subjects = _whose(match, sentence)
        if not subjects:
            return f"“{written}”: of whom is not said"
        meant = _meant(superlative, match, subjects, sentence, numbers)
        if meant is None:
            return f"“{written}” cannot be looked up"
        for subject in subjects:
            if not is_extreme(sentence.book, subject, *meant):
                return f"“{written}” is not “{sentence.book.text(subject, 'name')}”"
    return None


def _superlatives(sentence: Sentence) -> Iterator[tuple[_Superlative | None, re.Match[str]]]:
    """What stands in the sentence; None: only the words beside it say of which measure."""
    for superlative in (*_SUPERLATIVES, *_BY_NUMBERS):
        for match in superlative.pattern.finditer(sentence.plain):
            yield superlative, match
    for match in _OTHER.finditer(sentence.plain):
        yield None, match


def _meant(
    superlative: _Superlative | None,
    match: re.Match[str],
    subjects: Sequence[str],
    sentence: Sentence,
    numbers: Sequence[NumberClaim],
) -> tuple[str, int] | None:
    """The measure and its extreme; None: that is not said."""
    first, last = sentence.clause(match.start(), match.end())
    clause = sentence.plain[first:last]
    if superlative is None:
        named = measure_near(clause, match.start() - first)
        key = _measure_of_numbers(match, subjects, numbers, named)
        if key is None or match[0] not in _BARE:
            return None
        extreme, is_order = _BARE[match[0]]
        return key, -extreme if is_order and key in LOWER_IS_BETTER else extreme
    if superlative in _BY_NUMBERS:
        superlative = _of_another_measure(superlative, match, subjects, numbers)
    if superlative.key == "overall" and "robust" in clause:
        return "robust_overall", superlative.extreme
    return superlative.key, superlative.extreme


def _of_another_measure(
    superlative: _Superlative,
    match: re.Match[str],
    subjects: Sequence[str],
    numbers: Sequence[NumberClaim],
) -> _Superlative:
    """ "Leads with 90 points" is of the fact that these points are."""
    near = next((claim for claim in numbers if 0 <= claim.start - match.end() < 40), None)
    if near is None:
        return superlative
    keys = {fact.key for fact in near.matched if fact.subject in subjects} & COMPARED
    if len(keys) != 1 or "overall" in keys:
        return superlative
    key = keys.pop()
    extreme = -superlative.extreme if key in LOWER_IS_BETTER else superlative.extreme
    return replace(superlative, key=key, extreme=extreme)


def _measure_of_numbers(
    match: re.Match[str],
    subjects: Sequence[str],
    numbers: Sequence[NumberClaim],
    named: str | None,
) -> str | None:
    """What a bare superlative is about: the measure named, unless the numbers near are of another
    ("its 56 points are the lowest")."""
    near = [
        (away, fact.key)
        for claim in numbers
        if (away := abs(claim.start - match.start())) < 60
        for fact in claim.matched
        if fact.key in COMPARED and fact.subject in subjects
    ]
    if not near or named in {key for _, key in near}:
        return named
    return min(near)[1]


def _whose(match: re.Match[str], sentence: Sentence) -> tuple[str, ...]:
    """Whom a superlative is about: "the leader, “A”"; "“A” is the cheapest"."""
    first, _ = sentence.clause(match.start(), match.end())
    after = next((m for m in sentence.mentions if match.end() <= m.start), None)
    if after is not None and _CALLED.fullmatch(sentence.plain[match.end() : after.start]):
        return sentence.told_with(after)
    before = [m for m in sentence.mentions if first <= m.start and m.end <= match.start()]
    if before and _APPOSITION.fullmatch(sentence.plain[before[-1].end : match.start()]):
        return (before[-1].subject,)
    other = sentence.other_subject_at(match.start())
    if other is not None:
        return (other,)
    if before:
        return sentence.told_with(before[-1])
    return sentence.subjects_at(match.start(), match.end())


def _wrong_place(sentence: Sentence) -> str | None:
    """ "In third place": by the overall score, now or at the last report."""
    for match in _FROM_TO.finditer(sentence.plain):
        for subject in sentence.subjects_at(match.start(), match.end()):
            before, now = (sentence.book.number(subject, key) for key in _PLACES)
            if (before, now) != (ORDINALS[match["before"]], ORDINALS[match["now"]]):
                return f"“{match[0]}” is not so of “{sentence.book.text(subject, 'name')}”"
    for match in _PLACE.finditer(sentence.plain):
        word = match["one"] or match["other"] or match["apposed"]
        first, last = sentence.clause(match.start(), match.end())
        is_earlier = _EARLIER.search(sentence.plain[first:last]) is not None
        is_earlier = is_earlier and "now " not in match[0]
        other = None if match["apposed"] else sentence.other_subject_at(match.start())
        subjects = sentence.subjects_at(*match.span()) if other is None else (other,)
        for subject in subjects:
            places = {sentence.book.number(subject, key) for key in _PLACES[not is_earlier :]}
            if ORDINALS[word] not in places:
                return f"“{word}” is not the place of “{sentence.book.text(subject, 'name')}”"
    return None
