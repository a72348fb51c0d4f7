"""Pages from a folder: found by manifest, by content or by name; never guessed."""

from __future__ import annotations

import asyncio
import gzip
import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from insights_resources.errors import ConfigurationError
from insights_resources.marketplaces import ProductKey
from insights_resources.page_providers.protocol import CapturedPage, PageTarget, Verdict
from insights_resources.page_providers.saved_pages import SavedPagesProvider
from insights_resources.sandbox.market import SandboxMarket

MARKET = SandboxMarket()


def product_day(key: ProductKey, after: int = 0) -> date:
    """A day on which the sandbox shows this product."""
    days = (date(2025, 1, 1) + timedelta(days=n) for n in range(after, after + 60))
    return next(day for day in days if MARKET.truth(key, day).verdict is Verdict.PRODUCT)


def content(key: ProductKey) -> bytes:
    return MARKET.page(key, product_day(key))


def blocked(key: ProductKey) -> bytes:
    days = (date(2025, 1, 1) + timedelta(days=n) for n in range(1000))
    return next(
        MARKET.page(key, day) for day in days if MARKET.truth(key, day).verdict is Verdict.BLOCKED
    )


def fetch(provider: SavedPagesProvider, key: ProductKey, day: date) -> list[CapturedPage]:
    async def collect() -> list[CapturedPage]:
        return [page async for page in provider.fetch([PageTarget(key, day)])]

    return asyncio.run(collect())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three German pages of 2021, one of an exact time, one of another shop, by manifest."""
    home = tmp_path / "saved"
    home.mkdir()
    rows = ["file,marketplace,asin,year,captured_at,note"]
    for number, key in enumerate(MARKET.keys[6:9]):
        name = f"page{number}.html.gz"
        (home / name).write_bytes(gzip.compress(content(key)))
        rows.append(f"{name},{key.marketplace},{key.asin},2021,,")
    key = MARKET.keys[0]
    (home / "us").mkdir()
    (home / "us" / "bottle.html").write_bytes(content(key))
    rows.append(f"us/bottle.html,www.Amazon.com,{key.asin},,2022-03-04T05:06:07+01:00,exact")
    (home / "other.html").write_bytes(b"<html><title>Another shop</title></html>")
    rows.append("other.html,shop.example,,2020,,")
    (home / "manifest.csv").write_text("\n".join(rows) + "\n")
    return home


def test_construction_reads_nothing(tmp_path: Path) -> None:
    SavedPagesProvider(tmp_path / "does not exist yet")


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        SavedPagesProvider(tmp_path / "nowhere").catalog()


def test_products_are_served_on_the_day_they_were_saved(folder: Path) -> None:
    provider = SavedPagesProvider(folder)
    assert provider.days() == [date(2021, 7, 1), date(2022, 3, 4)]
    assert provider.can_serve(date(2021, 7, 1))
    assert not provider.can_serve(date(2021, 7, 2))
    key = MARKET.keys[6]
    (page,) = fetch(provider, key, date(2021, 7, 1))
    assert page.provider == "saved_pages"
    assert page.content == content(key)
    assert page.verdict is Verdict.PRODUCT
    assert page.captured_at == datetime(2021, 7, 1, 12, tzinfo=UTC)
    assert page.captured_at_precision == "year"


def test_an_exact_time_is_kept_in_utc(folder: Path) -> None:
    (page,) = fetch(SavedPagesProvider(folder), MARKET.keys[0], date(2022, 3, 4))
    assert page.captured_at == datetime(2022, 3, 4, 4, 6, 7, tzinfo=UTC)
    assert page.captured_at_precision == "exact"


def test_a_product_or_day_without_a_page_gives_none(folder: Path) -> None:
    provider = SavedPagesProvider(folder)
    assert fetch(provider, MARKET.keys[0], date(2021, 7, 1)) == []
    assert fetch(provider, MARKET.keys[0], date(1999, 1, 1)) == []


def test_products_of_one_marketplace_compete_from_their_first_page_on(folder: Path) -> None:
    catalog = SavedPagesProvider(folder).catalog()
    assert [product.key for product in catalog.products] == sorted(
        [MARKET.keys[0], *MARKET.keys[6:9]]
    )
    (group,) = catalog.groups
    assert group.group_id == "saved-amazon-de"
    assert group.name == "Saved pages of amazon.de"
    assert [member.key for member in group.members] == sorted(MARKET.keys[6:9])
    assert {member.first_day for member in group.members} == {date(2021, 7, 1)}


def test_another_shop_is_skipped_with_the_reason(folder: Path) -> None:
    (skipped,) = SavedPagesProvider(folder).skipped
    assert skipped.path.name == "other.html"
    assert "shop.example" in skipped.reason


def test_a_manifest_beside_the_folder_counts_too(folder: Path) -> None:
    (folder / "manifest.csv").rename(folder.parent / "manifest.csv")
    assert len(SavedPagesProvider(folder).catalog().products) == 4


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ("gone.html,amazon.de,B000000001,2021", "gone.html"),
        ("../outside.html,amazon.de,B000000001,2021", "outside.html"),
        ("page0.html.gz,amazon.de,B00000001,2021", "B00000001"),
        ("page0.html.gz,amazon.dee,B000000001,2021", "amazon.dee"),
        ("page0.html.gz,amazon.de,B000000001,lately", "lately"),
        ("page0.html.gz,amazon.de,B000000001,2021\npage0.html.gz,amazon.de,,2021", "twice"),
    ],
)
def test_a_wrong_row_names_file_line_and_value(folder: Path, row: str, value: str) -> None:
    (folder / "manifest.csv").write_text(f"file,marketplace,asin,year\n{row}\n")
    with pytest.raises(ConfigurationError) as caught:
        SavedPagesProvider(folder).days()
    assert value in str(caught.value)
    assert f"manifest.csv, line {3 if value == 'twice' else 2}" in str(caught.value)


def test_a_manifest_without_a_file_column_is_refused(folder: Path) -> None:
    (folder / "manifest.csv").write_text("name,asin\nx,y\n")
    with pytest.raises(ConfigurationError, match="column 'file'"):
        SavedPagesProvider(folder).days()


def test_a_day_alone_is_known_to_the_day(folder: Path) -> None:
    key = MARKET.keys[6]
    (folder / "manifest.csv").write_text(
        f"file,marketplace,asin,captured_at\npage0.html.gz,amazon.de,{key.asin},2021-02-03\n"
    )
    (page,) = fetch(SavedPagesProvider(folder), key, date(2021, 2, 3))
    assert page.captured_at == datetime(2021, 2, 3, 12, tzinfo=UTC)
    assert page.captured_at_precision == "day"


def test_the_page_itself_fills_what_the_manifest_leaves_open(folder: Path) -> None:
    (folder / "manifest.csv").write_text("file,year\npage0.html.gz,2021\n")
    provider = SavedPagesProvider(folder)
    assert [product.key for product in provider.catalog().products] == [MARKET.keys[6]]


def test_a_page_without_a_time_is_left_out_and_its_mtime_never_used(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(content(MARKET.keys[0]))
    os.utime(path, (1_600_000_000, 1_600_000_000))
    provider = SavedPagesProvider(tmp_path)
    assert provider.days() == []
    (skipped,) = provider.skipped
    assert "when it was saved" in skipped.reason


def test_the_mark_of_the_program_that_saved_it_gives_the_time(tmp_path: Path) -> None:
    key = MARKET.keys[0]
    mark = b"<!--\n Page saved with SingleFile\n saved date: Sun Mar 03 2024 10:20:30 GMT+0100\n-->"
    (tmp_path / "page.html").write_bytes(mark + content(key))
    provider = SavedPagesProvider(tmp_path)
    (page,) = fetch(provider, key, date(2024, 3, 3))
    assert page.captured_at == datetime(2024, 3, 3, 9, 20, 30, tzinfo=UTC)
    assert page.captured_at_precision == "exact"
    assert page.verdict is Verdict.PRODUCT


def test_a_robot_check_is_known_by_folder_and_file_name(tmp_path: Path) -> None:
    key = MARKET.keys[6]
    place = tmp_path / "amazon.de"
    place.mkdir()
    (place / f"{key.asin}-a1b2c3.html").write_bytes(blocked(key))
    (tmp_path / "manifest.csv").write_text(f"file,year\namazon.de/{key.asin}-a1b2c3.html,2021\n")
    (page,) = fetch(SavedPagesProvider(tmp_path), key, date(2021, 7, 1))
    assert page.verdict is Verdict.BLOCKED
    assert page.reason


def test_a_page_of_another_product_than_the_manifest_says_is_no_product(folder: Path) -> None:
    asked = ProductKey("amazon.de", "B000000001")
    (folder / "manifest.csv").write_text(
        f"file,marketplace,asin,year\npage0.html.gz,amazon.de,{asked.asin},2021\n"
    )
    (page,) = fetch(SavedPagesProvider(folder), asked, date(2021, 7, 1))
    assert page.verdict is Verdict.OTHER


def test_a_damaged_file_is_an_error_that_can_be_seen(folder: Path) -> None:
    (folder / "page0.html.gz").write_bytes(gzip.compress(content(MARKET.keys[6]))[:900])
    (page,) = fetch(SavedPagesProvider(folder), MARKET.keys[6], date(2021, 7, 1))
    assert page.verdict is Verdict.ERROR
    assert page.content is None
    assert "page0.html.gz" in str(page.reason)


def test_a_time_in_the_future_is_no_capture(folder: Path) -> None:
    key = MARKET.keys[6]
    (folder / "manifest.csv").write_text(
        f"file,marketplace,asin,year\npage0.html.gz,amazon.de,{key.asin},2999\n"
    )
    provider = SavedPagesProvider(folder)
    assert date(2999, 7, 1) not in provider.days()
    assert any("future" in skipped.reason for skipped in provider.skipped)


def test_files_of_a_full_manifest_are_read_only_when_fetched(folder: Path) -> None:
    provider = SavedPagesProvider(folder)
    assert len(provider.catalog().products) == 4
    for number in range(3):
        (folder / f"page{number}.html.gz").unlink()
    (page,) = fetch(provider, MARKET.keys[6], date(2021, 7, 1))
    assert page.verdict is Verdict.ERROR


@pytest.mark.shared
def test_the_real_folder(shared_data: Path) -> None:
    provider = SavedPagesProvider(shared_data / "pages")
    catalog = provider.catalog()
    assert len(catalog.products) > 55
    assert {"saved-amazon-de", "saved-amazon-com"} <= {g.group_id for g in catalog.groups}
    reasons = [skipped.reason for skipped in provider.skipped]
    assert sum("no Amazon marketplace" in reason for reason in reasons) == 4
    verdicts = [
        page.verdict
        for key in (product.key for product in catalog.products)
        if key.marketplace == "amazon.fr"
        for day in provider.days()
        for page in fetch(provider, key, day)
    ]
    assert verdicts == [Verdict.PRODUCT] * 6
