"""Histories from files: what is stored, what a second import changes, and what follows from it."""

from __future__ import annotations

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from insights_assets.features.rebuild import rebuild_features
from insights_assets.snapshots.history_import import importing, staging
from insights_assets.snapshots.history_import.importing import (
    ImportOptions,
    ImportSummary,
    import_history,
)
from insights_assets.snapshots.rebuild import pending_scopes, rebuild_snapshots, require_pages
from insights_jobs.cli import main
from insights_resources.errors import InvalidInputError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import select_current
from tests.integration.platform_fixture import Platform
from tests.integration.stored_history import store_snapshots
from tests.unit.features.capture_histories import at, capture, naive_features, naive_ranks

A, B = "B08N5WRWNW", "B0C2SPMTBC"
OPTIONS = ImportOptions(marketplace="amazon.de")
WIDE = f"""asin,timestamp,price,list_price,rating,review_count,sales_rank,seller
{A},2024-03-03T09:00:00Z,12.50,19.99,4.5,100,17,Ada
{A},2024-03-01T09:00:00Z,12.5,,4.4,,21,
{B},2024-03-02,,,,,,
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def load(
    warehouse: Warehouse, path: Path, options: ImportOptions = OPTIONS, **more: Any
) -> ImportSummary:
    return import_history(
        warehouse, path, options, rejects=path.with_suffix(".rejects.csv"), **more
    )


def stored(warehouse: Warehouse, *, all_rows: bool = False) -> list[dict[str, Any]]:
    """The snapshots, in the order of product and time."""
    table = tables.product_snapshots
    query = select(table) if all_rows else select_current(table)
    with warehouse.read() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return sorted(rows, key=lambda row: (row["asin"], row["captured_at"]))


def counts(summary: ImportSummary) -> tuple[int, int, int, int]:
    return summary.added, summary.changed, summary.removed, summary.unchanged


def test_an_observation_a_row(warehouse: Warehouse, tmp_path: Path) -> None:
    summary = load(warehouse, write(tmp_path / "wide.csv", WIDE))
    assert (summary.rows_read, summary.rows_rejected, summary.snapshots) == (3, 0, 3)
    first, second, third = stored(warehouse)
    assert second["captured_at"] == datetime(2024, 3, 3, 9, tzinfo=UTC)
    assert str(first["price"]) == str(second["price"]) == "12.50"
    assert (first["list_price"], str(second["list_price"])) == (None, "19.99")
    assert second["currency"] == "EUR"
    assert (second["rating"], second["rating_count"], second["seller"]) == (4.5, 100, "Ada")
    # No node is known, so the rank is in a category that no other product shares.
    (rank,) = second["bsr"]
    assert (rank["node_id"], rank["rank"]) == (None, 17)
    assert A in rank["category"]
    # A price says nothing of stock, and an import nothing of the listing.
    assert second["availability"] == "unknown"
    assert second["title"] is second["bullets"] is second["images"] is None
    assert second["attributes"] is None
    assert (third["price"], third["price_missing_reason"], third["currency"]) == (
        None,
        "not_on_page",
        None,
    )
    assert [row["captured_at_precision"] for row in (first, third)] == ["exact", "day"]
    assert {row["origin"] for row in stored(warehouse)} == {"import"}


def test_a_row_leads_to_its_file(warehouse: Warehouse, tmp_path: Path) -> None:
    load(warehouse, write(tmp_path / "wide.csv", WIDE))
    builds, imports, rows = tables.builds, tables.imports, tables.product_snapshots
    query = (
        select(imports.c.file_name, imports.c.status, imports.c.rows_read, imports.c.layout)
        .join(builds, builds.c.import_id == imports.c.import_id)
        .join(rows, rows.c.build_id == builds.c.build_id)
        .distinct()
    )
    with warehouse.read() as connection:
        assert connection.execute(query).all() == [("wide.csv", "done", 3, "wide")]


def test_the_same_file_again_writes_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    path = write(tmp_path / "wide.csv", WIDE)
    load(warehouse, path)
    before = stored(warehouse, all_rows=True)
    assert counts(load(warehouse, path)) == (0, 0, 0, 3)
    shuffled = WIDE.splitlines()
    again = write(tmp_path / "other.csv", "\n".join([shuffled[0], *reversed(shuffled[1:])]))
    assert counts(load(warehouse, again)) == (0, 0, 0, 3)
    assert stored(warehouse, all_rows=True) == before


def test_a_corrected_file_replaces_within_its_time_and_only_its_products(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    def of(*rows: str) -> Path:
        return write(tmp_path / "prices.csv", "\n".join(["asin,date,price", *rows]))

    load(warehouse, of(*(f"{A},2024-03-0{day},{day}" for day in range(1, 7)), f"{B},2024-03-02,9"))
    # Another price on the 2nd, nothing on the 3rd; before and after its time all stands.
    corrected = load(warehouse, of(f"{A},2024-03-02,20", f"{A},2024-03-04,4"))
    assert counts(corrected) == (0, 1, 1, 1)
    prices = {(row["asin"], row["day"].day): int(row["price"]) for row in stored(warehouse)}
    assert prices == {(A, 1): 1, (A, 2): 20, (A, 4): 4, (A, 5): 5, (A, 6): 6, (B, 2): 9}
    # What was known before is still there, as superseded.
    assert len(stored(warehouse, all_rows=True)) == 8
    # With --add nothing goes.
    added = load(
        warehouse,
        of(f"{A},2024-03-01,10", f"{A},2024-03-03,3", f"{A},2024-03-06,6"),
        ImportOptions(marketplace="amazon.de", add=True),
    )
    assert counts(added) == (1, 1, 0, 1)
    assert [int(row["price"]) for row in stored(warehouse)] == [10, 20, 3, 4, 5, 6, 9]


def test_bad_rows_go_to_a_file_and_the_rest_is_in(warehouse: Warehouse, tmp_path: Path) -> None:
    path = write(
        tmp_path / "prices.csv",
        f"asin,date,price,note\n{A},2024-03-01,1,a\nnone,2024-03-01,1,b\n{A},2024-03-02,x,c\n"
        f"{A},2024-03-03,3,d\n{A},2024-03-03,4,e\n{A},2024-03-03,4,f\n",
    )
    summary = load(warehouse, path)
    assert (summary.rows_read, summary.rows_rejected, summary.snapshots) == (6, 3, 2)
    assert (summary.replaced, summary.duplicates) == (1, 1)
    assert summary.layout.ignored == ("note",)
    assert summary.rejects_file is not None
    with summary.rejects_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "reason", "asin", "date", "price", "note"]
    assert [(row[0], row[2:]) for row in rows[1:]] == [
        ("3", ["none", "2024-03-01", "1", "b"]),
        ("4", [A, "2024-03-02", "x", "c"]),
        ("5", [A, "2024-03-03", "3", "d"]),
    ]
    assert "line 6 says something else" in rows[3][1]
    assert [int(row["price"]) for row in stored(warehouse)] == [1, 4]
    # Corrected, the same file leaves no rejects behind.
    write(path, f"asin,date,price\n{A},2024-03-01,1\n")
    assert load(warehouse, path).rejects_file is None
    assert not summary.rejects_file.exists()


# --- series --------------------------------------------------------------------------------------


def series_text(rows: Iterable[tuple[str, str, datetime, str]]) -> str:
    lines = ["asin,series,time_utc,value"]
    lines += [
        f"{asin},{name},{moment:%Y-%m-%dT%H:%M:%S},{value}" for asin, name, moment, value in rows
    ]
    return "\n".join(lines) + "\n"


def naive_as_of(rows: Iterable[tuple[str, str, datetime, str]]) -> list[dict[str, Any]]:
    """What the series say at each instant of each product, one after the other."""
    by_product: dict[str, dict[datetime, list[tuple[str, str]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for asin, name, moment, value in rows:
        by_product[asin][moment].append((name, value))
    found = []
    for asin, moments in sorted(by_product.items()):
        names = {name for changes in moments.values() for name, _ in changes}
        source = next((n for n in ("buy_box_shipping", "new", "amazon") if n in names), None)
        state: dict[str, str] = {}
        for moment in sorted(moments):
            state.update(moments[moment])
            price = state.get(source or "", "")
            deal = state.get("lightning_deal", "")
            if price and deal and float(deal) < float(price):
                price = deal
            found.append(
                {
                    "asin": asin,
                    "captured_at": moment,
                    "price": float(price) if price else None,
                    "list_price": float(state["list_price"]) if state.get("list_price") else None,
                    "rating": float(state["rating"]) if state.get("rating") else None,
                    "rating_count": (
                        int(state["review_count"]) if state.get("review_count") else None
                    ),
                    "offered": any(
                        state.get(n)
                        for n in ("buy_box_shipping", "new", "amazon", "lightning_deal")
                    )
                    or state.get("count_new", "") not in ("", "0"),
                    "nodes": {
                        n.removeprefix("rank_category_"): int(v)
                        for n, v in state.items()
                        if n.startswith("rank_category_") and v
                    },
                    "sales_rank": int(state["sales_rank"]) if state.get("sales_rank") else None,
                }
            )
    return found


def as_stored(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = ("asin", "captured_at", "rating", "rating_count")
    return [
        {name: row[name] for name in names}
        | {
            "price": None if row["price"] is None else float(row["price"]),
            "list_price": None if row["list_price"] is None else float(row["list_price"]),
            "offered": row["availability"] == "in_stock",
        }
        for row in rows
    ]


def without_ranks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name not in ("nodes", "sales_rank")}
        for row in rows
    ]


def random_series(seed: int = 3) -> list[tuple[str, str, datetime, str]]:
    """Changes of several series of two products, in no order, some of them empty."""
    chance = random.Random(seed)
    names = ("new", "buy_box_shipping", "list_price", "rating", "review_count", "lightning_deal")
    rows: dict[tuple[str, str, datetime], str] = {}
    for _ in range(400):
        asin, name = chance.choice((A, B)), chance.choice(names)
        moment = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=chance.randrange(24 * 40))
        value = {
            "rating": f"{chance.randrange(10, 50) / 10}",
            "review_count": str(chance.randrange(1000)),
        }.get(name, f"{chance.randrange(500, 3000) / 100:.2f}")
        rows[asin, name, moment] = "" if chance.random() < 0.2 else value
    listed = [(*key, value) for key, value in rows.items()]
    chance.shuffle(listed)
    return listed


def test_series_are_merged_as_of_each_change(warehouse: Warehouse, tmp_path: Path) -> None:
    rows = random_series()
    summary = load(warehouse, write(tmp_path / "series.csv", series_text(rows)))
    expected = naive_as_of(rows)
    assert summary.snapshots == len(expected)
    assert as_stored(stored(warehouse)) == without_ranks(expected)


@pytest.mark.parametrize(
    ("series", "reason", "availability"),
    [
        ({"new": ""}, "out_of_stock", "out_of_stock"),
        ({"new": "5", "buy_box_shipping": ""}, "no_buy_box", "in_stock"),
        ({"new": "", "buy_box_shipping": ""}, "out_of_stock", "out_of_stock"),
        ({"buy_box_shipping": ""}, "no_buy_box", "unknown"),
        ({"amazon": ""}, "not_on_page", "unknown"),
        ({"sales_rank": "5"}, "not_on_page", "unknown"),
        ({"price": ""}, "out_of_stock", "out_of_stock"),
        ({"count_new": "0", "sales_rank": "5"}, "not_on_page", "out_of_stock"),
    ],
)
def test_a_missing_offer_says_why(
    sqlite_warehouse: Warehouse,
    tmp_path: Path,
    series: dict[str, str],
    reason: str,
    availability: str,
) -> None:
    moment = datetime(2024, 3, 1, tzinfo=UTC)
    rows = [(A, name, moment, value) for name, value in series.items()]
    load(sqlite_warehouse, write(tmp_path / "series.csv", series_text(rows)))
    (row,) = stored(sqlite_warehouse)
    assert row["price"] is None
    assert (row["price_missing_reason"], row["availability"]) == (reason, availability)


def test_the_node_of_the_sales_rank_comes_first(
    sqlite_warehouse: Warehouse, tmp_path: Path
) -> None:
    def day(number: int) -> datetime:
        return datetime(2024, 3, number, tzinfo=UTC)

    rows = [
        (A, "sales_rank", day(1), "500"),
        (A, "rank_category_99", day(1), "500"),
        (A, "rank_category_5", day(1), "7"),
        (A, "sales_rank", day(2), "400"),
        (A, "rank_category_99", day(2), "400"),
        (A, "rank_category_5", day(3), ""),
    ]
    load(sqlite_warehouse, write(tmp_path / "series.csv", series_text(rows)))
    ranks = [
        [(rank["node_id"], rank["rank"]) for rank in row["bsr"]] for row in stored(sqlite_warehouse)
    ]
    assert ranks == [[("99", 500), ("5", 7)], [("99", 400), ("5", 7)], [("99", 400)]]


def test_a_series_is_unknown_after_the_days_that_it_may_be_carried(
    sqlite_warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = [
        (A, "new", datetime(2024, 3, 1, tzinfo=UTC), "5"),
        *((A, "sales_rank", datetime(2024, 3, day, tzinfo=UTC), str(day)) for day in range(2, 6)),
    ]
    path = write(tmp_path / "series.csv", series_text(rows))
    load(sqlite_warehouse, path, ImportOptions(marketplace="amazon.de", carry_days=2))
    assert [row["price"] is None for row in stored(sqlite_warehouse)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    with pytest.raises(InvalidInputError, match="imported whole"):
        load(sqlite_warehouse, path, ImportOptions(marketplace="amazon.de", add=True))


# --- beside pages, and after a crash -------------------------------------------------------------


def test_pages_and_imports_leave_each_other_alone(warehouse: Warehouse, tmp_path: Path) -> None:
    path = write(tmp_path / "wide.csv", WIDE)
    page = capture(at("2024-03-03", 10), marketplace="amazon.de", asin=A, price=1111)
    store_snapshots(warehouse, [page])
    summary = load(warehouse, path)
    assert summary.page_product_days == 1
    assert sorted(row["origin"] for row in stored(warehouse)) == ["import"] * 3 + ["page"]
    # A rebuild of the day: there is no page any more (retention), and all rows stand.
    archive = PageArchive(str(tmp_path / "pages"))
    scope = Scope(date(2024, 3, 1), date(2024, 3, 5))
    built = rebuild_snapshots(warehouse, archive, scope).snapshots
    assert (built.rows_added, built.rows_changed, built.rows_removed) == (0, 0, 0)
    assert sorted(row["origin"] for row in stored(warehouse)) == ["import"] * 3 + ["page"]
    assert pending_scopes(warehouse) == []
    assert counts(load(warehouse, path)) == (0, 0, 0, 3)


def test_days_with_imports_can_be_rebuilt_and_others_cannot(
    sqlite_warehouse: Warehouse, tmp_path: Path
) -> None:
    load(sqlite_warehouse, write(tmp_path / "wide.csv", WIDE))
    require_pages(sqlite_warehouse, Scope.of_day(date(2024, 3, 1)), date(2026, 1, 1))
    with pytest.raises(InvalidInputError, match="insights import"):
        require_pages(sqlite_warehouse, Scope.of_day(date(2024, 4, 1)), date(2026, 1, 1))
    other = Scope.of_day(date(2024, 3, 1), [ProductKey("amazon.fr", A)])
    with pytest.raises(InvalidInputError):
        require_pages(sqlite_warehouse, other, date(2026, 1, 1))


def test_after_a_crash_products_are_whole_and_importing_again_does_the_rest(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asins = [f"B{number:09}" for number in range(12)]
    lines = [f"{asin},2024-03-0{day},{day}" for day in (1, 2, 3) for asin in asins]
    path = write(tmp_path / "prices.csv", "\n".join(["asin,date,price", *lines]))
    monkeypatch.setattr(staging, "ROWS_A_PART", 4)
    publish, calls = importing.publish_snapshots, []

    def breaks(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the power went")
        return publish(*arguments, **options)

    monkeypatch.setattr(importing, "publish_snapshots", breaks)
    with pytest.raises(RuntimeError, match="power"):
        load(warehouse, path)
    partly = pd.Series([row["asin"] for row in stored(warehouse)]).value_counts()
    assert 0 < len(partly) < len(asins)
    assert set(partly) == {3}
    with warehouse.read() as connection:
        assert connection.scalars(select(tables.imports.c.status)).all() == ["failed"]

    monkeypatch.setattr(importing, "publish_snapshots", publish)
    again = load(warehouse, path)
    assert counts(again) == (36 - 3 * len(partly), 0, 0, 3 * len(partly))


def test_a_damaged_file_changes_nothing(sqlite_warehouse: Warehouse, tmp_path: Path) -> None:
    whole = gzip.compress(WIDE.encode())
    (tmp_path / "wide.csv.gz").write_bytes(whole)
    assert load(sqlite_warehouse, tmp_path / "wide.csv.gz").snapshots == 3
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(b"asin,date,price\n" + b"x" * 9999)[:-12])
    with pytest.raises(InvalidInputError, match="damaged gzip"):
        load(sqlite_warehouse, tmp_path / "cut.csv.gz")
    assert len(stored(sqlite_warehouse)) == 3


def test_the_history_is_never_taken_for_its_rejects(
    sqlite_warehouse: Warehouse, tmp_path: Path
) -> None:
    path = write(tmp_path / "wide.csv", WIDE)
    with pytest.raises(InvalidInputError, match="another file"):
        import_history(sqlite_warehouse, path, OPTIONS, rejects=path)
    assert path.read_text(encoding="utf-8") == WIDE


def test_parquet_says_what_csv_says(sqlite_warehouse: Warehouse, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    load(sqlite_warehouse, write(tmp_path / "wide.csv", WIDE))
    before = stored(sqlite_warehouse)
    with duckdb.connect() as connection:
        connection.execute(
            """
            COPY (
                SELECT
                    asin,
                    timestamp::TIMESTAMP AS timestamp,
                    price::DOUBLE AS price,
                    list_price::DECIMAL(10, 2) AS list_price,
                    rating::FLOAT AS rating,
                    review_count::DOUBLE AS review_count,
                    sales_rank::INTEGER AS sales_rank,
                    seller
                FROM read_csv('WIDE', all_varchar = true)
                WHERE price IS NOT NULL
            ) TO 'TO' (FORMAT parquet)
            """.replace("WIDE", str(tmp_path / "wide.csv")).replace(
                "'TO'", f"'{tmp_path / 'wide.parquet'}'"
            )
        )
    again = load(sqlite_warehouse, tmp_path / "wide.parquet")
    assert counts(again) == (0, 0, 0, 2)
    assert stored(sqlite_warehouse) == before


# --- what follows --------------------------------------------------------------------------------

_LISTING = ("title_length", "bullet_count", "image_count", "description_length", "listing_quality")


def as_captures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Stored snapshots as the plain loops over captures take them."""
    return [
        capture(
            row["captured_at"],
            marketplace=row["marketplace"],
            asin=row["asin"],
            title=row["title"] or "",
            currency=row["currency"],
            price=None if row["price"] is None else int(row["price"] * 100),
            price_missing_reason=row["price_missing_reason"],
            list_price=None if row["list_price"] is None else int(row["list_price"] * 100),
            rating=row["rating"],
            rating_count=row["rating_count"],
            bsr=[(rank["category"], rank["node_id"], rank["rank"]) for rank in row["bsr"]],
            availability=row["availability"],
            seller=row["seller"],
            page_id=row["page_id"],
        )
        for row in rows
    ]


def check_features(warehouse: Warehouse, first: date, last: date) -> int:
    """Rebuilt features of these days are those of plain loops over the stored snapshots; a listing
    that is not known has none. Returns the number of rows."""
    rebuild_features(warehouse, Scope(first, last))
    captures = [
        item
        for item in as_captures(stored(warehouse))
        # More than any look-back.
        if first - timedelta(days=40) <= item["captured_at"].date() <= last
    ]
    for table, expected in (
        (tables.product_features, naive_features(captures, first, last)),
        (tables.rank_features, naive_ranks(captures, first, last)),
    ):
        key = list(table.info["key"])
        with warehouse.read() as connection:
            found = [dict(row) for row in connection.execute(select_current(table)).mappings()]
        found.sort(key=lambda row: tuple(row[name] for name in key))
        expected.sort(key=lambda row: tuple(row[name] for name in key))
        assert len(found) == len(expected)
        for row, plain in zip(found, expected, strict=True):
            for name, value in plain.items():
                where = (name, *(row[part] for part in key))
                if name in _LISTING or name == "listing_changed":
                    assert row[name] is None, where
                elif isinstance(value, float):
                    assert row[name] == pytest.approx(value, abs=2e-6), where
                elif value is None:
                    assert row[name] is None, where
                elif hasattr(row[name], "as_tuple"):
                    assert int(row[name] * 100) == value, where
                else:
                    assert row[name] == value, where
    return len(captures)


def test_features_over_imported_days_are_those_of_a_plain_loop(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    load(warehouse, write(tmp_path / "series.csv", series_text(random_series())))
    check_features(warehouse, date(2024, 3, 20), date(2024, 4, 20))


@pytest.mark.slow
def test_a_backfill_takes_imported_days(sqlite_platform: Platform, tmp_path: Path) -> None:
    path = write(tmp_path / "prices.csv", WIDE.replace("2024-", "2025-"))
    load(sqlite_platform.warehouse, path)
    finished = sqlite_platform.run("rebuild_derived", date(2025, 3, 1), date(2025, 3, 4))
    assert "features/product_features" in finished.materialized
    table = tables.product_features
    with sqlite_platform.warehouse.read() as connection:
        rows = connection.execute(
            select_current(table, table.c.day, table.c.price, table.c.listing_quality)
            .where(table.c.asin == A)
            .order_by(table.c.day)
        ).all()
    assert [(row.day.day, str(row.price), row.listing_quality) for row in rows] == [
        (day, "12.50", None) for day in (1, 2, 3, 4)
    ]
    assert len(stored(sqlite_platform.warehouse)) == 3


# --- the command ---------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("sys.argv", ["insights", *arguments])
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_says_what_it_did(
    tmp_path: Path,
    sqlite_warehouse_url: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INSIGHTS_DATABASE_URL", sqlite_warehouse_url)
    monkeypatch.setenv("INSIGHTS_HOME", str(tmp_path / "home"))
    path = write(tmp_path / "prices.csv", f"{WIDE}{A},tomorrow,1,,,,,\n")
    code, out, _ = run(capsys, "import", str(path), "--marketplace", "amazon.de")
    assert code == 0
    assert "4 rows read; 3 snapshots written; 0 unchanged; 1 rows rejected" in out
    assert f"({path}.rejects.csv)" in out
    assert "INSIGHTS_FIRST_DAY=2024-03-01" in out

    code, out, _ = run(
        capsys, "import", str(path), "--marketplace", "amazon.de", "--map", "seller=ignore"
    )
    assert code == 0
    assert "1 snapshots written; 2 unchanged" in out

    nothing = write(tmp_path / "nothing.csv", "asin,date,price\nx,y,z\n")
    code, out, err = run(capsys, "import", str(nothing), "--marketplace", "amazon.de")
    assert code == 1
    assert "1 rows rejected" in out
    assert "nothing could be imported" in err

    for wrong in (
        [str(nothing)],
        [str(nothing), "--marketplace", "amazon.xx"],
        [str(nothing), "--marketplace", "amazon.de", "--currency", "Euro"],
        [str(nothing), "--marketplace", "amazon.de", "--map", "price"],
        [str(tmp_path / "missing.csv")],
    ):
        code, _, err = run(capsys, "import", *wrong)
        assert code == 2, err
        assert err.count("Error: ") == 1


# --- the real series -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_long_series(sqlite_warehouse: Warehouse, shared_data: Path) -> None:
    path = shared_data / "series" / "keepa_series_tidy.csv"
    summary = load_beside(sqlite_warehouse, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            (
                row["asin"],
                row["series"],
                datetime.fromisoformat(row["time_utc"] + "Z"),
                row["value"],
            )
            for row in csv.DictReader(file)
        ]
    assert (summary.rows_read, summary.rows_rejected) == (len(rows), 0)
    expected, found = naive_as_of(rows), stored(sqlite_warehouse)
    assert as_stored(found) == without_ranks(expected)
    for row, plain in zip(found, expected, strict=True):
        ranks = {rank["node_id"]: rank["rank"] for rank in row["bsr"]}
        # The node of the sales rank shows that rank, the others their own.
        assert {k: v for k, v in ranks.items() if plain["nodes"].get(k) != v} in (
            {},
            {row["bsr"][0]["node_id"]: plain["sales_rank"]} if row["bsr"] else {},
        )
    check_features(sqlite_warehouse, date(2025, 5, 10), date(2025, 6, 10))
    assert counts(load_beside(sqlite_warehouse, path)) == (0, 0, 0, len(expected))


@pytest.mark.slow
@pytest.mark.shared
def test_the_real_observations(sqlite_warehouse: Warehouse, shared_data: Path) -> None:
    path = shared_data / "series" / "gpu_price_history_tidy.csv"
    summary = load_beside(sqlite_warehouse, path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert (summary.rows_read, summary.rows_rejected, summary.products) == (len(rows), 0, 22)
    expected = {
        (row["asin"], datetime.fromisoformat(row["timestamp"] + "Z")): float(row["price_usd"])
        for row in rows
    }
    assert expected == {
        (row["asin"], row["captured_at"]): float(row["price"]) for row in stored(sqlite_warehouse)
    }
    assert {row["currency"] for row in stored(sqlite_warehouse)} == {"USD"}
    check_features(sqlite_warehouse, date(2025, 4, 6), date(2025, 4, 8))


def load_beside(warehouse: Warehouse, path: Path) -> ImportSummary:
    """Imports a file of amazon.com that may not be written beside."""
    database = warehouse.engine.url.database
    assert database is not None
    return import_history(
        warehouse,
        path,
        ImportOptions(marketplace="amazon.com"),
        rejects=Path(f"{database}.rejects.csv"),
    )
