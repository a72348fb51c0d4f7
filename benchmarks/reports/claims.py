"""What a report's sentences claim, held against what is true: apart from the pipeline's own check.

Written to be simple, and to know nothing of facts and citations: a sentence is read as a buyer
would, for names, amounts, percentages and words of direction. What it cannot read (a what-if, an
event of another day, a number without a noun) it does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.reports.scenarios import Event
from benchmarks.reports.truths import WINDOWS, GroupTruth, ProductTruth
from insights_assets.reports.schema import Report

_NUMBER = r"\d(?:[\d.,\u00a0\u202f’']*\d)?"
_AMOUNT = re.compile(rf"[$£€¥￥₹]\s?({_NUMBER})|({_NUMBER})\s?[€円]")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s?%")
#: What stands between an amount and the product after it that it is the price of.
_OF_THE_NEXT = re.compile(r" for \{(\d)\}")
#: After an amount or a share: it is no price, no change, but a distance.
_DISTANCE = re.compile(r" (?:(?:more|less) than|above|below|off) ")
_PRONOUN = re.compile(r"\b(?:it|its)\b", re.IGNORECASE)
#: The days of events: what is told of them was so on that day.
_DATED = re.compile(r"\b[A-Z][a-z]{2} \d{1,2}, \d{4}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[“\"A-Z0-9])")
_QUOTED = re.compile(r"“([^”]*)”")
_LINK = re.compile(r"https?://|www\.", re.IGNORECASE)
_WINDOW = re.compile(r"\b(\d+) days\b")
_STARS = re.compile(r"(\d(?:\.\d)?) stars")
_OVERALL = re.compile(r"overall score of ([\d.]+) points")
_RANK = re.compile(r"\brank\b.*?\b(?:of|to|at) ([\d,]+)", re.IGNORECASE)
#: Nothing of that sort is or was: it might be, or it is to be done.
_HYPOTHETICAL = re.compile(
    r"\b(?:would|could|should|might|up to|towards|test|bring|lower the)\b", re.IGNORECASE
)
_DOWN = re.compile(
    r"\b(?:cheaper|fell|fallen|dropp?ed|cut|lowered|slid|lost|declined|undercut|down by)\b",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:dearer|rose|risen|raised|climbed|put up|increased|won|up by)\b", re.IGNORECASE
)
_BETTER_RANK = re.compile(r"\b(?:improved|gaining ground|climbed)\b", re.IGNORECASE)
_WORSE_RANK = re.compile(r"\b(?:worsened|losing sales|slipped)\b", re.IGNORECASE)
_OUT = re.compile(
    r"\b(?:out of stock|sold out|cannot be bought|unavailable|back into stock)\b", re.IGNORECASE
)
_NONE_OUT = re.compile(r"\bno(?:ne| product)\b.*\bout of stock\b", re.IGNORECASE)
_IN_STOCK = re.compile(r"\b(?:well stocked|in stock again|back in stock)\b", re.IGNORECASE)
_SELLER = re.compile(r"\b(?:another|new|different|changed?)\b.*\bseller\b|\bseller\b.*\bchanged\b")
_LISTING = re.compile(
    r"\b(?:title|bullets|listing)\b.*\b(?:changed|edited|rewritten|replaced)\b", re.IGNORECASE
)
#: Words of a market's first: the feature, and whether the highest or the lowest has it.
_FIRSTS: tuple[tuple[re.Pattern[str], str, Callable[[list[float]], float]], ...] = (
    (re.compile(r"(?<!than )the cheapest|nobody sells for less", re.IGNORECASE), "price", min),
    (re.compile(r"the dearest", re.IGNORECASE), "price", max),
    (re.compile(r"the best rated", re.IGNORECASE), "rating", max),
    (re.compile(r"sells best", re.IGNORECASE), "primary_rank", min),
)


@dataclass(frozen=True)
class Sentence:
    """``text`` has ``{n}`` in place of the name of the product at position n."""

    text: str
    products: tuple[ProductTruth, ...]
    said: str


def sentences(report: Report, group: GroupTruth) -> Iterator[list[Sentence]]:
    """Of each statement and recommendation. One that names no product is about the last named."""
    for texts in _texts(report):
        about: tuple[ProductTruth, ...] = ()
        read = []
        for said in (each for text in texts for each in _SENTENCE_END.split(text)):
            text = said.replace(f"“{group.name}”", "the group").replace(group.name, "the group")
            for product in sorted(group.products, key=lambda p: -len(p.name)):
                text = text.replace(f"“{product.name}”", f"{{{product.position}}}")
                text = text.replace(product.name, f"{{{product.position}}}")
            named = tuple(group.products[int(n)] for n in re.findall(r"{(\d)}", text))
            about = named or about
            read.append(Sentence(text, about, said))
        yield read


def _texts(report: Report) -> Iterator[list[str]]:
    for section in type(report).model_fields:
        for part in getattr(report, section):
            text = getattr(part, "text", None)
            yield [text] if text is not None else [part.action, part.why, part.expected_effect]


def tells(sentence: Sentence, event: Event) -> bool:
    """Whether the sentence says that this happened to the product."""
    if event.position not in [product.position for product in sentence.products]:
        return False
    text = sentence.text
    match event.kind:
        case "price":
            return bool(_DOWN.search(text)) and not re.search(r"rating|stars|rank", text, re.I)
        case "rating":
            return bool(_DOWN.search(text)) and bool(re.search(r"rating|stars", text, re.I))
        case "stock":
            return bool(_OUT.search(text)) and not _NONE_OUT.search(text)
        case "seller":
            return bool(_SELLER.search(text))
        case "listing":
            return bool(_LISTING.search(text))


def claims(report: Report, group: GroupTruth) -> Iterator[tuple[str, bool]]:
    """Each claim that can be read: the sentence, what of it, and whether it is true."""
    for read in sentences(report, group):
        for sentence in read:
            for what, holds in _claims_of(sentence, group):
                yield f"{sentence.said} [{what}]", holds


def _claims_of(sentence: Sentence, group: GroupTruth) -> Iterator[tuple[str, bool]]:
    text = sentence.text
    for name in _QUOTED.findall(text):
        yield f"there is “{name}”", False
    if _LINK.search(text):
        yield "a link", False
    if _NONE_OUT.search(text):
        yield "none is out", not any(product.is_out for product in group.products)
    if _HYPOTHETICAL.search(text) or _DATED.search(text) or not sentence.products:
        return
    if not re.search(r"{\d}", text) and not _PRONOUN.search(text):
        return
    yield from _amounts(sentence)
    yield from _firsts(sentence, group)
    if len({product.position for product in sentence.products}) > 1:
        return
    product = sentence.products[0]
    yield from _directions(text, product)
    for stars in _STARS.findall(text):
        yield "stars", float(stars) == product.now["rating"]
    for points in _OVERALL.findall(text):
        yield "overall", product.overall is not None and abs(product.overall - float(points)) < 0.06
    for rank in _RANK.findall(text):
        if "top-level" in text:
            yield "rank", int(rank.replace(",", "")) == product.now["primary_rank"]
    if _OUT.search(text) and not _NONE_OUT.search(text):
        yield "out of stock", product.is_out
    if _IN_STOCK.search(text):
        yield "in stock", not product.is_out
    if _SELLER.search(text):
        yield "another seller", product.is_new_seller
    if _LISTING.search(text):
        yield "another listing", product.is_new_listing


def _amounts(sentence: Sentence) -> Iterator[tuple[str, bool]]:
    """An amount is a price of the product named before it, else of the first after it."""
    for found in _AMOUNT.finditer(sentence.text):
        before, after = sentence.text[: found.start()], sentence.text[found.end() :]
        next_one = _OF_THE_NEXT.match(after)
        named = [next_one[1]] if next_one else re.findall(r"{(\d)}", before)
        position = int(named[-1]) if named else sentence.products[0].position
        product = next((p for p in sentence.products if p.position == position), None)
        if product is None or _DISTANCE.match(after) or before.endswith("list price of "):
            continue
        amount = int(re.sub(r"\D", "", found[1] or found[2]))
        if "median" in before:
            # Half a unit, where it is the mean of two prices.
            median = product.peer_median
            yield "median", median is not None and abs(median - amount) <= 1
        elif re.search(r"\b(?:from|was|before|instead of)\s*$", before) and not next_one:
            yield "an earlier price", amount in product.prices
        else:
            yield "price", amount == product.price


def _firsts(sentence: Sentence, group: GroupTruth) -> Iterator[tuple[str, bool]]:
    """Who is said to be first of all: the last named before the word, else the first after it."""
    for words, column, extreme in _FIRSTS:
        if found := words.search(sentence.text):
            named = re.findall(r"{(\d)}", sentence.text[: found.start()])
            after = re.findall(r"{(\d)}", sentence.text[found.end() :])
            if named or after:
                product = group.products[int(named[-1] if named else after[0])]
                yield found[0], product.now[column] == extreme(group.values(column))
    if found := re.search(r"{(\d)} (?:leads|is out in front)", sentence.text):
        first = group.products[int(found[1])]
        # "among": of those that have a score for the same dimensions.
        overalls = [
            product.overall
            for product in group.products
            if product.overall is not None
            and (product.coverage == first.coverage or "among" not in sentence.text)
        ]
        yield "leads", first.overall == max(overalls)


def _directions(text: str, product: ProductTruth) -> Iterator[tuple[str, bool]]:
    """What moved which way, and by how much, over the days that are told or any that may be."""
    window = _WINDOW.search(text)
    windows = [int(window[1])] if window else list(WINDOWS)
    changes: list[float]
    if re.search(r"\brank\b", text, re.IGNORECASE):
        logs = [product.now.get(f"primary_rank_log_change_{days}d") for days in windows]
        changes = [2.718281828459045**log - 1 for log in logs if log is not None]
        up, down = _WORSE_RANK, _BETTER_RANK
    elif re.search(r"\b(?:rating|stars)\b", text, re.IGNORECASE):
        change = product.now["rating_change_30d"]
        changes, up, down = ([] if change is None else [change]), _UP, _DOWN
    else:
        known = [product.price_change(days) for days in windows if days in WINDOWS]
        changes, up, down = [change for change in known if change is not None], _UP, _DOWN
    told = 1 if up.search(text) else -1 if down.search(text) else 0
    # What scores and places were before is not known here.
    if not told or re.search(r"overall score|\bplace\b", text):
        return
    yield "direction", any(change * told > 0 for change in changes)
    share = _PERCENT.search(text)
    is_distance = share is not None and _DISTANCE.match(text[share.end() :]) is not None
    if share and not is_distance and "of the captured" not in text:
        size = float(share[1])
        yield "size", any(abs(abs(change) * 100 - size) < 0.06 for change in changes)
