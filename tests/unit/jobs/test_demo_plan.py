"""Which days the demonstration runs, and what it leaves out of a folder."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from insights_jobs.demo import DemoPlan, plan_demo
from insights_resources.errors import ConfigurationError
from insights_resources.scope import today_utc
from insights_resources.settings import read_settings


def _plan(environment: Mapping[str, str], days: int = 14) -> DemoPlan:
    return plan_demo(read_settings(environment), days)


def _save_pages(folder: Path, *days: str) -> Path:
    """A page for each day, told by the manifest alone: what is in it is not asked."""
    rows = ["file,marketplace,asin,captured_at"]
    for number, day in enumerate(days):
        (folder / f"{number}.html").write_text("<html></html>", encoding="utf-8")
        rows.append(f"{number}.html,amazon.de,B00000000{number},{day}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_the_sandbox_runs_its_last_days_up_to_yesterday_as_one_stretch() -> None:
    plan = _plan({}, days=3)
    yesterday = today_utc() - timedelta(days=1)
    assert plan.stretches == ((yesterday - timedelta(days=2), yesterday),)
    assert not plan.left_out


def test_the_sandbox_runs_no_day_before_the_first_one() -> None:
    yesterday = today_utc() - timedelta(days=1)
    plan = _plan({"INSIGHTS_FIRST_DAY": yesterday.isoformat()}, days=14)
    assert plan.stretches == ((yesterday, yesterday),)


def test_a_first_day_that_leaves_nothing_to_simulate_is_named() -> None:
    today = today_utc().isoformat()
    with pytest.raises(ConfigurationError, match=f"INSIGHTS_FIRST_DAY={today} leaves no past day"):
        _plan({"INSIGHTS_FIRST_DAY": today})


def test_consecutive_days_of_saved_pages_are_one_stretch_and_gaps_separate(tmp_path: Path) -> None:
    _save_pages(
        tmp_path, "2021-03-02", "2021-02-28", "2021-03-01", "2021-03-04", "2022-01-01", "2021-12-31"
    )
    assert _plan({"INSIGHTS_PAGES": str(tmp_path)}).stretches == (
        (date(2021, 2, 28), date(2021, 3, 2)),
        (date(2021, 3, 4), date(2021, 3, 4)),
        (date(2021, 12, 31), date(2022, 1, 1)),
    )


def test_several_pages_of_one_day_are_one_day(tmp_path: Path) -> None:
    _save_pages(tmp_path, "2021-03-02T06:00:00Z", "2021-03-02T23:59:59Z")
    assert _plan({"INSIGHTS_PAGES": str(tmp_path)}).stretches == (
        (date(2021, 3, 2), date(2021, 3, 2)),
    )


def test_all_days_of_a_folder_run_however_few_days_are_asked_for(tmp_path: Path) -> None:
    _save_pages(tmp_path, "2021-03-02", "2021-03-03", "2021-03-04")
    assert _plan({"INSIGHTS_PAGES": str(tmp_path)}, days=1).stretches == (
        (date(2021, 3, 2), date(2021, 3, 4)),
    )


def test_files_left_out_for_the_same_reason_are_counted_together(tmp_path: Path) -> None:
    _save_pages(tmp_path, "2021-03-02")
    whole = gzip.compress(b"<html>page</html>" * 100)
    for name in ("one", "two"):
        (tmp_path / f"{name}.html.gz").write_bytes(whole[:-12])
    (tmp_path / "other.html").write_text("<html>another shop</html>", encoding="utf-8")
    left_out = _plan({"INSIGHTS_PAGES": str(tmp_path)}).left_out
    assert sorted(left_out.values()) == [1, 2]
    ((damaged, _),) = left_out.most_common(1)
    assert damaged.startswith("the file cannot be read")
    assert str(tmp_path) not in damaged


def test_a_folder_without_a_usable_page_is_refused_with_the_reasons_and_the_remedy(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigurationError, match=r"no \.html or \.html\.gz file.*manifest\.csv"):
        _plan({"INSIGHTS_PAGES": str(tmp_path)})
    (tmp_path / "page.html").write_text("<html>another shop</html>", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"1 file: .*marketplace.*manifest\.csv"):
        _plan({"INSIGHTS_PAGES": str(tmp_path)})
