"""What the seller wrote: title, brand, bullets, description, images, breadcrumbs, variations."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import Any
from urllib.parse import unquote_plus

from insights_assets.snapshots.parser.page_reading import PageReading
from insights_assets.snapshots.parser.visible_text import clean, visible_text
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
        r"^visita la tienda de (.+)$",
        r"^visit[ea] a loja (?:da |de |do )?(.+)$",
        r"^bezoek de (.+?)[- ]store$",
        r"^besök (.+?)(?:s|-)? ?(?:store|butik)$",
        r"^odwiedź sklep (.+)$",
        r"^(.+?) store'?u?(?:'?[nyı]+[ıiuü])? ziyaret ed(?:in|iniz)$",
        r"^navštivte obchod (.+)$",
        r"^besøg (.+?)(?:-butikken|s? butik)$",
        r"^(.+?)のストアを表示$",
        r"^(?:قم بزيارة متجر|زيارة متجر|تسوق من متجر) (.+)$",
        r"^(.+?) (?:स्टोर|store) पर जाएं$",
        r"^访问 ?(.+?) ?品牌旗舰店$",
        r"^(?:by|von|de|di|da|por|van|av|od) (.+)$",
    )
)
#: Labels of the brand in tables of facts.
_BRAND_LABEL = re.compile(
    r"(?i)^(?:brand(?: name)?|marke|marque|marca|merk(?:naam)?|märke|varumärke|marka|značka|mærke"
    r"|ブランド(?:名)?|العلامة التجارية|اسم العلامة التجارية|ब्रांड|品牌)\s*[:：]?$"
)
_BRAND_SELECTORS = ("#bylineInfo", "#brand", "a#brand", "#brandBylineWrapper #bylineInfo")
#: Amazon's programmes stand in the byline of refurbished items; the brand is in the details.
_PROGRAMME = re.compile(r"(?i)^amazon (?:renewed|refurbished|warehouse|resale)$")
_FITMENT = "#replacementPartsFitmentBullet, .hsx-rpp-fitment-focus, #hsx-rpp-bullet-fits-message"
#: Begins with a plain word, which is found many times faster than a choice of quotes.
_GALLERY = re.compile(r"initial(?<=[\"']initial)[\"']\s*:\s*(?=\[)")
_MOST_GALLERIES = 8
_MOST_IMAGES = 100
_SIZE_IN_IMAGE = re.compile(r"\._[^/]*_(?=\.[a-zA-Z]{3,4}$)")
_PARENT = re.compile(r"parentAsin[\"']?\s*[:=]\s*[\"']?([A-Z0-9]{10})\b")
_IMAGE_ADDRESS = re.compile(r"https?://[^\s\"'<>]+?/images/I/[^\s\"'<>]+?\.(?:jpe?g|png|gif|webp)")


def title(page: PageReading) -> str:
    """The product's title."""
    found = product_title(page.document)
    if found is None:
        return ""
    page.note("title", found[1])
    return visible_text(found[0])


def brand(page: PageReading) -> str | None:
    """The brand without the words around it; None for books, whose byline names people."""
    for selector in _BRAND_SELECTORS:
        node = page.document.select_first(selector)
        if node is None or node.css_first(".author, .contributorNameID") is not None:
            continue
        name = _brand_in_line(visible_text(node))
        if name and not _PROGRAMME.match(name) and not _is_book(page):
            page.note("brand", selector)
            return name
        logo = node.attributes.get("href") or ""
        from_link = re.search(r"field-(?:keywords|lbr_brands_browse-bin)=([^&]+)", logo)
        if not name and from_link is not None and not _is_book(page):
            page.note("brand", f"{selector} link")
            return clean(unquote_plus(from_link.group(1))) or None
    return _brand_in_facts(page)


def _brand_in_line(text: str) -> str:
    for line in _BRAND_LINE:
        found = line.match(text)
        if found is not None:
            return found.group(1).strip()
    return text


def _brand_in_facts(page: PageReading) -> str | None:
    row = page.document.select_first("tr.po-brand td:last-child")
    if row is not None and visible_text(row):
        page.note("brand", "tr.po-brand")
        return visible_text(row)
    for table in ("#productDetails_techSpec_section_1 tr", "#prodDetails tr"):
        for node in page.document.select(table):
            label = node.css_first("th, td.label")
            value = node.css_first("td:not(.label)")
            if label is None or value is None or not _BRAND_LABEL.match(visible_text(label)):
                continue
            if visible_text(value):
                page.note("brand", table)
                return visible_text(value)
    return None


def _is_book(page: PageReading) -> bool:
    """Ten digits (or nine and X) are the ISBN of a book; e-books have their own title element."""
    return page.asin[0].isdigit() or page.sources.get("title", "").startswith("#ebooks")


def bullets(page: PageReading) -> tuple[str, ...]:
    """The feature bullets that a reader sees, without the one that asks for the buyer's car."""
    for selector in (
        "#feature-bullets li",
        "#featurebullets_feature_div li",
        "#feature-bullets-btf li",
        "#productFactsDesktopExpander ul li",
        "#feature_bullets_list li",
    ):
        found = [
            visible_text(node)
            for node in page.shown(selector)
            if node.attributes.get("id") != "replacementPartsFitmentBullet"
            and node.css_first(_FITMENT) is None
        ]
        texts = tuple(text for text in found if text)
        if texts:
            page.note("bullets", selector)
            return texts
    return ()


def description(page: PageReading) -> str | None:
    """The product description as one paragraph."""
    for selector in (
        "#productDescription",
        "#bookDescription_feature_div .a-expander-content",
        "#bookDescription_feature_div",
        "#product-description",
        "#productDescription_fullView",
    ):
        text = visible_text(page.document.select_first(selector))
        if text:
            page.note("description", selector)
            return text
    return None


def breadcrumbs(page: PageReading) -> tuple[str, ...]:
    """The path of categories above the product, from the widest."""
    for selector in (
        "#wayfinding-breadcrumbs_feature_div a",
        "#wayfinding-breadcrumbs_container a",
        "#showing-breadcrumbs_div a",
        ".a-breadcrumb a",
    ):
        names = [
            visible_text(node)
            for node in page.document.select(selector)
            if "breadcrumb-back-link" not in (node.attributes.get("id") or "")
        ]
        texts = tuple(name.strip("‹› ") for name in names if name)
        if texts:
            page.note("breadcrumbs", selector)
            return texts
    return ()


def parent_asin(page: PageReading) -> str | None:
    """The ASIN of the variation family; None for a product that has no variations."""
    found = _PARENT.search(page.html)
    if found is None or not is_asin(found.group(1)) or found.group(1) == page.asin:
        return None
    page.note("parent_asin", "parentAsin")
    return found.group(1)


def images(page: PageReading) -> tuple[str, ...]:
    """The addresses of the gallery's images, each in its largest known form, in page order."""
    addresses = _gallery_data(page)
    source = "colorImages"
    if not addresses:
        addresses, source = _main_image(page), "#landingImage"
        addresses += _thumbnails(page)
    distinct: dict[str, str] = {}
    for address in addresses:
        distinct.setdefault(_SIZE_IN_IMAGE.sub("", address).rpartition("/")[2], address)
    if distinct:
        page.note("images", source)
    return tuple(distinct.values())


def _gallery_data(page: PageReading) -> list[str]:
    decoder = json.JSONDecoder()
    for found in islice(_GALLERY.finditer(page.html), _MOST_GALLERIES):
        try:
            entries, _ = decoder.raw_decode(page.html, found.end())
        except (json.JSONDecodeError, RecursionError):
            continue
        addresses = [_largest(entry) for entry in entries if isinstance(entry, dict)]
        if any(addresses):
            return [address for address in addresses if address]
    return []


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
    found = page.first(
        (
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
    )
    if found is None:
        return []
    attributes = found[0].attributes
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
        for node in page.document.select("#altImages li.item img")[:_MOST_IMAGES]
    ]
    return [
        _SIZE_IN_IMAGE.sub("", source) for source in sources if _IMAGE_ADDRESS.fullmatch(source)
    ]
