"""Whether building a page's tree could take long, from a quick look at its bytes.

Building takes time in proportion to elements times depth, and an unclosed formatting element
(``<b>``) may be opened again inside each following block. With few start tags, and few formatting
tags that are not closed at once, neither can become much, whatever the page; a real page passes.
Only what does not is worth the exact scan of ``nesting``.
"""

from __future__ import annotations

import re

import numpy as np

#: Start tags whose tree, at its worst, takes a tenth of a second.
MAX_QUICK_STARTS = 8_000
#: Elements that unclosed formatting tags may be opened again as.
MAX_REOPENED = 200_000

_NAMES = rb"b|big|code|em|font|i|s|small|strike|strong|tt|u"
# Only characters repeat possessively: before Python 3.11.5 a group that does may match wrongly.
# No text can be read in two ways, so that what does not match costs no time either.
_ATTRIBUTES = rb"(?:[\s/]++|[^\s/>=\"'<]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'<]++))?)*"
_FORMATTING = re.compile(rb"<(?:" + _NAMES + rb")(?=[\s/>])", re.IGNORECASE)
#: A formatting element with nothing but text, spans and line breaks in it: surely closed.
_CLOSED_AT_ONCE = re.compile(
    rb"<(?P<name>" + _NAMES + rb")(?=[\s/>])" + _ATTRIBUTES + rb">[^<]*+"
    rb"(?:<(?:span\b" + _ATTRIBUTES + rb">[^<]*+</span|br ?/?)>[^<]*+)*</(?P=name)>",
    re.IGNORECASE,
)
_IS_ONE_LETTER = np.isin(np.arange(256), np.frombuffer(b"bisu", np.uint8))
#: First two letters of the longer names, as numbers.
_TWO_LETTERS = np.array(
    [
        int.from_bytes(letters, "big")
        for letters in (b"bi", b"co", b"em", b"fo", b"sm", b"st", b"tt")
    ]
)


def may_be_costly(html: bytes) -> bool:
    """True for every page (UTF-8) whose tree could take long, and for few others."""
    text = np.frombuffer(html, np.uint8)
    at = np.flatnonzero(text == ord("<"))
    at = at[at < len(text) - 2]
    first, second = text[at + 1] | 0x20, text[at + 2]
    starts = int(np.count_nonzero((first >= ord("a")) & (first <= ord("z"))))
    if starts > MAX_QUICK_STARTS:
        return True
    # Where a tag begins whose first letters are those of a formatting element.
    ends = (second <= ord(" ")) | (second == ord("/")) | (second == ord(">"))
    pair = first.astype(np.int64) << 8 | second | 0x20
    candidates = at[(_IS_ONE_LETTER[first] & ends) | np.isin(pair, _TWO_LETTERS)]
    unclosed = 0
    for position in candidates.tolist():
        if _FORMATTING.match(html, position) and not _CLOSED_AT_ONCE.match(html, position):
            unclosed += 1
            if unclosed * starts > MAX_REOPENED:
                return True
    return False
