"""The listing: brand, bullets, description, images, category path, variation family."""

from __future__ import annotations

import json
import re

from insights_assets.snapshots.parser.page import Page, text_of
from insights_assets.snapshots.parser.phrases import BRAND_LINES, NO_FEATURE_BULLET
from insights_resources.marketplaces import is_asin

_BRAND_ELEMENTS = (
    "#bylineInfo",
    "a#brand",
    "#brand",
    "#brandByline_feature_div a",
    "#bylineInfo_feature_div a",
    "#mobile-byline",
)
_BRAND_ROW = re.compile(
    r"^(?:brand|brand name|marke|marque|marca|merk|ブランド|ブランド名|varumärke|marka|manufacturer|hersteller)\s*:?$",
    re.I,
)
_DIRECTION_MARKS = {0x200E: None, 0x200F: None}
_BULLETS = (
    "#feature-bullets li",
    "#featurebullets_feature_div li",
    "#pqv-feature-bullets li",
    "#feature-bullets_feature_div li",
    "#productFactsDesktopExpander ul li",
    "#productFactsDesktop_feature_div ul li",
    "#featureBulletsMobile_feature_div li",
    "#aboutThisItem li",
)
_DESCRIPTIONS = (
    "#productDescription",
    "#bookDescription_feature_div",
    "#bookDesc_iframe",
    "#productDescription_feature_div",
    "#mobile_productDescription",
    "#iframeContent",
)
_BREADCRUMBS = (
    "#wayfinding-breadcrumbs_feature_div a.a-link-normal",
    "#wayfinding-breadcrumbs_container a.a-link-normal",
    "#wayfinding-breadcrumbs_container a",
    ".detailBreadcrumb a",
    "#breadcrumb_feature_div a",
)
_IMAGES_SCRIPT = re.compile(r"['\"]colorImages['\"]\s*:\s*\{\s*['\"]initial['\"]\s*:\s*(?=\[)")
_IMAGE_SIZE = re.compile(r"\._[^/]*?_(?=\.[a-z]+$)")
_PARENT = re.compile(r"['\"]?parentAsin['\"]?\s*[:=]\s*['\"]([A-Z0-9]{10})['\"]")


def read_brand(page: Page) -> str | None:
    """The brand as shown, without "Visit the ... Store"."""
    for selector in _BRAND_ELEMENTS:
        text = page.text(selector)
        if text:
            for pattern in BRAND_LINES:
                match = pattern.search(text)
                if match:
                    text = match[1]
                    break
            page.found("brand", selector)
            return text.strip(" ,()")
    for row in page.all(
        "#productOverview_feature_div tr, .po-brand, #productDetails_techSpec_section_1 tr"
    ):
        cells = [text_of(cell) for cell in row.css("td, th")]
        if len(cells) >= 2 and _BRAND_ROW.match(cells[0].translate(_DIRECTION_MARKS).strip()):
            page.found("brand", "details table")
            return cells[1].translate(_DIRECTION_MARKS).strip() or None
    return None


def read_bullets(page: Page) -> tuple[str, ...]:
    """The feature bullets that a visitor sees."""
    for selector in _BULLETS:
        bullets: list[str] = []
        for node in page.all(selector):
            if (node.attributes.get("id") or "").startswith("replacementPartsFitment"):
                continue
            text = text_of(node)
            if text and not NO_FEATURE_BULLET.search(text) and text not in bullets:
                bullets.append(text)
        if bullets:
            page.found("bullets", selector)
            return tuple(bullets)
    return ()


def read_description(page: Page) -> str | None:
    for selector in _DESCRIPTIONS:
        text = page.text(selector)
        if text:
            page.found("description", selector)
            return text
    return None


def read_images(page: Page) -> tuple[str, ...]:
    """The main gallery's images, in the largest form known, each once."""
    match = _IMAGES_SCRIPT.search(page.html)
    if match:
        images = _images_of_script(page.html, match.end())
        if images:
            page.found("images", "colorImages")
            return images
    for selector in (
        "#altImages li.item img",
        "#altImages li.imageThumbnail img",
        "#altImages img",
        "#imageBlockThumbs img",
        "#thumbs-image img",
        "#landingImage",
        "#imgBlkFront",
        "#ebooksImgBlkFront",
        "#main-image",
        "#prodImage",
        "#image-block img",
    ):
        found: dict[str, None] = {}
        for node in page.all(selector):
            address = node.attributes.get("data-old-hires") or node.attributes.get("src") or ""
            if address.startswith("http") and "/images/I/" in address:
                found.setdefault(_IMAGE_SIZE.sub("", address))
        if found:
            page.found("images", selector)
            return tuple(found)
    single = page.tree.css_first(
        "#landingImage[data-a-dynamic-image], #imgBlkFront[data-a-dynamic-image], #ebooksImgBlkFront[data-a-dynamic-image]"
    )
    if single is not None:
        try:
            sizes = json.loads(single.attributes.get("data-a-dynamic-image") or "{}")
        except ValueError:
            return ()
        if isinstance(sizes, dict) and sizes:
            page.found("images", "data-a-dynamic-image")
            return (_IMAGE_SIZE.sub("", str(next(iter(sizes)))),)
    return ()


def _images_of_script(html: str, start: int) -> tuple[str, ...]:
    """The list of images that begins there; empty when it is not the JSON it should be."""
    try:
        entries, _ = json.JSONDecoder().raw_decode(html, start)
    except ValueError:
        return ()
    found: dict[str, None] = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            address = entry.get("hiRes") or entry.get("large") or entry.get("thumb")
            if isinstance(address, str) and address.startswith("http"):
                found.setdefault(address)
    return tuple(found)


def read_breadcrumbs(page: Page) -> tuple[str, ...]:
    """The category path from the top."""
    for selector in _BREADCRUMBS:
        names = []
        for node in page.all(selector):
            text = text_of(node)
            is_way_back = "back" in (node.attributes.get("id") or "").lower() or text.startswith(
                ("‹", "«")
            )
            if text and not is_way_back:
                names.append(text)
        if names:
            page.found("breadcrumbs", selector)
            return tuple(names)
    return ()


def read_parent(page: Page, asin: str) -> str | None:
    """The ASIN of the variation family; None when the product stands alone."""
    match = _PARENT.search(page.html)
    if match and is_asin(match[1]) and match[1] != asin:
        page.found("parent_asin", "twister")
        return match[1]
    return None
