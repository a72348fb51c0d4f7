"""What the seller wrote: title, brand, bullets, description, images, breadcrumbs, variations."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from selectolax.lexbor import LexborNode

from insights_assets.snapshots.parser.evidence import Rejected
from insights_assets.snapshots.parser.page_reading import PageReading, Part
from insights_assets.snapshots.parser.visible_text import LONG, clean, visible_text
from insights_resources.marketplaces import is_asin
from insights_resources.page_providers.verdict import product_title

#: How bylines name the brand, in the shops' languages; the group is the brand.
_BRAND_LINE = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"^(?:brand|marke|marque|marca|merk|märke|varumärke|marka|značka|mærke|ブランド"
        r"|العلامة التجارية|ماركة|ब्रांड|品牌)\s*[:：]\s*(.+)$",
        r"^visit the (.+?) store$",
        r"^besuchen? sie den (.+?)[- ]?store$",
        r"^besuche den (.+?)[- ]?store$",
        r"^visite[rz]? la boutique (?:de )?(.+)$",
        r"^visita (?:lo store di|la tienda de|la store de) (.+)$",
        r"^visitar? la tienda (?:de )?(.+)$",
        r"^consulter la boutique (?:de )?(.+)$",
        r"^visit(?:e|a|ar) a loja (?:da |de |do )?(.+)$",
        r"^bezoek de (.+?)[- ](?:store|winkel)$",
        r"^besök (.+?)(?:s|-)? ?(?:store|butik(?:en)?)$",
        r"^odwiedź sklep (.+)$",
        r"^(.+?) (?:store|mağaza)(?:sı)?'?n?u?(?:'?[nyı]+[ıiuü])? ziyaret ed(?:in|iniz)$",
        r"^navštivte obchod (.+)$",
        r"^besøg (.+?)(?:-butikken|s? butik)$",
        r"^(.+?)のストアを表示$",
        r"^(?:قم بزيارة متجر|زيارة متجر|تسوق من متجر) (.+)$",
        r"^(.+?) (?:स्टोर|store) पर जाएं$",
        r"^访问 ?(.+?) ?(?:品牌旗舰店|商店|店铺)$",
        r"^(?:by|von|de|di|da|por|van|av|od) (.+)$",
    )
)
#: Labels of the brand in tables of facts.
_BRAND_LABEL = re.compile(
    r"(?i)^(?:brand(?: name)?|marke|marque|marca|merk(?:naam)?|märke|varumärke|marka|značka|mærke"
    r"|ブランド(?:名)?|العلامة التجارية|اسم العلامة التجارية|ब्रांड|品牌)\s*[:：]?$"
)
_BYLINE = (("#bylineInfo", "#brand"),)
_BRAND_ROW = ("#productOverview_feature_div tr.po-brand td:last-child",)
_FACTS = ("#productDetails_techSpec_section_1 tr", "#prodDetails tr")
#: A byline in a form that is not known yet, and those of films: nothing in them is the brand.
_NO_BRAND = re.compile(
    r"(?i)^(?:visit|besuch|visite|consult|bezoek|besök|odwiedź|navštiv|besøg|访问|زيارة|قم بزيارة)"
    r"|^(?:format|platform|plattform|rated|regie|starring)\b.*:|ziyaret|ストアを"
)
#: Amazon's programmes stand in the byline of refurbished items; the brand is in the details.
_PROGRAMME = re.compile(r"(?i)^amazon (?:renewed|refurbished|warehouse|resale)$")
_FITMENT = (
    "#replacementPartsFitmentBullet",
    "#hsx-rpp-bullet-fits-message",
    "#feature-bullets .hsx-rpp-fitment-focus",
)
#: Begins with a plain word, which is found many times faster than a choice of quotes.
_GALLERY = re.compile(
    r"initial(?<=[\"']initial)[\"']\s*:\s*(?P<call>[\w$.]{1,40}\(\s*['\"])?(?=\[)"
)
_MOST_GALLERIES = 8
_MOST_IMAGES = 100
_BULLETS = (
    "#feature-bullets li",
    "#featurebullets_feature_div li",
    "#feature-bullets-btf li",
    "#productFactsDesktopExpander ul li",
    "#feature_bullets_list li",
)
_DESCRIPTION = (
    "#productDescription",
    "#bookDescription_feature_div .a-expander-content",
    "#bookDescription_feature_div",
    "#product-description",
    "#productDescription_fullView",
)
_BREADCRUMBS = (
    "#wayfinding-breadcrumbs_feature_div a",
    "#wayfinding-breadcrumbs_container a",
    "#showing-breadcrumbs_div a",
    ".a-breadcrumb a",
)
_MAIN_IMAGE = (
    "#landingImage",
    "#imgBlkFront",
    "#ebooksImgBlkFront",
    "#main-image",
    "#prodImage",
    "#main-image-container img",
    "#aw-image-block img",
    "#previous-image",
    "#imageBlock img",
    "#ebooks-img-canvas img",
    "#imageGallery img",
    "#image-block img",
)
_THUMBNAILS = (
    "#altImages li.item:not(.videoThumbnail) img",
    "#altImages li.imageThumbnail:not(.item) img",
)
#: Where layouts have the scripts with the gallery's data, and with the variations'.
_GALLERY_SCRIPTS = ("#imageBlock_feature_div script", "#imageBlock script")
_VARIATION_SCRIPTS = (
    "#early-twister-js-init_feature_div script",
    "#twisterJsInitializer_feature_div script",
    "#twister_feature_div script",
    "#imageBlockVariations_feature_div script",
    "#mediaBlockVariations_feature_div script",
)
_SIZE_IN_IMAGE = re.compile(r"\._[^/]*_(?=\.[a-zA-Z]{3,4}$)")
_PARENT = re.compile(r"parentAsin[\"']?\s*[:=]\s*[\"']?([A-Z0-9]{10})\b")
_IMAGE_ADDRESS = re.compile(r"https?://[^\s\"'<>]+?/images/I/[^\s\"'<>]+?\.(?:jpe?g|png|gif|webp)")


def title(page: PageReading) -> str:
    """The product's title."""
    found = product_title(page.document)
    if found is not None:
        text = visible_text(found[0])
        if text:
            page.evidence.consider("title", found[1], text)
            return text
    return ""


def brand(page: PageReading) -> str | None:
    """The brand without the words around it; None for books, whose byline names people."""

    def in_byline(node: LexborNode) -> str | Rejected | None:
        if node.css_first(".author, .contributorNameID") is not None:
            return Rejected("names an author")
        if _is_book(page):
            return Rejected("a book has no brand")
        name = _brand_in_line(visible_text(node))
        if name:
            return Rejected("is one of Amazon's programmes") if _PROGRAMME.match(name) else name
        logo = re.search(
            r"field-(?:keywords|lbr_brands_browse-bin)=([^&]+)", node.attributes.get("href") or ""
        )
        return clean(unquote_plus(logo.group(1))) or None if logo is not None else None

    def in_facts(row: LexborNode) -> str | None:
        label = row.css_first("th, td.label")
        value = row.css_first("td:not(.label)")
        if label is None or value is None or not _BRAND_LABEL.match(visible_text(label)):
            return None
        return visible_text(value) or None

    page.read("brand", _BYLINE, in_byline, among=Part.PAGE)
    name = page.read("brand", _BRAND_ROW, lambda cell: visible_text(cell) or None, among=Part.PAGE)
    return name or page.read("brand", _FACTS, in_facts, among=Part.PAGE, compared=False)


def _brand_in_line(text: str) -> str:
    for line in _BRAND_LINE:
        found = line.match(text.replace("’", "'"))
        if found is not None:
            return text[found.start(1) : found.end(1)].strip()
    return "" if _NO_BRAND.match(text) else text


def _is_book(page: PageReading) -> bool:
    """Ten digits (or nine and X) are the ISBN of a book; e-books have their own title element."""
    return page.asin[0].isdigit() or page.evidence.sources.get("title", "").startswith("#ebooks")


def bullets(page: PageReading) -> tuple[str, ...]:
    """The feature bullets that a reader sees, without the one that asks for the buyer's car."""
    fitment = page.document.first(_FITMENT)
    for selector in _BULLETS:
        found = [
            visible_text(node)
            for node in page.elements(selector, Part.SHOWN)
            if fitment is None or not _holds(node, fitment)
        ]
        texts = tuple(text for text in found if text)
        if texts:
            page.evidence.consider("bullets", selector, texts)
            return texts
    return ()


def _holds(node: LexborNode, other: LexborNode) -> bool:
    """Whether an element is another one or around it."""
    current: LexborNode | None = other
    while current is not None and current.mem_id != node.mem_id:
        current = current.parent
    return current is not None


def description(page: PageReading) -> str | None:
    """The product description as one paragraph."""
    return page.read(
        "description",
        _DESCRIPTION,
        lambda node: visible_text(node, most=LONG) or None,
        among=Part.PAGE,
        compared=False,
        most=1,
    )


def breadcrumbs(page: PageReading) -> tuple[str, ...]:
    """The path of categories above the product, from the widest."""
    for selector in _BREADCRUMBS:
        names = [
            visible_text(node)
            for node in page.document.select(selector)
            if "breadcrumb-back-link" not in (node.attributes.get("id") or "")
        ]
        texts = tuple(name.strip("‹› ") for name in names if name)
        if texts:
            page.evidence.consider("breadcrumbs", selector, texts)
            return texts
    return ()


def parent_asin(page: PageReading) -> str | None:
    """The ASIN of the variation family; None for a product that has no variations."""
    for source, data in page.document.scripts_with("parentAsin", _VARIATION_SCRIPTS):
        found = _PARENT.search(data)
        if found is None:
            continue
        if not is_asin(found.group(1)) or found.group(1) == page.asin:
            return None
        page.evidence.consider("parent_asin", source, found.group(1))
        return found.group(1)
    return None


def images(page: PageReading) -> tuple[str, ...]:
    """The addresses of the gallery's images, each in its largest known form, in page order."""
    addresses, source = _gallery_data(page)
    if not addresses:
        addresses, source = _immersive_view(page), "#immersive-main"
    if not addresses:
        addresses, source = _main_image(page), "#landingImage"
        addresses += _thumbnails(page)
    distinct: dict[str, str] = {}
    for address in addresses:
        distinct.setdefault(_SIZE_IN_IMAGE.sub("", address).rpartition("/")[2], address)
    if distinct:
        page.evidence.consider("images", source, tuple(distinct.values()))
    return tuple(distinct.values())


def _gallery_data(page: PageReading) -> tuple[list[str], str]:
    decoder = json.JSONDecoder()
    for source, data in page.document.scripts_with("initial", _GALLERY_SCRIPTS):
        for found in islice(_GALLERY.finditer(data), _MOST_GALLERIES):
            if found["call"]:  # the list stands in quotes, to be parsed by the page's script
                data = data[found.end() :].replace("\\'", "'")
            try:
                entries, _ = decoder.raw_decode(data, 0 if found["call"] else found.end())
            except (json.JSONDecodeError, RecursionError):
                continue
            addresses = [_largest(entry) for entry in entries if isinstance(entry, dict)]
            if any(addresses):
                return [address for address in addresses if address], source
    return [], ""


def _immersive_view(page: PageReading) -> list[str]:
    """The full-screen gallery of mobile pages, which hold no gallery's data."""
    sources = [
        node.attributes.get("data-a-hires") or ""
        for node in page.document.select("#immersive-main [data-a-hires]")[:_MOST_IMAGES]
    ]
    return [source for source in sources if _IMAGE_ADDRESS.fullmatch(source)]


def _largest(entry: dict[str, Any]) -> str | None:
    for name in ("hiRes", "large"):
        address = entry.get(name)
        if isinstance(address, str) and address.startswith("http"):
            return address
    sizes = entry.get("main")
    return _largest_of(sizes) if isinstance(sizes, dict) else None


def _largest_of(sizes: dict[str, Any]) -> str | None:
    def width(item: tuple[str, Any]) -> float:
        size = item[1]
        number = size[0] if isinstance(size, list) and size else 0
        return number if isinstance(number, int | float) else 0

    return max(sizes.items(), key=width)[0] if sizes else None


def _main_image(page: PageReading) -> list[str]:
    found = page.document.first(_MAIN_IMAGE)
    if found is None:
        return []
    attributes = found.attributes
    for name in ("data-old-hires", "data-a-hires"):
        address = attributes.get(name)
        if address and address.startswith("http"):
            return [address]
    try:
        sizes = json.loads(attributes.get("data-a-dynamic-image") or "{}")
    except (json.JSONDecodeError, RecursionError):
        sizes = {}
    largest = _largest_of(sizes) if isinstance(sizes, dict) else None
    address = largest or attributes.get("src") or ""
    return [address] if _IMAGE_ADDRESS.fullmatch(address) else []


def _thumbnails(page: PageReading) -> list[str]:
    sources = [
        node.attributes.get("src") or ""
        for selector in _THUMBNAILS
        for node in page.document.select(selector)[:_MOST_IMAGES]
    ]
    return [
        _SIZE_IN_IMAGE.sub("", source)
        for source in sources
        if _IMAGE_ADDRESS.fullmatch(source) and "play-icon" not in source
    ]
