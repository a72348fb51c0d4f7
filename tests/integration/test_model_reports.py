"""Reports of a language model over HTTP: what is published of its answers, who takes over when
there is none or a wrong one, what each cost, and what is not asked twice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from selectolax.lexbor import LexborHTMLParser

from benchmarks.reports.model_answers import (
    INJECTED,
    INVENTED_PRODUCT,
    few_wrong_numbers,
    good,
    injected,
    invented_product,
    inverted_direction,
    wrong_number,
)
from insights_assets.competition.rebuild import rebuild_scores
from insights_assets.features.rebuild import rebuild_features
from insights_assets.reports.narratives import ModelWriter, NotAsked
from insights_assets.reports.prompt import prompt_version
from insights_assets.reports.rebuild import rebuild_reports
from insights_jobs.jobs import narrative_config
from insights_resources.language_model import NarrativeFailure
from insights_resources.language_model.openai_model import OpenAIModel
from insights_resources.outside_calls.circuit_breaker import CircuitBreaker, OwnCircuits
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.retry_policy import RetryPolicy
from insights_resources.sandbox.faults import ModelFault
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.openai_server import ModelRequest, SandboxModel
from insights_resources.scope import Scope
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.warehouse.publication import PublishedBuild, select_current
from insights_resources.wiring import LanguageModelResource
from tests.integration.platform_fixture import FIRST_DAY, make_platform
from tests.integration.stored_history import store_group, store_snapshots
from tests.integration.test_reports_rebuild import ASINS, DAY, LONG_AFTER, SCOPE, members, store
from tests.unit.features.capture_histories import at, capture
from tests.unit.reports.sheets import TITLES

MODEL = "gpt-test"
ON_DAY = Scope.of_day(DAY)


def writing(answer: Callable[[Any], Any]) -> Callable[[ModelRequest], str]:
    return lambda request: json.dumps(answer(json.loads(request.content)), ensure_ascii=False)


@pytest.fixture
def server() -> SandboxModel:
    return SandboxModel(writing(good), slow_seconds=3.0)


@pytest.fixture
def url(server: SandboxModel) -> Iterator[str]:
    with serving(server) as address:
        yield f"{address}/v1"


def scored(warehouse: Warehouse) -> Warehouse:
    """Two groups, with scores of two days."""
    store_group(warehouse, "kettles", members(*ASINS[:4]))
    store_group(warehouse, "pots", members(*ASINS[3:]))
    store(warehouse)
    return warehouse


@pytest.fixture
def kettles(sqlite_warehouse: Warehouse) -> Warehouse:
    return scored(sqlite_warehouse)


async def no_pause(seconds: float) -> None:
    """Tests do not wait."""


def model_of(warehouse: Warehouse, url: str, **options: Any) -> OpenAIModel:
    """The model as settings make it, that pauses for nobody."""
    resource = LanguageModelResource(
        **{"model": MODEL, "url": url, "seconds": 1, "input_price": "0.25", "output_price": "2"}
        | options
    )
    model = resource.open(warehouse)
    assert model is not None
    model.guard = ProviderGuard(
        CircuitBreaker(url, OwnCircuits()), None, RetryPolicy(tries=3), sleep=no_pause
    )
    return model


def written(
    warehouse: Warehouse, model: OpenAIModel, scope: Scope = ON_DAY, **how: Any
) -> PublishedBuild:
    """A run with the model; ``how``: of ``ModelWriter``."""
    writer = ModelWriter(model, **({"first_day": date.min} | how))
    return rebuild_reports(
        warehouse, scope, model_writer=writer, why_no_model=NotAsked.BACKFILL.value
    )


def reports(warehouse: Warehouse) -> pd.DataFrame:
    frame = warehouse.read_frame(select_current(tables.competitive_reports))
    frame["day"] = frame["day"].dt.date
    return frame.set_index(["day", "group_id"]).sort_index()


def report(warehouse: Warehouse, day: date = DAY, group_id: str = "kettles") -> pd.Series:
    row: pd.Series = reports(warehouse).loc[(day, group_id)]
    return row


def prices_change(warehouse: Warehouse) -> None:
    store(warehouse, price_of_first=900)


# --- what is published ---------------------------------------------------------------------------


def test_a_good_answer_is_the_report(warehouse: Warehouse, server: SandboxModel, url: str) -> None:
    written(scored(warehouse), model_of(warehouse, url))
    rows = reports(warehouse).loc[DAY]
    assert list(rows.index) == ["kettles", "pots"]
    for row in rows.to_dict("records"):
        assert (row["writer"], row["model"]) == ("model", MODEL)
        assert row["prompt_version"] == prompt_version()
        assert pd.isna(row["fallback_reason"])
        assert row["verification"]["verified"] >= 0.9 * row["verification"]["sentences"] > 5
        assert "rejected" not in row["verification"]
        # The ids are those that everybody knows, not those of the request.
        ids = {fact["id"] for fact in row["facts"]}
        assert ids >= set(row["report"]["position"][0]["fact_ids"])
        assert f"Written by {MODEL} (prompt version {prompt_version()})" in row["markdown"]
        assert f"Written by {MODEL}" in row["html"]
    assert rows["input_tokens"].sum() == server.stats["input_tokens"]
    assert rows["output_tokens"].sum() == server.stats["output_tokens"]
    first = rows.iloc[0]
    # In millionths of a dollar, as it is stored: dollars a million tokens, rounded up.
    assert first["cost"] == math.ceil(0.25 * first["input_tokens"] + 2 * first["output_tokens"])


def test_a_few_wrong_sentences_are_left_out_and_kept_as_such(
    kettles: Warehouse, server: SandboxModel, url: str
) -> None:
    server.write = writing(few_wrong_numbers)
    written(kettles, model_of(kettles, url))
    row = report(kettles)
    assert row["writer"] == "model"
    assert row["verification"]["dropped"]
    for dropped in row["verification"]["dropped"]:
        assert dropped["sentence"] not in row["markdown"]
    held = row["verification"]["verified"], row["verification"]["sentences"]
    assert "{} of {} sentences held".format(*held) in row["markdown"]


@pytest.mark.parametrize("answer", [wrong_number, inverted_direction])
def test_an_answer_of_which_too_little_holds_gives_way_and_is_kept(
    kettles: Warehouse, server: SandboxModel, url: str, answer: Callable[[Any], Any]
) -> None:
    server.write = writing(answer)
    written(kettles, model_of(kettles, url))
    row = report(kettles)
    assert (row["writer"], row["model"]) == ("structured", MODEL)
    assert row["fallback_reason"] == NotAsked.UNVERIFIED.value
    rejected = row["verification"]["rejected"]
    assert rejected["verified"] < 0.8 * rejected["sentences"]
    assert row["verification"]["dropped"] == []
    assert row["input_tokens"] > 0
    assert row["cost"] > 0
    assert f"{MODEL} was not used because" in row["markdown"]
    assert f"{MODEL} was not used because" in row["html"]
    assert "It took" in row["html"]


def test_an_invented_product_is_not_published(
    kettles: Warehouse, server: SandboxModel, url: str
) -> None:
    server.write = writing(invented_product)
    written(kettles, model_of(kettles, url))
    for row in reports(kettles).to_dict("records"):
        assert INVENTED_PRODUCT not in json.dumps(row["report"]) + row["markdown"] + row["html"]


def test_nothing_that_a_page_asks_of_the_model_is_published(
    sqlite_warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    server.write = writing(injected)
    hostile = {f"B0000000{number:02}": title for number, title in enumerate(TITLES, start=10)}
    store_group(sqlite_warehouse, "kettles", members(*hostile))
    history = [
        capture(
            at(day),
            asin=asin,
            title=title,
            price=1000 + 100 * number,
            rating=3.0 + number / 20,
            rating_count=100,
            bsr=[("Home", None, 100 * (number + 1)), ("Kettles", "77", number + 1)],
        )
        for number, (asin, title) in enumerate(hostile.items())
        for day in SCOPE.days
    ]
    store_snapshots(sqlite_warehouse, history)
    rebuild_features(sqlite_warehouse, SCOPE)
    rebuild_scores(sqlite_warehouse, SCOPE, now=LONG_AFTER)
    written(sqlite_warehouse, model_of(sqlite_warehouse, url))
    row = report(sqlite_warehouse)
    assert row["model"] == MODEL
    assert INJECTED not in json.dumps(row["report"])
    assert "deals.example" not in row["markdown"] + row["html"]
    page = LexborHTMLParser(row["html"])
    assert (
        page.css("script, img, iframe, form, base, meta[http-equiv=refresh], a[href*=example]")
        == []
    )


# --- who takes over ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "reason", "is_paid"),
    [
        (ModelFault.REFUSING, NarrativeFailure.REFUSED, True),
        (ModelFault.TRUNCATED, NarrativeFailure.TRUNCATED, True),
        (ModelFault.NON_JSON, NarrativeFailure.INVALID_ANSWER, True),
        (ModelFault.SLOW, NarrativeFailure.TIMED_OUT, False),
        (ModelFault.DROPPED, NarrativeFailure.UNAVAILABLE, False),
        (ModelFault.UNAUTHORIZED, NarrativeFailure.ACCESS_REFUSED, False),
        (ModelFault.SERVER_ERROR, NarrativeFailure.UNAVAILABLE, False),
    ],
)
def test_each_failure_has_a_report_that_says_why(
    kettles: Warehouse,
    server: SandboxModel,
    url: str,
    fault: ModelFault,
    reason: NarrativeFailure,
    is_paid: bool,
) -> None:
    server.fault = lambda request: fault
    written(kettles, model_of(kettles, url), workers=1)
    rows = reports(kettles).loc[DAY]
    assert set(rows["writer"]) == {"structured"}
    assert set(rows["status"]) == {"complete"}
    row = rows.loc["kettles"]
    assert (row["fallback_reason"], row["model"]) == (reason.value, MODEL)
    assert pd.notna(row["input_tokens"]) == is_paid
    assert pd.notna(row["cost"]) == is_paid
    assert f"{MODEL} was not used because" in row["markdown"]
    assert f"{MODEL} was not used because" in row["html"]
    # A refused account is asked once; the other reports say that it was left alone.
    if fault is ModelFault.UNAUTHORIZED:
        assert server.stats["requests"] == 1
        assert rows.loc["pots", "fallback_reason"] == NarrativeFailure.BREAKER_OPEN.value


def test_a_days_budget_ends_in_reports_without_the_model(
    kettles: Warehouse, server: SandboxModel, url: str
) -> None:
    written(kettles, model_of(kettles, url, tokens_a_day=100))
    rows = reports(kettles).loc[DAY]
    assert set(rows["fallback_reason"]) == {NarrativeFailure.NO_BUDGET.value}
    assert server.stats["requests"] == 0


def test_a_server_that_is_down_delays_no_report(kettles: Warehouse) -> None:
    written(kettles, model_of(kettles, "http://127.0.0.1:9/v1"))
    assert set(reports(kettles).loc[DAY, "fallback_reason"]) == {NarrativeFailure.UNAVAILABLE.value}


def test_the_model_writes_when_it_is_there_again(
    kettles: Warehouse, server: SandboxModel, url: str
) -> None:
    server.fault = lambda request: ModelFault.SERVER_ERROR
    written(kettles, model_of(kettles, url))
    server.fault = lambda request: None
    built = written(kettles, model_of(kettles, url))
    assert built.rows_changed == 2
    assert set(reports(kettles).loc[DAY, "writer"]) == {"model"}


# --- what is asked, and when ---------------------------------------------------------------------


def test_equal_facts_are_asked_for_once(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    written(scored(warehouse), model_of(warehouse, url))
    built = written(warehouse, model_of(warehouse, url))
    assert (built.rows_added, built.rows_changed) == (0, 0)
    assert server.stats["requests"] == 2
    prices_change(warehouse)
    built = written(warehouse, model_of(warehouse, url))
    # The first product is in one of the groups only.
    assert (built.rows_changed, server.stats["requests"]) == (1, 3)
    written(warehouse, model_of(warehouse, url), anew=True)
    assert server.stats["requests"] == 5


@pytest.mark.parametrize("fault", [ModelFault.REFUSING, ModelFault.TRUNCATED, ModelFault.NON_JSON])
def test_a_paid_failure_is_not_paid_again(
    kettles: Warehouse, server: SandboxModel, url: str, fault: ModelFault
) -> None:
    server.fault = lambda request: fault
    written(kettles, model_of(kettles, url))
    server.fault = lambda request: None
    built = written(kettles, model_of(kettles, url))
    assert (built.rows_changed, server.stats["requests"]) == (0, 2)


def test_facts_that_change_while_the_model_writes_are_told_by_the_structured_writer(
    kettles: Warehouse, server: SandboxModel, url: str
) -> None:
    class Interrupted(ModelWriter):
        def narratives(self, sheets: Any) -> Any:
            found = super().narratives(sheets)
            prices_change(kettles)
            return found

    writer = Interrupted(model_of(kettles, url), first_day=date.min)
    rebuild_reports(kettles, ON_DAY, model_writer=writer)
    rows = reports(kettles).loc[DAY]
    assert rows.loc["kettles", "fallback_reason"] == NotAsked.FACTS_CHANGED.value
    assert rows.loc["pots", "writer"] == "model"
    written(kettles, model_of(kettles, url))
    assert report(kettles)["writer"] == "model"


def test_past_days_are_asked_for_only_when_told_to(
    kettles: Warehouse, server: SandboxModel, url: str
) -> None:
    written(kettles, model_of(kettles, url), SCOPE, first_day=DAY)
    before = DAY - timedelta(days=1)
    assert set(reports(kettles).loc[DAY, "writer"]) == {"model"}
    assert set(reports(kettles).loc[before, "fallback_reason"]) == {NotAsked.BACKFILL.value}
    assert server.stats["requests"] == 2
    written(kettles, model_of(kettles, url), SCOPE)
    assert set(reports(kettles)["writer"]) == {"model"}
    # What was paid for stays where the model is not asked.
    built = written(kettles, model_of(kettles, url), SCOPE, first_day=DAY + timedelta(days=1))
    assert (built.rows_changed, server.stats["requests"]) == (0, 4)


@pytest.mark.slow
def test_a_run_of_the_platform_asks_the_model_as_its_settings_and_its_config_say(
    tmp_path: Path,
    sqlite_warehouse_url: str,
    monkeypatch: pytest.MonkeyPatch,
    server: SandboxModel,
    url: str,
) -> None:
    monkeypatch.setenv("INSIGHTS_MODEL", MODEL)
    monkeypatch.setenv("INSIGHTS_MODEL_URL", url)
    platform = make_platform(tmp_path, sqlite_warehouse_url, monkeypatch, products=6)
    platform.run("whole_graph", FIRST_DAY, FIRST_DAY + timedelta(days=1))
    rows = reports(platform.warehouse)
    assert set(rows["fallback_reason"]) == {NotAsked.BACKFILL.value}
    assert server.stats["requests"] == 0
    platform.run("rebuild_derived", FIRST_DAY, run_config=narrative_config("model"))
    rows = reports(platform.warehouse)
    assert set(rows.loc[FIRST_DAY, "writer"]) == {"model"}
    assert set(rows.loc[FIRST_DAY + timedelta(days=1), "writer"]) == {"structured"}
    assert server.stats["requests"] == len(rows.loc[FIRST_DAY])
    (page, *_) = (tmp_path / "reports" / FIRST_DAY.isoformat()).glob("*.html")
    assert f"Written by {MODEL}" in page.read_text(encoding="utf-8")
    platform.run("rebuild_derived", FIRST_DAY, run_config=narrative_config("structured"))
    assert set(reports(platform.warehouse).loc[FIRST_DAY, "writer"]) == {"structured"}
    platform.warehouse.dispose()
