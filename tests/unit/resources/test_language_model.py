"""What a model is asked for, what its answers say, and what they cost."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel

from insights_resources.errors import OutcomeUnknownError, TransientProviderError
from insights_resources.language_model.budget import ModelPrices, reservation
from insights_resources.language_model.interfaces import (
    ChatCompletions,
    Interface,
    Reply,
    Responses,
    Tokens,
)
from insights_resources.language_model.openai_model import parse_answer, server_name
from insights_resources.language_model.protocol import NarrativeFailure, StructuredRequest
from insights_resources.language_model.strict_schema import strict_schema
from insights_resources.sandbox.openai_server import ModelRequest, smallest_answer

INTERFACES: list[Interface] = [Responses(), ChatCompletions()]


class Recommendation(BaseModel):
    action: str
    priority: Literal["high", "low"]
    default: int = 3


class Report(BaseModel):
    """A report."""

    position: list[str] = Field(default_factory=list, description="Where it stands.")
    first: Recommendation = Field(description="The most urgent.")
    others: list[Recommendation]
    note: str | None = None
    kind: Recommendation | str = "x"


def request(schema: type[BaseModel] = Report, content: str = "facts") -> StructuredRequest:
    return StructuredRequest("Write.", content, schema, "report x", "0" * 64)


def test_the_strict_form_requires_every_property_and_takes_no_other() -> None:
    schema = strict_schema(Report)
    assert schema["required"] == ["position", "first", "others", "note", "kind"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["position"] == {
        "type": "array",
        "items": {"type": "string"},
        "description": "Where it stands.",
    }
    # A property may have the name of a word.
    inner = schema["$defs"]["Recommendation"]
    assert inner["required"] == ["action", "priority", "default"]
    assert inner["properties"]["default"] == {"type": "integer"}
    assert inner["properties"]["priority"] == {"enum": ["high", "low"], "type": "string"}
    assert schema["properties"]["first"] == {"$ref": "#/$defs/Recommendation"}


def test_the_smallest_answer_of_a_schema_is_one() -> None:
    asked = ModelRequest("chat", "gpt", "", "", strict_schema(Report), None)
    assert Report.model_validate_json(smallest_answer(asked)).first.priority == "high"


class FreeDictionary(BaseModel):
    values: dict[str, int]


class ListOfTexts(RootModel[list[str]]):
    """No object."""


@pytest.mark.parametrize("model", [FreeDictionary, ListOfTexts])
def test_what_the_strict_form_does_not_have_is_refused(model: type[BaseModel]) -> None:
    with pytest.raises(ValueError, match=r"free dictionary|no plain object"):
        strict_schema(model)


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: interface.api)
def test_nothing_is_stored_and_answers_are_bounded(interface: Interface) -> None:
    body = interface.body("gpt", request(), 700)
    assert body["store"] is False
    assert 700 in (body.get("max_output_tokens"), body.get("max_completion_tokens"))
    assert '"strict": true' in json.dumps(body)
    json.dumps(body)


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (
            {
                "status": "completed",
                "output": [
                    {"type": "reasoning", "summary": []},
                    {"type": "message", "content": [{"type": "output_text", "text": "a"}]},
                    {"type": "message", "content": [{"type": "output_text", "text": "b"}]},
                ],
                "usage": {"input_tokens": 5, "output_tokens": 2},
            },
            Reply(text="ab", tokens=Tokens(5, 0, 2)),
        ),
        (
            {
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
                "output": [],
                "usage": {
                    "input_tokens": 5,
                    "output_tokens": 2,
                    "input_tokens_details": {"cached_tokens": 4},
                },
            },
            Reply(is_truncated=True, tokens=Tokens(5, 4, 2)),
        ),
        ({"status": "completed", "output": None, "usage": None}, Reply(text="")),
        (
            {"status": "completed", "usage": {"input_tokens": True, "output_tokens": -1}},
            Reply(text=""),
        ),
    ],
)
def test_what_responses_say(answer: dict[str, Any], reply: Reply) -> None:
    assert Responses().read(answer) == reply


def test_a_response_that_failed_is_worth_another_try_and_one_that_is_none_is_unknown() -> None:
    with pytest.raises(TransientProviderError, match="overloaded"):
        Responses().read({"status": "failed", "error": {"message": "overloaded"}})
    with pytest.raises(OutcomeUnknownError, match="in_progress"):
        Responses().read({"status": "in_progress"})
    with pytest.raises(OutcomeUnknownError, match="no choices"):
        ChatCompletions().read({"error": "?"})


_WORDS = (
    "status output type content text refusal usage input_tokens output_tokens choices message "
    "finish_reason incomplete_details reason"
)
_NAMES = st.sampled_from(_WORDS.split()) | st.text(max_size=3)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: interface.api)
@given(answer=st.dictionaries(_NAMES, _JSON, max_size=6))
def test_no_answer_breaks_it(interface: Interface, answer: dict[str, Any]) -> None:
    for each in (answer, {"status": "completed"} | answer, {"choices": [answer]}):
        try:
            reply = interface.read(each)
        except (OutcomeUnknownError, TransientProviderError):
            continue
        assert isinstance(reply.text or "", str)


@given(text=st.text() | _JSON.map(lambda value: json.dumps(value)))
def test_an_answer_is_of_the_schema_or_none(text: str) -> None:
    try:
        assert isinstance(parse_answer(text, Report), Report)
    except ValueError:
        return


def test_costs_are_exact_and_rounded_up_to_a_millionth() -> None:
    prices = ModelPrices(Decimal("0.25"), Decimal("2"))
    assert prices.cost(8_000, 1_500) == Decimal("0.005")
    assert prices.cost(1, 0) == Decimal("0.000001")
    assert prices.cost(0, 0) == 0


def test_the_most_of_a_call_is_its_text_and_the_longest_answer() -> None:
    prices = ModelPrices(Decimal(1), Decimal(10))
    short, long = (reservation(request(content="é" * count), 500, prices) for count in (0, 1_000))
    assert long.tokens - short.tokens == 1_000
    assert short.tokens > 500
    assert long.cost == prices.cost(long.tokens - 500, 500)
    assert reservation(request(), 500, None).cost is None


def test_a_key_is_a_hash() -> None:
    with pytest.raises(ValueError, match="report x"):
        StructuredRequest("", "", Report, "report x", "not a hash")


def test_what_may_pass_by_itself_is_told_apart() -> None:
    lasting = {reason for reason in NarrativeFailure if not reason.is_transient}
    assert lasting == {
        NarrativeFailure.ACCESS_REFUSED,
        NarrativeFailure.NOT_ACCEPTED,
        NarrativeFailure.REFUSED,
        NarrativeFailure.TRUNCATED,
        NarrativeFailure.INVALID_ANSWER,
    }
    assert max(map(len, NarrativeFailure)) <= 32


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (None, "api.openai.com"),
        ("http://me:secret@localhost:8000/v1?key=secret", "localhost:8000"),
    ],
)
def test_a_server_is_named_without_secrets(url: str | None, name: str) -> None:
    assert server_name(url) == name
