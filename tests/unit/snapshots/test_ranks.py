"""Best Sellers Ranks in the forms that layouts and languages have."""

from __future__ import annotations

import pytest

from insights_assets.snapshots.parser import parse_page
from tests.unit.snapshots.product_page import product_page

TOP = "/gp/bestsellers/kitchen/ref=pd_zg_ts_kitchen"
NODE = "/gp/bestsellers/kitchen/3538289031/ref=pd_zg_hrsr_kitchen"


def ranks(body: str) -> list[tuple[str, str | None, int]]:
    snapshot = parse_page(product_page(body)).snapshot
    assert snapshot is not None
    return [(entry.category, entry.node_id, entry.rank) for entry in snapshot.bsr]


@pytest.mark.parametrize(
    ("top", "category", "rank"),
    [
        ("#844 in Patio, Lawn &amp; Garden (", "Patio, Lawn & Garden", 844),
        ("2,410 in Home &amp; Kitchen (", "Home & Kitchen", 2410),
        ("#191 in PlayStation 5 Consoles (", "PlayStation 5 Consoles", 191),
        ("Nr. 23.682 in Musikinstrumente (", "Musikinstrumente", 23682),
        ("Nr. 2,593,388 in Bekleidung (", "Bekleidung", 2593388),
        ("13.268 en Fournitures de bureau (", "Fournitures de bureau", 13268),
        ("nº946 en Electrónica (", "Electrónica", 946),
        ("Nº 12,212 em Ferramentas (", "Ferramentas", 12212),
        ("n. 3.690 in Strumenti Musicali (", "Strumenti Musicali", 3690),
        ("#55 Betaald in Kindle Store (", "Kindle Store", 55),
        ("nº 12 de Pago en Tienda Kindle (", "Tienda Kindle", 12),
        ("Nº 7 Pagos em Loja Kindle (", "Loja Kindle", 7),
        ("n. 31 a pagamento nel Kindle Store (", "Kindle Store", 31),
        ("Oyuncak kategorisinde 1.234 numara (", "Oyuncak", 1234),
        ("Ev ve Yaşam kategorisinde 2. sırada (", "Ev ve Yaşam", 2),
        ("ホーム＆キッチン - 4,012位 (", "ホーム＆キッチン", 4012),
    ],
)
def test_the_top_category(top: str, category: str, rank: int) -> None:
    row = f'<tr><th>Label</th><td><span>{top}<a href="{TOP}">See Top 100</a>)</span></td></tr>'
    assert ranks(f"<table>{row}</table>") == [(category, None, rank)]


@pytest.mark.parametrize(
    ("line", "rank"),
    [
        ('#16 in <a href="{}">Feeders</a>', 16),
        ('Nr. 7,647 in <a href="{}">Feeders</a>', 7647),
        (
            '<span class="zg_hrsr_rank">#2111</span> <span>in&nbsp;<a href="{}">Feeders</a></span>',
            2111,
        ),
        ('<span>n.° 148</span><span>en&nbsp;<a href="{}">Feeders</a></span>', 148),
        ('<span>Sıralama: 13</span><span> - Kategori:&nbsp;<a href="{}">Feeders</a></span>', 13),
        ('- 86位<a href="{}">Feeders</a>', 86),
        ('<a href="{}">Feeders</a> - 86位', 86),
    ],
)
def test_a_node_from_its_link(line: str, rank: int) -> None:
    assert ranks(f"<ul><li><span>{line.format(NODE)}</span></li></ul>") == [
        ("Feeders", "3538289031", rank)
    ]


def test_page_order_and_no_repetition() -> None:
    lines = (
        f'<li><b>Best Sellers Rank:</b> #5 in Kitchen (<a href="{TOP}">See Top 100</a>)'
        f'<ul><li>#3 in <a href="{NODE}">Feeders</a></li></ul></li>'
    )
    assert ranks(f"<ul>{lines}</ul><ul>{lines}</ul>") == [
        ("Kitchen", None, 5),
        ("Feeders", "3538289031", 3),
    ]


def test_the_path_of_old_pages_leads_to_its_last_node() -> None:
    path = (
        f'<span>#5</span> <span>in <a href="/gp/bestsellers/books/1">Books</a> &gt; '
        f'<a href="{NODE}">Knitting</a></span>'
    )
    assert ranks(f"<ul><li>{path}</li></ul>") == [("Books > Knitting", "3538289031", 5)]


def test_links_to_lists_elsewhere_are_no_ranks() -> None:
    carousel = f'<div class="a-carousel"><p>#1 in <a href="{NODE}">Feeders</a></p></div>'
    badge = '<p>#1 Best Seller in <a href="/gp/bestsellers/kitchen/12345">Feeders</a></p>'
    assert ranks(carousel + badge) == []


@pytest.mark.parametrize("rank", ["0", "9" * 5000, "1,234" * 500, ""])
def test_what_is_no_rank(rank: str) -> None:
    assert ranks(f'<ul><li>#{rank} in <a href="{NODE}">Feeders</a></li></ul>') == []
