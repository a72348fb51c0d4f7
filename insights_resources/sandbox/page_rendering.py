"""The sandbox's pages: complete product pages of Amazon's structure, in three layouts.

Everything that a reader could confuse with the product's own price is there as well: other
products' prices, the lowest recent price, other sellers, the used offer's stock, the prices of the
family's other variations, a stale price in an attribute. Nothing here decides what is true:
``SnapshotTruth`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from insights_resources.marketplaces import marketplace
from insights_resources.page_providers.protocol import Verdict
from insights_resources.page_providers.verdict import MARKETPLACE_IDS
from insights_resources.sandbox.page_languages import NBSP, PAGE_LANGUAGES, PageLanguage
from insights_resources.sandbox.page_truth import SandboxTruth, SnapshotTruth
from insights_resources.sandbox.product_lines import PRODUCT_LINES
from insights_resources.sandbox.product_traits import SandboxProduct
from insights_resources.sandbox.random_streams import letters, stream

#: Widgets that a variation's selection reloads: bulk that every real page carries.
_WIDGETS = (
    "title",
    "bylineInfo",
    "averageCustomerReviews",
    "price",
    "availability",
    "merchant-info",
    "olp",
    "buybox",
    "featurebullets",
    "productDescription",
    "detailBullets",
    "outOfStockBuyBox",
    "unqualifiedBuyBox",
    "partialStateBuyBox",
    "promotions",
    "dealBadge",
    "corePrice",
    "corePriceDisplay_desktop",
)

_MARKETPLACE_IDS = {domain: identity for identity, domain in MARKETPLACE_IDS.items()}

#: Order value, in minor units, from which delivery is free; 35 of the currency elsewhere.
_FREE_DELIVERY = {"JPY": 3500, "INR": 49900}


@dataclass(frozen=True)
class PageExtras:
    """What a page shows beside the snapshot's fields.

    ``delivery`` is what it says of the delivery to its visitor, as in ``DayState``.
    ``neighbours`` are (asin, title, price) of the group's other products, for carousels.
    """

    day: date
    deal: bool
    regular_price: Decimal
    units_left: int
    delivery: str
    release_day: date
    details_form: str
    neighbours: tuple[tuple[str, str, Decimal], ...]


@lru_cache(maxsize=1)
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Amazon's data has an order of its own, and readers of it may rely on that.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment


def render_page(
    product: SandboxProduct, snapshot: SnapshotTruth, truth: SandboxTruth, extras: PageExtras
) -> bytes:
    """The page for a truth, UTF-8: the product's, or the robot check or error in its place."""
    if truth.verdict is Verdict.BLOCKED:
        return _robot_check(truth)
    if truth.verdict is Verdict.NOT_FOUND:
        return not_found_page(truth.key.marketplace)
    view = _PageView(product, snapshot, truth.layout, extras)
    text = _templates().get_template(f"{truth.layout}.html.j2").render(p=view.values())
    return text.encode()


def _robot_check(truth: SandboxTruth) -> bytes:
    template = _templates().get_template("robot_check.html.j2")
    return template.render(
        language=PAGE_LANGUAGES[truth.key.marketplace],
        marketplace=truth.key.marketplace,
        marketplace_id=_MARKETPLACE_IDS[truth.key.marketplace],
        token=letters(16, "robot", truth.key, truth.day, truth.slot),
        asin=truth.key.asin,
    ).encode()


def not_found_page(marketplace_name: str) -> bytes:
    """The error page of a marketplace; in English where the sandbox does not sell."""
    language = PAGE_LANGUAGES.get(marketplace_name, PAGE_LANGUAGES["amazon.com"])
    return _templates().get_template("not_found.html.j2").render(language=language).encode()


class _PageView:
    """The values that the templates show, as texts in the page's language."""

    def __init__(
        self, product: SandboxProduct, snapshot: SnapshotTruth, layout: str, extras: PageExtras
    ) -> None:
        self.product = product
        self.s = snapshot
        self.extras = extras
        self.mobile = layout == "mobile"
        self.modern = layout != "classic"
        self.language: PageLanguage = product.language
        self.t = product.language.phrases
        self.random = stream("page", product.key, extras.day)

    def money(self, value: Decimal | None) -> str | None:
        if value is None:
            return None
        if self.modern:
            return self.language.modern(value)
        if self.language.tag == "de-de" and self.product.sale_row:
            return f"EUR {self.language.number(value)}"  # as amazon.de wrote it until 2019
        return self.language.classic(value)

    def values(self) -> dict[str, Any]:
        site = marketplace(self.s.marketplace)
        slug = "-".join(w for w in self.product.label.split() if w.isascii() and w.isalnum())
        return {
            "s": self.s,
            "t": self.t,
            "language": self.language,
            "title": self.s.title,
            "marketplace": site.domain,
            "marketplace_id": _MARKETPLACE_IDS[site.domain],
            "country": site.country.lower(),
            "canonical": f"{site.base_url}/{slug + '/' if slug else ''}dp/{self.s.asin}",
            "top_category": self.product.line.top_category,
            "top_slug": self.product.line.top_slug,
            "departments": [line.breadcrumbs[0] for line in PRODUCT_LINES],
            "node_base": 3000000 + 1000 * self.product.position,
            "store_id": letters(12, "store", self.product.brand),
            "byline": self.t[
                "visit_store" if self.product.byline_is_store else "brand_line"
            ].format(self.s.brand),
            "size": self.product.size,
            "variations": self._variations(),
            "delivery_to_visitor": self.extras.delivery,
            "mobile": self.mobile,
            # Two forms of the same parts, each of some years.
            "older_price_block": self.product.sale_row,
            "unfolding_details": self.modern and self.product.byline_is_store,
            "widgets": _WIDGETS,
            "year": self.extras.day.year,
            "fitment": self.t["see_all"],
            "details_form": self.extras.details_form,
            "facts": self.product.facts,
            "specifications": self.product.facts[:-1],
            "first_available": self.product.first_available,
            **self._rating_values(),
            **self._rank_values(),
            **self._price_values(),
            **self._buy_box_values(),
            **self._gallery_values(),
            **self._distractor_values(),
        }

    def _rating_values(self) -> dict[str, Any]:
        if self.s.rating is None or self.s.rating_count is None:
            return {"stars": None}
        half = round(self.s.rating * 2) / Decimal(2)
        number = self.language.count(self.s.rating_count, modern=self.modern)
        return {
            "stars": self.language.stars(self.s.rating),
            "stars_short": self.language.short_rating(self.s.rating),
            "stars_class": f"{half:.1f}".replace(".0", "").replace(".", "-"),
            "ratings_number": number,
            "ratings_text": self.t["ratings"].format(number),
            "ratings_label": self.t["ratings_label"].format(number),
        }

    def _rank_values(self) -> dict[str, Any]:
        ranks = []
        for entry in self.s.bsr:
            number = self.language.rank(
                entry.rank, english_separator=self.product.english_rank_separator
            )
            name = "rank_in" if entry.node_id else "rank_top"
            in_table = self.t.get(f"{name}_table") if self.extras.details_form == "table" else None
            pattern = in_table or self.t[name]
            ranks.append(
                {
                    "text": pattern.format(rank=number, category=entry.category),
                    "link_first": in_table is not None,
                    "node_id": entry.node_id,
                    "category": entry.category,
                }
            )
        return {
            "ranks": ranks,
            "see_top": self.t["see_top"].format(self.product.line.top_category),
        }

    def _price_values(self) -> dict[str, Any]:
        s, language = self.s, self.language
        values: dict[str, Any] = {
            "deal": self.extras.deal and s.price is not None,
            "price": None if s.price is None else language.parts(s.price),
            "price_text": self.money(s.price),
            "price_range": None,
            "price_kind": "ourprice",
            "price_label": self.t["price"],
            "price_class": "priceBlockBuyingPriceString",
            "list_price": self.money(s.list_price),
            "savings": None,
            "saved": None,
            "savings_percent": None,
            # It keeps the regular price while a deal runs, as on the real pages.
            "cerberus_price": f"{self.extras.regular_price}",
        }
        if s.price_min is not None and s.price_max is not None:
            values["price_range"] = (self.money(s.price_min), self.money(s.price_max))
        if s.price is None:
            return values
        values["lowest_recent"] = self.money(self._near(s.price, 0.93))
        # The number without its separators: "6699" stands for 66.99 here.
        values["twister_plus_price"] = "".join(c for c in f"{s.price}" if c.isdigit())
        if values["deal"]:
            values |= {
                "price_kind": "dealprice",
                "price_label": self.t["deal_price"],
                "price_class": "priceBlockDealPriceString",
            }
        elif s.list_price is not None and self.product.sale_row:
            values |= {
                "price_kind": "saleprice",
                "price_label": self.t["sale"],
                "price_class": "priceBlockSalePriceString",
            }
        if s.list_price is not None:
            percent = int((1 - s.price / s.list_price) * 100)
            values["savings_percent"] = language.percentage(percent)
            values["saved"] = self.money(s.list_price - s.price)
            values["savings"] = self.t["savings"].format(price=self.money(s.price), percent=percent)
        return values

    def _buy_box_values(self) -> dict[str, Any]:
        s, t, language = self.s, self.t, self.language
        amazon = self.product.line.sellers[0] if self.product.key.marketplace != "amazon.in" else ""
        tiered = None if s.price is None else self._near(s.price, 0.85)
        text, more, colour = self._availability()
        condition = "ALL" if s.used_price is not None else "NEW"
        count = 2 + self.product.position
        offers = t["new_used_from" if s.used_price is not None else "new_from"].format(count)
        subscription, used = s.subscribe_save_price, s.used_price
        return {
            "availability": text,
            "availability_more": more,
            "availability_class": colour,
            "used_availability": t["limited"].format(1),
            "amazon": amazon or "Amazon",
            "seller_is_amazon": bool(amazon) and s.seller == amazon,
            "seller_id": f"A{letters(12, 'seller', s.seller)}",
            "sold_by_amazon": t["sold_by_amazon"].format(s.seller or ""),
            "sold_label": t.get("sold_label", t["sold_by"]),
            "cart_button": t["preorder_button" if s.availability == "preorder" else "add_to_cart"],
            "delivery": t["free_delivery"].format(
                language.day(self.extras.day + timedelta(days=3)),
                self.money(self.product.amount(_FREE_DELIVERY.get(s.currency or "", 3500))),
            ),
            "delivery_day": language.day(self.extras.day + timedelta(days=3)),
            "subscription": None if subscription is None else language.parts(subscription),
            "subscription_text": self.money(subscription),
            "tiered": None if tiered is None else language.parts(tiered),
            "tiered_text": self.money(tiered),
            "used": None if used is None else language.parts(used),
            "used_text": self.money(used),
            "offers_text": None if s.offers_from is None else offers,
            "offers_condition": condition,
            "offers_from": self.money(s.offers_from),
            "promotion": letters(16, "promotion", s.asin, s.coupon),
            "coupon_text": t["apply_coupon"].format((s.coupon or "").replace(" ", NBSP)),
            "twister_plus": self._twister_plus(),
        }

    def _availability(self) -> tuple[str | None, str | None, str]:
        """Phrase, second line and colour class."""
        t, kind = self.t, self.s.availability
        if self.extras.delivery in ("price_only", "no_offer"):
            return t["undeliverable"], t["undeliverable_more"], "a-color-error"
        if kind == "in_stock":
            return t["in_stock"], None, "a-color-success"
        if kind == "limited":
            return t["limited"].format(self.extras.units_left), None, "a-color-price"
        if kind == "preorder":
            day = self.language.day(self.extras.release_day)
            return t["preorder"].format(day), None, "a-color-success"
        if kind == "out_of_stock":
            word = "unavailable" if self.product.position % 2 else "restocking"
            return t[word], t[f"{word}_more"], "a-color-price"
        return None, None, "a-color-state"

    def _twister_plus(self) -> dict[str, Any]:
        if self.s.price is None:
            return {}
        options = (("USED", self.s.used_price), ("NEW", self.s.price))
        return {
            f"{'mobile' if self.mobile else 'desktop'}_buybox_group_1": [
                {
                    "displayPrice": self.language.modern(price),
                    "priceAmount": float(price),
                    "currencySymbol": self.language.symbol,
                    "locale": self.language.tag,
                    "buyingOptionType": name,
                }
                for name, price in options
                if price is not None
            ]
        }

    def _variations(self) -> list[dict[str, Any]]:
        """The sizes to choose from. Each of the others has a price of its own, or no offer."""
        rng = stream("variations", self.product.key)
        usual = self.s.price or self.s.price_min or self.extras.regular_price
        variations = []
        for number, size in enumerate(self.product.line.sizes):
            price: Decimal | None = self._near(usual, rng.uniform(0.55, 1.7))
            price = None if rng.random() < 0.2 else price
            asin = f"B0{letters(8, 'variation', self.s.parent_asin, number)}"
            chosen = size == self.product.size and self.s.price_min is None
            if chosen:
                asin, price = self.s.asin, self.s.price
            variations.append(
                {
                    "asin": asin,
                    "size": size,
                    "chosen": chosen,
                    "price": self.money(price),
                    "text": self.t["variation_from"].format(self.money(price)),
                }
            )
        return variations

    def _gallery_values(self) -> dict[str, Any]:
        gallery = []
        for position, address in enumerate(self.s.images):
            stem = address.removesuffix("._AC_SL1500_.jpg")
            gallery.append(
                {
                    "hiRes": address,
                    "thumb": f"{stem}._AC_US40_.jpg",
                    "large": f"{stem}._AC_.jpg",
                    "main": {
                        f"{stem}._AC_SX{width}_.jpg": [width, width] for width in (355, 466, 679)
                    },
                    "variant": "MAIN" if position == 0 else f"PT{position:02d}",
                    "lowRes": None,
                    "shoppableScene": None,
                }
            )
        return {
            "gallery": gallery,
            "dynamic_image": gallery[0]["main"],
        }

    def _distractor_values(self) -> dict[str, Any]:
        similar = [self._card(asin, title, price) for asin, title, price in self.extras.neighbours]
        line = self.product.line
        sponsored = []
        for number in range(6):
            share = self.random.uniform(0.5, 1.6)
            title = f"{line.brands[(number + 2) % len(line.brands)]} {line.noun}, {line.sizes[0]}"
            asin = f"B0{letters(8, 'sponsored', self.s.asin, number)}"
            price = self._near(self.extras.regular_price, share)
            sponsored.append(self._card(asin, title, price, sponsored=True))
        others = []
        if self.s.price is not None and self.s.offers_from is not None:
            for number, seller in enumerate(s for s in line.sellers[1:] if s != self.s.seller):
                price = max(self.s.offers_from, self._near(self.s.price, 1.04 + 0.05 * number))
                others.append({"seller": seller, "price": self.money(price)})
        return {
            "similar": similar,
            "sponsored": sponsored,
            "other_sellers": others,
            "review_stubs": [
                {
                    "stars": stars,
                    "text": self.language.stars(Decimal(f"{stars}.0")),
                    "helpful": self.t["review_stub"].format(stars + 2),
                }
                for stars in (5, 4, 2)
            ],
        }

    def _card(
        self, asin: str, title: str, price: Decimal, *, sponsored: bool = False
    ) -> dict[str, Any]:
        rating = Decimal(self.random.randint(35, 48)) / 10
        return {
            "asin": asin,
            "title": title,
            "image": f"51{letters(8, 'card', asin)}L",
            "stars": self.language.stars(rating),
            "ratings": self.language.count(self.random.randint(12, 9000)),
            "price": self.money(price),
            "was": self.money(self._near(price, 1.25)) if self.random.random() < 0.4 else None,
            "coupon": (
                self.t["apply_coupon"].format(self.language.percentage(15))
                if sponsored and self.random.random() < 0.3
                else None
            ),
        }

    def _near(self, value: Decimal, share: float) -> Decimal:
        minor = round(float(value.scaleb(self.language.decimals)) * share)
        return self.product.amount(minor)
