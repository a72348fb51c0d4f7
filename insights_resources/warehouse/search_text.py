"""Text as it is searched: folded, cut into words, and the words into what the index holds.

Documents are folded here, on either engine, and stored; queries here or, by the same tables, in
PostgreSQL (``search_functions``). No locale of a database has a say in it.

Folding: compatibility characters, accents and case are taken away. Words are what stands between
separators; where a script without spaces (Han, kana, Hangul, Thai, ...) meets another, a word ends.
The index holds each word of other scripts, and each character and each pair of neighbours of those
without spaces: so a word is found inside such a run. What the index finds is then compared with the
text itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from insights_resources.warehouse.column_types import clean_text

#: Of a query only so many characters count, and so many of its words.
QUERY_CHARACTERS = 200
QUERY_TERMS = 12
#: As many again may come of folding (U+FDFA alone becomes 18 characters).
FOLDED_CHARACTERS = 400
#: Shorter ones would match too much of the index.
SHORTEST_PREFIX = 3
#: Longer words are cut in the index.
TOKEN_CHARACTERS = 64
#: Longer fields of a document are cut.
FIELD_CHARACTERS = 20_000

#: In front of a token: it stands in the title or the brand. No token begins with a separator.
NAMED = "!"
#: In front of a marketplace.
OF_MARKETPLACE = "#"
FIELD_END = "\n"
#: What a word weighs by the field in which it stands first: title, brand, bullets, description.
WEIGHTS = (1.0, 0.8, 0.4, 0.1)

# Parts of character classes, in the spelling that Python's regular expressions and PostgreSQL's
# share.
#: Scripts written without spaces, and Hangul, whose words carry endings.
UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
#: Accents, vowel points and what is invisible.
REMOVED = (
    r"\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    r"\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u2064\u20d0-\u20f0\ufe00-\ufe0f\ufe20-\ufe2f\ufeff"
    r"\U000e0000-\U000e01ef"
)
_SEPARATORS_BEFORE_STAR = r"\u0001-\u0029"
_SEPARATORS_AFTER_STAR = (
    r"\u002b-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u02b0-\u02ff\u037e\u0387"
    r"\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05c6\u05f3\u05f4\u060c\u060d\u061b-\u061f"
    r"\u066a-\u066d\u06d4\u0964\u0965\u0970\u2000-\u2bff\u2e00-\u2e7f\u3000-\u3004\u3006"
    r"\u3008-\u3040\u30a0\u30fb\ue000-\uf8ff\ufd3e\ufd3f\ufe30-\ufe6f\uffe0-\uffff"
    r"\U0001f000-\U0001faff"
)
SEPARATORS = _SEPARATORS_BEFORE_STAR + r"\u002a" + _SEPARATORS_AFTER_STAR
SEPARATORS_BUT_STAR = _SEPARATORS_BEFORE_STAR + _SEPARATORS_AFTER_STAR
#: Would be folded to letters of the word before them.
MARKS_AFTER_NAMES = "\u2120\u2122"  # SM, TM
#: One letter becomes several.
SPELLED_OUT = {"\xdf": "ss", "\u1e9e": "ss", "\xe6": "ae", "\u0153": "oe", "\xfe": "th"}


def _letters() -> dict[str, str]:
    """Letter -> its folded form, where no accent can be taken off."""
    without_stroke = {
        "\xf0": "d",
        "\xf8": "o",
        "\u0111": "d",
        "\u0127": "h",
        "\u0131": "i",
        "\u0142": "l",
        "\u0167": "t",
        "\u03c2": "\u03c3",  # sigma at a word's end
    }
    folded = dict(without_stroke)
    # Latin, Greek, Cyrillic and Armenian have capitals.
    for code in range(0x41, 0x590):
        letter = chr(code)
        small = letter.lower()
        if unicodedata.normalize("NFKD", letter) == letter and len(small) == 1 and small != letter:
            folded[letter] = without_stroke.get(small, small)
    return folded


LETTERS = _letters()

_LETTER_TABLE = str.maketrans(LETTERS)
_SPELLED_OUT_TABLE = str.maketrans(SPELLED_OUT)
_MARKS_TABLE = str.maketrans(dict.fromkeys(MARKS_AFTER_NAMES, " "))
_REMOVED = re.compile(f"[{REMOVED}]")
_SEPARATORS = re.compile(f"[{SEPARATORS}]+")
_SEPARATORS_BUT_STAR = re.compile(f"[{SEPARATORS_BUT_STAR}]+")
_LEAVES_UNSPACED = re.compile(f"([{UNSPACED}])([^{UNSPACED} ])")
_ENTERS_UNSPACED = re.compile(f"([^{UNSPACED} ])([{UNSPACED}])")
_UNSPACED = re.compile(f"[{UNSPACED}]")


@dataclass(frozen=True)
class Term:
    """One thing that a query asks for: a piece of folded text, and its tokens in the index."""

    needle: str
    tokens: tuple[str, ...]
    #: The one token is the beginning of a word.
    is_prefix: bool = False


@dataclass(frozen=True)
class Document:
    """A listing as it is searched: its folded text, fields in the order of ``WEIGHTS``, and the
    index's tokens of it, sorted, with spaces between."""

    folded: str
    tokens: str


def fold(text: str) -> str:
    """The text without case, accents and compatibility characters."""
    if text.isascii():
        return text.lower()
    marked = unicodedata.normalize("NFKD", text.translate(_MARKS_TABLE))
    composed = unicodedata.normalize("NFKC", _REMOVED.sub("", marked))
    return composed.translate(_LETTER_TABLE).translate(_SPELLED_OUT_TABLE)


def document(
    marketplace: str,
    title: str | None,
    brand: str | None,
    bullets: Sequence[str] | None,
    description: str | None,
) -> Document:
    """A listing to be stored."""
    fields = [
        [_words(title or "")],
        [_words(brand or "")],
        [_words(bullet) for bullet in bullets or [""]],
        [_words(description or "")],
    ]
    tokens = {OF_MARKETPLACE + marketplace}
    for place, field in enumerate(fields):
        for words in field:
            for token in _document_tokens(words):
                tokens.add(token)
                if place < 2:
                    tokens.add(NAMED + token)
    # A phrase is found within one bullet only.
    folded = FIELD_END.join(
        "\t".join(f" {' '.join(words)} " if words else " " for words in field) for field in fields
    )
    return Document(folded, " ".join(sorted(tokens)))


def query_terms(query: str) -> list[Term]:
    """What a query asks for, all of it: words, "phrases" in quotation marks, and beginnings* of
    words. Nothing for a query without a word."""
    folded = fold(clean_text(query)[:QUERY_CHARACTERS])[:FOLDED_CHARACTERS]
    parts = folded.split('"')
    terms: list[Term] = []
    for number, part in enumerate(parts):
        # An opening mark that nothing closes opens nothing.
        if number % 2 == 1 and number < len(parts) - 1:
            words = _cut(part, _SEPARATORS)
            if words:
                terms.append(Term(_needle(" ".join(words)), tuple(_query_tokens(words))))
            continue
        for word in _cut_with_stars(part):
            stem = word.rstrip("*")
            is_prefix = stem != word and len(stem) >= SHORTEST_PREFIX and not _UNSPACED.match(stem)
            needle = f" {stem}" if is_prefix else _needle(stem)
            terms.append(Term(needle, tuple(_query_tokens([stem])), is_prefix))
    return terms[:QUERY_TERMS]


def rank(folded: str, terms: Sequence[Term]) -> float:
    """How well a text that has all the terms answers them, above 0 to 1: their mean weight."""
    places = (folded.count(FIELD_END, 0, folded.index(term.needle)) for term in terms)
    return sum(WEIGHTS[place] for place in places) / len(terms)


def _words(text: str) -> list[str]:
    return _cut(fold(clean_text(text[:FIELD_CHARACTERS])), _SEPARATORS)


def _cut(folded: str, separators: re.Pattern[str]) -> list[str]:
    spaced = separators.sub(" ", folded)
    if not spaced.isascii():
        spaced = _LEAVES_UNSPACED.sub(r"\1 \2", spaced)
        spaced = _ENTERS_UNSPACED.sub(r"\1 \2", spaced)
    return [word for word in spaced.split(" ") if word]


def _cut_with_stars(folded: str) -> Iterator[str]:
    """The words, with a star behind those that one follows."""
    for word in _cut(folded, _SEPARATORS_BUT_STAR):
        yield from (part for part in re.sub(r"\*+", "* ", word).split(" ") if part.strip("*"))


def _needle(words: str) -> str:
    """Words of scripts with spaces are found whole."""
    before = "" if _UNSPACED.match(words[0]) else " "
    after = "" if _UNSPACED.match(words[-1]) else " "
    return f"{before}{words}{after}"


def _document_tokens(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if _UNSPACED.match(word):
            yield from word
            yield from map("".join, pairwise(word))
        else:
            yield word[:TOKEN_CHARACTERS]


def _query_tokens(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if len(word) > 1 and _UNSPACED.match(word):
            yield from map("".join, pairwise(word))
        else:
            yield word[:TOKEN_CHARACTERS]
