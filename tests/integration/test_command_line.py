"""The command line as a user meets it: what it does, what it says, and its exit codes."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Row, Table, func, select
from sqlalchemy.engine import make_url
from zstandard import compress as zstd_compress

import insights_jobs.embedded_instance
import insights_resources.settings
from insights_jobs.cli import main
from insights_resources.marketplaces import MARKETPLACES, ProductKey
from insights_resources.page_archive import PageArchive
from insights_resources.page_providers.protocol import Verdict
from insights_resources.sandbox import SandboxMarket
from insights_resources.scope import today_utc
from insights_resources.settings import PROJECT_ROOT, read_settings
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import is_current
from tests.unit.snapshots.test_parse_output import KEYS

DONE, FAILED, WRONG_USAGE = 0, 1, 2

PRODUCTS = 12
MARKET = SandboxMarket(seed=7, products=PRODUCTS)
#: A product, and a day on which its page is one.
KEY = MARKET.keys[6]
DAY = date(2025, 3, 1)
UNKNOWN = ProductKey("amazon.de", "B000000001")

DECIMALS = [
    "price",
    "price_min",
    "price_max",
    "list_price",
    "subscribe_save_price",
    "used_price",
    "offers_from",
    "rating",
]


@dataclass(frozen=True)
class Answer:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one message of a command that failed."""
        assert "Traceback" not in self.out + self.err, self.err
        assert self.err.count("Error: ") == 1, self.err
        return self.err.partition("Error: ")[2].strip()


@dataclass(frozen=True)
class Home:
    """A place of its own for a user's everything."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def insights(self, *arguments: object, **more: object) -> Answer:
        """Runs a command in this process; ``more`` is set in its environment as well."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["insights", *map(str, arguments)])
            for name in ("FIRECRAWL_API_KEY", "OPENAI_API_KEY", "FORCE_COLOR"):
                patch.delenv(name, raising=False)
            for name, value in {
                "COLUMNS": "80",
                # Empty is as good as unset, and what the command puts there is taken back.
                "DAGSTER_HOME": "",
                "INSIGHTS_HOME": self.folder,
                "INSIGHTS_SANDBOX_PRODUCTS": PRODUCTS,
                **self.environment,
                **more,
            }.items():
                patch.setenv(name, str(value))
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                    code = DONE
                except SystemExit as ended:
                    code = int(ended.code or DONE)
        return Answer(code, out.getvalue(), err.getvalue())

    @contextlib.contextmanager
    def warehouse(self) -> Iterator[Warehouse]:
        opened = Warehouse.open(f"sqlite:///{self.folder / 'insights.db'}")
        try:
            yield opened
        finally:
            opened.dispose()

    def rows(self, table: Table) -> list[Row[Any]]:
        """What stands in a table."""
        query = select(table)
        if table.info["versioned"]:
            query = query.where(is_current(table))
        with self.warehouse() as warehouse, warehouse.read() as connection:
            return list(connection.execute(query.order_by(*table.primary_key)).all())

    def contents(self) -> dict[str, list[Row[Any]]]:
        """Every row of every table."""
        with self.warehouse() as warehouse, warehouse.read() as connection:
            return {
                table.name: list(
                    connection.execute(select(table).order_by(*table.primary_key)).all()
                )
                for table in tables.metadata.sorted_tables
            }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home that the demo has run in. Tests may add days to it, and take nothing away."""
    return Home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def demo(home: Home) -> Answer:
    """What the demo said, when it ran first."""
    return home.insights("demo", "--days", 3)


@pytest.fixture(scope="module")
def demo_days(demo: Answer) -> list[date]:
    """The days it ran."""
    first, last = map(
        date.fromisoformat, re.findall(r"^(\S+) to (\S+)$", demo.out, re.MULTILINE)[0]
    )
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@pytest.fixture
def empty_home(tmp_path: Path) -> Home:
    """A home in which nothing has run yet; the folder is still to be made."""
    return Home(tmp_path / "home")


def _counts(answer: Answer) -> dict[str, int]:
    """Rows by table, as the demo and the status print them."""
    return {
        name: int(rows.replace(",", ""))
        for name, rows in re.findall(r"^([a-z_]+) +([\d,]+)(?: |$)", answer.out, re.MULTILINE)
    }


def _lines(answer: Answer, start: str) -> list[str]:
    return [line for line in answer.out.splitlines() if line.startswith(start)]


def _place(answer: Answer, label: str) -> Path:
    """The path that the demo's summary gives for a label."""
    (line,) = _lines(answer, f"{label} ")
    return Path(line.removeprefix(label).strip())


# The demo


def test_demo_runs_the_last_days_up_to_yesterday(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    assert (demo.code, demo.err) == (DONE, "")
    assert len(demo_days) == 3
    assert today_utc() - demo_days[-1] <= timedelta(days=2)
    assert {row.day for row in home.rows(tables.product_snapshots)} >= set(demo_days)


def test_demo_says_first_what_is_real_and_what_embedded(home: Home, demo: Answer) -> None:
    first_line = demo.out.splitlines()[0]
    for part in (
        "warehouse: SQLite",
        "pages: sandbox marketplace",
        f"archive: {home.folder / 'pages'}",
        "cache: memory",
        "narrative: structured",
        "notifications: log and alerts table",
    ):
        assert part in first_line


def test_demo_shows_each_asset_as_it_ends(demo: Answer) -> None:
    ended = [line.split()[1] for line in _lines(demo, "✓ ")]
    # Both tables of features are one step.
    assert len(ended) == len(set(ended)) == 10
    for name in ("catalog/products", "capture/raw_pages", "features", "serving/marts"):
        assert name in ended
    assert "✗" not in demo.out


def test_demo_sums_up_products_and_pages_by_verdict(demo: Answer, demo_days: list[date]) -> None:
    counts = _counts(demo)
    assert counts["products"] == counts["product_summaries"] == PRODUCTS
    assert counts["raw_pages"] == PRODUCTS * 3
    assert counts["product_snapshots"] + counts["rejected_pages"] == PRODUCTS * 3
    verdicts = Counter(
        MARKET.truth(key, day).verdict.value for key in MARKET.keys for day in demo_days
    )
    (line,) = _lines(demo, "pages by verdict: ")
    assert line == "pages by verdict: " + ", ".join(
        f"{count} {verdict}" for verdict, count in sorted(verdicts.items())
    )


def test_demo_names_the_leader_of_each_group_with_its_score(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    scores = tables.competitive_scores
    reports = [
        row
        for row in home.rows(tables.competitive_reports)
        if row.day == demo_days[-1] and row.leader_asin
    ]
    assert len(reports) == len(MARKET.groups) == 2
    names = {group.group_id: group.name for group in MARKET.groups}
    for report in reports:
        with home.warehouse() as warehouse, warehouse.read() as connection:
            score = connection.scalar(
                select(scores.c.overall_score).where(
                    is_current(scores),
                    scores.c.day == report.day,
                    scores.c.group_id == report.group_id,
                    scores.c.asin == report.leader_asin,
                    scores.c.method == "standard",
                )
            )
        (line,) = _lines(demo, f"    {report.leader_asin} ")
        assert f": {score:.1f} on {report.day} (" in line
        assert f"  {names[report.group_id]}\n{line}" in demo.out


def test_demo_names_a_report_and_a_database_that_exist(home: Home, demo: Answer) -> None:
    report = _place(demo, "report")
    assert report.is_relative_to(home.folder / "reports")
    assert "<html" in report.read_text(encoding="utf-8")
    assert _place(demo, "database") == home.folder / "insights.db"
    assert (home.folder / "insights.db").is_file()


def test_demo_suggests_commands_that_work(home: Home, demo: Answer) -> None:
    suggested = re.findall(r"^  \.venv/bin/insights (\S.*?)   ", demo.out, re.MULTILINE)
    assert {command.split()[0] for command in suggested} == {"report", "track", "status"}
    for command in suggested:
        if not command.startswith("track"):
            assert home.insights(*command.split()).code == DONE, command


def test_demo_keeps_its_own_dagster_instance_in_the_home(home: Home, demo: Answer) -> None:
    assert demo.code == DONE
    instance = home.folder / "dagster"
    assert (instance / "dagster.yaml").is_file()
    assert list(instance.rglob("*.db")), "the runs are not stored there"


def test_demo_again_completes_with_the_same_counts(home: Home, demo: Answer) -> None:
    before = _counts(home.insights("status"))
    again = home.insights("demo", "--days", 3)
    assert (again.code, again.err) == (DONE, "")
    assert _counts(again) == before
    assert _lines(again, "pages by verdict: ")
    (captured,) = _lines(again, "✓ capture/raw_pages")
    assert f"{PRODUCTS * 3} pages, 0 of them new" in captured


# On saved pages


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder in the place of the checkout, so that nothing is written there."""
    root = tmp_path / "project"
    root.mkdir()
    for name in ("dagster.yaml", "catalog.yaml"):
        (root / name).write_bytes((PROJECT_ROOT / name).read_bytes())
    monkeypatch.setattr(insights_resources.settings, "PROJECT_ROOT", root)
    monkeypatch.setattr(insights_jobs.embedded_instance, "PROJECT_ROOT", root)
    return root


def _save_pages(folder: Path, keys: tuple[ProductKey, ...], *days: date) -> None:
    folder.mkdir(parents=True)
    rows = ["file,marketplace,asin,captured_at"]
    for key in keys:
        for day in days:
            assert MARKET.truth(key, day).verdict is Verdict.PRODUCT
            name = f"{key.asin}-{day}.html.gz"
            (folder / name).write_bytes(gzip.compress(MARKET.page(key, day)))
            rows.append(f"{name},{key.marketplace},{key.asin},{day}T06:00:00Z")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.mark.slow
def test_demo_on_saved_pages_has_a_database_of_its_own_and_says_what_it_left_out(
    project: Path, tmp_path: Path
) -> None:
    folder, keys, days = tmp_path / "my pages", MARKET.keys[6:8], (DAY, DAY + timedelta(days=4))
    _save_pages(folder, keys, *days)
    whole = (folder / f"{KEY.asin}-{DAY}.html.gz").read_bytes()
    (folder / "broken.html.gz").write_bytes(whole[:500])
    # Where INSIGHTS_HOME is empty, the home goes by the folder.
    home = read_settings({"INSIGHTS_PAGES": str(folder)}).home.name
    saved = Home(project / "var" / home, {"INSIGHTS_HOME": ""})

    answer = saved.insights("demo", INSIGHTS_PAGES=folder)
    assert (answer.code, answer.err) == (DONE, "")
    first_line, left_out, *_ = answer.out.splitlines()
    assert f"pages: saved in {folder}" in first_line
    assert left_out.startswith("1 file left out: the file cannot be read: ")
    assert f"{days[0]} (1 of 2)" in answer.out
    assert f"{days[1]} (2 of 2)" in answer.out
    assert _lines(answer, "pages by verdict: ") == ["pages by verdict: 4 product"]

    snapshots = saved.rows(tables.product_snapshots)
    assert {(row.marketplace, row.asin, row.day) for row in snapshots} == {
        (*key, day) for key in keys for day in days
    }
    for row in snapshots:
        truth = MARKET.truth(ProductKey(row.marketplace, row.asin), row.day).snapshot
        assert truth is not None
        assert (row.title, row.price) == (truth.title, truth.price)
    assert _place(answer, "database") == saved.folder / "insights.db"
    assert _place(answer, "report").is_file()
    assert not (project / "var" / "insights.db").exists(), "this is the sandbox's"
    # What is suggested meets the same pages and database again.
    assert f"  INSIGHTS_PAGES='{folder}' .venv/bin/insights report saved-amazon-de " in answer.out
    assert " track " not in answer.out

    before = saved.contents()
    refused = saved.insights("track", *UNKNOWN, INSIGHTS_PAGES=folder)
    assert refused.code == FAILED
    assert f"the saved pages in {folder} have none" in refused.error
    assert "unset INSIGHTS_PAGES" in refused.error
    assert saved.contents() == before


# track


def test_track_prints_title_and_price_of_a_new_product_or_why_there_is_no_snapshot(
    empty_home: Home,
) -> None:
    truths = [MARKET.truth(key, today_utc()) for key in MARKET.keys if key[0] == UNKNOWN[0]]
    shown = next(truth.snapshot for truth in truths if truth.snapshot and truth.snapshot.price)
    key = ProductKey(shown.marketplace, shown.asin)
    answer = empty_home.insights(
        "track", f"www.{key.marketplace}", key.asin.lower(), UNKNOWN.asin, key.asin
    )
    assert (answer.code, answer.err) == (DONE, "")
    (line,) = _lines(answer, f"{key}: ")
    assert shown.title[:70] in line
    assert f" | {shown.price} {shown.currency} | " in line
    assert _lines(answer, f"{UNKNOWN}: ") == [
        f"{UNKNOWN}: no snapshot; Amazon's page for an address that does not exist"
    ]
    tracked = {(row.marketplace, row.asin) for row in empty_home.rows(tables.products)}
    assert tracked == {key, UNKNOWN}
    requests = empty_home.rows(tables.tracking_requests)
    assert {(row.asin, row.status, row.requested_by) for row in requests} == {
        (key.asin, "done", "cli"),
        (UNKNOWN.asin, "done", "cli"),
    }
    assert len(requests) == 2


@pytest.mark.parametrize("asins", [["B08N5"], [KEY.asin, "B08N5"]])
def test_track_of_a_wrong_asin_changes_nothing_and_says_what_one_is(
    empty_home: Home, asins: list[str]
) -> None:
    answer = empty_home.insights("track", "amazon.de", *asins)
    assert answer.code == WRONG_USAGE
    assert answer.error.startswith("'B08N5' is not an ASIN: ten letters and digits such as B08N5")
    assert not empty_home.folder.exists()


def test_track_on_an_unknown_marketplace_names_those_that_there_are(empty_home: Home) -> None:
    answer = empty_home.insights("track", "amazon.dee", KEY.asin)
    assert answer.code == WRONG_USAGE
    assert answer.error.startswith("unknown marketplace 'amazon.dee'; known are ")
    assert all(domain in answer.error for domain in MARKETPLACES)
    assert not empty_home.folder.exists()


# parse


def test_parse_prints_one_object_a_line_with_the_fields_of_the_contract(
    home: Home, tmp_path: Path
) -> None:
    keys = [key for key in MARKET.keys if MARKET.truth(key, DAY).verdict is Verdict.PRODUCT]
    plain, packed = [], []
    for number, key in enumerate(keys):
        plain.append(tmp_path / f"{number}.html")
        plain[-1].write_bytes(MARKET.page(key, DAY))
        packed.append(tmp_path / f"{number}.html.gz")
        packed[-1].write_bytes(gzip.compress(MARKET.page(key, DAY)))
    answer = home.insights("parse", *plain)
    assert (answer.code, answer.err) == (DONE, "")
    assert home.insights("parse", *packed) == answer
    archive = PageArchive(str(tmp_path / "archive"))
    archived = [archive.location(archive.put(path.read_bytes())) for path in plain]
    assert home.insights("parse", *archived) == answer
    pages = [json.loads(line) for line in answer.out.splitlines()]
    assert len(pages) == len(keys) > 6
    for key, page in zip(keys, pages, strict=True):
        truth = MARKET.truth(key, DAY).snapshot
        assert truth is not None
        assert list(page) == KEYS
        assert (page["verdict"], page["marketplace"], page["asin"]) == ("product", *key)
        assert page["title"] == truth.title
        for name in DECIMALS:
            expected = getattr(truth, name)
            assert page[name] == (None if expected is None else str(expected)), name
        assert page["currency"] == truth.currency
        assert page["rating_count"] == truth.rating_count
        assert page["bsr"] == [
            {"category": rank.category, "node_id": rank.node_id, "rank": rank.rank}
            for rank in truth.bsr
        ]
        assert page["images"] == list(truth.images)
    assert any(isinstance(page["price"], str) for page in pages)


def test_parse_of_a_missing_file_names_it_and_still_parses_the_others(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_bytes(MARKET.page(KEY, DAY))
    answer = home.insights(
        "parse", tmp_path / "page.html", tmp_path / "gone.html", tmp_path / "page.html"
    )
    assert answer.code == FAILED
    assert answer.error == f"{tmp_path / 'gone.html'}: No such file or directory"
    assert [json.loads(line)["asin"] for line in answer.out.splitlines()] == [KEY.asin] * 2


def _cut(packed: bytes) -> bytes:
    return packed[:500]


def _overwritten(packed: bytes) -> bytes:
    return packed[:200] + b"\xff" * 100 + packed[300:]


def _not_packed(packed: bytes) -> bytes:
    return b"<html>" + packed


@pytest.mark.parametrize("damage", [_cut, _overwritten, _not_packed])
@pytest.mark.parametrize(
    ("name", "kind", "pack"),
    [
        ("damaged.html.gz", "gzip", gzip.compress),
        (f"{hashlib.sha256(MARKET.page(KEY, DAY)).hexdigest()}.zst", "is damaged", zstd_compress),
    ],
    ids=["gzip", "of the archive"],
)
def test_parse_of_a_damaged_file_names_it_and_still_parses_the_others(
    home: Home, tmp_path: Path, damage: Any, name: str, kind: str, pack: Any
) -> None:
    page, damaged = tmp_path / "page.html", tmp_path / name
    page.write_bytes(MARKET.page(KEY, DAY))
    damaged.write_bytes(damage(pack(page.read_bytes())))
    answer = home.insights("parse", damaged, page)
    assert answer.code == FAILED
    assert answer.error.startswith(f"{damaged}: ")
    assert kind in answer.error
    assert json.loads(answer.out)["asin"] == KEY.asin


def test_parse_of_what_is_no_product_page_is_an_answer(home: Home, tmp_path: Path) -> None:
    pages = {
        "not_found": MARKET.not_found_page("amazon.de"),
        "other": b"<html><title>Another shop</title><body>Welcome</body></html>",
        "error": b"",
    }
    for verdict, content in pages.items():
        (tmp_path / f"{verdict}.html").write_bytes(content)
    answer = home.insights("parse", *(tmp_path / f"{verdict}.html" for verdict in pages))
    assert (answer.code, answer.err) == (DONE, "")
    for verdict, line in zip(pages, answer.out.splitlines(), strict=True):
        page = json.loads(line)
        assert list(page) == KEYS
        assert page["verdict"] == verdict
        assert page["reason"]
        assert page["title"] is page["price"] is page["bsr"] is None


def test_parse_of_another_product_than_asked_for_gives_no_snapshot(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_bytes(MARKET.page(KEY, DAY))
    answer = home.insights("parse", tmp_path / "page.html", "--asin", UNKNOWN.asin)
    assert answer.code == DONE
    page = json.loads(answer.out)
    assert page["verdict"] == "other"
    assert KEY.asin in page["reason"]
    assert page["title"] is None


def test_parse_for_an_unknown_marketplace_is_wrong_usage(home: Home, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_bytes(MARKET.page(KEY, DAY))
    answer = home.insights("parse", tmp_path / "page.html", "--marketplace", "amazon.dee")
    assert answer.code == WRONG_USAGE
    assert "unknown marketplace 'amazon.dee'" in answer.error
    assert answer.out == ""


# report

GROUP = MARKET.groups[0].group_id


def test_report_writes_three_files_of_the_last_day_and_says_where(
    home: Home, demo: Answer, demo_days: list[date], tmp_path: Path
) -> None:
    answer = home.insights("report", GROUP, "--output", tmp_path / "out")
    assert (answer.code, answer.err) == (DONE, "")
    paths = [Path(line) for line in answer.out.splitlines()]
    assert sorted(path.suffix for path in paths) == [".html", ".json", ".md"]
    for path in paths:
        assert path.parent == tmp_path / "out" / demo_days[-1].isoformat()
        assert path.stem == GROUP
        assert path.stat().st_size > 0


def test_report_of_a_day_goes_beside_the_other_reports(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    answer = home.insights("report", GROUP, "--day", demo_days[0])
    assert answer.code == DONE
    folder = home.folder / "reports" / demo_days[0].isoformat()
    assert {Path(line).parent for line in answer.out.splitlines()} == {folder}


def test_report_of_an_unknown_group_names_those_that_there_are(home: Home, demo: Answer) -> None:
    answer = home.insights("report", "kettles")
    assert answer.code == WRONG_USAGE
    groups = sorted(group.group_id for group in MARKET.groups)
    assert answer.error == f"no group 'kettles'; known are {', '.join(groups)}"


def test_report_before_anything_ran_says_what_to_run(empty_home: Home) -> None:
    answer = empty_home.insights("report", "kettles")
    assert answer.code == WRONG_USAGE
    assert answer.error == "no group 'kettles'; known are none: run insights demo first"


def test_report_of_a_day_without_one_says_how_to_make_it(home: Home, demo: Answer) -> None:
    answer = home.insights("report", GROUP, "--day", DAY)
    assert answer.code == WRONG_USAGE
    assert answer.error == (
        f"there is no report of {GROUP} for {DAY}; make it with insights backfill --from {DAY}"
    )


def test_report_into_a_place_that_is_no_folder_names_the_place(
    home: Home, demo: Answer, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file", encoding="utf-8")
    answer = home.insights("report", GROUP, "--output", taken)
    assert answer.code == WRONG_USAGE
    assert str(taken) in answer.error
    below = home.insights("report", GROUP, "--output", taken / "below")
    assert below.code == FAILED
    assert below.error.startswith(str(taken))
    assert below.error.endswith("Not a directory")


# explain

SCORED = tables.competitive_scores


def test_explain_says_how_a_score_came_about_and_what_another_price_would_do(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    row = next(
        each
        for each in home.rows(SCORED)
        if each.day == demo_days[-1]
        and (each.group_id, each.method, each.coverage)
        == (GROUP, "standard", "price,quality,popularity")
    )
    answer = home.insights("explain", GROUP, row.asin.lower(), "--what-if", "price=1")
    assert (answer.code, answer.err) == (DONE, "")
    assert answer.out.startswith(f"{row.marketplace}/{row.asin}")
    assert f"on {row.day}, method standard" in answer.out
    (overall,) = _lines(answer, "overall ")
    assert f"{row.overall_score:.2f}" in overall
    for each in row.peers["eligible"]:
        assert _lines(answer, f"  {each} ")
    assert _lines(answer, "what if its price were 1 (now ")
    earlier = home.insights("explain", GROUP, row.asin, "--day", demo_days[0], "--method", "robust")
    assert f"on {demo_days[0]}, method robust" in earlier.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["kettles", KEY.asin], "no group 'kettles'; known are "),
        ([GROUP, UNKNOWN.asin], f"{UNKNOWN.asin} was no member of {GROUP} on "),
        ([GROUP, "B08N5"], "'B08N5' is not an ASIN"),
        ([GROUP, KEY.asin, "--day", "2025-01-02"], "has no score on 2025-01-02; the nearest day"),
        ([GROUP, KEY.asin, "--what-if", "colour=red"], "'colour=red' is no change: give price="),
        ([GROUP, KEY.asin, "--marketplace", "amazon.dee"], "unknown marketplace 'amazon.dee'"),
    ],
)
def test_explain_of_what_is_not_there_names_it_and_what_there_is(
    home: Home, demo: Answer, arguments: list[str], problem: str
) -> None:
    answer = home.insights("explain", *arguments)
    assert answer.code == WRONG_USAGE
    assert problem in answer.error
    assert answer.out == ""


# plot


def test_plot_writes_a_groups_charts_beside_the_reports_and_says_where(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    answer = home.insights("plot", "group", GROUP)
    assert (answer.code, answer.err) == (DONE, "")
    path = home.folder / "reports" / "charts" / f"{GROUP}-{demo_days[-1]}.png"
    assert answer.out == f"{path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_plot_writes_a_products_charts_where_it_is_told(
    home: Home, demo: Answer, demo_days: list[date], tmp_path: Path
) -> None:
    out = tmp_path / "charts" / "kettle.svg"
    answer = home.insights(
        "plot", "product", *KEY, "--from", demo_days[0], "--to", demo_days[1], "--out", out
    )
    assert (answer.code, answer.err, answer.out) == (DONE, "", f"{out}\n")
    svg = out.read_text(encoding="utf-8")
    assert str(KEY) in svg
    assert f"{demo_days[0]} to {demo_days[1]}, days in UTC" in svg


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["group", "kettles"], "no group 'kettles'; known are "),
        (["group", GROUP, "--out", "chart.pdf"], "chart.pdf: charts are written as .png or .svg"),
        (["product", *UNKNOWN], f"nothing is known of {UNKNOWN}: capture it with insights track "),
        (["product", *KEY, "--to", "2025-01-02"], "nothing to show from 2024-12-04 to 2025-01-02"),
    ],
)
def test_plot_of_what_is_not_there_names_it_and_the_remedy(
    home: Home, demo: Answer, arguments: list[str], problem: str
) -> None:
    answer = home.insights("plot", *arguments)
    assert answer.code == WRONG_USAGE
    assert problem in answer.error
    assert answer.out == ""


# backfill


def test_search_finds_a_product_by_words_of_its_title(home: Home, demo: Answer) -> None:
    with home.warehouse() as warehouse, warehouse.read() as connection:
        summaries = tables.product_summaries
        marketplace, asin, title = connection.execute(
            select(summaries.c.marketplace, summaries.c.asin, summaries.c.title)
            .where(summaries.c.title.is_not(None), summaries.c.superseded_at.is_(None))
            .order_by(summaries.c.asin)
        ).first() or ("", "", "")
    phrase = title.replace('"', " ")
    answer = home.insights("search", f'"{phrase}"', "--marketplace", marketplace)
    assert answer.code == DONE
    assert f"1.00  {marketplace}/{asin}  {title}" in answer.out


def test_search_that_finds_nothing_says_so(home: Home, demo: Answer) -> None:
    answer = home.insights("search", "no", "such", "thing")
    assert (answer.code, answer.out) == (DONE, "")
    assert "no such thing" in answer.err


def test_search_on_an_unknown_marketplace_is_wrong_usage(empty_home: Home) -> None:
    answer = empty_home.insights("search", "kettle", "--marketplace", "amazon.mars")
    assert answer.code == WRONG_USAGE
    assert "amazon.mars" in answer.error


def test_backfill_of_the_archived_days_changes_no_row(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    before = {table.name: home.rows(table) for table in tables.VERSIONED_FACTS}
    answer = home.insights("backfill", "--from", demo_days[0], "--to", demo_days[-1])
    assert (answer.code, answer.err) == (DONE, "")
    assert answer.out.startswith(
        f"rebuild_derived: {demo_days[0]} to {demo_days[-1]}, 3 days\n✓ snapshots/product_snapshots"
    )
    assert _lines(answer, "done; run ")
    assert {table.name: home.rows(table) for table in tables.VERSIONED_FACTS} == before


def test_backfill_captures_a_past_day_of_the_sandbox_when_told_to(home: Home, demo: Answer) -> None:
    answer = home.insights("backfill", "--from", DAY, "--capture")
    assert (answer.code, answer.err) == (DONE, "")
    assert answer.out.startswith(f"whole_graph: {DAY}\n")
    pages = [row for row in home.rows(tables.raw_pages) if row.day == DAY]
    assert len(pages) >= PRODUCTS


@pytest.mark.parametrize("capture", [[], ["--capture"]])
def test_backfill_of_a_day_that_has_not_come_is_wrong_usage(
    home: Home, demo: Answer, capture: list[str]
) -> None:
    tomorrow = today_utc() + timedelta(days=1)
    answer = home.insights("backfill", "--from", "yesterday", "--to", tomorrow, *capture)
    assert answer.code == WRONG_USAGE
    assert answer.error.startswith(f"{tomorrow} has not come yet: the last day is ")


def test_backfill_of_a_day_before_the_first_names_the_first_and_the_setting(
    home: Home, demo: Answer
) -> None:
    answer = home.insights("backfill", "--from", "2024-12-31", "--to", "2025-01-02")
    assert answer.code == WRONG_USAGE
    assert answer.error == (
        "2024-12-31 is before the first day, 2025-01-01; set INSIGHTS_FIRST_DAY"
    )


def test_backfill_that_ends_before_it_begins_is_wrong_usage(empty_home: Home) -> None:
    answer = empty_home.insights("backfill", "--from", "2025-03-02", "--to", "2025-03-01")
    assert answer.code == WRONG_USAGE
    assert answer.error == "--to 2025-03-01 is before --from 2025-03-02"
    assert not empty_home.folder.exists()


def test_backfill_of_days_without_a_page_is_refused_and_names_the_days_there_are(
    home: Home, demo: Answer
) -> None:
    before = home.contents()
    answer = home.insights("backfill", "--from", "2025-02-01", "--to", "2025-02-03")
    assert answer.code == FAILED
    pages = tables.raw_pages
    with home.warehouse() as warehouse, warehouse.read() as connection:
        first = connection.scalar(select(func.min(pages.c.day)))
    assert "no page was ever captured of 2025-02-01 to 2025-02-03" in answer.error
    assert f"the nearest days with pages are {first}." in answer.error
    assert "insights backfill --capture" in answer.error
    assert home.contents() == before


def test_backfill_before_anything_was_captured_says_that_there_are_no_pages(
    empty_home: Home,
) -> None:
    answer = empty_home.insights("backfill", "--from", "2025-02-01")
    assert answer.code == FAILED
    assert "there are no pages" in answer.error


# Settings

SETTINGS_COMMANDS = ["demo", "status", "migrate", "setup", "backfill --from yesterday"]


@pytest.mark.parametrize("command", SETTINGS_COMMANDS)
def test_a_misspelt_setting_is_named_beside_those_that_there_are(
    empty_home: Home, command: str
) -> None:
    answer = empty_home.insights(*command.split(), INSIGHTS_DATABSE_URL="postgresql://host/db")
    assert answer.code == FAILED
    assert answer.error.startswith("unknown setting INSIGHTS_DATABSE_URL; known are\n")
    assert "INSIGHTS_DATABASE_URL: warehouse" in answer.error
    assert (answer.out, empty_home.folder.exists()) == ("", False)


def test_simulated_pages_are_never_taken_for_amazons(empty_home: Home) -> None:
    answer = empty_home.insights("demo", "--days", 1, FIRECRAWL_API_KEY="fc-secret")
    assert answer.code == FAILED
    assert answer.error.startswith("the demo needs pages of past days")
    assert "INSIGHTS_PAGES=sandbox" in answer.error
    assert "fc-secret" not in answer.error
    assert (answer.out, empty_home.folder.exists()) == ("", False)
    chosen = empty_home.insights("status", FIRECRAWL_API_KEY="fc-secret", INSIGHTS_PAGES="sandbox")
    assert chosen.code == DONE


def test_saved_pages_that_are_no_folder_are_named_with_the_remedy(
    empty_home: Home, tmp_path: Path
) -> None:
    (tmp_path / "page.html").write_bytes(MARKET.page(KEY, DAY))
    for place in (tmp_path / "gone", tmp_path / "page.html"):
        answer = empty_home.insights("demo", INSIGHTS_PAGES=place)
        assert answer.code == FAILED
        assert answer.error == (
            f"INSIGHTS_PAGES={place}: no such folder. Give a folder of saved .html or .html.gz "
            f"pages, or 'firecrawl', 'direct' or 'sandbox'."
        )
        assert not empty_home.folder.exists()


def test_saved_pages_without_a_product_page_are_refused_with_the_reasons(
    empty_home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    nothing = empty_home.insights("demo", INSIGHTS_PAGES=folder)
    (folder / "shop.html").write_text("<html><title>Another shop</title></html>", encoding="utf-8")
    # A product page that does not say when it was served.
    (folder / "page.html").write_bytes(MARKET.page(KEY, DAY))
    neither = empty_home.insights("demo", INSIGHTS_PAGES=folder)
    assert nothing.code == neither.code == FAILED
    assert "no .html or .html.gz file" in nothing.error
    assert "1 file: neither the manifest nor the page says when it was saved" in neither.error
    assert "1 file: neither the manifest nor the page names an Amazon marketplace" in neither.error
    for answer in (nothing, neither):
        assert answer.error.startswith(f"{folder} holds no product page")
        assert "manifest.csv" in answer.error


@pytest.mark.parametrize("command", ["demo", "backfill --from yesterday", "status"])
def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    answer = Home(tmp_path / "taken").insights(*command.split())
    assert answer.code == FAILED
    assert str(tmp_path / "taken") in answer.error


def test_a_wrong_catalog_is_named_with_line_and_value_and_changes_nothing(
    home: Home, demo: Answer, tmp_path: Path
) -> None:
    catalog = tmp_path / "mine.yaml"
    catalog.write_text("products:\n- amazon.de/B08N5WRWNW\n- amazon.de/WRONG\n", encoding="utf-8")
    before = home.contents()
    answer = home.insights("demo", "--days", 3, INSIGHTS_CATALOG=catalog)
    assert answer.code == FAILED
    assert f"{catalog}, line 3: 'WRONG' is not an ASIN" in answer.error
    assert home.contents() == before


def test_a_missing_catalog_is_named_with_the_setting(
    home: Home, demo: Answer, tmp_path: Path
) -> None:
    answer = home.insights("demo", "--days", 1, INSIGHTS_CATALOG=tmp_path / "gone.yaml")
    assert answer.code == FAILED
    assert f"{tmp_path / 'gone.yaml'}: cannot read the catalog" in answer.error
    assert "INSIGHTS_CATALOG" in answer.error


# status, migrate, setup


def test_status_says_what_is_configured_what_is_there_and_what_is_pending(
    home: Home, demo: Answer, demo_days: list[date]
) -> None:
    answer = home.insights("status")
    assert (answer.code, answer.err) == (DONE, "")
    assert answer.out.splitlines()[0] == demo.out.splitlines()[0]
    assert set(_counts(answer)) == set(_counts(demo))
    assert _counts(answer)["competitive_reports"] == len(home.rows(tables.competitive_reports))
    # The days after the demo's last are still to be worked out from what it captured.
    (pending,) = _lines(answer, "pending: ")
    assert f"{demo_days[0]} to " in pending


def test_status_of_an_empty_home_is_nothing_of_everything(empty_home: Home) -> None:
    answer = empty_home.insights("status")
    assert answer.code == DONE
    assert set(_counts(answer).values()) == {0}
    assert _lines(answer, "pending: ") == ["pending: nothing"]


def test_migrate_brings_the_schema_up_to_date_and_is_safe_to_run_twice(empty_home: Home) -> None:
    first, second = empty_home.insights("migrate"), empty_home.insights("migrate")
    assert first.code == second.code == DONE
    current = r"the schema is up to date\nSQL contract: version \d+\.\d+ .*\n"
    assert re.fullmatch(rf"(applied \w+\n)+{current}", first.out)
    assert re.fullmatch(current, second.out)
    assert empty_home.insights("status").code == DONE


def test_roles_are_told_for_postgresql_alone(
    empty_home: Home, empty_postgres_database: str, postgres_url: str
) -> None:
    assert empty_home.insights("roles").code == WRONG_USAGE
    on_postgres = Home(empty_home.folder, {"INSIGHTS_DATABASE_URL": empty_postgres_database})
    migrated = on_postgres.insights("migrate")
    assert (migrated.code, migrated.err) == (DONE, "")
    assert "the schema is up to date\n" in migrated.out
    assert "roles: " not in migrated.out
    told = on_postgres.insights("roles")
    assert [line.partition(":")[0] for line in told.out.splitlines()] == [
        "insights_admin",
        "insights_reader",
        "insights_writer",
    ]
    script = on_postgres.insights("roles", "--sql")
    assert script.code == DONE
    with psycopg.connect(postgres_url) as connection:
        connection.execute(script.out.encode())
        # Roles are the whole server's, which other tests have too.
        connection.execute("REVOKE insights_admin FROM CURRENT_USER")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        database = make_url(empty_postgres_database).database
        connection.execute(f'GRANT TEMPORARY ON DATABASE "{database}" TO PUBLIC'.encode())
    assert "not done: REVOKE CREATE, TEMPORARY ON DATABASE" in on_postgres.insights("roles").out


def test_setup_writes_the_instance_and_dotenv_and_no_database(project: Path) -> None:
    answer = Home(project / "var", {"INSIGHTS_HOME": ""}).insights("setup")
    assert answer == Answer(DONE, "", "")
    assert (project / "var" / "dagster" / "dagster.yaml").is_file()
    assert (project / ".env").read_text(encoding="utf-8") == (
        f"DAGSTER_HOME={project / 'var' / 'dagster'}\n"
    )
    assert [path.name for path in (project / "var").iterdir()] == ["dagster"]


def test_setup_for_saved_pages_leaves_dotenv_to_the_sandbox(project: Path, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    folder = read_settings({"INSIGHTS_PAGES": str(tmp_path / "pages")}).home.name
    home = Home(project / "var" / folder, {"INSIGHTS_HOME": ""})
    assert home.insights("setup", INSIGHTS_PAGES=tmp_path / "pages").code == DONE
    assert (home.folder / "dagster" / "dagster.yaml").is_file()
    assert not (project / ".env").exists()


def test_parse_explains_where_each_value_comes_from(home: Home, tmp_path: Path) -> None:
    key = next(key for key in MARKET.keys if MARKET.truth(key, DAY).verdict is Verdict.PRODUCT)
    (tmp_path / "page.html").write_bytes(MARKET.page(key, DAY))
    (tmp_path / "none.html").write_bytes(b"<title>Hello</title>")
    answer = home.insights("parse", "--explain", tmp_path / "page.html", tmp_path / "none.html")
    assert (answer.code, answer.err) == (DONE, "")
    truth = MARKET.truth(key, DAY).snapshot
    assert truth is not None
    assert f"{key.marketplace} {key.asin}: product" in answer.out
    assert f"title: {truth.title[:80]}" in answer.out
    assert re.search(r"^    taken     #\S+: ", answer.out, re.MULTILINE)
    assert "no product title: Hello" in answer.out


# Usage


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ("nonsense", "No such command 'nonsense'"),
        ("demo --days 0", "--days"),
        ("demo --days many", "'many' is not a valid integer"),
        ("demo --dasy 3", "--dasy"),
        ("track amazon.de", "ASIN..."),
        ("parse", "FILES..."),
        ("report", "GROUP"),
        ("report kettles --day 1.3.2025", "'1.3.2025' is not a day: YYYY-MM-DD"),
        ("backfill", "--from"),
        ("backfill --from 2025-02-30", "'2025-02-30' is not a day: YYYY-MM-DD"),
    ],
)
def test_wrong_usage_names_what_is_wrong_and_where_the_help_is(
    empty_home: Home, arguments: str, named: str
) -> None:
    answer = empty_home.insights(*arguments.split())
    assert answer.code == WRONG_USAGE
    assert named in answer.error
    assert "--help" in answer.err
    assert (answer.out, empty_home.folder.exists()) == ("", False)


def test_help_lists_every_command_with_what_it_does(empty_home: Home) -> None:
    answer = empty_home.insights("--help")
    assert (answer.code, answer.err) == (DONE, "")
    for command in ("demo", "dev", "track", "parse", "backfill", "migrate", "roles", "status"):
        assert re.search(rf"^  {command} +[A-Z]", answer.out, re.MULTILINE), command
        assert empty_home.insights(command, "--help").code == DONE


def test_no_command_at_all_shows_the_help(empty_home: Home) -> None:
    answer = empty_home.insights()
    assert answer.code == WRONG_USAGE
    assert "Usage: insights" in answer.out + answer.err


# replay

RULE_FILE = """\
id: any-price
name: Any price at all
condition: {measure: price, at_least: 0.01, currency: EUR}
severities: [{at_least: 0, severity: info}]
"""


def test_replay_tells_how_often_a_stored_rule_would_have_fired(
    home: Home, demo_days: list[date]
) -> None:
    builds = len(home.rows(tables.builds))
    stored = [alert for alert in home.rows(tables.alerts) if alert.rule_id == "seller-changed"]
    answer = home.insights("replay", "seller-changed", "--from", demo_days[0])
    assert (answer.code, answer.err) == (DONE, "")
    lines = answer.out.splitlines()
    assert lines[0] == "seller-changed: Buy-box seller changed"
    assert lines[1].endswith("3 days")
    counted = f"{len(stored)} alert{'' if len(stored) == 1 else 's'} (" if stored else "it would"
    assert any(line.startswith(counted) for line in lines), answer.out
    assert len(home.rows(tables.builds)) == builds


def test_replay_of_a_rule_in_a_file_says_on_what(
    home: Home, demo_days: list[date], tmp_path: Path
) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text(RULE_FILE, encoding="utf-8")
    first, last = demo_days[0], demo_days[-1]
    answer = home.insights("replay", "--file", path, "--from", first, "--to", last, "--top", 1)
    assert (answer.code, answer.err) == (DONE, "")
    priced = {
        ProductKey(row.marketplace, row.asin)
        for row in home.rows(tables.product_features)
        if row.currency == "EUR"
        and row.price is not None
        and row.observations
        # Other tests capture today.
        and first <= row.day <= last
    }
    assert len(priced) > 1
    assert f"{len(priced)} alerts (" in answer.out
    assert f" a day) for {len(priced)} products" in answer.out
    assert f"by severity: info {len(priced)}" in answer.out
    assert re.search(r"^first \S+, last \S+$", answer.out, re.MULTILINE)
    assert re.search(r"^peak \S+: [0-9]+ alerts?$", answer.out, re.MULTILINE)
    (shown,) = re.findall(r"^ +1  (\S+)  \S", answer.out, re.MULTILINE)
    assert shown in map(str, priced)
    assert "last one: The price of " in answer.out
    assert not [rule for rule in home.rows(tables.alert_rules) if rule.rule_id == "any-price"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--from", "2025-01-01"], "name a stored rule, or a file of one with --file"),
        (["x", "--file", "{rule}", "--from", "2025-01-01"], "name a stored rule, or a file"),
        (["price-mvoe", "--from", "2025-01-01"], "no alert rule 'price-mvoe'; known are back-in-"),
        (
            ["price-move", "--from", "2025-01-02", "--to", "2025-01-01"],
            "--to 2025-01-01 is before --from 2025-01-02",
        ),
        (["--file", "{rule}", "--from", "2025-01-01"], "line 1: alert rule 'x': name: is missing"),
        (["--file", "{rule}.no", "--from", "2025-01-01"], "cannot read it"),
    ],
)
def test_replay_names_what_is_wrong(
    home: Home, demo: Answer, tmp_path: Path, arguments: list[str], problem: str
) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text("id: x\n", encoding="utf-8")
    answer = home.insights("replay", *(text.format(rule=path) for text in arguments))
    assert answer.code == WRONG_USAGE
    assert problem in answer.error


def test_the_archive_is_checked_and_a_missing_body_is_named(home: Home, demo: Answer) -> None:
    answer = home.insights("archive", "check")
    assert answer.code == 0
    assert re.fullmatch(r"[\d,]+ bodies; 0 missing; 0 orphans\n", answer.out)
