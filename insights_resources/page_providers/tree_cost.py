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


def _begins_formatting(first: int, second: int) -> bool:
    """Whether the two bytes after a ``<`` may begin the name of a formatting element."""
    letter, following = chr(first).lower(), chr(second).lower()
    return (letter in "bisu" and (following <= " " or following in "/>")) or (
        letter + following in ("bi", "co", "em", "fo", "sm", "st", "tt")
    )


#: For each pair of bytes, as a number: whether a formatting element may begin with them.
_BEGINS_FORMATTING = np.array(
    [_begins_formatting(first, second) for first in range(256) for second in range(256)]
)
_IS_LETTER = np.array([chr(byte).isascii() and chr(byte).isalpha() for byte in range(256)])


def may_be_costly(html: bytes) -> bool:
    """True for every page (UTF-8) whose tree could take long, and for few others."""
    text = np.frombuffer(html, np.uint8)
    at = np.flatnonzero(text[:-2] == ord("<"))
    first = text[at + 1]
    starts = int(np.count_nonzero(_IS_LETTER[first]))
    if starts > MAX_QUICK_STARTS:
        return True
    candidates = at[_BEGINS_FORMATTING[first.astype(np.uint16) << 8 | text[at + 2]]]
    unclosed = 0
    for position in candidates.tolist():
        if not _CLOSED_AT_ONCE.match(html, position) and _FORMATTING.match(html, position):
            unclosed += 1
            if unclosed * starts > MAX_REOPENED:
                return True
    return False
