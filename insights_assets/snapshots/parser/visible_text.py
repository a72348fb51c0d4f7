"""What a reader sees of an element: no scripts, no styles, no hidden parts, single spaces."""

from __future__ import annotations

import re
from collections.abc import Mapping

from selectolax.lexbor import LexborNode

_SKIPPED = frozenset(["script", "style", "noscript", "template", "select", "option", "-comment"])
_HIDDEN_CLASSES = frozenset(["aok-hidden", "a-hidden", "a-popover-preload"])
#: Elements and texts within whatever is no description: a price has ten, a widget a few hundred.
_SHORT = 1_000
#: Those within the longest text of a product.
LONG = 20_000
#: Marks that steer the direction of a text, and other characters without width.
_INVISIBLE = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def clean(text: str) -> str:
    """The text on one line with single spaces and without invisible characters."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())


def visible_text(node: LexborNode | None, *, most: int = _SHORT) -> str:
    """The element's visible text, cleaned; empty for None. At most so many of the elements and
    texts in it are looked at: a hostile page may put itself into each of its parts."""
    if node is None:
        return ""
    only = only_text(node)
    return clean(" ".join(text_pieces(node, most)) if only is None else only)


def inline_text(node: LexborNode | None) -> str:
    """The same for an element whose text is split inside words or numbers: pieces are joined
    without spaces between them."""
    return "" if node is None else clean("".join(text_pieces(node)))


def only_text(node: LexborNode) -> str | None:
    """The text of an element that holds nothing but one text, as most of the small ones do; None
    of others."""
    only = node.first_child
    if only is None or not only.is_text_node or only.next is not None:
        return None
    return only.text_content or ""


def text_pieces(node: LexborNode, most: int = _SHORT) -> list[str]:
    """The visible texts among the first ``most`` nodes below the element, in page order."""
    pieces: list[str] = []
    # No recursion: a hostile page may nest deeper than the interpreter's stack.
    waiting = [node.iter(include_text=True)]
    while waiting:
        for child in waiting[-1]:
            most -= 1
            if most < 0:
                return pieces
            if child.is_text_node:
                pieces.append(child.text_content or "")
            elif is_visible(child):
                waiting.append(child.iter(include_text=True))
                break
        else:
            waiting.pop()
    return pieces


def is_visible(node: LexborNode, attributes: Mapping[str, str | None] | None = None) -> bool:
    """Whether the element itself is shown; its parents are not asked. ``attributes`` are the
    element's, for a caller who has read them already.

    Text for screen readers (``aok-offscreen``) counts as visible: it says what is shown.
    """
    if node.tag in _SKIPPED:
        return False
    if attributes is None:
        attributes = node.attributes
    classes = attributes.get("class") or ""
    style = attributes.get("style") or ""
    hidden = ("hidden" in classes or "preload" in classes) and _is_hidden_by(classes)
    if not hidden and not ("none" in style and _is_not_displayed(style)):
        return True
    if "newAccordionRow" in (attributes.get("id") or ""):
        return True  # the new item's offer, folded while another option is chosen
    # Or what is one click away, and part of what the page says.
    return not hidden and "a-expander-content" in classes


def _is_hidden_by(classes: str) -> bool:
    return not _HIDDEN_CLASSES.isdisjoint(classes.split())


def _is_not_displayed(style: str) -> bool:
    return re.search(r"display\s*:\s*none", style) is not None
