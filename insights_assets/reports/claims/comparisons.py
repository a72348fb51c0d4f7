"""Who is cheaper, better rated, ahead: each comparison and superlative against all facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from insights_assets.reports.claims.directions import CHANGES, change_sign, moved
from insights_assets.reports.claims.fact_book import FactBook, is_event
from insights_assets.reports.claims.number_claims import NumberClaim, windows_in
from insights_assets.reports.claims.sentence import CLOSING, Sentence
from insights_assets.reports.claims.word_patterns import ORDINALS, measure_near, words
from insights_assets.reports.fact import GROUP, Fact

#: Measures of which less is better.
_LOWER_IS_BETTER = frozenset({"price", "primary_rank"})


@dataclass(frozen=True)
class _Comparative:
    """``key`` None: the measure that stands near, else ``default``. ``sign``: -1, the left one has
    less; ``is_order``: better or worse, whatever the measure."""

    pattern: re.Pattern[str]
    key: str | None
    sign: int
    default: str = "price"
    is_order: bool = False


#: A number right after it makes a size of it: "over 14,000", "€8.50 below".
_NOT_A_SIZE = r"(?!\s(?:about |roughly )?[^\w\s]?\d)"
_COMPARATIVES = (
    _Comparative(words("better than"), None, 1, "overall", is_order=True),
    _Comparative(words("worse than"), None, -1, "overall", is_order=True),
    _Comparative(
        words(
            "cheaper", "less expensive", r"undercut\w*", "costs? less", r"priced (?:below|under)"
        ),
        "price",
        -1,
    ),
    _Comparative(
        words("dearer", "more expensive", "pricier", "costlier", "costs? more", "priced above"),
        "price",
        1,
    ),
    _Comparative(words(r"outscor\w+", r"outperform\w*", "beats", "beat"), "overall", 1),
    _Comparative(words(r"(?:better|higher)[- ]rated", "rated (?:higher|better)"), "rating", 1),
    _Comparative(words(r"(?:worse|lower)[- ]rated", "rated (?:lower|worse)"), "rating", -1),
    _Comparative(
        words(r"outsell\w*", "outsold", "sells? better", "ranks? better"), "primary_rank", -1
    ),
    _Comparative(words("more ratings"), "rating_count", 1),
    _Comparative(words("fewer ratings"), "rating_count", -1),
    _Comparative(
        words("ahead of", "in front of", r"leads (?=[“\"]?[\ue000-\uf8ff])"),
        None,
        1,
        "overall",
        True,
    ),
    _Comparative(
        words(
            "(?<!fell )(?<!falls )(?<!falling )behind",
            r"falls? (?:\w+ )?short of",
            r"trail(?:s|ed|ing)?",
            r"lag(?:s|ged|ging)?",
        ),
        None,
        -1,
        "overall",
        True,
    ),
    _Comparative(
        words(
            rf"above(?! (?:it|them)\b){_NOT_A_SIZE}",
            "higher than",
            rf"more than{_NOT_A_SIZE}",
            "exceeds?",
        ),
        None,
        1,
    ),
    _Comparative(
        words(
            rf"below(?! (?:it|them)\b){_NOT_A_SIZE}",
            "lower than",
            rf"less than{_NOT_A_SIZE}",
            rf"under{_NOT_A_SIZE}(?! pressure)",
        ),
        None,
        -1,
    ),
)
_NOBODY = re.compile(r"\b(?:no(?! (?:less|more|fewer))|nothing|nobody|none|neither)\b")
_MEDIAN = re.compile(r"\b(?:median|peers?|rivals|competition|competitors|others|average)\b")
_CHEAPEST = re.compile(r"\b(?:cheapest|lowest price)")
_FIRST = re.compile(r"\b(?:leader|lead|first|top|front)\b")
_MEAN = re.compile(r"\b(?:mean|usual|7-day|median)\b")
_OWN_LIST = re.compile(r"\blist\b")

#: Facts of which products can be compared.
_MEASURED = frozenset(
    {"price", "overall", "price_score", "quality_score", "popularity_score", "listing_quality"}
    | {"rating", "rating_count", "primary_rank", "robust_overall", "ratings_gained_30d"}
    | {"in_stock_share_30d", "discount_from_list"}
)
#: Facts of a gap to something else -> the side of it on which their product is; 0: their sign says.
_GAPS = {
    "overall_behind": -1,
    "lead": 1,
    "price_to_median": 0,
    "price_above_cheapest": 1,
    "price_above_cheapest_share": 1,
    "discount_from_list": -1,
}
#: Before a name: what is compared is not the named product.
_NOT_THE_NAMED = re.compile(
    r"\b(?:median|peers|mean|list price|cheapest)\b|\b(?:first|leader|top)\b(?!,? ?[“\"„«]?$)"
)

_SMALLEST, _LARGEST = -1, 1


@dataclass(frozen=True)
class _Superlative:
    pattern: re.Pattern[str]
    key: str
    extreme: int


_DROP = r"(?:price )?(?:cut|drop|fall|decline|decrease|reduction)s?"
_RISE = r"(?:price )?(?:rise|increase|jump|hike)s?"
_BIG = r"(?:biggest|largest|steepest|sharpest|deepest|strongest)"
_SUPERLATIVES = tuple(
    _Superlative(words(*alternatives), key, extreme)
    for key, extreme, alternatives in (
        ("price_score", _LARGEST, (r"(?:best|highest|top|strongest) price[- ]scores?",)),
        ("price_score", _SMALLEST, (r"(?:worst|lowest|weakest) price[- ]scores?",)),
        ("quality_score", _LARGEST, (r"(?:best|highest|top|strongest) quality(?: scores?)?",)),
        ("quality_score", _SMALLEST, (r"(?:worst|lowest|weakest) quality(?: scores?)?",)),
        (
            "popularity_score",
            _LARGEST,
            (r"(?:best|highest|top|strongest) popularity(?: scores?)?", "most popular"),
        ),
        (
            "popularity_score",
            _SMALLEST,
            (r"(?:worst|lowest|weakest) popularity(?: scores?)?", "least popular"),
        ),
        (
            "listing_quality",
            _LARGEST,
            (r"(?:best|highest|most complete|strongest|fullest|richest) listings?(?: quality)?",),
        ),
        (
            "listing_quality",
            _SMALLEST,
            (
                r"(?:worst|lowest|weakest|thinnest|poorest|least complete) listings?(?: quality)?",
                "least complete",
            ),
        ),
        ("robust_overall", _LARGEST, (r"(?:best|highest|top) robust(?: overall)?(?: score)?",)),
        ("discount_from_list", _LARGEST, (rf"{_BIG} (?:list[- ]price )?discounts?",)),
        (
            "price",
            _SMALLEST,
            (
                "cheapest",
                "least expensive",
                r"lowest[- ]priced?",
                r"lowest prices?",
                "most affordable",
            ),
        ),
        (
            "price",
            _LARGEST,
            (
                "dearest",
                "most expensive",
                "priciest",
                "costliest",
                r"highest[- ]priced?",
                r"highest prices?",
            ),
        ),
        (
            "rating",
            _LARGEST,
            (
                r"(?:best|highest|top)[- ]rated",
                r"(?:best|highest|top)(?: mean| average| star)? rating",
            ),
        ),
        (
            "rating",
            _SMALLEST,
            (
                r"(?:worst|lowest|least well)[- ]rated",
                r"(?:worst|lowest|weakest|poorest)(?: mean| average| star)? rating",
                "rated (?:the )?lowest",
            ),
        ),
        ("rating", _LARGEST, ("rated (?:the )?highest",)),
        (
            "ratings_gained_30d",
            _LARGEST,
            (
                "most new ratings",
                r"gain\w* the most ratings",
                r"(?:added|won|picked up) the most (?:new )?ratings",
            ),
        ),
        ("rating_count", _LARGEST, ("most ratings", r"most[- ]rated", "most reviewed")),
        ("rating_count", _SMALLEST, ("fewest ratings", "least rated")),
        (
            "primary_rank",
            _SMALLEST,
            (
                r"best[- ]sell(?:er|ing)",
                r"best[- ]placed",
                "sells? (?:the )?best",
                r"(?:best|strongest|top)(?: top-level)?(?: sales)? rank_*",
            ),
        ),
        (
            "primary_rank",
            _LARGEST,
            (
                "sells? (?:the )?worst",
                r"(?:worst|weakest|poorest)(?: top-level)?(?: sales)? rank_*",
            ),
        ),
        ("price_change_7d", _SMALLEST, (rf"{_BIG} {_DROP}",)),
        ("price_change_7d", _LARGEST, (rf"{_BIG} {_RISE}",)),
        ("alerts_7d", _LARGEST, ("most alerts",)),
        ("price", _LARGEST, ("tops the price range",)),
        (
            "overall",
            _LARGEST,
            (
                r"(?:best|highest|top)(?: overall)? scores?",
                "best overall",
                r"highest overall",
                r"(?:leads|lead|led|leading|heads|tops|topping)(?! (?:in|on|by|the price|to|over|of|is|stands|with (?!an?\b|\d)))",
                "leader",
                "in front",
                "in first place",
                "first place",
                r"(?:ranks?|comes?|is|stands|sits|places?) first",
                "top spot",
                "number one",
                "pole position",
            ),
        ),
        (
            "overall",
            _SMALLEST,
            (
                r"(?:worst|lowest)(?: overall)? scores?",
                "lowest overall",
                r"(?:ranks?|comes?|is|stands|sits|finishes|places?) last",
                "last place",
                r"last (?:in|by|on) (?:the )?overall",
                "last overall",
                "in last",
                "brings up the rear",
                r"(?:at the )?bottom",
                "rear",
            ),
        ),
    )
)
#: Any other: nothing here can look it up.
_OTHER = words(
    *("leads in", "leads on"),
    *("best", "worst", "biggest", "largest", "smallest", "strongest", "weakest", "steepest"),
    *(
        "highest",
        "lowest",
        "greatest",
        "fewest",
        "sharpest",
        "deepest",
        "closest",
        "poorest",
    ),
)
#: Of these, what says itself what is meant where a measure is named near.
_OF_A_MEASURE = {
    "highest": (_LARGEST, False),
    "leads in": (_LARGEST, True),
    "leads on": (_LARGEST, True),
    "lowest": (_SMALLEST, False),
    "best": (_LARGEST, True),
    "strongest": (_LARGEST, True),
    "worst": (_SMALLEST, True),
    "weakest": (_SMALLEST, True),
    "poorest": (_SMALLEST, True),
}
_HARMLESS = re.compile(r"\bat (?:best|worst|the latest)\b|\btop-level\b|\bbest available\b")
_IN_ITSELF = re.compile(
    r"\b(?P<extreme>strongest|weakest|best|worst|lowest|highest|falls? behind most)"
    r"(?: (?:on|in|for|dimension\w*|point\w*|score|is|at|mark))*[ :,]*(?:is |its )?"
    r"(?P<dimension>price|quality|popularity)\b"
)
#: Between a name and what it is called: "“A”, the cheapest product".
_APPOSITION = re.compile(rf"[{CLOSING}]?, (?:still |now |currently )?(?:the |its )?(?:group's )?")
_PLACE = re.compile(
    rf"\b(?:(?:in|to|takes?|holds?|is|stays?|ranks?|comes?|from|sits|stands|remains|keeps?|at|runs|finishes) "
    rf"(?:a |the |still |only |clear |close |distant )*(?P<one>{'|'.join(ORDINALS)})"
    rf"(?! (?:capture|time|day|alert|product|to|only))|(?P<other>{'|'.join(ORDINALS)})[- ]place\w*)\b"
)
#: Before a superlative: it is what something else is compared with.
_COMPARED_WITH = re.compile(
    r"\b(?:above|than|over|exceeds?|beats|catch|reach|match|join|overtake|pass|below|behind|ahead of|from|against|with|to|off|of|as|between) "
    r"(?:the |its |that of the )?(?:group'?s? |current )?$"
)


def wrong_comparison(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """The first comparison or superlative that the facts contradict, or do not know."""
    idle = [match.span() for match in _IN_ITSELF.finditer(sentence.plain)]
    for comparative in _COMPARATIVES:
        for match in comparative.pattern.finditer(sentence.plain):
            if any(start <= match.start() < end for start, end in idle):
                continue
            problem = _wrong_comparative(comparative, match, sentence, numbers)
            if problem is not None:
                return problem
    return _wrong_superlative(sentence, numbers) or _wrong_place(sentence)


def _wrong_comparative(
    comparative: _Comparative,
    match: re.Match[str],
    sentence: Sentence,
    numbers: Sequence[NumberClaim],
) -> str | None:
    written = sentence.text[match.start() : match.end()]
    first, last = sentence.clause(match.start(), match.end())
    before = [m for m in sentence.mentions if m.end <= match.start()]
    right = sentence.next_mentions(match.end(), last)
    book = sentence.book
    near = sentence.plain[match.end() : last]
    pronoun = sentence.other_subject_at(match.start())
    if pronoun is not None:
        left: tuple[str, ...] = (pronoun,)
    elif before:
        left = sentence.told_with(before[-1])
    elif sentence.carried is not None:
        left = (sentence.carried,)
    else:
        following = sentence.next_mentions(match.end(), len(sentence.text))
        left, right = (following, ()) if not right else ((), right)
    tied = _tied(match, sentence, numbers)
    if tied:
        agree = any(_tied_sign(fact, right) == comparative.sign for fact in tied)
        return None if agree else f"“{written}” is not what its number says"
    if not left and not right:
        return f"“{written}”: of whom is not said"
    key = comparative.key or _measure_of(comparative, match, (*left, *right), sentence, numbers)
    sign = comparative.sign
    if _NOBODY.search(sentence.plain[first : match.start()]):
        told = _Superlative(match.re, key, sign)
        if all(_is_extreme(book, subject, told) for subject in right or left):
            return None
        return f"“{written}”: somebody is"
    if comparative.is_order and key in _LOWER_IS_BETTER:
        sign = -sign
    if right and not _NOT_THE_NAMED.search(_before_mention(near)):
        wrong = [
            (one, other)
            for one in left
            for other in right
            if one != other and _order(book, one, other, key) != sign
        ]
        if not wrong or _would(sentence, first, match.start()):
            return None
        return f"“{written}” is not so: {_values(book, wrong[0], key)}"
    return _wrong_against(comparative, match, near, left, key, sign, sentence, numbers)


def _tied(match: re.Match[str], sentence: Sentence, numbers: Sequence[NumberClaim]) -> list[Fact]:
    """The changes that the number before the word is: "22.7% dearer", "16.67 more than now"."""
    claim = next((c for c in reversed(numbers) if c.end <= match.start()), None)
    if claim is None or not re.fullmatch(
        r"[\s%]*(?:points? |stars? |per ?cent )?", sentence.plain[claim.end : match.start()]
    ):
        return []
    return [fact for fact in claim.matched if fact.key in CHANGES or fact.key in _GAPS]


def _tied_sign(fact: Fact, right: Sequence[str]) -> int:
    """Which way a change went, or on which side a gap is, as seen from the other product."""
    if fact.key not in _GAPS:
        return change_sign(fact)
    sign = _GAPS[fact.key] or change_sign(fact)
    return -sign if fact.subject in right else sign


def _measure_of(
    comparative: _Comparative,
    match: re.Match[str],
    subjects: Sequence[str],
    sentence: Sentence,
    numbers: Sequence[NumberClaim],
) -> str:
    """What is compared: that of the numbers of the clause, else the measure named near."""
    first, last = sentence.clause(match.start(), match.end())
    keys = {
        fact.key
        for claim in numbers
        if first <= claim.start < last
        for fact in claim.matched
        if fact.subject in subjects and fact.key in _MEASURED
    }
    if len(keys) == 1:
        return keys.pop()
    key = measure_near(sentence.plain[first:last], match.start() - first)
    if key is None or (comparative.is_order and key == "price"):
        return comparative.default
    return key


def _before_mention(text: str) -> str:
    return re.split(r"[\ue000-\uf8ff]", text, maxsplit=1)[0]


def _would(sentence: Sentence, first: int, place: int) -> bool:
    return re.search(r"\b(?:would|could|if)\b", sentence.plain[first:place]) is not None


def _wrong_against(
    comparative: _Comparative,
    match: re.Match[str],
    near: str,
    left: Sequence[str],
    key: str,
    sign: int,
    sentence: Sentence,
    numbers: Sequence[NumberClaim],
) -> str | None:
    """A comparison with the peers' median, the list price, the cheapest, the leader, a mean, or
    with what was before."""
    book, written = sentence.book, sentence.text[match.start() : match.end()]
    first, last = sentence.clause(match.start(), match.end())
    windows = windows_in(sentence.plain[first:last])
    for subject in left:
        if (
            comparative.key == "price"
            and not (_MEDIAN.search(near) or _OWN_LIST.search(near) or _CHEAPEST.search(near))
            and moved(sentence, subject, "price", sign, windows)
        ):
            continue  # cheaper than before
        if _OWN_LIST.search(near):
            fact, way = book.number(subject, "discount_from_list"), -1
            known = None if fact is None else (way if fact > 0 else -way if fact < 0 else 0)
        elif key == "price" and _CHEAPEST.search(near):
            known = 1 if book.get(subject, "price_above_cheapest") else None
        elif key == "overall" and _FIRST.search(near):
            known = -1 if book.get(subject, "overall_behind") else None
        elif key == "primary_rank" and _MEDIAN.search(near):
            rank = book.number(subject, "compared_rank")
            median = book.number(subject, "compared_peer_median_rank")
            known = None if rank is None or median is None else _sign(rank - median)
        else:
            share = book.number(subject, "price_to_median") if key == "price" else None
            known = None if share is None else _sign(share)
            mean = _sides_of_events(sentence, subject)
            if _MEAN.search(near) and mean and not re.search(r"\bpeers?\b", near):
                known = sign if sign in mean else -sign
        if known is None and any(claim.matched for claim in numbers if subject):
            # A gap that a number of its own bears: "1.27 points ahead".
            relations = {f.key for claim in numbers for f in claim.matched}
            if relations & {"lead", "overall_behind"}:
                known = 1 if book.get(subject, "overall_behind") is None else -1
                known = known if sign in (1, -1) else None
        if known is None:
            return f"“{written}”: nothing known says so of “{book.text(subject, 'name')}”"
        if known != sign:
            return f"“{written}” is not so of “{book.text(subject, 'name')}”"
    return None


def _sides_of_events(sentence: Sentence, subject: str) -> set[int]:
    texts = [str(f.value) for f in sentence.book.events(subject, sentence.cited) if is_event(f)]
    found = {1 for text in texts if " above " in text} | {-1 for text in texts if " below " in text}
    found |= {1 for text in texts if "worsened" in text} | {
        -1 for text in texts if "improved" in text
    }
    return found


def _order(book: FactBook, one: str, other: str, key: str) -> int | None:
    """-1: the one has less than the other; None: they cannot be compared."""
    left, right = book.number(one, key), book.number(other, key)
    if left is None or right is None or other not in book.alike(one, key):
        return None
    return _sign(left - right)


def _sign(value: object) -> int:
    number = float(value)  # type: ignore[arg-type]
    return (number > 0) - (number < 0)


def _values(book: FactBook, pair: tuple[str, str], key: str) -> str:
    one, other = (book.text(subject, key) or "unknown" for subject in pair)
    return f"{key} {one} against {other}"


def _wrong_superlative(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    seen: list[tuple[int, int]] = [match.span() for match in _HARMLESS.finditer(sentence.plain)]
    for match in _IN_ITSELF.finditer(sentence.plain):
        if not any(one.pattern.match(sentence.plain, match.start()) for one in _SUPERLATIVES):
            seen.append(match.span())
            if (problem := _wrong_in_itself(match, sentence)) is not None:
                return problem
    for superlative in _SUPERLATIVES:
        for match in superlative.pattern.finditer(sentence.plain):
            if any(start < match.end() and match.start() < end for start, end in seen):
                continue
            seen.append(match.span())
            if _COMPARED_WITH.search(sentence.plain[: match.start()]):
                continue
            subjects = _whose(match, sentence)
            if not subjects:
                return f"“{sentence.text[match.start() : match.end()]}”: of whom is not said"
            first, last = sentence.clause(match.start(), match.end())
            if superlative.key == "overall" and "score" not in match[0]:
                superlative = _of_another_measure(superlative, match, subjects, numbers)
            if superlative.key == "overall" and "robust" in sentence.plain[first:last]:
                superlative = replace(superlative, key="robust_overall")
            for subject in subjects:
                if not _is_extreme(sentence.book, subject, superlative):
                    name = sentence.book.text(subject, "name")
                    return f"“{sentence.text[match.start() : match.end()]}” is not “{name}”"
    for match in _OTHER.finditer(sentence.plain):
        if any(start <= match.start() < end for start, end in seen):
            continue
        measure = _measure_meant(match, sentence, numbers)
        if match[0] not in _OF_A_MEASURE or measure is None:
            return f"“{sentence.text[match.start() : match.end()]}” cannot be looked up"
        extreme, is_order = _OF_A_MEASURE[match[0]]
        if is_order and measure in _LOWER_IS_BETTER:
            extreme = -extreme
        superlative = _Superlative(match.re, measure, extreme)
        for subject in _whose(match, sentence):
            if not _is_extreme(sentence.book, subject, superlative):
                name = sentence.book.text(subject, "name")
                return f"“{sentence.text[match.start() : match.end()]}” is not “{name}”"
    return None


def _of_another_measure(
    superlative: _Superlative,
    match: re.Match[str],
    subjects: Sequence[str],
    numbers: Sequence[NumberClaim],
) -> _Superlative:
    """ "Leads with 90 points" is of the fact that these points are."""
    near = next((c for c in numbers if 0 <= c.start - match.end() < 40), None)
    keys = {f.key for f in near.matched if f.subject in subjects} & _MEASURED if near else set()
    if len(keys) != 1 or "overall" in keys:
        return superlative
    key = keys.pop()
    extreme = -superlative.extreme if key in _LOWER_IS_BETTER else superlative.extreme
    return replace(superlative, key=key, extreme=extreme)


def _measure_meant(
    match: re.Match[str], sentence: Sentence, numbers: Sequence[NumberClaim]
) -> str | None:
    """What a bare superlative is about: "its 56 points are the lowest"."""
    first, last = sentence.clause(match.start(), match.end())
    near = [
        (abs(claim.start - match.start()), fact.key)
        for claim in numbers
        for fact in claim.matched
        if fact.key in _MEASURED
        and fact.subject in _whose(match, sentence)
        and abs(claim.start - match.start()) < 60
    ]
    named = measure_near(sentence.plain[first:last], match.start() - first)
    keys = {key for _, key in near}
    if named in keys or not keys:
        return named
    return min(near)[1]


def _whose(match: re.Match[str], sentence: Sentence) -> tuple[str, ...]:
    """Whom a superlative is about: "the leader, “A”"; "“A” is the cheapest"."""
    first, last = sentence.clause(match.start(), match.end())
    after = next((m for m in sentence.mentions if match.end() <= m.start), None)
    if after is not None:
        gap = sentence.plain[match.end() : after.start]
        if re.fullmatch(
            r"[,:]?\s?(?:(?:product|one|model|of (?:the group|all|them|the \w+)|overall|by \w+|in the group|still|today|now|here|and|is|was|remains|stays|belongs to|comes from|goes to|:|,)[,:]?\s?)*(?:the )?[“\"«„']?",
            gap,
        ):
            return sentence.next_mentions(after.start, after.end)
    before = [m for m in sentence.mentions if first <= m.start and m.end <= match.start()]
    if before and _APPOSITION.fullmatch(sentence.plain[before[-1].end : match.start()]):
        return (before[-1].subject,)
    other = sentence.other_subject_at(match.start())
    if other is not None:
        return (other,)
    if before:
        return sentence.told_with(before[-1])
    return sentence.subjects_at(match.start(), match.end())


def _is_extreme(book: FactBook, subject: str, superlative: _Superlative) -> bool:
    own = book.number(subject, superlative.key)
    if own is None:
        return False
    others = [book.number(each, superlative.key) for each in book.alike(subject, superlative.key)]
    known = [value for value in others if value is not None]
    return own == (max(known) if superlative.extreme == _LARGEST else min(known))


def _wrong_in_itself(match: re.Match[str], sentence: Sentence) -> str | None:
    """ "Its weakest dimension is price": among the product's own scores."""
    for subject in _whose(match, sentence):
        scores = {
            dimension: score
            for dimension in ("price", "quality", "popularity")
            if (score := sentence.book.number(subject, f"{dimension}_score")) is not None
        }
        own = scores.get(match["dimension"])
        is_high = match["extreme"] in ("strongest", "best", "highest")
        if own is None or own != (max if is_high else min)(scores.values()):
            return f"“{match[0]}” is not so"
    return None


def _wrong_place(sentence: Sentence) -> str | None:
    """ "In third place": by the overall score, now or at the last report."""
    for match in _PLACE.finditer(sentence.plain):
        word = match["one"] or match["other"]
        for subject in sentence.subjects_at(match.start(), match.end()):
            places = {sentence.book.number(subject, key) for key in ("position", "position_before")}
            if ORDINALS[word] not in places and GROUP not in subject:
                return f"“{word}” is not the place of “{sentence.book.text(subject, 'name')}”"
    return None
