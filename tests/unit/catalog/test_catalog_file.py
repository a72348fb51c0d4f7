"""A catalog is right as a whole, or one message names file, line and value."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from insights_assets.catalog.catalog_file import parse_catalog, read_catalog_file
from insights_resources.errors import CatalogError
from insights_resources.marketplaces import ProductKey

A = "B08N5WRWNW"
B = "B0C2SPMTBC"


def test_products_and_groups_are_read() -> None:
    catalog = parse_catalog(
        f"""
products:
  - amazon.de/{A}
  - {{marketplace: amazon.com, asin: {B.lower()}, label: Our kettle, capture_hours: 4}}
groups:
  - id: de-kettles
    name: Kettles
    members:
      - amazon.de/{A}
      - {{product: amazon.de/{B}, from: 2026-03-01, to: 2026-09-30}}
""",
        "catalog.yaml",
    )
    assert [product.key for product in catalog.products] == [
        ProductKey("amazon.de", A),
        ProductKey("amazon.com", B),
        ProductKey("amazon.de", B),  # a member is tracked without being listed
    ]
    assert catalog.products[1].label == "Our kettle"
    assert [product.capture_hours for product in catalog.products[:2]] == [None, 4]
    (group,) = catalog.groups
    assert group.members[1].valid_from == date(2026, 3, 1)
    assert group.members[1].valid_to == date(2026, 9, 30)


def test_a_group_may_say_how_its_reports_are_written() -> None:
    members = f"members: [amazon.de/{A}]"
    catalog = parse_catalog(
        f"""
groups:
  - {{id: one, name: One, template: grocery, locale: de-de, {members}}}
  - {{id: two, name: Two, {members}}}
""",
        "catalog.yaml",
    )
    assert [(group.template, group.locale) for group in catalog.groups] == [
        ("grocery", "de_DE"),
        (None, None),
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "products: []\ngroups: []\n", "products:\n"])
def test_an_empty_catalog_is_a_catalog(text: str) -> None:
    assert parse_catalog(text, "catalog.yaml").products == ()


@pytest.mark.parametrize(
    ("text", "line", "value"),
    [
        ("products:\n  - amazon.de/B08N5\n", 2, "B08N5"),
        ("products:\n  - amazon.dee/B08N5WRWNW\n", 2, "amazon.dee"),
        ("products:\n  - B08N5WRWNW\n", 2, "B08N5WRWNW"),
        ("products:\n  - marketplace: amazon.de\n    asin: nope\n", 3, "nope"),
        ("products:\n  - marketplace: nowhere\n    asin: B08N5WRWNW\n", 2, "nowhere"),
        (f"products:\n  - amazon.de/{A}\n  - amazon.de/{A}\n", 3, A),
        ("products:\n  - {asin: B08N5WRWNW}\n", 2, "marketplace"),
        ("products:\n  - {marketplace: amazon.de, asin: B08N5WRWNW, price: 3}\n", 2, "price"),
        *(
            (
                f"products:\n  - marketplace: amazon.de\n    asin: {A}\n"
                f"    capture_hours: {hours}\n",
                4,
                f"'{hours}' is no number of hours from 1 to 24",
            )
            for hours in ("0", "25", "4h", "-1", "1.5")
        ),
        ("products: 3\n", 1, "products"),
        ("prodcuts: []\n", 1, "prodcuts"),
        ("groups:\n  - id: kettles\n    name: Kettles\n    members: []\n", 2, "kettles"),
        ("groups:\n  - id: kettles\n    name: Kettles\n", 2, "kettles"),
        (
            f"groups:\n  - id: De Kettles\n    name: K\n    members: [amazon.de/{A}]\n",
            2,
            "De Kettles",
        ),
        (
            f"groups:\n  - id: k\n    name: K\n    members:\n      - amazon.de/{A}\n"
            f"      - amazon.de/{A}\n",
            6,
            A,
        ),
        (
            f"groups:\n  - {{id: k, name: K, members: [amazon.de/{A}]}}\n"
            f"  - {{id: k, name: L, members: [amazon.de/{A}]}}\n",
            3,
            "'k'",
        ),
        (
            f"groups:\n  - id: k\n    name: K\n    members:\n      - product: amazon.de/{A}\n"
            f"        from: tomorrow\n",
            6,
            "tomorrow",
        ),
        (
            f"groups:\n  - id: k\n    name: K\n    members:\n      - product: amazon.de/{A}\n"
            f"        from: 2026-03-02\n        to: 2026-03-01\n",
            7,
            "2026-03-01",
        ),
        (
            f"groups:\n  - id: k\n    name: K\n    template: toys\n    members: [amazon.de/{A}]\n",
            4,
            "'toys' is no template; known are books, electronics, fashion, generic, grocery",
        ),
        (
            f"groups:\n  - id: k\n    name: K\n    locale: klingon\n    members: [amazon.de/{A}]\n",
            4,
            "'klingon' is no locale",
        ),
        ("products:\n  - [\n", 3, "not YAML"),
        ("- amazon.de/B08N5WRWNW\n", 1, "the catalog"),
    ],
)
def test_a_mistake_names_file_line_and_value(text: str, line: int, value: str) -> None:
    with pytest.raises(CatalogError) as raised:
        parse_catalog(text, "my-catalog.yaml")
    message = str(raised.value)
    assert message.startswith(f"my-catalog.yaml, line {line}: ")
    assert value in message
    assert "\n" not in message


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="INSIGHTS_CATALOG"):
        read_catalog_file(tmp_path / "none.yaml")


def test_the_projects_own_catalog_is_valid() -> None:
    root = Path(__file__).resolve().parents[3]
    assert read_catalog_file(root / "catalog.yaml").groups == ()
