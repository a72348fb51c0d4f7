"""The language model's client against the sandbox's server: real requests, real faults, and a
ledger that knows what each of them cost."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import BaseModel, Field
from sqlalchemy import select, update

from insights_resources.language_model import (
    LanguageModelError,
    ModelAnswer,
    NarrativeFailure,
    StructuredRequest,
)
from insights_resources.language_model.budget import ModelBudget, ModelPrices, reservation
from insights_resources.language_model.interfaces import ModelApi
from insights_resources.language_model.ledger import ModelCall, ModelCalls
from insights_resources.language_model.openai_model import OpenAIModel
from insights_resources.language_model.status import status_line
from insights_resources.outside_calls.circuit_breaker import (
    CircuitBreaker,
    OwnCircuits,
    SharedCircuits,
)
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.retry_policy import RetryPolicy
from insights_resources.sandbox.faults import ModelFault
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.openai_server import ModelRequest, SandboxModel
from insights_resources.scope import today_utc
from insights_resources.settings import read_settings
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import LanguageModelResource, open_language_model
from tests.processes import run_and_die

KEY = "sk-secret-0123456789"
PRICES = ModelPrices(Decimal("0.25"), Decimal("2"))
PLENTY = ModelBudget(tokens=10_000_000)
TABLE = tables.model_calls

both_apis = pytest.mark.parametrize("api", list(ModelApi))


class Sentence(BaseModel):
    """A sentence of the test's report."""

    text: str
    fact_ids: list[str] = Field(default_factory=list)


class ShortReport(BaseModel):
    """The test's report."""

    position: list[Sentence]
    tone: str | None = None


def write(request: ModelRequest) -> str:
    return json.dumps({"position": [{"text": request.content, "fact_ids": ["f1"]}], "tone": None})


def question(content: str = "the kettle leads") -> StructuredRequest:
    key = sha256(content.encode()).hexdigest()
    return StructuredRequest("Write a report.", content, ShortReport, f"report {content}", key)


@pytest.fixture
def server() -> SandboxModel:
    return SandboxModel(write, api_key=KEY, models=frozenset({"gpt-test"}), slow_seconds=4.0)


@pytest.fixture
def url(server: SandboxModel) -> Iterator[str]:
    with serving(server) as address:
        yield f"{address}/v1"


async def no_pause(seconds: float) -> None:
    """Tests do not wait."""


def model_of(
    warehouse: Warehouse,
    url: str,
    api: ModelApi = ModelApi.RESPONSES,
    *,
    budget: ModelBudget = PLENTY,
    sleep: Callable[[float], Any] = no_pause,
    failures: int = 5,
    redis_url: str | None = None,
    **options: Any,
) -> OpenAIModel:
    store = SharedCircuits(redis_url) if redis_url else OwnCircuits()
    guard = ProviderGuard(
        CircuitBreaker(url, store, failures=failures), None, RetryPolicy(tries=3), sleep=sleep
    )
    given = {"api_key": KEY, "base_url": url, "api": api, "prices": PRICES, "seconds": 2.0}
    name = options.pop("name", "gpt-test")
    return OpenAIModel(name, ModelCalls(warehouse, budget), guard, **(given | options))


def ask(model: OpenAIModel, request: StructuredRequest | None = None, **how: Any) -> ModelAnswer:
    return asyncio.run(model.answer(request or question(), **how))


def failure(
    model: OpenAIModel, request: StructuredRequest | None = None, **how: Any
) -> LanguageModelError:
    with pytest.raises(LanguageModelError) as raised:
        ask(model, request, **how)
    return raised.value


def calls(warehouse: Warehouse) -> list[Any]:
    with warehouse.read() as connection:
        return list(connection.execute(select(TABLE).order_by(TABLE.c.sent_at)))


def always(fault: ModelFault) -> Callable[[ModelRequest], ModelFault | None]:
    return lambda request: fault


def first(*faults: ModelFault) -> Callable[[ModelRequest], ModelFault | None]:
    left = list(faults)
    return lambda request: left.pop(0) if left else None


# --- what comes back -----------------------------------------------------------------------------


@both_apis
def test_an_answer_comes_by_the_schema_with_what_it_cost(
    warehouse: Warehouse, server: SandboxModel, url: str, api: ModelApi
) -> None:
    answer = ask(model_of(warehouse, url, api), run_id="run-1")
    assert answer.parsed == ShortReport(
        position=[Sentence(text="the kettle leads", fact_ids=["f1"])]
    )
    assert (answer.model, answer.is_reused) == ("gpt-test", False)
    usage = answer.usage
    assert usage is not None
    assert usage.input_tokens == server.stats["input_tokens"]
    assert usage.output_tokens == server.stats["output_tokens"]
    assert usage.cost == PRICES.cost(usage.input_tokens, usage.output_tokens)
    (row,) = calls(warehouse)
    assert (row.status, row.model, row.api, row.sends) == ("answered", "gpt-test", api.value, 1)
    assert (row.input_tokens, row.output_tokens) == (usage.input_tokens, usage.output_tokens)
    assert (row.cost, row.tokens_reserved, row.cost_reserved) == (usage.cost, 0, 0)
    assert row.answer == answer.parsed.model_dump()
    assert (row.run_id, row.day, row.reason) == ("run-1", today_utc(), None)
    assert row.finished_at >= row.sent_at
    # Nothing of it is kept at the provider.
    assert server.stats["to be stored"] == 0


@both_apis
def test_tokens_from_the_servers_cache_are_told(
    warehouse: Warehouse, url: str, api: ModelApi
) -> None:
    model = model_of(warehouse, url, api)
    cached = [ask(model, question(content)).usage for content in ("one", "two")]
    assert [usage.cached_input_tokens > 0 for usage in cached if usage] == [False, True]


@both_apis
@pytest.mark.parametrize(
    ("fault", "reason", "status"),
    [
        (ModelFault.REFUSING, NarrativeFailure.REFUSED, "refused"),
        (ModelFault.FILTERED, NarrativeFailure.REFUSED, "refused"),
        (ModelFault.TRUNCATED, NarrativeFailure.TRUNCATED, "truncated"),
        (ModelFault.NON_JSON, NarrativeFailure.INVALID_ANSWER, "invalid"),
    ],
)
def test_an_answer_that_is_none_was_paid_and_is_not_asked_for_again(
    warehouse: Warehouse,
    server: SandboxModel,
    url: str,
    api: ModelApi,
    fault: ModelFault,
    reason: NarrativeFailure,
    status: str,
) -> None:
    server.fault = always(fault)
    model = model_of(warehouse, url, api)
    error = failure(model)
    assert (error.reason, error.is_reused, error.reason.is_transient) == (reason, False, False)
    assert error.usage is not None
    assert error.usage.input_tokens == server.stats["input_tokens"]
    (row,) = calls(warehouse)
    assert (row.status, row.cost, row.answer) == (status, error.usage.cost, None)
    assert row.reason in str(error)
    # The model answers: it is no failure of the server.
    assert asyncio.run(model.guard.breaker.state()) == "closed"

    again = failure(model)
    assert (again.reason, again.is_reused, again.usage) == (reason, True, error.usage)
    assert server.stats["requests"] == 1
    server.fault = first()
    assert not ask(model, anew=True).is_reused
    assert ask(model).is_reused


@both_apis
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"position": "first"}',
        '{"position": [], "tone": NaN}',
        "[" * 100_000,
        '{"position": [{"text": ',
    ],
)
def test_what_is_not_by_the_schema_is_no_answer(
    warehouse: Warehouse, server: SandboxModel, url: str, api: ModelApi, text: str
) -> None:
    server.write = lambda request: text
    error = failure(model_of(warehouse, url, api, output_tokens=100_000))
    assert error.reason is NarrativeFailure.INVALID_ANSWER
    assert len(str(error)) < 500
    assert calls(warehouse)[0].status == "invalid"


def test_an_answer_with_what_no_database_stores_is_stored_as_it_is_given(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    server.write = lambda request: '{"position": [], "tone": "\\u0000 \\ud800 ü"}'
    model = model_of(warehouse, url)
    answer, again = ask(model), ask(model)
    assert answer.parsed == again.parsed == ShortReport(position=[], tone="� � ü")


def test_a_server_that_does_not_count_tokens_is_charged_the_most(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    server.fault = always(ModelFault.NO_USAGE)
    model = model_of(warehouse, url)
    assert ask(model).usage is None
    assert ask(model).is_reused
    (row,) = calls(warehouse)
    most = reservation(question(), 8_000, PRICES)
    assert (row.status, row.tokens_reserved, row.cost_reserved) == (
        "answered",
        most.tokens,
        most.cost,
    )
    assert model.calls.spent(today_utc()).tokens == most.tokens > server.stats["input_tokens"]


# --- what goes wrong on the way ------------------------------------------------------------------


@both_apis
@pytest.mark.parametrize(
    "fault",
    [
        ModelFault.RATE_LIMIT_HEADER,
        ModelFault.RATE_LIMIT_DATE,
        ModelFault.RATE_LIMIT_BODY,
        ModelFault.RATE_LIMIT_TEXT,
        ModelFault.SERVER_ERROR,
        ModelFault.OVERLOADED,
    ],
)
def test_what_was_not_served_is_tried_again_and_paid_once(
    warehouse: Warehouse, server: SandboxModel, url: str, api: ModelApi, fault: ModelFault
) -> None:
    server.fault = first(fault, fault)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    assert not ask(model_of(warehouse, url, api, sleep=sleep)).is_reused
    assert (server.stats["requests"], server.stats["billed"]) == (3, 1)
    assert len(slept) == 2
    if fault.startswith("rate-limit"):
        # The date has whole seconds.
        assert min(slept) >= (0 if fault is ModelFault.RATE_LIMIT_DATE else 1)
    (row,) = calls(warehouse)
    assert (row.status, row.sends) == ("answered", 3)


@both_apis
def test_tries_are_bounded_and_then_nothing_is_owed(
    warehouse: Warehouse, server: SandboxModel, url: str, api: ModelApi
) -> None:
    server.fault = always(ModelFault.OVERLOADED)
    error = failure(model_of(warehouse, url, api))
    assert (error.reason, error.usage) == (NarrativeFailure.UNAVAILABLE, None)
    assert error.reason.is_transient
    assert "overloaded" in str(error)
    assert server.stats["requests"] == 3
    (row,) = calls(warehouse)
    assert (row.status, row.sends, row.tokens_reserved, row.cost_reserved) == ("failed", 3, 0, 0)


@both_apis
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ModelFault.SLOW, NarrativeFailure.TIMED_OUT),
        (ModelFault.DROPPED, NarrativeFailure.UNAVAILABLE),
        (ModelFault.TRUNCATED_ANSWER, NarrativeFailure.UNAVAILABLE),
    ],
)
def test_what_may_have_been_served_counts_as_spent_and_is_left_to_a_later_run(
    warehouse: Warehouse,
    server: SandboxModel,
    url: str,
    api: ModelApi,
    fault: ModelFault,
    reason: NarrativeFailure,
) -> None:
    server.fault = first(fault)
    model = model_of(warehouse, url, api)
    error = failure(model, run_id="run-1")
    assert (error.reason, server.stats["requests"]) == (reason, 1)
    (row,) = calls(warehouse)
    most = reservation(question(), 8_000, PRICES)
    assert (row.status, row.tokens_reserved, row.cost_reserved) == (
        "unknown",
        most.tokens,
        most.cost,
    )
    assert failure(model, run_id="run-1").is_reused
    assert server.stats["requests"] == 1
    assert not ask(model, run_id="run-2").is_reused
    assert [row.status for row in calls(warehouse)] == ["unknown", "answered"]


@both_apis
@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (ModelFault.UNAUTHORIZED, "OPENAI_API_KEY"),
        (ModelFault.FORBIDDEN, "Country not supported"),
        (ModelFault.NO_QUOTA, "insufficient_quota"),
    ],
)
def test_a_refused_account_is_asked_once_and_then_left_alone(
    warehouse: Warehouse,
    server: SandboxModel,
    url: str,
    api: ModelApi,
    fault: ModelFault,
    remedy: str,
) -> None:
    server.fault = always(fault)
    model = model_of(warehouse, url, api)
    error = failure(model)
    assert (error.reason, error.reason.is_transient) == (NarrativeFailure.ACCESS_REFUSED, False)
    assert remedy in str(error)
    assert failure(model, question("another")).reason is NarrativeFailure.BREAKER_OPEN
    assert server.stats["requests"] == 1
    (row,) = calls(warehouse)
    assert (row.status, row.tokens_reserved) == ("failed", 0)


@both_apis
def test_no_secret_is_in_any_error_or_log(
    warehouse: Warehouse,
    server: SandboxModel,
    url: str,
    api: ModelApi,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    # The server says the key that it was given.
    wrong = "sk-wrong-0123456789"
    errors = [failure(model_of(warehouse, url, api, api_key=wrong))]
    for fault in ModelFault:
        server.fault = always(fault)
        if fault not in (ModelFault.SLOW, ModelFault.NO_USAGE):
            errors.append(failure(model_of(warehouse, url, api), question(fault)))
    server.fault = first()
    server.write = lambda request: f"{KEY} is the key"
    errors.append(failure(model_of(warehouse, url, api), question("echo")))
    errors.append(failure(model_of(warehouse, "http://127.0.0.1:9/v1", api), question("nobody")))
    told = "".join(
        [
            *("".join(traceback.format_exception(error)) for error in errors),
            caplog.text,
            *(row.reason or "" for row in calls(warehouse)),
        ]
    )
    assert KEY not in told
    assert wrong not in told


def test_a_key_that_no_header_can_hold_is_refused_without_telling_it(
    sqlite_warehouse: Warehouse,
) -> None:
    with pytest.raises(Exception, match="OPENAI_API_KEY") as raised:
        model_of(sqlite_warehouse, "http://127.0.0.1:9/v1", api_key="sk-sécret\n1")
    assert "cret" not in str(raised.value)


@both_apis
def test_another_model_or_interface_than_there_is_is_said_with_the_remedy(
    warehouse: Warehouse, url: str, api: ModelApi
) -> None:
    error = failure(model_of(warehouse, url, api, name="gpt-none"))
    assert error.reason is NarrativeFailure.ACCESS_REFUSED
    assert "INSIGHTS_MODEL" in str(error)
    nowhere = failure(model_of(warehouse, f"{url}/nothing", api))
    assert nowhere.reason is NarrativeFailure.ACCESS_REFUSED


def test_a_request_that_the_server_does_not_take_is_no_reason_to_leave_it_alone(
    warehouse: Warehouse, server: SandboxModel, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from insights_resources.language_model import interfaces

    monkeypatch.setattr(interfaces, "strict_schema", lambda schema: schema.model_json_schema())
    model = model_of(warehouse, url)
    error = failure(model)
    assert error.reason is NarrativeFailure.NOT_ACCEPTED
    assert "additionalProperties" in str(error)
    assert asyncio.run(model.guard.breaker.state()) == "closed"


def test_a_server_that_is_not_there_is_left_alone_after_a_while(warehouse: Warehouse) -> None:
    model = model_of(warehouse, "http://127.0.0.1:9/v1", failures=3)
    assert failure(model).reason is NarrativeFailure.UNAVAILABLE
    error = failure(model, question("another"))
    assert (error.reason, "left alone" in str(error)) == (NarrativeFailure.BREAKER_OPEN, True)
    assert [row.status for row in calls(warehouse)] == ["failed"]


def test_processes_share_the_breaker_through_redis(
    sqlite_warehouse: Warehouse, server: SandboxModel, url: str, redis_url: str
) -> None:
    server.fault = always(ModelFault.UNAUTHORIZED)
    one, other = (model_of(sqlite_warehouse, url, redis_url=redis_url) for _ in range(2))
    assert failure(one).reason is NarrativeFailure.ACCESS_REFUSED
    assert failure(other).reason is NarrativeFailure.BREAKER_OPEN


def test_what_was_answered_is_had_while_the_server_is_left_alone(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    model = model_of(warehouse, url)
    answer = ask(model)
    server.fault = always(ModelFault.UNAUTHORIZED)
    failure(model, question("another"))
    again = ask(model)
    assert (again.parsed, again.usage, again.is_reused) == (answer.parsed, answer.usage, True)


# --- the budget ----------------------------------------------------------------------------------


def test_concurrent_processes_cannot_overrun_the_budget(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    each = reservation(question("a kettle 00"), 8_000, PRICES)
    server.latency = 0.3
    # As many models as there are processes, with connections of their own.
    models = [
        model_of(
            Warehouse.open(warehouse.engine.url.render_as_string(hide_password=False)),
            url,
            budget=ModelBudget(tokens=3 * each.tokens),
            seconds=20,
        )
        for _ in range(4)
    ]

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(
            *(
                model.answer(question(f"a kettle {number}{place}"))
                for number, model in enumerate(models)
                for place in range(2)
            ),
            return_exceptions=True,
        )

    outcomes = asyncio.run(all_at_once())
    refused = [each for each in outcomes if isinstance(each, LanguageModelError)]
    assert len(refused) == 5, outcomes
    assert {error.reason for error in refused} == {NarrativeFailure.NO_BUDGET}
    assert "INSIGHTS_MODEL_TOKENS_A_DAY" in str(refused[0])
    assert len(calls(warehouse)) == server.stats["requests"] == 3
    # What was not used is there again.
    assert not ask(models[0], question("later")).is_reused
    for model in models:
        model.calls._warehouse.dispose()


def test_money_is_a_budget_too_and_each_day_has_its_own(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    model = model_of(warehouse, url, budget=ModelBudget(10_000_000, Decimal("0.020")))
    server.fault = always(ModelFault.NO_USAGE)
    ask(model)
    error = failure(model, question("another"))
    assert (error.reason, error.reason.is_transient) == (NarrativeFailure.NO_BUDGET, True)
    assert "INSIGHTS_MODEL_COST_A_DAY" in str(error)
    assert server.stats["requests"] == 1
    with warehouse.begin() as connection:
        connection.execute(update(TABLE).values(day=today_utc() - timedelta(days=1)))
    assert not ask(model, question("another")).is_reused


def note_and_die(url: str) -> None:
    warehouse = Warehouse.open(url)
    request = question()
    call = ModelCall(
        request, "gpt-test", ModelApi.CHAT, reservation(request, 8_000, PRICES), "run-1"
    )
    asyncio.run(ModelCalls(warehouse, PLENTY).sending(call))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_call_whose_process_died_counts_and_is_left_to_a_later_run(
    warehouse: Warehouse, warehouse_url: str, server: SandboxModel, url: str
) -> None:
    run_and_die(note_and_die, warehouse_url)
    (row,) = calls(warehouse)
    most = reservation(question(), 8_000, PRICES)
    assert (row.status, row.tokens_reserved, row.finished_at) == ("sent", most.tokens, None)
    model = model_of(warehouse, url, budget=ModelBudget(2 * most.tokens - 1))
    assert failure(model, run_id="run-2").reason is NarrativeFailure.NO_BUDGET
    # The same run, started again, does not pay twice either.
    assert failure(model, run_id="run-1").is_reused
    assert server.stats["requests"] == 0
    assert not ask(model_of(warehouse, url), run_id="run-2").is_reused


def test_what_requests_may_cost_is_known_before_they_are_sent(
    warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    model = model_of(warehouse, url)
    requests = [question(f"kettle {number}") for number in range(3)]
    expected = model.expected_cost(requests)
    assert (expected.calls, server.stats["requests"]) == (3, 0)
    for request in requests:
        ask(model, request)
    took = model.calls.spent(today_utc())
    assert took.tokens <= expected.tokens
    assert expected.cost is not None
    assert Decimal(0) < took.cost <= expected.cost
    after = model.expected_cost(requests)
    assert (after.calls, after.tokens, after.cost) == (0, 0, 0)
    unpriced = model_of(warehouse, url, prices=None).expected_cost([question("x")])
    assert (unpriced.calls, unpriced.cost) == (1, None)


def test_without_prices_costs_are_not_known(warehouse: Warehouse, url: str) -> None:
    answer = ask(model_of(warehouse, url, prices=None))
    assert answer.usage is not None
    assert answer.usage.cost is None
    (row,) = calls(warehouse)
    assert (row.cost, row.cost_reserved) == (None, None)


# --- wiring --------------------------------------------------------------------------------------


def test_the_settings_lead_to_the_model_and_the_status_tells_its_day(
    sqlite_warehouse: Warehouse, url: str
) -> None:
    environment = {
        "OPENAI_API_KEY": KEY,
        "INSIGHTS_MODEL": "gpt-test",
        "INSIGHTS_MODEL_URL": url,
        "INSIGHTS_MODEL_COST_A_DAY": "5",
        "INSIGHTS_MODEL_INPUT_PRICE": "0.25",
        "INSIGHTS_MODEL_OUTPUT_PRICE": "2",
    }
    settings = read_settings(environment)
    model = open_language_model(settings, environment, sqlite_warehouse)
    assert model is not None
    answer = ask(model)
    assert answer.usage is not None
    assert calls(sqlite_warehouse)[0].api == "chat"
    tokens = answer.usage.input_tokens + answer.usage.output_tokens
    assert status_line(model) == (
        f"language model gpt-test, {today_utc()}: 1 calls; tokens: {tokens:,} of 2,000,000; "
        f"USD: {answer.usage.cost} of 5; circuit closed"
    )
    assert open_language_model(read_settings({}), {}, sqlite_warehouse) is None
    assert LanguageModelResource(model="gpt-test").open(sqlite_warehouse) is None


def test_a_server_of_ones_own_needs_no_key(
    sqlite_warehouse: Warehouse, server: SandboxModel, url: str
) -> None:
    server.api_key = None
    assert not ask(model_of(sqlite_warehouse, url, ModelApi.CHAT, api_key=None)).is_reused


def test_the_command_refuses_unknown_faults() -> None:
    from insights_jobs.cli.sandbox import sandbox

    refused = CliRunner().invoke(sandbox, ["model", "--fault", "earthquake=0.1"])
    assert refused.exit_code == 1
    assert "the names are unauthorized, forbidden" in str(refused.exception)
