"""What every part of the parser works on: the tree, the marketplace, how numbers are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborHTMLParser, LexborNode

from insights_assets.snapshots.parser.money import NumberStyle
from insights_resources.marketplaces import MARKETPLACES, Marketplace
from insights_resources.page_providers.document import PageDocument


@dataclass
class Page:
    """A product page. ``sources`` collects, for each field, where its value stood."""

    tree: LexborHTMLParser
    html: str
    marketplace: Marketplace
    style: NumberStyle
    sources: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: PageDocument, domain: str) -> Page:
        marketplace = MARKETPLACES[domain]
        root = document.tree.css_first("html")
        language = (root.attributes.get("lang") or "") if root is not None else ""
        return cls(
            document.tree,
            document.html,
            marketplace,
            NumberStyle(marketplace, _language(language, marketplace)),
        )

    def first(self, selector: str, within: LexborNode | None = None) -> LexborNode | None:
        """The first element of the selector that a visitor sees."""
        return next(self.all(selector, within), None)

    def all(self, selector: str, within: LexborNode | None = None) -> Iterator[LexborNode]:
        """Each element of the selector that a visitor sees."""
        for node in (within if within is not None else self.tree).css(selector):
            if not is_hidden(node):
                yield node

    def text(self, selector: str, within: LexborNode | None = None) -> str | None:
        """The text of the first element, white space folded; None: no element, or no text."""
        node = self.first(selector, within)
        return (text_of(node) or None) if node is not None else None

    def found(self, name: str, source: str) -> None:
        """Notes where a field's value stood."""
        self.sources[name] = source


#: Elements that begin on a new line.
_BLOCKS = frozenset(
    ("br", "div", "dd", "dl", "dt", "h1", "h2", "h3", "h4", "h5", "li", "ol", "p")
    + ("table", "tbody", "td", "th", "tr", "ul")
)
#: Marks of writing direction stand around text on Arabic and English pages alike.
_UNSEEN = {0x200B: None, 0x200E: None, 0x200F: None}


def lines_of(node: LexborNode) -> list[str]:
    """The element's text without scripts and styles, a line for each block, white space folded."""
    parts: list[str] = []
    for part in node.traverse(include_text=True):
        if part.tag in _BLOCKS:
            parts.append("\n")
        elif part.is_text_node and (
            part.parent is None or part.parent.tag not in ("script", "style", "noscript")
        ):
            # A line break in the source is a space on the screen.
            parts.append((part.text_content or "").replace("\n", " "))
    lines = "".join(parts).translate(_UNSEEN).split("\n")
    return [folded for line in lines if (folded := " ".join(line.split()))]


def text_of(node: LexborNode) -> str:
    """As ``lines_of``, in one line."""
    return " ".join(lines_of(node))


def is_hidden(node: LexborNode) -> bool:
    """Whether the element or one around it is not shown (templates, other variations)."""
    current: LexborNode | None = node
    while current is not None and current.tag not in ("body", "html", "-undef"):
        classes = current.attributes.get("class") or ""
        if "aok-hidden" in classes or "a-hidden" in classes.split():
            return True
        style = current.attributes.get("style") or ""
        if "display:none" in style.replace(" ", "").lower():
            return True
        current = current.parent
    return False


def _language(declared: str, marketplace: Marketplace) -> str | None:
    """The page's language among those of its marketplace; None: as the marketplace itself."""
    wanted = declared.strip().replace("_", "-").lower()
    if not wanted:
        return None
    for language in marketplace.languages:
        if language.lower() == wanted:
            return language
    for language in marketplace.languages:
        if language.partition("-")[0].lower() == wanted.partition("-")[0]:
            return language
    return None
