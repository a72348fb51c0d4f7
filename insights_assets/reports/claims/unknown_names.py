"""Names that are nobody's: what is quoted, or begins with a capital, must be known."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from spellchecker import SpellChecker

from insights_assets.reports.claims.fact_book import is_event
from insights_assets.reports.claims.sentence import Sentence
from insights_assets.reports.claims.written_numbers import currencies_beside
from insights_resources.marketplaces import MARKETPLACES

_QUOTED = re.compile(r"[“„«\"]([^“”„»«\"]{1,200})[”“»\"]")
_CAPITAL = re.compile(r"(?<![\w'’.-])[^\W\d_]*[A-Z\u00c0-\u00dd][\w'’-]*")
#: Letters that no English word has.
_OTHER_SCRIPT = re.compile(r"[^\W\d_a-zA-Z\u00aa-\u024f\ue000-\uf8ff]+")
#: Words with a capital that name no product.
_KNOWN_WORDS = (
    "Amazon Best Sellers Seller Rank Ranks Buy Box Prime Subscribe Save Black Friday Cyber "
    "Monday January February March April May June July August September October November "
    "December Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Tuesday Wednesday Thursday "
    "Saturday Sunday UTC SWOT ASIN I SKU US UK EU USA Germany France Japan Italy Spain Canada "
    "Mexico India Europe Brazil Poland Sweden Netherlands Belgium Ireland Turkey Egypt "
    "Australia Singapore"
)
_KNOWN = frozenset(_KNOWN_WORDS.split())
#: Times that a usual word stands in the texts that the dictionary was made from, at least.
_USUAL = 500
#: Rare words that a report begins a sentence with.
_OF_THE_TRADE = frozenset(
    {"caveat", "caveats", "reprice", "repricing", "restock", "restocking", "undercutting"}
)
_FIRST_WORD = re.compile(r"^\W*([^\W\d_][\w'’-]*)")


def unknown_name(sentence: Sentence) -> str | None:
    """The first name that is no product's, nor the group's, nor one of Amazon's words."""
    for match in _QUOTED.finditer(sentence.text):
        inner = match[1]
        if any(character in sentence.names for character in inner) or _is_told(inner, sentence):
            continue
        return f"“{inner}” is no name of the group"
    first = _FIRST_WORD.match(sentence.text)
    events = [str(fact.value) for fact in sentence.cited if is_event(fact)]
    known = _words((*sentence.book.names, *events))
    for match in _CAPITAL.finditer(sentence.text):
        word = re.sub(r"(?:['’]s|['’])$", "", match[0])
        is_first = first is not None and match.start() == first.start(1)
        if is_first and _is_english(re.split(r"['’-]", word.lower())[0]):
            continue
        parts = (word,) if word in known else word.split("-")
        if all(part in _KNOWN or part in known or part.isdigit() for part in parts):
            continue
        beside = (
            sentence.text[max(0, match.start() - 1) : match.start()],
            sentence.text[match.end() :][:1],
        )
        is_sign = any(each and unicodedata.category(each) == "Sc" for each in beside)
        if is_sign or word.rstrip("0123456789").upper() in _CURRENCIES:
            continue
        letters = word.rstrip("0123456789")
        if letters != word and currencies_beside(letters, "", sentence.book.locale):
            continue  # "R12,99": the amount is looked up
        return f"“{word}” is no name of the group"
    for match in _OTHER_SCRIPT.finditer(sentence.text):
        if not any(match[0] in name for name in (*sentence.book.names, *events)):
            return f"“{match[0]}” is no name of the group"
    for subject in {mention.subject for mention in sentence.mentions}:
        if not any(fact.subject == subject for fact in sentence.cited):
            return f"no fact of “{sentence.book.text(subject, 'name')}” is cited"
    return None


_CURRENCIES = frozenset(market.currency for market in MARKETPLACES.values())


def _is_told(quoted: str, sentence: Sentence) -> bool:
    """Whether a cited event names it: a seller."""
    return any(f'"{quoted}"' in str(fact.value) for fact in sentence.cited if is_event(fact))


@cache
def _dictionary() -> SpellChecker:
    return SpellChecker(language="en", distance=1)


def _is_english(word: str) -> bool:
    """Whether it is a usual word: the rare ones of a dictionary are brands and surnames too."""
    return word in _OF_THE_TRADE or _dictionary()[word] >= _USUAL


@lru_cache(maxsize=64)
def _words(names: tuple[str, ...]) -> frozenset[str]:
    """The words of the names of the group and its products, such as a brand's, and of events."""
    return frozenset(word for name in names for word in re.findall(r"\w[\w'’-]*", name))
