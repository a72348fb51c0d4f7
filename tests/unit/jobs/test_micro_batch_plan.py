"""What the micro-batch sensor launches for what is pending."""

from datetime import UTC, date, datetime, timedelta

from insights_jobs.micro_batch_plan import DayRange, plan_runs, time_of_next_try

TODAY = date(2026, 11, 24)
FIRST = date(2025, 1, 1)


def _plan(*days: tuple[date, date]) -> list[DayRange]:
    return plan_runs(
        [DayRange(first, last) for first, last in days],
        reach_days=37,
        first_day=FIRST,
        today=TODAY,
    )


def test_nothing_pending_runs_nothing() -> None:
    assert _plan() == []


def test_a_page_of_today_runs_today() -> None:
    assert _plan((TODAY, TODAY)) == [DayRange(TODAY, TODAY)]


def test_a_late_page_runs_the_days_that_it_reaches_but_none_in_the_future() -> None:
    day = date(2026, 11, 10)
    assert _plan((day, day)) == [DayRange(day, TODAY)]


def test_days_within_reach_of_each_other_are_one_run_and_far_ones_are_not() -> None:
    old, later, new = date(2025, 3, 1), date(2025, 3, 20), TODAY
    assert _plan((new, new), (later, later), (old, old)) == [
        DayRange(TODAY, TODAY),
        DayRange(old, date(2025, 4, 26)),
    ]


def test_days_without_a_partition_are_left_out() -> None:
    assert _plan((date(2013, 7, 1), date(2013, 7, 1))) == []
    assert _plan((date(2024, 12, 1), date(2025, 1, 2))) == [DayRange(FIRST, date(2025, 2, 8))]


def test_a_second_failure_in_a_row_makes_the_next_try_wait_longer_and_longer() -> None:
    failed_at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    pauses = [
        (time_of_next_try(failures, failed_at, 300) - failed_at) // timedelta(minutes=1)
        for failures in range(1, 10)
    ]
    assert pauses == [0, 10, 20, 40, 80, 160, 320, 320, 320]
