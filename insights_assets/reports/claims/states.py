"""What a product is: in stock or not, without a score or a price, told of by an alert."""

from __future__ import annotations

import re

from insights_assets.reports.claims.fact_book import FactBook
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.word_patterns import words
from insights_assets.reports.fact import GROUP

_OUT = words(
    "out[- ]of[- ]stock",
    "sold out",
    "unavailable",
    "not available",
    "cannot be bought",
    "stock-?out",
    "not in stock",
    "no longer (?:available|in stock)",
    "can't be bought",
    "not buyable",
    "off the shelf",
)
_BACK = words("back in stock", "back on the shelf", "returned to stock", "available again")
_IN = words(
    r"(?<!not )(?<!back )(?<!longer )in stock(?! on\b)",
    r"(?<!not )(?<!un)available(?! again)",
    "can be bought(?! again)",
    "buyable",
)
_LIMITED = words(
    r"limited(?! (?:deals?|time|offers?|to|company)\b)",
    "low stock",
    "running low",
    "few left",
    "low on stock",
    "in short supply",
    "stock is low",
)
_FULL = words("well[- ]stocked", "fully stocked", "plentiful", "ample stock", "plenty of stock")
_PREORDER = words("pre-?orders?", "back-?orders?")
_NO_PRICE = words(
    "no (?:headline |current |known )?price(?! score| changes?| cut| move)",
    "without a price(?! score)",
    "has no price(?! score)",
)
_NO_SCORE = re.compile(
    r"\b(?:no|without an?|lacks an?|missing|misses an?|lacks its|missing its) (?P<dimension>price|quality|popularity|overall)[- ]score"
    r"|(?P<other>price|quality|popularity|overall)[- ]score(?: (?:of|for) [^,;]{0,6})? (?:is missing|is absent|cannot be)"
)
#: Reason for a missing score -> its words.
_REASONS = {
    "no_price": words(
        r"no (?:\w+ )?price(?! score)",
        "without a price(?! score)",
        "out of stock",
        "buy box",
        "cannot be bought",
        "price is (?:missing|hidden|unknown)",
        "sold out",
        "unavailable",
        "lacks a price",
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
    "no_rank": words("no (?:sales )?rank_*", "unranked", "not ranked"),
}
_BECAUSE = words("because", "since", "as", "for lack", "due to", "for want")
_SELLER = words(r"(?:buy[- ]box )?sellers?", "buy box", r"hijack\w*", "merchants?")
_LISTING_CHANGED = words(
    r"listing (?:was |has been )?(?:changed|rewritten|edited)", "rewrote", "new title"
)
_NO_CAPTURE = words("not captured", "no capture", "without a capture", "was not captured")
_ALERT = words("alerts?")
_NOT_SO = re.compile(
    r"\b(?:would|could|if|may|might|until|unless|before|bring\w*|keep\w*|stay\w*|get\w*|once|restock\w*|risk|avoid|should|as long as|while it is|prevent\w*|back into|put\w*)\b"
)
_NONE = re.compile(r"\b(?:no product|none|nothing|neither)\b")
_EVERYONE = re.compile(r"\b(?:all|every|each|everything)\b")
_OUT_VALUES = frozenset({"out_of_stock", "unavailable"})
_IN_VALUES = frozenset({"in_stock", "limited"})
_PAST = re.compile(
    r"\b(?:was|were|been|went|ran|turned|had|after|on|since|last report|again|fell|alert|event|days?|reported|confirmed|became|become)\b"
)


def wrong_state(sentence: Sentence) -> str | None:
    """The first state of a product that the facts contradict, or do not know."""
    plain = sentence.plain
    for pattern, holds in (
        (_BACK, _is_back),
        (_OUT, _is_out),
        (_IN, _is_in),
        (_LIMITED, _is_limited),
        (_FULL, _is_full),
        (_PREORDER, _is_preorder),
        (_NO_PRICE, _has_no_price),
        (_SELLER, _seller_is_told),
        (_LISTING_CHANGED, _listing_is_told),
        (_NO_CAPTURE, _is_not_captured),
        (_ALERT, _has_alerts),
    ):
        for match in pattern.finditer(plain):
            if _NOT_SO.search(plain[max(0, match.start() - 30) : match.start()]):
                continue
            problem = _problem(match, sentence, holds)
            if problem is not None:
                return problem
    for match in _NO_SCORE.finditer(plain):
        dimension = match["dimension"] or match["other"]
        for subject in sentence.subjects_at(match.start(), match.end()):
            reason = sentence.book.text(subject, f"missing_{dimension}_score")
            told = _REASONS.get(reason or "")
            if reason is None or (
                _BECAUSE.search(plain) and (told is None or not told.search(plain))
            ):
                return f"“{sentence.text[match.start() : match.end()]}” is not so"
    return None


def _problem(match: re.Match[str], sentence: Sentence, holds: object) -> str | None:
    written = sentence.text[match.start() : match.end()]
    first, last = sentence.clause(match.start(), match.end())
    clause = sentence.plain[first:last]
    named = [m for m in sentence.mentions if first <= m.start < last]
    book = sentence.book
    if not named and re.search(r"\d|\bone\b", clause):
        return None  # a count of the group: the number is looked up
    if not named and (_NONE.search(clause) or _EVERYONE.search(clause)):
        is_none = _NONE.search(clause) is not None
        states = [holds(book, subject, sentence, clause) for subject in book.products]  # type: ignore[operator]
        return (
            None
            if any(states) is not is_none and all(states) is not is_none
            else (f"“{written}” is not so of all")
        )
    subjects = sentence.subjects_at(match.start(), match.end())
    if not named and any(fact.subject == GROUP for fact in sentence.cited):
        # A count of the group: the number is looked up.
        return None
    for subject in subjects:
        if not holds(book, subject, sentence, clause):  # type: ignore[operator]
            return f"“{written}” is not so of “{book.text(subject, 'name')}”"
    return None


def _availability(book: FactBook, subject: str) -> str | None:
    return book.text(subject, "availability")


def _event_says(sentence: Sentence, subject: str, *parts: str) -> bool:
    return any(
        part in str(event.value)
        for event in sentence.book.events(subject, sentence.cited)
        for part in parts
    )


def _is_out(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    if _availability(book, subject) in _OUT_VALUES:
        return True
    was = book.text(subject, "availability_before") in _OUT_VALUES
    told = _event_says(sentence, subject, "is out of stock", "is unavailable")
    return _PAST.search(clause) is not None and (was or told)


def _is_back(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    was_out = book.text(subject, "availability_before") in _OUT_VALUES
    is_in = _availability(book, subject) in _IN_VALUES
    return is_in and (was_out or _event_says(sentence, subject, "back in stock"))


def _is_in(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    if book.number(subject, "in_stock_share_30d") is not None and re.search(r"%|days", clause):
        return True  # a share: its number is looked up
    return _availability(book, subject) in _IN_VALUES


def _is_limited(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    was = book.text(subject, "availability_before") == "limited"
    is_past = re.search(r"\b(?:was|after|last report|again|before|instead)\b", clause) is not None
    return _availability(book, subject) == "limited" or (was and is_past)


def _is_full(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    return _availability(book, subject) == "in_stock"


def _is_preorder(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    return _availability(book, subject) in ("preorder", "backorder")


def _has_no_price(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    return book.get(subject, "price") is None


def _seller_is_told(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    reason = book.text(subject, "price_missing_reason")
    return reason == "no_buy_box" or _event_says(sentence, subject, "seller")


def _listing_is_told(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    return _event_says(sentence, subject, "listing")


def _has_alerts(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    if re.search(
        r"\b(?:no|without|zero|0|free of|any)\b[^,;]{0,20}\balerts?\b|last alert|alert-free", clause
    ):
        return True  # of none, or of the one before: a number or an event
    return bool(book.number(subject, "alerts_7d")) or bool(book.events(subject, sentence.cited))


def _is_not_captured(book: FactBook, subject: str, sentence: Sentence, clause: str) -> bool:
    reasons = [f for f in sentence.cited if f.subject == subject and f.key.startswith("missing_")]
    return any(str(fact.value) in ("not_captured", "stale_capture") for fact in reasons)
