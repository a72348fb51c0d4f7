"""The sandbox's products and competitive groups: everything about them that stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from insights_resources.marketplaces import ProductKey, marketplace
from insights_resources.sandbox.page_languages import PAGE_LANGUAGES, PageLanguage
from insights_resources.sandbox.product_lines import PRODUCT_LINES, ProductLine
from insights_resources.sandbox.random_streams import letters, stream

GROUP_SIZE = 6


@dataclass(frozen=True)
class SandboxProduct:
    """One product. Amounts are in minor units (cents, yen) of its marketplace's currency.

    ``anchor`` is the price it returns to; ``list_ratio`` the list price over it (None: no list
    price); ``log_rank`` the natural logarithm of its usual top-level rank. ``family`` is the
    position, within the group, of the product whose ratings it shares. ``reprice_chance`` is the
    chance of a new price on a day, made in steps of ``price_step``. ``launch`` is the day
    number from which it ships; before, it can be pre-ordered. ``phone_share`` is the share of the
    days on which it is captured as phones see it.
    """

    key: ProductKey
    position: int
    line: ProductLine
    language: PageLanguage
    brand: str
    model: str
    size: str
    feature: str
    colour: str
    parent_asin: str | None
    family: int
    anchor: int
    reprice_chance: float
    price_step: int
    list_ratio: float | None
    log_rank: float
    rating: float
    rating_count: int
    ratings_a_day: float
    sellers: tuple[str, ...]
    has_subscription: bool
    has_used: bool
    has_other_offers: bool
    has_range_pages: bool
    has_description: bool
    has_mid_node: bool
    launch: int
    layout: str
    layout_change: int | None
    phone_share: float
    details_form: str
    english_rank_separator: bool
    byline_is_store: bool
    sale_row: bool
    image_ids: tuple[str, ...]
    capture_minute: int

    @property
    def label(self) -> str:
        return f"{self.brand} {self.model} {self.size}"

    @property
    def currency(self) -> str:
        return marketplace(self.key.marketplace).currency

    def amount(self, minor: int) -> Decimal:
        """Minor units as money."""
        return Decimal(minor).scaleb(-self.language.decimals)

    def charm(self, minor: float) -> int:
        """The nearest price of the kind shops ask: 24.99, 24.49, 1,480 yen, 1,299 rupees."""
        step = self.price_step
        ending = {"JPY": 0, "INR": 100}.get(self.currency, 1)
        return max(step, round(minor / step) * step) - ending

    def title(self, variant: int) -> str:
        """Its title; listing edits turn through four variants."""
        words = {
            "brand": self.brand,
            "model": self.model,
            "noun": self.line.noun,
            "size": self.size,
            "feature": self.feature,
            "colour": self.colour,
        }
        if variant % 4 in (2, 3):
            features = self.line.features
            words["feature"] = features[(features.index(self.feature) + 1) % len(features)]
        title = self.line.title_pattern.format(**words)
        return f"{title} ({self.line.edition})" if variant % 2 else title

    def bullets(self, variant: int, count: int) -> tuple[str, ...]:
        """``count`` feature bullets; listing edits move on through the line's texts."""
        texts = self.line.bullets
        return tuple(texts[(self.position + variant + i) % len(texts)] for i in range(count))

    @property
    def description(self) -> str | None:
        if not self.has_description:
            return None
        texts = self.line.descriptions
        shift = self.position % len(texts)
        joiner = "" if self.language.tag == "ja-jp" else " "
        return joiner.join(texts[shift:] + texts[:shift])

    @property
    def first_available(self) -> str:
        """The date as the page writes it."""
        return self.language.day(date(2023, 3, 1) + timedelta(days=37 * self.position))

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """The rows of its details: label and value, in page order."""
        labels = self.language.phrases
        size_and_weight = (labels["dimensions"], f"{20 + self.position} x 12 x 9 cm; 420 g")
        maker = (labels["manufacturer"], self.brand)
        available = (labels["first_available"], self.first_available)
        if self.details_form == "list":
            return size_and_weight, available, maker
        brand, colour = (labels["brand"], self.brand), (labels["colour"], self.colour)
        return brand, maker, colour, size_and_weight, available

    @property
    def attributes(self) -> dict[str, str]:
        """The same as a reader sees them, with single spaces."""
        return {label: " ".join(value.split()) for label, value in self.facts}

    def layout_on(self, day_number: int) -> str:
        """``modern``, ``classic`` or ``mobile``: some products' desktop pages change over one day,
        some products are captured as a phone on all days or on some."""
        if stream("phone", self.key, day_number).random() < self.phone_share:
            return "mobile"
        if self.layout_change is None or day_number < self.layout_change:
            return self.layout
        return "classic" if self.layout == "modern" else "modern"


@dataclass(frozen=True)
class SandboxGroup:
    """Products of one line that compete with each other."""

    group_id: str
    name: str
    line: ProductLine
    products: tuple[SandboxProduct, ...]


def build_groups(seed: int, products: int) -> tuple[SandboxGroup, ...]:
    """Groups of about six products, as equal in size as possible, in a fixed order of lines."""
    count = max(1, round(products / GROUP_SIZE))
    sizes = [products // count + (1 if i < products % count else 0) for i in range(count)]
    return tuple(_build_group(seed, number, size) for number, size in enumerate(sizes))


def _build_group(seed: int, number: int, size: int) -> SandboxGroup:
    line = PRODUCT_LINES[number % len(PRODUCT_LINES)]
    edition = number // len(PRODUCT_LINES)
    suffix = "" if edition == 0 else f"-{edition + 1}"
    name = line.name if edition == 0 else f"{line.name} {edition + 1}"
    products = tuple(_build_product(seed, number, i, line) for i in range(size))
    return SandboxGroup(f"{line.slug}{suffix}", name, line, products)


def _build_product(seed: int, group: int, position: int, line: ProductLine) -> SandboxProduct:
    draw = stream(seed, "traits", group, position)
    family = 0 if position == 1 else position
    head = stream(seed, "family", group, family)
    brand = line.brands[(group // len(PRODUCT_LINES) + family) % len(line.brands)]
    model = line.models[family % len(line.models)]
    low, high = line.price_range
    anchor = low + (high - low) * head.random()
    anchor *= 1.0 if position == family else draw.uniform(1.1, 1.3)
    rating, count = head.uniform(3.6, 4.7), int(10 ** head.uniform(1.9, 3.9))
    # The pair of one family shares a parent; of the others, some have variations of their own.
    has_parent = family == 0 or family % 3 == 2
    parent = f"B0{letters(8, seed, 'parent', group, family)}" if has_parent else None
    launch = draw.randint(14, 24) if (position == 5 and group % 2 == 1) else 0
    log_rank = draw.uniform(6.2, 9.4)
    amazon, *others = line.sellers
    draw.shuffle(others)
    layout = "classic" if (position + group) % 3 == 2 else "modern"
    # Two in six follow the market by software: often, in small steps.
    often = position % 3 == 0
    currency = marketplace(line.marketplace).currency
    steps = {"JPY": (50, 10), "INR": (1000, 500)}.get(currency, (50, 10))
    return SandboxProduct(
        key=ProductKey(line.marketplace, f"B0{letters(8, seed, 'asin', group, position)}"),
        position=position,
        line=line,
        language=PAGE_LANGUAGES[line.marketplace],
        brand=brand,
        model=model,
        size=line.sizes[(family + (position != family)) % len(line.sizes)],
        feature=line.features[family % len(line.features)],
        colour=line.colours[draw.randrange(len(line.colours))],
        parent_asin=parent,
        family=family,
        anchor=int(anchor),
        reprice_chance=draw.uniform(0.5, 0.8) if often else draw.uniform(0.06, 0.2),
        price_step=steps[often],
        list_ratio=draw.uniform(1.12, 1.5) if draw.random() < 0.45 else None,
        log_rank=log_rank,
        rating=rating,
        rating_count=0 if launch else count,
        ratings_a_day=0.4 + 30.0 / (1.0 + (log_rank - 6.0) ** 2 * 3.0),
        sellers=(amazon, *others[:2]) if draw.random() < 0.7 else tuple(others),
        has_subscription=draw.random() < 0.3,
        has_used=draw.random() < 0.3,
        has_other_offers=draw.random() < 0.6,
        has_range_pages=parent is not None,
        has_description=draw.random() < 0.8,
        has_mid_node=draw.random() < 0.6,
        launch=launch,
        layout=layout,
        layout_change=draw.randint(15, 80) if draw.random() < 0.25 else None,
        # In a group of six one is always seen as on a phone, one of each desktop layout at times.
        phone_share={4: 1.0, 1: 0.2, 5: 0.2}.get((position + group) % 6, 0.0),
        details_form="list" if draw.random() < 0.5 else "table",
        english_rank_separator=draw.random() < 0.5,
        byline_is_store=draw.random() < 0.6,
        sale_row=draw.random() < 0.4,
        image_ids=tuple(
            f"71{letters(4, seed, 'image', group, position, i).lower()}"
            f"{letters(4, seed, 'image2', group, position, i)}L"
            for i in range(9)
        ),
        capture_minute=draw.randrange(120),
    )
