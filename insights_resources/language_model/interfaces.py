"""OpenAI's two interfaces, Responses and Chat Completions: what is sent, what an answer says.

Both answers are read as JSON rather than with the SDK's parsers, which lose the usage of an answer
that is cut off; and servers that are merely compatible leave things out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from insights_resources.errors import OutcomeUnknownError, TransientProviderError
from insights_resources.language_model.protocol import StructuredRequest
from insights_resources.language_model.strict_schema import strict_schema


class ModelApi(StrEnum):
    """The interface that a server is asked through; Chat Completions is the portable one."""

    RESPONSES = "responses"
    CHAT = "chat"


@dataclass(frozen=True)
class Tokens:
    """As the server counts them."""

    input: int
    cached_input: int
    output: int


@dataclass(frozen=True)
class Reply:
    """What came back: a text, unless the model refused (``refusal``: its words) or was cut off."""

    text: str | None = None
    refusal: str | None = None
    is_truncated: bool = False
    tokens: Tokens | None = None


class Interface(Protocol):
    """One of the two."""

    api: ModelApi

    def body(self, model: str, request: StructuredRequest, output_tokens: int) -> dict[str, Any]:
        """The body of the request; nothing of it is stored at the server."""

    def read(self, answer: Mapping[str, Any]) -> Reply:
        """What the answer says. Raises ``TransientProviderError`` when it says that nothing was
        done, ``OutcomeUnknownError`` when it is none."""


class Responses:
    """``POST /responses``."""

    api = ModelApi.RESPONSES

    def body(self, model: str, request: StructuredRequest, output_tokens: int) -> dict[str, Any]:
        """See ``Interface``."""
        return {
            "model": model,
            "instructions": request.instructions,
            "input": request.content,
            "text": {"format": {"type": "json_schema", **_format(request)}},
            "max_output_tokens": output_tokens,
            "store": False,
        }

    def read(self, answer: Mapping[str, Any]) -> Reply:
        """See ``Interface``."""
        status = answer.get("status")
        tokens = _tokens(answer.get("usage"), "input_tokens", "output_tokens")
        if status == "failed":
            said = str(_object(answer.get("error")).get("message") or "no reason given")
            raise TransientProviderError(f"the model failed: {said[:200]}")
        if status not in ("completed", "incomplete"):
            raise OutcomeUnknownError(f"the answer's status is {status!r:.50}")
        parts = [
            part
            for item in _objects(answer.get("output"))
            if item.get("type") == "message"
            for part in _objects(item.get("content"))
        ]
        refusals = [_text(part.get("refusal")) for part in parts if part.get("type") == "refusal"]
        if refusals:
            return Reply(refusal="".join(refusals), tokens=tokens)
        if status == "incomplete":
            reason = _object(answer.get("incomplete_details")).get("reason")
            if reason == "content_filter":
                return Reply(refusal="the provider's filter stopped the answer", tokens=tokens)
            return Reply(is_truncated=True, tokens=tokens)
        texts = [_text(part.get("text")) for part in parts if part.get("type") == "output_text"]
        return Reply(text="".join(texts), tokens=tokens)


class ChatCompletions:
    """``POST /chat/completions``. ``limit``: how the server calls the most tokens of an answer;
    OpenAI's newer models refuse the older name, and other servers know only that."""

    api = ModelApi.CHAT

    def __init__(self, limit: str = "max_completion_tokens") -> None:
        self._limit = limit

    def body(self, model: str, request: StructuredRequest, output_tokens: int) -> dict[str, Any]:
        """See ``Interface``."""
        return {
            "model": model,
            "messages": [
                {"role": "system", "content": request.instructions},
                {"role": "user", "content": request.content},
            ],
            "response_format": {"type": "json_schema", "json_schema": _format(request)},
            self._limit: output_tokens,
            "store": False,
        }

    def read(self, answer: Mapping[str, Any]) -> Reply:
        """See ``Interface``."""
        tokens = _tokens(answer.get("usage"), "prompt_tokens", "completion_tokens")
        choices = _objects(answer.get("choices"))
        if not choices:
            raise OutcomeUnknownError("the answer has no choices")
        message = _object(choices[0].get("message"))
        if message.get("refusal"):
            return Reply(refusal=_text(message["refusal"]), tokens=tokens)
        match choices[0].get("finish_reason"):
            case "content_filter":
                return Reply(refusal="the provider's filter stopped the answer", tokens=tokens)
            case "length":
                return Reply(is_truncated=True, tokens=tokens)
        return Reply(text=_text(message.get("content")), tokens=tokens)


def _format(request: StructuredRequest) -> dict[str, Any]:
    return {
        "name": request.schema.__name__,
        "strict": True,
        "schema": strict_schema(request.schema),
    }


def _tokens(usage: Any, input_name: str, output_name: str) -> Tokens | None:
    usage = _object(usage)
    given, written = _count(usage.get(input_name)), _count(usage.get(output_name))
    if given is None or written is None:
        return None
    details = _object(usage.get(f"{input_name}_details"))
    return Tokens(given, _count(details.get("cached_tokens")) or 0, written)


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31
    return value if is_count else None


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
