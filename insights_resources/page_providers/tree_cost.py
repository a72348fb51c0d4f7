"""Whether building a page's tree could take long, from a quick look at its bytes.

Each tag, of an end too, may be compared with all elements that are open, and an unclosed formatting
element (``<b>``) may be opened again inside each following block. With few start tags for the tags
that there are, and few formatting tags that are not closed at once, neither can become much,
whatever the page; a real page passes. Only what does not is worth the exact scan of ``nesting``.
"""

from __future__ import annotations

import re

import numpy as np

#: Start tags times tags: comparisons with open elements that, at their worst, take a second. Real
#: pages of 3 MB have 10,000 and 20,000.
MAX_COMPARISONS = 200_000_000
#: Elements that unclosed formatting tags may be opened again as.
MAX_REOPENED = 200_000

_NAMES = rb"i|b|strong|big|code|em|font|s|small|strike|tt|u"
#: In one case or the other: looking at each letter without its case takes half as long again.
_SPELLED_NAMES = _NAMES + rb"|" + _NAMES.upper()
# Only characters repeat possessively: before Python 3.11.5 a group that does may match wrongly.
# No text can be read in two ways, so that what does not match costs no time either; but for a few
# attributes as most are written, which come first because they are read quicker so.
_ATTRIBUTES = (
    rb"(?: [a-z-]++=\"[^\"]*+\"){0,8}"
    rb"(?:[\s/]++|[^\s/>=\"'<]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'<]++))?)*"
)
_FORMATTING = re.compile(rb"<(?:" + _NAMES + rb")(?=[\s/>])", re.IGNORECASE)
#: A formatting element with nothing but text, spans and line breaks in it: surely closed.
_CLOSED_AT_ONCE = re.compile(
    rb"<(?P<name>" + _SPELLED_NAMES + rb")(?=[\s/>])" + _ATTRIBUTES + rb">[^<]*+"
    rb"(?:<(?:span\b" + _ATTRIBUTES + rb">[^<]*+</span|br ?/?)>[^<]*+)*</(?P=name)>"
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
    # ``take`` picks out of an array several times faster than brackets do.
    first = text.take(at + 1)
    starts = int(np.count_nonzero(_IS_LETTER.take(first)))
    if starts * len(at) > MAX_COMPARISONS:
        return True
    pairs = first.astype(np.uint16) << 8 | text.take(at + 2)
    unclosed = 0
    for position in at[_BEGINS_FORMATTING.take(pairs)].tolist():
        if not _CLOSED_AT_ONCE.match(html, position) and _FORMATTING.match(html, position):
            unclosed += 1
            if unclosed * starts > MAX_REOPENED:
                return True
    return False
