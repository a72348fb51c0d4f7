"""Who is cheaper, better rated, ahead: each comparison against all facts.

A comparison has a left side and a right one: another product, or what the facts know of the others
(the median of the peers, the cheapest, the leader) or of the product itself (its list price, its
price before, a mean of an event).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from insights_assets.reports.claims.directions import CHANGES, change_sign, moved
from insights_assets.reports.claims.fact_book import FactBook, sign_of
from insights_assets.reports.claims.measures import COMPARED, LOWER_IS_BETTER, measure_near
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.superlatives import in_itself_at, is_extreme
from insights_assets.reports.claims.word_patterns import words
from insights_assets.reports.fact import Fact


@dataclass(frozen=True)
class _Comparative:
    """Words that say that the left side has less (``sign`` -1) or more (1) than the right one.

    ``key``: of which measure; None: of the one that stands near, else of ``default``.
    ``is_order``: they say that it is worse or better, whatever the measure.
    """

    pattern: re.Pattern[str]
    sign: int
    key: str | None = None
    default: str = "price"
    is_order: bool = False


#: A number right after it makes a size of it: "over 14,000", "€8.50 below".
_NOT_A_SIZE = r"(?!\s(?:about |roughly )?[^\w\s]?\d)"
_COMPARATIVES = (
    _Comparative(words("better than"), 1, default="overall", is_order=True),
    _Comparative(words("worse than"), -1, default="overall", is_order=True),
    _Comparative(
        words("cheaper", "less expensive", r"undercut\w*", "costs? less", "priced (?:below|under)"),
        -1,
        "price",
    ),
    _Comparative(
        words("dearer", "more expensive", "pricier", "costlier", "costs? more", "priced above"),
        1,
        "price",
    ),
    _Comparative(words(r"outscor\w+", r"outperform\w*", "beats?"), 1, "overall"),
    _Comparative(words("(?:better|higher)[- ]rated", "rated (?:higher|better)"), 1, "rating"),
    _Comparative(words("(?:worse|lower)[- ]rated", "rated (?:lower|worse)"), -1, "rating"),
    _Comparative(
        words(r"outsell\w*", "outsold", "sells? better", "ranks? better"), -1, "primary_rank"
    ),
    _Comparative(words("more ratings"), 1, "rating_count"),
    _Comparative(words("(?:fewer|less) ratings"), -1, "rating_count"),
    _Comparative(
        words("ahead of", "in front of", r"leads (?=[“\"]?[\ue000-\uf8ff])"),
        1,
        default="overall",
        is_order=True,
    ),
    _Comparative(
        words(
            "(?<!fell )(?<!falls )(?<!falling )behind",
            r"falls? (?:\w+ )?short of",
            "trail(?:s|ed|ing)?",
            "lag(?:s|ged|ging)?",
        ),
        -1,
        default="overall",
        is_order=True,
    ),
    _Comparative(
        words(
            rf"above(?! (?:it|them)\b){_NOT_A_SIZE}",
            "higher than",
            rf"more than{_NOT_A_SIZE}",
            "exceeds?",
        ),
        1,
    ),
    _Comparative(
        words(
            rf"below(?! (?:it|them)\b){_NOT_A_SIZE}",
            "lower than",
            rf"less than{_NOT_A_SIZE}",
            rf"under{_NOT_A_SIZE}(?! pressure)",
        ),
        -1,
    ),
)
_NOBODY = words("no(?! (?:less|more|fewer))", "nothing", "nobody", "none", "neither")
_WOULD = words("would", "could", "if")
_PEERS = words("median", "peers?", "rivals", "competition", "competitors", "others", "average")
_OF_PEERS = words("peers?")
_CHEAPEST = words("cheapest", "lowest price")
_FIRST = words("leader", "lead", "first", "top", "front")
_USUAL = words("mean", "usual", "7-day", "median")
_OWN_LIST = words("list")
_ANOTHER = words("dearest", "most expensive", "highest", "second", "third", "fourth", "last")
#: What a product is compared with as it was.
_EARLIER = words("last report", "ago", "before", "earlier", "previously", "became", "become")
#: Before a name: what is compared is not the named product.
_NOT_THE_NAMED = re.compile(
    r"\b(?:median|peers|mean|list price|cheapest)\b"
    r"|\b(?:first|leader|top)\b(?!,? ?[“\"„«]?$)"
)
_ANY_NAME = re.compile(r"[\ue000-\uf8ff]")
#: Between a number and the comparative that it is the size of: "1.2 points ahead".
_SIZE_OF = re.compile(r"[\s%]*(?:points? |stars? |per ?cent )?")
#: How far from a comparative the numbers that it compares may stand, in characters.
_REACH = 60

#: Facts of a gap to something else -> the side of it on which their product is; 0: their sign says.
_GAPS = {
    "overall_behind": -1,
    "lead": 1,
    "price_to_median": 0,
    "price_above_cheapest": 1,
    "price_above_cheapest_share": 1,
    "discount_from_list": -1,
    "subscribe_save_discount": -1,
}
#: Of these, the words for what the gap is to.
_GAPS_TO = {
    "overall_behind": _FIRST,
    "price_to_median": _PEERS,
    "price_above_cheapest": _CHEAPEST,
    "price_above_cheapest_share": _CHEAPEST,
    "discount_from_list": _OWN_LIST,
}
_REFERENCES = (*dict.fromkeys(_GAPS_TO.values()), _ANOTHER)


def wrong_comparative(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """The first comparison that the facts contradict, or do not know."""
    idle = in_itself_at(sentence)
    for comparative in _COMPARATIVES:
        for match in comparative.pattern.finditer(sentence.plain):
            if any(start <= match.start() < end for start, end in idle):
                continue
            problem = _Comparison(comparative, match, sentence, numbers).problem()
            if problem is not None:
                return problem
    return None


@dataclass(frozen=True)
class _Comparison:
    """A comparative where it stands in a sentence."""

    comparative: _Comparative
    match: re.Match[str]
    sentence: Sentence
    numbers: Sequence[NumberClaim]

    def problem(self) -> str | None:
        """Why it does not hold; None: it does."""
        tied = self._tied()
        if tied:
            agree = any(
                self._tied_sign(fact) == self.comparative.sign and self._is_to(fact)
                for fact in tied
            )
            return None if agree else f"{self._written} is not what its number says"
        left, right = self._sides
        if not left and not right:
            return f"{self._written}: of whom is not said"
        first, _ = self._clause
        before = self.sentence.plain[first : self.match.start()]
        if _NOBODY.search(before):
            extreme = self.comparative.sign
            if all(is_extreme(self._book, each, self._key, extreme) for each in right or left):
                return None
            return f"{self._written}: somebody is"
        if right and not _NOT_THE_NAMED.search(_ANY_NAME.split(self._near, maxsplit=1)[0]):
            for one in left:
                for other in right:
                    if one == other or _order(self._book, one, other, self._key) == self._sign:
                        continue
                    if _WOULD.search(before):
                        continue
                    return f"{self._written} is not so: {self._values(one, other)}"
            return None
        return next(filter(None, map(self._problem_of, left)), None)

    @property
    def _book(self) -> FactBook:
        return self.sentence.book

    @property
    def _written(self) -> str:
        return f"“{self.sentence.text[self.match.start() : self.match.end()]}”"

    @cached_property
    def _clause(self) -> tuple[int, int]:
        return self.sentence.clause(self.match.start(), self.match.end())

    @cached_property
    def _near(self) -> str:
        """What follows in its clause."""
        return self.sentence.plain[self.match.end() : self._clause[1]]

    @cached_property
    def _sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The products on its left and on its right; these may be missing."""
        sentence, place = self.sentence, self.match
        right = sentence.next_mentions(place.end(), self._clause[1])
        before = [mention for mention in sentence.mentions if mention.end <= place.start()]
        other = sentence.other_subject_at(place.start())
        if other is not None:
            return (other,), right
        if before:
            return sentence.told_with(before[-1]), right
        if sentence.carried is not None:
            return (sentence.carried,), right
        if right:
            return (), right
        return sentence.next_mentions(place.end(), len(sentence.text)), ()

    @cached_property
    def _key(self) -> str:
        """What is compared: that of the numbers of the clause, else the measure named near."""
        comparative, (first, last) = self.comparative, self._clause
        if comparative.key is not None:
            return comparative.key
        subjects = [subject for side in self._sides for subject in side]
        last_number = next((c for c in reversed(self.numbers) if c.end <= self.match.start()), None)
        if last_number is not None and last_number.start >= first and not comparative.is_order:
            # "Gained 7 points, more than B with 4": gains are compared.
            told = {fact.key for fact in last_number.matched if fact.subject in subjects}
            if len(told) == 1 and told <= CHANGES.keys():
                return told.pop()
        keys = {
            fact.key
            for claim in self.numbers
            if first <= claim.start < last
            for fact in claim.matched
            if fact.subject in subjects and fact.key in COMPARED
        }
        if len(keys) == 1:
            return keys.pop()
        key = measure_near(self.sentence.plain[first:last], self.match.start() - first)
        if key is None or (comparative.is_order and key == "price"):
            return comparative.default
        return key

    @property
    def _sign(self) -> int:
        """Which side of the right one the left value is to be on."""
        is_turned = self.comparative.is_order and self._key in LOWER_IS_BETTER
        return -self.comparative.sign if is_turned else self.comparative.sign

    def _tied(self) -> list[Fact]:
        """The changes and gaps that the number before it is: "22.7% dearer"."""
        claim = next((c for c in reversed(self.numbers) if c.end <= self.match.start()), None)
        if claim is None:
            return []
        if not _SIZE_OF.fullmatch(self.sentence.plain[claim.end : self.match.start()]):
            return []
        return [fact for fact in claim.matched if fact.key in CHANGES or fact.key in _GAPS]

    def _tied_sign(self, fact: Fact) -> int:
        """Which way a change went, or on which side a gap is, as seen from the left."""
        if fact.key not in _GAPS:
            is_turned = self.comparative.is_order and CHANGES[fact.key] in LOWER_IS_BETTER
            return -change_sign(fact) if is_turned else change_sign(fact)
        if fact.key == "lead":
            left = self._sides[0] or (self.sentence.first_subject or "",)
            return 1 if self._book.number(left[0], "position") == 1 else -1
        sign = _GAPS[fact.key] or change_sign(fact)
        return -sign if fact.subject in self._sides[1] else sign

    def _is_to(self, fact: Fact) -> bool:
        """Whether a gap is to what the words after the comparative name, where they name any."""
        near = re.split(r"[,;\d]", self._near, maxsplit=1)[0]
        named = [each for each in _REFERENCES if each.search(near)]
        if fact.key == "lead":
            return not named or self._tied_sign(fact) == 1 or _FIRST in named
        return not named or fact.key not in _GAPS_TO or _GAPS_TO[fact.key] in named

    def _problem_of(self, subject: str) -> str | None:
        """Why the facts do not say so of a product, against what is no product."""
        known = self._known_sign(subject)
        if known == self._sign:
            return None
        name = self._book.text(subject, "name")
        if known is None:
            return f"{self._written}: nothing known says so of “{name}”"
        return f"{self._written} is not so of “{name}”"

    def _known_sign(self, subject: str) -> int | None:
        """Which side of what it is compared with the product is on; None: nothing says."""
        book, near, key = self._book, self._near, self._key
        if _OWN_LIST.search(near):
            discount = book.number(subject, "discount_from_list")
            return None if discount is None else -sign_of(discount)
        if self._has_moved(subject):
            return self._sign
        first, last = self._clause
        if not any(each.search(near) for each in _REFERENCES[:-1]) and (
            _ANOTHER.search(near) or _EARLIER.search(self.sentence.plain[first:last])
        ):
            return None
        if key == "price" and _CHEAPEST.search(near):
            return 1 if book.get(subject, "price_above_cheapest") else None
        if key == "overall" and _FIRST.search(near):
            return -1 if book.get(subject, "overall_behind") else None
        if key == "primary_rank" and _PEERS.search(near):
            rank = book.number(subject, "compared_rank")
            median = book.number(subject, "compared_peer_median_rank")
            return None if rank is None or median is None else sign_of(rank - median)
        usual = set(self._sides_of_events(subject))
        if usual and _USUAL.search(near) and not _OF_PEERS.search(near):
            return self._sign if self._sign in usual else -self._sign
        if key == "price":
            share = book.number(subject, "price_to_median")
            return None if share is None else sign_of(share)
        if self.comparative.is_order:
            return self._sign_of_lead(subject)
        return self._sign_of_lead(subject) or self._sign_of_numbers()

    def _has_moved(self, subject: str) -> bool:
        """ "Cheaper than a week ago": whether a cited change says so."""
        if self._key not in ("price", "primary_rank"):
            return False
        if _PEERS.search(self._near) or _CHEAPEST.search(self._near):
            return False
        return moved(self.sentence, subject, self._key, self._sign, self._clause)

    def _sides_of_events(self, subject: str) -> Iterator[int]:
        """The sides of the usual on which cited events have the product."""
        for event in self.sentence.events(subject, *self._clause):
            text = str(event.value)
            if " above " in text or "worsened" in text:
                yield 1
            if " below " in text or "improved" in text:
                yield -1

    def _sign_of_lead(self, subject: str) -> int | None:
        """ "1.27 points ahead": by the gap that a number is."""
        gaps = {fact.key for claim in self.numbers for fact in claim.matched}
        if not gaps & {"lead", "overall_behind"}:
            return None
        return 1 if self._book.get(subject, "overall_behind") is None else -1

    def _sign_of_numbers(self) -> int | None:
        """Which of the numbers on its sides is more: "6.29 points, more than 5.45 from ..."."""
        before = [c for c in self.numbers if 0 <= self.match.start() - c.end < _REACH]
        after = [c for c in self.numbers if 0 <= c.start - self.match.end() < _REACH]
        if not before or not after or before[-1].kind != after[0].kind:
            return None
        return sign_of(before[-1].value - after[0].value)

    def _values(self, one: str, other: str) -> str:
        left, right = (self._book.text(each, self._key) or "unknown" for each in (one, other))
        return f"{self._key} {left} against {right}"


def _order(book: FactBook, one: str, other: str, key: str) -> int | None:
    """-1: the one has less than the other; None: they cannot be compared."""
    left, right = book.number(one, key), book.number(other, key)
    if left is None or right is None or other not in book.alike(one, key):
        return None
    return sign_of(left - right)
