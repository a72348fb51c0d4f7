"""What rose and what fell: each word of a movement must agree with a cited change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from insights_assets.reports.claims.fact_book import (
    RATIO,
    FactBook,
    is_event,
    number_of,
    sign_of,
)
from insights_assets.reports.claims.measures import measure_near
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.windows import window_of, windows_in
from insights_assets.reports.claims.word_patterns import ORDINALS, words
from insights_assets.reports.fact import Fact

_UP = (
    *("rose", "rises?", "risen", "rising", r"increas\w+", r"climb\w*", "upwards?"),
    *("grew", "grows?", "grown", "growing", "gain(?:s|ed|ing)?", "add(?:s|ed|ing)(?! (?:to|up))"),
    *(r"jump\w*", "rais(?:es?|ed|ing)", r"surg\w+", r"soar\w*", "hikes?", "hiked", "shot up"),
    *("(?:went|goes|going|moved|moves|crept|edged|inch(?:ed|es)) up", "dearer by"),
    r"(?:won|wins)(?= [\d.,]+)",
    r"up(?= (?:by|\d|from|on)\b)",
)
_DOWN = (
    *("fell", "falls?", "fallen", "falling", "drop(?:s|ped|ping)?", r"declin\w+", r"decreas\w+"),
    *("lost", "los(?:es?|ing)", r"slip\w*", r"slid\w*", "sank", "sinks?", r"reduc\w+", r"plung\w+"),
    *("cut(?:s|ting)?", "shed(?:s|ding)?", r"slash\w*", "shrank", "shrunk", "dipp?(?:ed|s)?"),
    *("(?:went|goes|going|came|comes|coming|moved|moves|crept|edged|inch(?:ed|es)|marked) down",),
    *("lower(?:ed|ing)", "eas(?:ed|es|ing)", r"tumbl\w+", "downwards?", "g[ai]ve[sn]? up"),
    *(r"down(?= (?:by|\d|from|on|to)\b)", "loss(?:es)?"),
)
_BETTER = (
    r"improv\w+",
    r"strengthen\w+",
    r"recover\w*",
    "gain(?:s|ed|ing)? ground",
    "pick(?:s|ed|ing) up",
)
_WORSE = (
    *(r"worsen\w*", r"deteriorat\w+", r"weaken\w*", r"suffer\w*", "slipped back"),
    "los(?:t|es|ing) (?:ground|sales)",
)
_MOVE = re.compile(
    r"\b(?:"
    + "|".join(
        f"(?P<{name}>{'|'.join(alternatives)})"
        for name, alternatives in (
            *(("better", _BETTER), ("worse", _WORSE)),
            *(("down", _DOWN), ("up", _UP)),
        )
    )
    + r")(?!\w)"
)
#: Sizes rather than movements: of these only the number beside them is looked at.
_MORE = words(
    r"(?:more|higher|additional|extra)(?= (?:points?|stars?)\b)"
    r"|(?<=points )(?:more|higher)|(?<=% )(?:more|higher)",
)
_LESS = words(
    r"(?:less|fewer|lower)(?= (?:points?|stars?)\b)"
    r"|(?<=points )(?:less|lower)|(?<=% )(?:less|lower)",
)
_SIZE = re.compile(r"\s?(?:%\s|points? |stars? )?")
#: No movements, though words of one are in them.
_NO_MOVE = words(
    *("fell on", "falls? on", r"catch\w* up", "(?:fell|falls?|falling) behind"),
    *(r"falls? (?:\w+ )?short", r"room (?:\w+ )?upwards?", "rising(?= to the)"),
    "price (?:cut|rise)s? (?:alone )?(?:would|could|may|might|is not?)",
)
#: Words somewhat before one of a movement that make of it something that has not happened.
_NOT_YET = words(
    *("would", "could", "should", "may", "might", "can", "cannot", "will", "need not", "if"),
    *("unless", "until", "before", "without", "rather than", "once", "when"),
    *("no", "any", "avoid", "test", "consider"),
)
#: Words right before one that do so.
_NOT_THIS = re.compile(
    r"\b(?:to|no|not|any|further|another|against|towards)\W+(?:(?:an?|its|the|price|\w+ly)\W+)*$"
)
#: Words of a clause that tells of what has not happened.
_WOULD_BE = words(
    *("would", "could", r"recommend\w*", "requires?", "room for", "matters", "worth", r"advise\w*"),
)
_IMPERATIVE = re.compile(
    r"^\W*(?:raise|lower|cut|reduce|increase|drop|lift|ease|recover|improve)\b"
)
_PLACES = re.compile(
    rf"\bfrom (?P<before>{'|'.join(ORDINALS)})(?: place)? to (?P<now>{'|'.join(ORDINALS)})\b"
)
_TO_PLACE = re.compile(
    rf"\s(?:back )?to (?:the )?(?P<now>{'|'.join(ORDINALS)}|last)(?: place| position)\b"
)
#: Key of a change -> the measure that it is of.
CHANGES = {
    "price_change_7d": "price",
    "price_change_30d": "price",
    "price_since_report": "price",
    "rank_change_7d": "primary_rank",
    "rating_change_30d": "rating",
    "ratings_gained_30d": "rating_count",
    "overall_change": "overall",
    "room_change": "price",
    "catch_up_change": "price",
    "at_median_price_gain": "overall",
    "at_median_rank_gain": "overall",
    "at_more_stars_gain": "overall",
}
#: Of these, what would be: no word of the past is about them.
_WHAT_IF = ("room_change", "catch_up_change", "_gain")
_BEFORE = {"price": "price_before", "overall": "overall_before", "position": "position_before"}
_EVENT_MEASURES = (
    ("The price", "price"),
    ("The Best Sellers Rank", "primary_rank"),
    ("The rating", "rating"),
)
_EVENT_WORDS = {"rose": 1, "fell": -1, "worsened": 1, "improved": -1}


def wrong_direction(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """The first movement that no cited fact bears; None: all are borne."""
    idle = [match.span() for match in _NO_MOVE.finditer(sentence.plain)]
    for match in _MOVE.finditer(sentence.plain):
        if any(start <= match.start() < end for start, end in idle):
            continue
        problem = _problem(match, sentence, numbers)
        if problem is not None:
            return problem
    for pattern, sign in ((_MORE, 1), (_LESS, -1)):
        for match in pattern.finditer(sentence.plain):
            changes = [
                fact
                for claim in numbers
                if _is_size(claim, match, sentence)
                for fact in claim.matched
                if fact.key in CHANGES
            ]
            if changes and not any(change_sign(fact) == sign for fact in changes):
                return f"“{match[0]}” is not what its number says"
    return None


def _problem(
    match: re.Match[str], sentence: Sentence, numbers: Sequence[NumberClaim]
) -> str | None:
    first, last = sentence.clause(match.start(), match.end())
    clause = sentence.plain[first:last]
    measure = measure_near(clause, match.start() - first)
    problem = f"nothing cited says “{sentence.text[match.start() : match.end()]}”"
    places = _PLACES.search(clause[match.end() - first :])
    if places is not None:
        return _wrong_places(match, places, sentence)
    to_place = _TO_PLACE.match(clause, match.end() - first)
    if to_place is not None:
        return _wrong_new_place(match, to_place, sentence)
    from_to = _from_to(match, last, sentence, numbers)
    if from_to is not None and from_to != _sign(match, measure):
        return f"“{sentence.text[match.start() : match.end()]}” contradicts its own numbers"
    if from_to is not None and sentence.plain.startswith(" from place", match.end()):
        return None
    tied = _tied(match, first, last, sentence, numbers)
    if tied:
        return None if any(_agrees(match, fact, sentence.book) for fact in tied) else problem
    if _is_not_yet(match, first, sentence):
        return _wrong_advice(match, sentence, numbers)
    if from_to is not None:
        return None
    subjects = _subjects(match.start(), match.end(), sentence)
    following = _MOVE.search(sentence.plain, match.end(), last)
    until = last if following is None else following.start()
    # The day after a movement is its own, where several are told.
    span = (match.start(), until) if _has_day(sentence, match.end(), until) else (first, last)
    signs = list(_evidence(sentence, subjects, measure, span))
    if any(sign == _sign(match, of) for sign, of in signs):
        return None
    return problem


def _is_size(claim: NumberClaim, match: re.Match[str], sentence: Sentence) -> bool:
    """Whether the number is right before the word: "6.55 points less"."""
    gap = sentence.plain[claim.end : match.start()] if claim.end <= match.start() else None
    return gap is not None and _SIZE.fullmatch(gap) is not None


def _has_day(sentence: Sentence, start: int, end: int) -> bool:
    return any(start <= place < end for place, _ in sentence.days)


def _wrong_places(match: re.Match[str], places: re.Match[str], sentence: Sentence) -> str | None:
    """ "Moved up from fourth to third place": a lower place is a better one."""
    before, now = ORDINALS[places["before"]], ORDINALS[places["now"]]
    is_better = bool(match["better"] or match["up"])
    subjects = _subjects(match.start(), match.end(), sentence)
    if (now < before) == is_better and all(
        sentence.book.number(subject, "position_before") == before
        and sentence.book.number(subject, "position") == now
        for subject in subjects
    ):
        return None
    return f"“{places[0]}” is not so"


def _wrong_new_place(
    match: re.Match[str], to_place: re.Match[str], sentence: Sentence
) -> str | None:
    """ "Fell to third place": it is there now, and was at a better one."""
    is_better = bool(match["better"] or match["up"])
    for subject in _subjects(match.start(), match.end(), sentence):
        now, before, of = (
            sentence.book.number(subject, key)
            for key in ("position", "position_before", "position_of")
        )
        told = of if to_place["now"] == "last" else ORDINALS[to_place["now"]]
        if now is None or before is None or now != told or (now < before) != is_better:
            return f"“{to_place[0].strip()}” is not so"
    return None


def _subjects(start: int, end: int, sentence: Sentence) -> tuple[str, ...]:
    pronoun = sentence.other_subject_at(start)
    return sentence.subjects_at(start, end) if pronoun is None else (pronoun,)


def _sign(match: re.Match[str], measure: str | None) -> int:
    """Which way the number of the measure moves by the word; of a rank, a lower one is better."""
    lower_is_better = measure in ("primary_rank", "position")
    if match["better"] or match["worse"]:
        better = 1 if match["better"] else -1
        return -better if lower_is_better else better
    return 1 if match["up"] else -1


def change_sign(fact: Fact) -> int:
    """Which way a change went: -1, 0 or 1."""
    return sign_of(number_of(fact))


def _agrees(match: re.Match[str], fact: Fact, book: FactBook) -> bool:
    if is_event(fact):
        found = _event_sign(book.facts[fact.id])
        return found is None or found[0] == _sign(match, found[1])
    return change_sign(fact) == _sign(match, CHANGES[fact.key])


def _tied(
    match: re.Match[str],
    first: int,
    last: int,
    sentence: Sentence,
    numbers: Sequence[NumberClaim],
) -> list[Fact]:
    """The changes that the number beside the word is: "fell by 12.3%", "a 12.3% drop"."""
    within = [claim for claim in numbers if first <= claim.start and claim.end <= last]
    others = [each for each in _MOVE.finditer(sentence.plain) if each.start() != match.start()]

    def is_free(start: int, end: int) -> bool:
        """Whether no other such word and no other product stands between."""
        return not any(start <= each.start() < end for each in others) and not any(
            start <= mention.start < end for mention in sentence.mentions
        )

    after = [c for c in within if c.start >= match.end() and is_free(match.end(), c.start)]
    before = [
        c
        for c in within
        if c.end <= match.start()
        and is_free(c.end, match.start())
        and "," not in sentence.plain[c.end : match.start()]
    ]
    near = [*after[:2], *before[-1:]]
    return [
        fact
        for claim in near
        if claim.kind == RATIO or claim in after[:1]
        for fact in claim.matched
        if fact.key in CHANGES or (is_event(fact) and (claim.kind == RATIO or claim in after[:1]))
    ]


def _is_not_yet(match: re.Match[str], first: int, sentence: Sentence) -> bool:
    before = sentence.plain[max(first, match.start() - 40) : match.start()]
    _, last = sentence.clause(match.start(), match.end())
    if _NOT_YET.search(before) or _NOT_THIS.search(before):
        return True
    if _WOULD_BE.search(sentence.plain[first:last]):
        return True
    return match.start() - first < 4 and _IMPERATIVE.match(sentence.plain[first:]) is not None


def _wrong_advice(
    match: re.Match[str], sentence: Sentence, numbers: Sequence[NumberClaim]
) -> str | None:
    """A price that is to rise must be below what it is to rise to."""
    subjects = _subjects(match.start(), match.end(), sentence)
    for subject in subjects:
        price = sentence.book.number(subject, "price")
        if price is None or measure_near(sentence.plain, match.start()) != "price":
            continue
        targets = [
            number_of(fact)
            for claim in numbers
            for fact in claim.matched
            if claim.start > match.start()
            and fact.subject == subject
            and fact.key in ("peer_median_price", "room_price", "catch_up_price")
        ]
        if not targets and re.search(r"\bmedian\b", sentence.plain[match.end() :]):
            median = sentence.book.number(subject, "peer_median_price")
            targets = [] if median is None else [median]
        for target in targets:
            if (target > price) != bool(match["up"]) and target != price:
                return f"the price is {price}: {target} is the other way"
    return None


def _from_to(
    match: re.Match[str], last: int, sentence: Sentence, numbers: Sequence[NumberClaim]
) -> int | None:
    """Which way the numbers after "from ... to ..." (or "to ... from ...") go; None: there are
    none."""
    after = [c for c in numbers if match.end() <= c.start and c.end <= last]
    signs = []
    for one, other in pairwise(after):
        if _MOVE.search(sentence.plain, match.end(), one.start):
            break  # these numbers are of another movement
        lead_in = sentence.plain[max(match.end(), one.start - 12) : one.start]
        between = sentence.plain[one.end : other.start]
        if one.kind != other.kind or one.value == other.value:
            continue
        if re.search(r"\bplace\W*$", lead_in):
            one, other = other, one  # a lower place is a higher one
        if re.search(r"\bfrom\b", lead_in) and re.match(r"[^,;]{0,24}?\b(?:to|towards)\b", between):
            signs.append(1 if other.value > one.value else -1)
        elif re.search(r"\bto\b", lead_in) and re.match(r"[^,;]{0,12}?\bfrom\b", between):
            signs.append(1 if one.value > other.value else -1)
    return signs[0] if signs else None


def moved(
    sentence: Sentence, subject: str, measure: str, sign: int, clause: tuple[int, int]
) -> bool:
    """Whether a cited change that the clause may tell of says that the product's measure went that
    way."""
    return any(found == sign for found, _ in _evidence(sentence, [subject], measure, clause))


def _evidence(
    sentence: Sentence, subjects: Sequence[str], measure: str | None, clause: tuple[int, int]
) -> Iterator[tuple[int, str]]:
    """The ways that the products' cited changes went, each with its measure, over the windows and
    on the days that the clause names."""
    windows = windows_in(sentence.plain[slice(*clause)])
    changes = [
        fact for fact in sentence.cited if fact.key in CHANGES and not fact.key.endswith(_WHAT_IF)
    ]
    dated = [
        found
        for subject in subjects
        for event in sentence.dated_events(subject, *clause)
        if (found := _event_sign(event)) is not None
        and (measure is None or _is_of(found[1], measure))
    ]
    if dated:
        yield from dated
        return
    for fact in changes:
        if subjects and fact.subject not in subjects:
            continue
        if windows and window_of(fact) not in windows:
            continue
        if measure is None or _is_of(CHANGES[fact.key], measure):
            yield change_sign(fact), CHANGES[fact.key]
    for subject in subjects:
        yield from _moves_since_report(sentence.book, sentence.cited, subject, measure)
        for event in sentence.events(subject, *clause):
            found = _event_sign(event)
            if found is not None and (measure is None or _is_of(found[1], measure)):
                yield found


def _is_of(change: str, measure: str) -> bool:
    return change == measure or (change == "rating_count" and measure == "rating")


def _moves_since_report(
    book: FactBook, cited: Sequence[Fact], subject: str, measure: str | None
) -> Iterator[tuple[int, str]]:
    ids = {fact.id for fact in cited}
    for key, before in _BEFORE.items():
        now, then = book.number(subject, key), book.number(subject, before)
        is_cited = f"{subject}:{before}" in ids
        if now is None or then is None or not is_cited or now == then:
            continue
        if measure in (None, key) or key == "position":
            yield (1 if now > then else -1), key


def _event_sign(event: Fact) -> tuple[int, str] | None:
    """Which way an event went, and of which measure; None: it tells of no movement."""
    text = str(event.value)
    measure = next((key for start, key in _EVENT_MEASURES if text.startswith(start)), None)
    found = re.search(rf"\b({'|'.join(_EVENT_WORDS)})\b", text)
    if measure is None or found is None:
        return None
    return _EVENT_WORDS[found[1]], measure
