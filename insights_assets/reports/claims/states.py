"""What a product is: in stock or not, without a score or a price, told of by an alert."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from insights_assets.reports.claims.fact_book import FactBook
from insights_assets.reports.claims.number_claims import NumberClaim
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.word_patterns import words
from insights_assets.reports.fact import GROUP, Fact

_BACK = words("back in stock", "back on the shelf", "returned to stock", "available again")
_OUT = words(
    *("out[- ]of[- ]stock", "sold out", "stock-?out", "not in stock", "off the shelf"),
    *("unavailable", "not available", "not buyable", "cannot be bought", "can't be bought"),
    "no longer (?:available|in stock)",
)
_IN = words(
    r"(?<!not )(?<!back )(?<!longer )in stock(?! on (?:only |just )?\d)",
    r"(?<!not )(?<!longer )(?<!un)available(?! again)",
    "can be bought(?! again)",
    "(?<!not )buyable",
)
_LIMITED = words(
    r"limited(?! (?:deals?|time|offers?|to|company)\b)",
    *("low stock", "low on stock", "stock is low", "running low", "few left", "in short supply"),
)
_FULL = words("well[- ]stocked", "fully stocked", "plentiful", "ample stock", "plenty of stock")
_PREORDER = words("pre-?orders?", "back-?orders?")
_UNKNOWN = words("unknown")
_NO_PRICE = words(
    "no (?:headline |current |known )?price(?! score| changes?| cut| move)",
    "(?:without a|has no) price(?! score)",
)
_SELLER = words(r"(?:buy[- ]box )?sellers?", "buy box", r"hijack\w*", "merchants?")
_LISTING_CHANGED = words(
    "listing (?:was |has been )?(?:changed|rewritten|edited)", "rewrote", "new title"
)
_NO_CAPTURE = words("(?:was )?not captured", "(?:no|without a) capture")
_ALERT = words("alerts?")

_SCORED = "(?:price|quality|popularity|overall)"
_NO_SCORE = re.compile(
    r"\b(?:no|without an?|lacks (?:an?|its)|misses an?|missing(?: its)?) "
    rf"(?P<dimension>{_SCORED})[- ]score"
    rf"|\b(?P<other>{_SCORED})[- ]score(?: (?:of|for) [^,;]{{0,6}})?"
    " (?:is missing|is absent|cannot be)"
)
#: Reason for a missing score -> its words.
_REASONS = {
    "no_price": words(
        *(r"range of (?:\w+ )?(?:variations|prices)", "price is a range"),
        r"no (?:\w+ )?price(?! score)",
        "(?:without|lacks) a price(?! score)",
        "price is (?:missing|hidden|unknown)",
        *("out of stock", "sold out", "unavailable", "cannot be bought", "buy box"),
    ),
    "no_peers": words("no peers", "without peers", "nobody to compare"),
    "no_priced_peers": words(
        r"peers? (?:\w+ ){0,3}(?:no )?prices?", "no priced peers", "peers with a price"
    ),
    "no_rated_peers": words("rated peers", r"peers? (?:\w+ ){0,3}ratings?"),
    "too_few_peers_in_nodes": words("too few", "not enough", "few peers", "enough of its peers"),
    "not_captured": words("captured?"),
    "stale_capture": words("stale", "captured?", "48 hours"),
    "no_rating": words("no rating", "unrated", "not (?:been )?rated"),
    "no_rating_count": words("number of ratings", "rating count"),
    "no_rank": words(r"no (?:sales )?rank_*", "unranked", "not ranked"),
}
#: Reason for a missing price -> its words.
_PRICE_REASONS = {
    "out_of_stock": words("out of stock", "sold out", "unavailable", "cannot be bought"),
    "no_buy_box": words("buy box", "featured offer"),
    "map_hidden": words("hidden", "hides", "kept back"),
    "variation_range": words("range", "variations?"),
    "not_on_page": words(
        r"not (?:\w+ )?on (?:the|its) page",
        "page (?:shows|has|gives) no(?:ne)?",
        r"none (?:\w+ ){0,3}on (?:the|its) page",
    ),
}
_BECAUSE_IT = words("because", "due to", "since it", "as it", "for lack", "for want")
_BECAUSE = words("because", "since", "as", "for lack", "due to", "for want")

#: Shortly before a state: it may be, is to be, or is to be prevented.
_NOT_SO = words(
    *("would", "could", "may", "might", "should", "if", "until", "unless", "before", "once"),
    *("risk", "avoid", r"prevent\w*", r"bring\w*", r"keep\w*"),
    *(r"stay\w*", r"get\w*", r"restock\w*", "back into", r"put\w*"),
)
#: How far before it, in characters.
_REACH = 30
_NONE = words(r"no \w+(?= (?:is|was|has|lacks)\b)", "no product", "none", "nothing", "neither")
_EVERYONE = words("all", "every", "each", "everything")
#: Words of a clause that tells of what was.
_PAST = words(
    *("was", "were", "been", "had", "went", "ran", "turned", "fell", "became", "become"),
    *("reported", "confirmed", "after", "on", "since", "again", "days?", "last report"),
    *("alert", "event"),
)
_AS_IT_WAS = words("unchanged", "still", "same", "not (?:been )?changed", "no (?:new|change of)")
_WAS_LIMITED = words("was", "after", "last report", "again", "before", "instead")
_NO_ALERT = re.compile(
    r"\b(?:no|without|zero|0|free of|any)\b[^,;]{0,20}\balerts?\b|\blast alert\b|\balert-free\b"
)
#: How the words of an event end that tells of a product out of stock.
_SHOW = ("in a row show.", "in a row shows.")
_LAST_REPORT = words("last report")
_NOW = words("now", "today")
_AS_BEFORE = words("as (?:it was )?(?:at|in) the last report", "still", "remains", "again")
_REMAINS = words("remains?", "remained", "is still")
_RETURNED = words("back", "returned", "returns")
_SHARE = re.compile(r"%|days")

_OUT_VALUES = frozenset({"out_of_stock", "unavailable"})
_IN_VALUES = frozenset({"in_stock", "limited"})


@dataclass(frozen=True)
class _Told:
    """A product of which a state is told, in the part of a sentence from ``first`` to ``last``."""

    subject: str
    sentence: Sentence
    first: int
    last: int

    @property
    def clause(self) -> str:
        return self.sentence.plain[self.first : self.last]

    @property
    def _book(self) -> FactBook:
        return self.sentence.book

    @property
    def _availability(self) -> str | None:
        return self._book.text(self.subject, "availability")

    @property
    def _availability_before(self) -> str | None:
        return self._book.text(self.subject, "availability_before")

    @property
    def _events(self) -> list[Fact]:
        return self.sentence.events(self.subject, self.first, self.last)

    def _event_says(self, *parts: str) -> bool:
        """Whether an event that is told of has one of these in its words."""
        return any(part in str(event.value) for event in self._events for part in parts)

    def is_out(self) -> bool:
        if self._availability in _OUT_VALUES:
            return True
        if self._event_says("back in stock") and _RETURNED.search(self.clause):
            return True  # "back in stock after 3 captures out of stock"
        was_out = self._availability_before in _OUT_VALUES
        is_told = self._event_says("is out of stock", "is unavailable")
        return _PAST.search(self.clause) is not None and (was_out or is_told)

    def is_back(self) -> bool:
        was_out = self._availability_before in _OUT_VALUES
        return self._availability in _IN_VALUES and (was_out or self._event_says("back in stock"))

    def is_in(self) -> bool:
        is_share = self._book.number(self.subject, "in_stock_share_30d") is not None
        if is_share and _SHARE.search(self.clause):
            return True  # a share of the time: its number is looked up
        if _LAST_REPORT.search(self.clause):
            was_in = self._availability_before in _IN_VALUES
            if _REMAINS.search(self.clause):
                return was_in and self._availability in _IN_VALUES
            if not _NOW.search(self.clause):
                return was_in
        dated = self.sentence.dated_events(self.subject, self.first, self.last)
        if any(str(event.value).endswith(_SHOW) for event in dated):
            return False
        return self._availability in _IN_VALUES

    def is_limited(self) -> bool:
        was_limited = self._availability_before == "limited"
        is_past = _WAS_LIMITED.search(self.clause) is not None
        return self._availability == "limited" or (was_limited and is_past)

    def is_full(self) -> bool:
        return self._availability == "in_stock"

    def is_on_order(self) -> bool:
        return self._availability in ("preorder", "backorder")

    def is_unknown(self) -> bool:
        if "availability" not in self.clause:
            return True  # no state of stock
        now, before = (
            each == "unknown" for each in (self._availability, self._availability_before)
        )
        if _AS_BEFORE.search(self.clause):
            return now and before
        return before if _LAST_REPORT.search(self.clause) else now

    def has_no_price(self) -> bool:
        return self._book.get(self.subject, "price") is None

    def has_news_of_its_seller(self) -> bool:
        if _AS_IT_WAS.search(self.clause):
            every = self._book.all_events(self.subject)
            return not any("seller" in str(event.value) for event in every)
        reason = self._book.text(self.subject, "price_missing_reason")
        return reason == "no_buy_box" or self._event_says("seller")

    def has_news_of_its_listing(self) -> bool:
        return self._event_says("listing")

    def has_alerts(self) -> bool:
        if _NO_ALERT.search(self.clause):
            return True  # of none, or of the one before: a number or an event
        return bool(self._book.number(self.subject, "alerts_7d")) or bool(self._events)

    def is_not_captured(self) -> bool:
        return any(
            str(fact.value) in ("not_captured", "stale_capture")
            for fact in self.sentence.cited
            if fact.subject == self.subject and fact.key.startswith("missing_")
        )


_STATES: tuple[tuple[re.Pattern[str], Callable[[_Told], bool]], ...] = (
    (_BACK, _Told.is_back),
    (_OUT, _Told.is_out),
    (_IN, _Told.is_in),
    (_LIMITED, _Told.is_limited),
    (_FULL, _Told.is_full),
    (_PREORDER, _Told.is_on_order),
    (_UNKNOWN, _Told.is_unknown),
    (_NO_PRICE, _Told.has_no_price),
    (_SELLER, _Told.has_news_of_its_seller),
    (_LISTING_CHANGED, _Told.has_news_of_its_listing),
    (_NO_CAPTURE, _Told.is_not_captured),
    (_ALERT, _Told.has_alerts),
)


def wrong_state(sentence: Sentence, numbers: Sequence[NumberClaim]) -> str | None:
    """The first state of a product that the facts contradict, or do not know."""
    for pattern, holds in _STATES:
        for match in pattern.finditer(sentence.plain):
            if _NOT_SO.search(sentence.plain[max(0, match.start() - _REACH) : match.start()]):
                continue
            problem = _problem(match, holds, sentence, numbers)
            if problem is not None:
                return problem
    return _wrong_reason(sentence)


def _problem(
    match: re.Match[str],
    holds: Callable[[_Told], bool],
    sentence: Sentence,
    numbers: Sequence[NumberClaim],
) -> str | None:
    first, last = sentence.clause(match.start(), match.end())
    clause, book = sentence.plain[first:last], sentence.book
    written = f"“{sentence.text[match.start() : match.end()]}”"

    def is_so(subject: str) -> bool:
        return holds(_Told(subject, sentence, first, last))

    if not any(first <= mention.start < last for mention in sentence.mentions):
        if _NONE.search(clause) and holds is not _Told.has_alerts:
            return f"{written} is so of some" if any(map(is_so, book.products)) else None
        counted = _counted(first, last, numbers)
        if "out_of_stock" in counted and holds is _Told.is_in:
            return f"{written}: only those out of stock are counted"
        if counted:
            return None  # its number is looked up
        if _EVERYONE.search(clause):
            return None if all(map(is_so, book.products)) else f"{written} is not so of all"
    for subject in sentence.subjects_at(match.start(), match.end()):
        if not is_so(subject):
            return f"{written} is not so of “{book.text(subject, 'name')}”"
    return None


def _counted(first: int, last: int, numbers: Sequence[NumberClaim]) -> set[str]:
    """What a clause counts of the group: "two products are out of stock"."""
    keys = {
        fact.key
        for claim in numbers
        if first <= claim.start < last
        for fact in claim.matched
        if fact.subject == GROUP and fact.unit == "count"
    }
    return keys - {"members"} or keys


def _wrong_reason(sentence: Sentence) -> str | None:
    """ "It has no price score, as it has no price": whether it is missing, and why."""
    for match in _NO_PRICE.finditer(sentence.plain):
        for subject in sentence.subjects_at(match.start(), match.end()):
            told = _PRICE_REASONS.get(sentence.book.text(subject, "price_missing_reason") or "")
            if _BECAUSE_IT.search(sentence.plain) and not (told and told.search(sentence.plain)):
                return f"“{sentence.text[match.start() : match.end()]}” has another reason"
    for match in _NO_SCORE.finditer(sentence.plain):
        group = "dimension" if match["dimension"] else "other"
        dimension = match[group]
        for subject in sentence.subjects_at(*match.span(group)):
            reason = sentence.book.text(subject, f"missing_{dimension}_score")
            told = _REASONS.get(reason or "")
            is_told = told is not None and told.search(sentence.plain) is not None
            if reason is None or (_BECAUSE.search(sentence.plain) and not is_told):
                return f"“{sentence.text[match.start() : match.end()]}” is not so"
    return None
