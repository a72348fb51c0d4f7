"""Every number of a sentence, looked up: its value, its unit, whose it is, of what and of when.

A number holds where a cited fact has its value within the rounding that it is written with, and is
a fact of the product that the number stands with; of the kind that the words beside it name
("a price score of", "ratings", "over 7 days").
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise

from insights_assets.reports.claims.fact_book import (
    DATE,
    RATIO,
    TEXT,
    is_event,
    number_of,
)
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.written_numbers import (
    NUMBER,
    currencies_beside,
    is_about,
    is_within,
    parsed_number,
)
from insights_assets.reports.fact import GROUP, Fact

#: Units of facts that a number without a sign beside it may be about.
_PLAIN_UNITS = frozenset({"count", "rank", "points", "stars", "days", "number"})
_PERCENT = re.compile(r"[\s\u00a0\u202f]?(?:%|per ?cent\b)", re.IGNORECASE)
_DAYS = re.compile(r"[\s\u00a0-]?days?\b", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_NUMBER_WORDS = (
    *("two", "three", "four", "five", "six", "seven"),
    *("eight", "nine", "ten", "eleven", "twelve"),
)
_WORDS = {word: value for value, word in enumerate(_NUMBER_WORDS, start=2)}
_WORDS["one"] = 1
#: "One" is a number only where something is counted.
_WORD = re.compile(
    rf"\b(?:{'|'.join(_NUMBER_WORDS)}|one(?= (?:\w+ )?(?:alerts?|products?)\b))\b", re.IGNORECASE
)
#: Claims of size that cannot be looked up.
_UNREADABLE = re.compile(
    r"\b(?:half|halved|twice|thrice|doubled?|tripled?|dozens?|hundreds?|thousands?|"
    r"(?:m|b|tr)illions?|quarter)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(r"\b(?:about|around|roughly|nearly|almost|some|approximately|close to)\s\S?$")
_AT_LEAST = re.compile(r"\b(?:over|more than|at least|upwards of)\s\S?$")
_AT_MOST = re.compile(r"\b(?:under|less than|fewer than|at most|below)\s\S?$")
#: Nobody outside of Amazon knows.
_SOLD = re.compile(r"\b(?:sold|sales of|shipped)\s(?:\w+\s)?$")
_EVENT_AMOUNT = re.compile(r"\s([A-Z]{3})\b")
#: Facts that tell of two products: they stand with either.
RELATIONS = frozenset({"overall_behind", "price_above_cheapest", "price_above_cheapest_share"})

#: What a noun after a number says of its fact.
_NOUNS: tuple[tuple[re.Pattern[str], Callable[[Fact], bool]], ...] = (
    (re.compile(r"(?:more |fewer )?points?\b"), lambda f: f.unit == "points"),
    (re.compile(r"stars?\b"), lambda f: f.unit in ("stars", "number")),
    (
        re.compile(r"(?:new |more |additional |extra |fresh )*ratings\b"),
        lambda f: f.key in ("rating_count", "ratings_gained_30d"),
    ),
    (re.compile(r"(?:written |new )*reviews?\b"), lambda f: False),
    (
        re.compile(r"(?:\w+ )?(?:sold|units?|orders?|sales|pieces|buyers|customers)\b"),
        lambda f: False,
    ),
    (
        re.compile(r"critical alerts?\b"),
        lambda f: f.key == "critical_7d",
    ),
    (re.compile(r"(?:\w+ )?alerts?\b"), lambda f: f.key in ("alerts_7d", "critical_7d")),
    (
        re.compile(r"(?:\w+[ -])?(?:peers|rivals|competitors)\b"),
        lambda f: f.key in ("peer_count", "members", "scored", "position_of"),
    ),
    (
        re.compile(r"(?:\w+ )?products?\b"),
        lambda f: (
            (f.subject == GROUP and f.unit == "count" and "7d" not in f.key)
            or f.key in ("position_of", "peer_count")
        ),
    ),
    (re.compile(r"captures?\b"), is_event),
    (re.compile(r"places?\b"), lambda f: f.key in ("position", "position_before")),
    (re.compile(r"(?:weeks?|months?|hours?|minutes?|times?|years?)\b"), lambda f: False),
)

_SCORES = ("overall", "overall_before", "overall_change", "overall_behind", "lead")
#: What the words before a number say of the facts it may be of: their keys begin so, or are these.
_CONCEPTS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b"), keys)
    for words, keys in (
        (r"price[- ]scores?", ("price_score", "at_median_price_score", "room_price_score")),
        (r"quality(?: scores?)?", ("quality_score",)),
        (r"popularity(?: scores?)?", ("popularity_score",)),
        (r"robust(?: \w+){0,3}", ("robust_overall",)),
        (r"listing(?:s|[- ]quality)?(?: scores?)?", ("listing_quality",)),
        (
            r"overall|total scores?",
            (*_SCORES, "at_median_price", "at_median_rank", "at_more_stars", "room_overall")
            + ("catch_up_overall", "at_median_price_gain", "at_median_rank_gain")
            + ("at_more_stars_gain",),
        ),
        (r"list(?:[- ]prices?)", ("list_price", "discount_from_list")),
        (r"discount\w*", ("discount_from_list",)),
        (
            r"median",
            ("peer_median_price", "compared_peer_median_rank", "price_to_median", "at_median_price")
            + ("at_median_price_gain", "at_median_rank", "at_median_rank_gain", "event"),
        ),
        (
            r"rank",
            ("primary_rank", "compared_rank", "compared_peer_median_rank", "event")
            + (
                "rank_change_7d",
                "at_median_rank",
                "at_median_rank_gain",
            ),
        ),
        (r"places?(?=\W*$)", ("position", "position_before")),
        (r"rating", ("rating", "more_stars", "rating_change_30d", "event", "at_more_stars")),
        (r"lead (?:of|is|stands at)", ("lead", "overall_behind")),
    )
)
#: Words that end the reach of a concept.
_CONCEPT_ENDS = re.compile(r"\bto\b|\bfrom\b|\band\b|,|;|:|\(|\bwould\b|\bagainst\b|\bthan\b")
_WINDOW = re.compile(
    r"(?P<days>\b(?:7|30|seven|thirty))[ -]days?\b(?! (?:mean|median|average))|"
    r"(?P<day>\b(?:a|one) (?:single )?day\b|\bovernight\b|\b24 hours\b)|(?P<week>\bweek\b)|(?P<month>\bmonth\b)|"
    r"(?P<report>\b(?:last|previous) report\b|\breport of\b|\bsince _)"
)
_WINDOW_DAYS = {"seven": "7", "thirty": "30"}
_FACT_WINDOW = re.compile(r"_(\d+)d$")
_SINCE_REPORT = frozenset({"overall_change", "price_since_report"})


@dataclass(frozen=True)
class NumberClaim:
    """A number in a sentence, with the cited facts that it may be of. ``value``: a ratio where it
    is written as a percentage."""

    start: int
    end: int
    kind: str
    value: Decimal
    matched: tuple[Fact, ...]


class NumberProblem(Exception):
    """A number that no cited fact bears; says why."""


def number_claims(sentence: Sentence) -> list[NumberClaim]:
    """The numbers of a sentence with their facts; raises ``NumberProblem`` at one without."""
    odd = next((c for c in sentence.text if unicodedata.category(c) in ("Nl", "No")), None)
    if odd is not None:
        raise NumberProblem(f"{odd} cannot be looked up")
    if found := _UNREADABLE.search(sentence.text):
        raise NumberProblem(f"“{found[0]}” cannot be looked up")
    facts = [*_numeric(sentence.cited), *_numbers_of_events(sentence.cited)]
    claims = [
        claim
        for token in _tokens(sentence)
        if (claim := _claim(token, sentence, facts)) is not None
    ]
    return _of_the_right_products(claims, sentence)


def windows_of(fact: Fact) -> str | None:
    """The window that a change is told over: days as digits, ``report``; None: it has none."""
    if fact.key in _SINCE_REPORT:
        return "report"
    found = _FACT_WINDOW.search(fact.key)
    return None if found is None else found[1]


def windows_in(text: str) -> set[str]:
    """The windows that words name."""
    return {_window(match) for match in _WINDOW.finditer(text)}


def _window(match: re.Match[str]) -> str:
    if match["days"]:
        return _WINDOW_DAYS.get(match["days"], match["days"])
    if match["day"]:
        return "1"
    return "7" if match["week"] else "30" if match["month"] else "report"


def _numeric(cited: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in cited if fact.unit not in (TEXT, DATE)]


def _numbers_of_events(cited: Iterable[Fact]) -> list[Fact]:
    """The numbers within the words of cited events, each as a fact of the event."""
    return [found for fact in cited if is_event(fact) for found in _numbers_of(fact)]


def _numbers_of(event: Fact) -> list[Fact]:
    # The product's id is no number of the event.
    marketplace, _, asin = event.subject.partition("/")
    text = str(event.value).replace(asin, " ").replace(marketplace, " ")
    found = []
    for token in NUMBER.finditer(text):
        parsed = parsed_number(token[0], "en_US")
        after = text[token.end() :]
        if parsed is None or _DAYS.match(after):
            continue
        value, unit = parsed[0], "number"
        if _PERCENT.match(after):
            value, unit = value / 100, RATIO
        elif currency := _EVENT_AMOUNT.match(after):
            unit = currency[1]
        found.append(replace(event, value=str(value), unit=unit))
    return found


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    written: str
    is_word: bool


def _tokens(sentence: Sentence) -> list[_Token]:
    words = (_Token(m.start(), m.end(), m[0], True) for m in _WORD.finditer(sentence.text))
    digits = (_Token(m.start(), m.end(), m[0], False) for m in NUMBER.finditer(sentence.text))
    return sorted([*words, *digits], key=lambda token: token.start)


def _claim(token: _Token, sentence: Sentence, facts: Sequence[Fact]) -> NumberClaim | None:
    """The number with its facts; None: it is the window that another one is told over."""
    text, written = sentence.text, token.written
    before, after = text[: token.start], text[token.end :]
    if token.is_word and _counts_the_named(token, sentence):
        return None
    if token.is_word:
        number, decimals, is_signed = Decimal(_WORDS[written.lower()]), 0, False
        currencies = None
    else:
        currencies = currencies_beside(before, after)
        if currencies is None and before[-1:].isalpha():
            raise NumberProblem(f"{before[-1]}{written} cannot be looked up")
        parsed = parsed_number(written, sentence.book.locale)
        if parsed is None:
            raise NumberProblem(f"{written} is not written as a number of {sentence.book.locale}")
        number, decimals, is_signed = parsed

    def is_value(value: Decimal) -> bool:
        return _agrees(value, (number, decimals, is_signed), sentence.plain[: token.start])

    if currencies is not None:
        kind, value = "amount", number
        matched = [f for f in facts if f.unit in currencies and is_value(number_of(f))]
        missing = f"the amount {written} is no cited fact in that currency"
    elif _PERCENT.match(after):
        kind, value = RATIO, number / 100
        matched = [f for f in facts if f.unit == RATIO and is_value(number_of(f) * 100)]
        missing = f"{written}% is no cited fact"
    elif _DAYS.match(after):
        if _is_window(number, sentence.cited):
            return None
        kind, value = "days", number
        matched = [f for f in facts if f.unit == "days" and number_of(f) == number]
        missing = f"{written} days are no cited fact"
    else:
        if after[:1].isalpha() and not _ORDINAL.match(after) and not token.is_word:
            raise NumberProblem(f"{written}{after[:1]} cannot be looked up")
        kind, value = "plain", number
        matched = [f for f in facts if f.unit in _PLAIN_UNITS and is_value(number_of(f))]
        missing = f"{written} is no cited fact"
    if not matched:
        raise NumberProblem(missing)
    claim = NumberClaim(token.start, token.end, kind, value, tuple(matched))
    return _of_the_right_kind(claim, sentence, written)


def _counts_the_named(token: _Token, sentence: Sentence) -> bool:
    """ "The two lamps": whether the sentence names as many products."""
    return _WORDS[token.written.lower()] == len({m.subject for m in sentence.mentions})


def _agrees(value: Decimal, parsed: tuple[Decimal, int, bool], before: str) -> bool:
    if is_within(value, parsed):
        return True
    number = parsed[0]
    if not is_about(value, number):
        return False
    if _ABOUT.search(before):
        return True
    if _AT_LEAST.search(before):
        return abs(value) >= number
    return _AT_MOST.search(before) is not None and abs(value) <= number


def _is_window(number: Decimal, cited: Sequence[Fact]) -> bool:
    """Whether it is the window of a cited fact: "over 7 days"."""
    window = re.compile(rf"(?<!\d){number}[ -]days?\b")
    return any(
        window.search(fact.name) is not None
        or (is_event(fact) and window.search(str(fact.value)) is not None)
        for fact in cited
    )


def _of_the_right_kind(claim: NumberClaim, sentence: Sentence, written: str) -> NumberClaim:
    """The claim with the facts that the words beside it allow."""
    matched = list(claim.matched)
    after = sentence.plain[claim.end :]
    ordinal = _ORDINAL.match(after)
    after = after[ordinal.end() if ordinal else 0 :].lstrip(" \u00a0-")
    if ordinal and "rank" not in _clause_text(sentence, claim):
        matched = [fact for fact in matched if fact.key in ("position", "position_before")]
        if not matched:
            raise NumberProblem(f"{written}{ordinal[0]} is no cited place")
    if claim.kind == "plain":
        for noun, allows in _NOUNS:
            if found := noun.match(after):
                matched = [fact for fact in matched if allows(fact)]
                if not matched:
                    raise NumberProblem(f"{written} {found[0]} are no cited fact")
                break
    if claim.kind == "plain" and _SOLD.search(sentence.plain[: claim.start]):
        raise NumberProblem(f"nothing known says how many are sold: {written}")
    concept = _concept_before(claim.start, sentence)
    if concept is not None:
        words, keys = concept
        allowed = [fact for fact in matched if _has_key(fact, keys)]
        if not allowed:
            raise NumberProblem(f"{written} is not the {words} of a cited fact")
        matched = allowed
    windows = windows_in(_clause_text(sentence, claim))
    if windows:
        timely = [f for f in matched if windows_of(f) is None or windows_of(f) in windows]
        if not timely:
            raise NumberProblem(f"{written} is a cited fact of another time")
        matched = timely
    return replace(claim, matched=tuple(matched))


def _clause_text(sentence: Sentence, claim: NumberClaim) -> str:
    first, last = sentence.clause(claim.start, claim.end)
    return sentence.plain[first:last]


def _concept_before(start: int, sentence: Sentence) -> tuple[str, tuple[str, ...]] | None:
    """The words just before a number that name what it is a number of."""
    near = sentence.plain[max(0, start - 42) : start]
    # Up to the name, the number or the word before that begins something else.
    begins = max(
        (m.end() for m in re.finditer(r"[\d\ue000-\uf8ff]", near)),
        default=0,
    )
    near = near[begins:]
    ends = [m.end() for m in _CONCEPT_ENDS.finditer(near)]
    # What stands right after such a word is nearer than what it ends.
    near = near[ends[-1] :] if ends else near
    found = [
        (match.start(), match[0], keys)
        for words, keys in _CONCEPTS
        if (match := words.search(near)) is not None
    ]
    if not found:
        return None
    _, words, keys = max(
        found, key=lambda each: (each[0] + len(each[1].rstrip("_ ")), len(each[1]))
    )
    return words.strip("_ "), keys


def _has_key(fact: Fact, keys: Sequence[str]) -> bool:
    return any(fact.key == key or (key == "event" and is_event(fact)) for key in keys)


def _of_the_right_products(claims: Sequence[NumberClaim], sentence: Sentence) -> list[NumberClaim]:
    """The claims with the facts of the products that they stand with."""
    stands_with = [sentence.subjects_at(claim.start, claim.end) for claim in claims]
    for place, (one, other) in enumerate(pairwise(claims)):
        if one.kind == other.kind and (pair := _told_against(one, other, sentence)) is not None:
            stands_with[place], stands_with[place + 1] = ((subject,) for subject in pair)
    counted: dict[tuple[tuple[str, ...], str], list[int]] = defaultdict(list)
    for claim, subjects in zip(claims, stands_with, strict=True):
        counted[subjects, claim.kind].append(claim.start)
    checked = []
    for claim, subjects in zip(claims, stands_with, strict=True):
        alike = counted[subjects, claim.kind]
        if len(subjects) > 1 and len(alike) == len(subjects) and _are_of_one_kind(alike, claims):
            # The first number is of the first, the second of the second.
            subjects = (subjects[alike.index(claim.start)],)
        checked.append(_with_facts_of(claim, subjects, sentence))
    return checked


def _are_of_one_kind(starts: Sequence[int], claims: Sequence[NumberClaim]) -> bool:
    """Whether the numbers at these places may be of the same fact of different products."""
    keys = [{fact.key for fact in c.matched} for c in claims if c.start in starts]
    return bool(set.intersection(*keys))


def _told_against(
    one: NumberClaim, other: NumberClaim, sentence: Sentence
) -> tuple[str, str] | None:
    """The two products before "4.5 against 4.6"; None: the numbers are not told so."""
    before = [mention.subject for mention in sentence.mentions if mention.end <= one.start]
    between = sentence.plain[one.end : other.start]
    if len(before) < 2 or re.search(r"\bfrom\W*$", sentence.plain[: one.start]):
        return None
    if not re.fullmatch(r"\W*(?:\w+\W*)?(?:against|versus|vs\.?|compared with)\W*", between):
        return None
    return before[-2], before[-1]


def _with_facts_of(claim: NumberClaim, subjects: Sequence[str], sentence: Sentence) -> NumberClaim:
    if not subjects:
        return claim
    pronoun = sentence.other_subject_at(claim.start)
    of_group = [fact for fact in claim.matched if fact.subject == GROUP]
    own = [fact for fact in claim.matched if fact.subject in subjects]
    others = [
        fact
        for fact in claim.matched
        if fact.subject == pronoun or fact.subject in _told_of_too(fact, claim, sentence)
    ]
    is_named_before = any(mention.end <= claim.start for mention in sentence.mentions)
    missing = [
        subject
        for subject in subjects
        if not any(fact.subject == subject or _is_same(fact, subject, sentence) for fact in own)
        # The count of the group is not that of a product.
        and not any(
            sentence.book.get(subject, fact.key) is None or not is_named_before for fact in of_group
        )
    ]
    if missing and not others:
        name = sentence.book.text(missing[0], "name") or missing[0]
        raise NumberProblem(
            f"{sentence.text[claim.start : claim.end]} is no cited fact of “{name}”"
        )
    return replace(claim, matched=(*own, *of_group, *others))


def _is_same(fact: Fact, subject: str, sentence: Sentence) -> bool:
    """Whether it is so of another product told of together as well."""
    return sentence.book.text(subject, fact.key) == str(fact.value)


def _told_of_too(fact: Fact, claim: NumberClaim, sentence: Sentence) -> set[str]:
    """The products that a relation's number tells of beside the one it stands with: "5 points
    ahead of B", "level with A on 68 points"."""
    if fact.key.startswith("catch_up_"):
        return {mention.subject for mention in sentence.mentions}
    after = next((m for m in sentence.mentions if m.start >= claim.end), None)
    if fact.key not in RELATIONS or after is None:
        return set()
    gap = sentence.plain[claim.end : after.start]
    return {after.subject} if re.search(r"\b(?:ahead|in front|clear|off)\b", gap) else set()
