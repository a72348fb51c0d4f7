"""Search over listings: the same products on both engines, whatever is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from insights_assets.serving.product_summaries import rebuild_product_summaries
from insights_resources.marketplaces import ProductKey
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.product_search import search_products
from insights_resources.warehouse.roles import READER
from insights_resources.warehouse.search_text import query_terms
from tests.integration.older_schema import downgrade
from tests.integration.stored_history import build_statuses, store_snapshots
from tests.unit.features.capture_histories import at, capture

DAY = datetime(2026, 3, 10, tzinfo=UTC).date()
NOW = datetime(2026, 1, 1, tzinfo=UTC)

#: marketplace, asin, title, bullets, description
LISTINGS: list[tuple[str, str, str, list[str], str | None]] = [
    (
        "amazon.de",
        "B000000001",
        "WMF Wasserkocher Édition Spéciale 1,7 l",
        ["Edelstahl, rostfrei", "Kocht in 3 Minuten"],
        "Für große Küchen und heißen Tee.",
    ),
    ("amazon.de", "B000000002", "Teekanne aus Glas", ["Passt zum Wasserkocher"], None),
    ("amazon.com", "B000000003", "Red Electric Kettle", ["Stainless steel", "For tea"], None),
    ("amazon.com", "B000000004", "Kettle, electric, red handle", [], "Stainless and steel."),
    (
        "amazon.co.jp",
        "B000000005",
        "ティファール 電気ケトル 0.8L おしゃれ ｱﾌﾟﾚｼｱ",
        ["自動電源オフ機能付き"],
        "お湯がすぐに沸く電気ケトルです。",
    ),
    ("amazon.co.jp", "B000000006", "南部鉄器 急須 USBケーブル付", ["緑茶に"], None),
    ("amazon.com", "B000000007", "กาน้ำร้อนไฟฟ้าสแตนเลส", [], None),
    ("amazon.com", "B000000008", "100% \\ 'quoted' %_ AC/DC Kettle-Pro™ 2000", [], None),
]

#: query -> the last digit of the products that it finds
CASES = [
    ("wasserkocher", "12"),
    ("WASSERKOCHER edelstahl", "1"),
    ("edition speciale", "1"),
    ("ÉDITION", "1"),
    ("grosse", "1"),
    ("große kuchen", "1"),
    ("kettle", "348"),
    ("red kettle", "34"),
    ('"electric kettle"', "3"),
    ('"red kettle"', ""),
    ('"kettle electric"', "4"),
    ('"stainless steel"', "3"),
    ("stainless steel", "34"),
    ("kett", ""),
    ("kett*", "348"),
    ("ke*", ""),
    ("kettle pro", "8"),
    ("kettle-pro", "8"),
    ("ac/dc", "8"),
    ("電気ケトル", "5"),
    ("気ケト", "5"),
    ("ケトル", "5"),
    ("ケトル 電気", "5"),
    ("ケトル電気", ""),
    ("アプレシア", "5"),
    ("電源オフ", "5"),
    ("茶", "6"),
    ("鉄器", "6"),
    ("usb", "6"),
    ("ＵＳＢケーブル", "6"),
    ("น้ำร้อน", "7"),
    ("1,7", "1"),
    ("wasserkocher kettle", ""),
    ("nothing of this", ""),
    ("", ""),
    ("   ", ""),
    ("*", ""),
    ("%", ""),
    ("_", ""),
    ("' OR 1 = 1 --", ""),
    ("kettle' & !red:*", "34"),
    ("kettle | nothing", ""),
    ("\x00kettle", "348"),
    ('"', ""),
    ('kettle "', "348"),
    ('"\'\\"', ""),
]


def store(warehouse: Warehouse, listings: list[tuple[Any, ...]], day: Any = DAY) -> None:
    store_snapshots(
        warehouse,
        [
            {
                **capture(at(day), asin=asin, marketplace=marketplace, title=title),
                "bullets": bullets,
                "description": description,
            }
            for marketplace, asin, title, bullets, description in listings
        ],
    )


@pytest.fixture
def listed(warehouse: Warehouse) -> Warehouse:
    return fill(warehouse)


def fill(warehouse: Warehouse) -> Warehouse:
    with warehouse.begin() as connection:
        for marketplace, asin, *_ in LISTINGS:
            connection.execute(
                insert(tables.products).values(
                    marketplace=marketplace,
                    asin=asin,
                    source="file",
                    is_active=True,
                    added_at=NOW,
                    last_updated_at=NOW,
                )
            )
    store(warehouse, LISTINGS)
    rebuild_product_summaries(warehouse, None)
    return warehouse


def found(warehouse: Warehouse, query: str, **options: Any) -> list[str]:
    return [product.asin[-1] for product in search_products(warehouse, query, **options)]


def test_the_same_products_are_found_on_both_engines(listed: Warehouse) -> None:
    for query, digits in CASES:
        assert "".join(sorted(found(listed, query))) == digits, query


def test_the_best_come_first(listed: Warehouse) -> None:
    # In the title; in a bullet.
    assert found(listed, "wasserkocher") == ["1", "2"]
    # In bullets; in the description.
    assert found(listed, "stainless") == ["3", "4"]
    first, second = search_products(listed, "wasserkocher")
    assert (first.rank, second.rank) == (1.0, pytest.approx(0.4))
    assert first.title == "WMF Wasserkocher Édition Spéciale 1,7 l"
    # Shorter titles of equals.
    assert found(listed, "red kettle") == ["3", "4"]


def test_results_are_bounded_and_of_one_marketplace(listed: Warehouse) -> None:
    assert found(listed, "kettle", max_results=2) == found(listed, "kettle")[:2]
    assert found(listed, "kettle", max_results=0) == []
    assert found(listed, "kettle", max_results=-5) == []
    assert found(listed, "kettle", of_marketplace="amazon.de") == []
    assert found(listed, "wasserkocher", of_marketplace="amazon.de") == ["1", "2"]
    assert found(listed, "kettle", of_marketplace="' OR true --") == []
    assert found(listed, "kettle", of_marketplace="") == []


def test_psql_finds_with_one_argument(postgres_warehouse: Warehouse) -> None:
    fill(postgres_warehouse)
    with postgres_warehouse.read() as connection:
        rows = connection.execute(
            text(
                "SELECT marketplace, asin, title, brand, rank FROM insights.search_products('USB')"
            )
        ).all()
        assert [row.asin for row in rows] == ["B000000006"]
        nothing = text("SELECT count(*) FROM insights.search_products(NULL, NULL, NULL)")
        assert connection.scalar(nothing) == 0


def test_a_reader_searches_and_reads_no_table(
    postgres_url: str, postgres_warehouse: Warehouse
) -> None:
    fill(postgres_warehouse)
    url = postgres_warehouse.engine.url.set(
        drivername="postgresql", username="a_searcher", password="secret"
    )
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        administrator.execute(
            f"CREATE ROLE a_searcher LOGIN PASSWORD 'secret' IN ROLE {READER}".encode()
        )
        try:
            with psycopg.connect(
                url.render_as_string(hide_password=False), autocommit=True
            ) as reader:
                rows = reader.execute("SELECT asin FROM insights.search_products('usb')").fetchall()
                assert rows == [("B000000006",)]
                for statement in (
                    "SELECT * FROM warehouse.fact_product_search",
                    "SELECT * FROM warehouse.search_terms('usb')",
                ):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        reader.execute(statement.encode())
        finally:
            administrator.execute("DROP ROLE a_searcher")


def test_a_new_listing_is_found_and_the_old_one_no_more(listed: Warehouse) -> None:
    before = build_statuses(listed, "fact_product_search")
    rebuild_product_summaries(listed, None)
    # Nothing new: nothing is written.
    assert build_statuses(listed, "fact_product_search") == before
    marketplace, asin, _, bullets, _ = LISTINGS[2]
    store(listed, [(marketplace, asin, "Blue Toaster", bullets, None)], DAY + timedelta(days=1))
    rebuild_product_summaries(listed, None)
    assert found(listed, "toaster") == ["3"]
    assert "3" not in found(listed, "kettle")
    assert found(listed, "kettle", of_marketplace="amazon.com") == ["4", "8"]


def test_an_import_without_listing_keeps_what_pages_said(listed: Warehouse) -> None:
    marketplace, asin, *_ = LISTINGS[2]
    day = DAY + timedelta(days=1)
    store(listed, [(marketplace, asin, "Red Kettle, 2nd title", [], None)], day)
    snapshots = tables.product_snapshots
    with listed.begin() as connection:
        connection.execute(update(snapshots).where(snapshots.c.day == day).values(bullets=None))
    rebuild_product_summaries(listed, None)
    assert found(listed, "stainless 2nd") == ["3"]


def test_a_run_of_some_products_indexes_only_these(listed: Warehouse) -> None:
    day = DAY + timedelta(days=1)
    changed = [(m, a, f"{t} Novelty", b, d) for m, a, t, b, d in LISTINGS[2:4]]
    store(listed, changed, day)
    rebuild_product_summaries(listed, frozenset({ProductKey("amazon.com", "B000000003")}))
    assert found(listed, "novelty") == ["3"]
    rebuild_product_summaries(listed, None)
    assert found(listed, "novelty") == ["3", "4"]


def test_what_is_tracked_no_more_is_not_found(listed: Warehouse) -> None:
    products = tables.products
    with listed.begin() as connection:
        connection.execute(products.delete().where(products.c.asin == "B000000003"))
    rebuild_product_summaries(listed, None)
    assert found(listed, "kettle") == ["4", "8"]


def test_migrating_indexes_the_products_that_there_are(listed: Warehouse) -> None:
    before = {query: found(listed, query) for query, _ in CASES}
    downgrade(listed, "0008")
    from insights_resources.warehouse.schema import migrate

    assert "0009" in migrate(listed)
    assert {query: found(listed, query) for query, _ in CASES} == before
    # What the migration wrote is what the pipeline writes: it changes nothing.
    rebuild_product_summaries(listed, None)
    assert build_statuses(listed, "fact_product_search") == ["published"]
    with listed.begin() as connection:
        connection.execute(delete(tables.consumed_builds))
    rebuild_product_summaries(listed, None)
    builds = tables.builds
    query = select(builds.c.rows_added, builds.c.rows_changed, builds.c.rows_removed).order_by(
        builds.c.build_id
    )
    with listed.read() as connection:
        written = connection.execute(query.where(builds.c.table_name == "fact_product_search"))
        assert [tuple(row) for row in written] == [(len(LISTINGS), 0, 0), (0, 0, 0)]


_QUERIES = st.text(
    st.one_of(
        st.sampled_from('aAéß\'""**-. \t\n日本ケーブルのกา한글x1™&|!:<>()\\%_ー・İıŁøﬁ²½がﾞ́'),
        st.characters(codec="utf-8", exclude_characters="\x00"),
    ),
    max_size=80,
)


@pytest.mark.parametrize("length", [1, 250])
def test_sql_and_python_understand_queries_alike(
    postgres_warehouse: Warehouse, length: int
) -> None:
    with postgres_warehouse.read() as connection:
        statement = text("SELECT * FROM warehouse.search_terms(:query)")

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(_QUERIES)
        def agree(query: str) -> None:
            asked = query * (length // max(len(query), 1) + 1)
            of_sql = [tuple(row) for row in connection.execute(statement, {"query": asked})]
            of_python = [
                (term.needle, list(term.tokens), term.is_prefix) for term in query_terms(asked)
            ]
            assert of_sql == of_python

        agree()


def test_the_index_is_used_and_a_hostile_query_is_quick(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.begin() as connection:
        build = connection.execute(
            insert(tables.builds).values(
                table_name="fact_product_search", status="published", started_at=NOW
            )
        ).inserted_primary_key[0]  # type: ignore[index]
        connection.execute(
            text(
                "INSERT INTO warehouse.fact_product_search "
                "(marketplace, asin, folded, tokens, build_id, row_hash, recorded_at) "
                "SELECT 'amazon.com', 'B' || lpad(n::text, 9, '0'), "
                "' word' || n || E' same \\n \\n \\n ', "
                "'!same !word' || n || ' #amazon.com same word' || n, "
                ":build, n, now() FROM generate_series(1, :rows) n"
            ),
            {"build": build, "rows": 10_000},
        )
        connection.execute(text("ANALYZE warehouse.fact_product_search"))
        connection.execute(text("SET LOCAL statement_timeout = '5s'"))
        for query in ("same " * 500, "'" * 100_000, "word* " * 100, '"same same"' * 99, "(" * 999):
            connection.execute(
                text("SELECT * FROM insights.search_products(:query, 1000)"), {"query": query}
            ).all()
        found_one = text("SELECT asin FROM insights.search_products('word77 same')")
        assert connection.scalars(found_one).all() == ["B000000077"]
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with postgres_warehouse.begin() as connection:
        scans = connection.scalar(
            text("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'fact_product_search'")
        )
        by_index = connection.scalar(
            text(
                "SELECT idx_scan FROM pg_stat_user_indexes "
                "WHERE indexrelname = 'ix_fact_product_search_tokens'"
            )
        )
    assert by_index > 0
    assert scans == 0


def test_the_title_shown_is_that_of_the_summaries(listed: Warehouse) -> None:
    table = tables.product_summaries
    with listed.begin() as connection:
        connection.execute(update(table).where(table.c.asin == "B000000003").values(title="Shown"))
    (product,) = [p for p in search_products(listed, "red kettle") if p.asin == "B000000003"]
    assert product.title == "Shown"
