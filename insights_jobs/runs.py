"""Runs a job in this process, on the instance of the environment, telling how far it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from dagster import (
    AssetCheckEvaluation,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
)

from insights_jobs.jobs import range_tags, step_of
from insights_resources.errors import InsightsError, InvalidInputError

#: Runs that wait, or are under way.
UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


@dataclass(frozen=True)
class StepProgress:
    """An asset (or a layer whose assets are made together), or a check, has started, said
    something, or ended."""

    kind: Literal["started", "said", "done", "failed"]
    asset: str
    text: str = ""
    is_check: bool = False


@dataclass
class FinishedRun:
    """A run that succeeded: its assets as layer/table, its failed checks in words."""

    run_id: str
    materialized: set[str] = field(default_factory=set)
    failed_checks: list[str] = field(default_factory=list)


class RunFailedError(InsightsError):
    """A run in this process failed. The message names the asset and its error."""

    def __init__(self, message: str, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


def run_job(
    definitions: Definitions,
    job_name: str,
    *,
    first_day: date,
    last_day: date,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    on_progress: Callable[[StepProgress], None] = lambda progress: None,
) -> FinishedRun:
    """Runs the job over a range of UTC days as one run, and waits for it.

    Raises ``InvalidInputError`` for days that have no partition, ``RunFailedError`` when a step
    fails. The run is stored like any other: the Dagster UI shows it.
    """
    job = definitions.resolve_job_def(job_name)
    _require_partitions(first_day, last_day)
    run_id = str(uuid.uuid4())
    failures: list[str] = []
    finished = FinishedRun(run_id)

    assets = set(map(step_of, job.asset_layer.executable_asset_keys))

    def listen(entry: Any) -> None:
        if not entry.step_key:
            return
        step = entry.step_key.removeprefix("insights__").replace("__", "/")
        event = entry.dagster_event
        is_check = entry.step_key not in assets
        if event is None:
            on_progress(StepProgress("said", step, entry.user_message, is_check))
        elif event.event_type == DagsterEventType.STEP_START:
            on_progress(StepProgress("started", step, "", is_check))
        elif event.event_type == DagsterEventType.ASSET_MATERIALIZATION:
            finished.materialized.add("/".join(event.asset_key.path[1:]))
        elif event.event_type == DagsterEventType.STEP_SUCCESS:
            on_progress(StepProgress("done", step, "", is_check))
        elif event.event_type == DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed:
                finished.failed_checks.append(_check_in_words(check))
        elif event.event_type == DagsterEventType.STEP_FAILURE:
            message = failure_message(event)
            failures.append(f"{step}: {message}")
            on_progress(StepProgress("failed", step, message, is_check))

    with DagsterInstance.get() as instance:
        instance.add_event_listener(run_id, listen)
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            run_config={
                # The lines come through the listener; Dagster's own would stand between them.
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                **(run_config or {}),
            },
            tags={**range_tags(first_day.isoformat(), last_day.isoformat()), **(tags or {})},
            raise_on_error=False,
        )
    if not result.success:
        raise RunFailedError(
            "; ".join(failures) or f"run {run_id} failed; see the Dagster UI", run_id
        )
    return finished


def _check_in_words(check: AssetCheckEvaluation) -> str:
    """Which check failed, and what it found: "capture/raw_pages day_is_complete (missing: ...)"."""
    found = ", ".join(f"{name}: {value.value}" for name, value in check.metadata.items())
    name = f"{'/'.join(check.asset_key.path[1:])} {check.check_name}"
    return f"{name} ({check.description or found})"


def failure_message(event: Any) -> str:
    """Of a step's failure: its own message, or that of the error at its root."""
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else str(event.message)


def _require_partitions(first_day: date, last_day: date) -> None:
    # Imported here: the module reads the environment, which the command line sets up first.
    from insights_assets.partitions import DAILY

    known_first, known_last = DAILY.get_first_partition_key(), DAILY.get_last_partition_key()
    if known_first is None or known_last is None:
        raise InvalidInputError("there are no days yet: INSIGHTS_FIRST_DAY lies in the future")
    if first_day.isoformat() < known_first:
        raise InvalidInputError(
            f"{first_day} is before the first day, {known_first}; set INSIGHTS_FIRST_DAY"
        )
    if last_day.isoformat() > known_last:
        raise InvalidInputError(f"{last_day} has not come yet: the last day is {known_last} (UTC)")
