"""A language model behind OpenAI's API, on a real port: Responses and Chat Completions.

For tests, benchmarks and ``insights sandbox model``. What it answers is written by a function of
the request; what goes wrong, by another. It takes a schema only in the strict form, counts tokens
as the real one does (roughly), and ``/stats`` says what it was asked for and what it billed.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from insights_resources.sandbox.faults import ModelFault
from insights_resources.sandbox.http_server import dropped

_BYTES_OF_A_TOKEN = 4
_RETRY_SECONDS = 1
_REFUSAL = "I'm sorry, but I can't help with that."
#: Each error's status, code and words.
_ERRORS = {
    ModelFault.UNAUTHORIZED: (401, "invalid_api_key", "Incorrect API key provided: {key}"),
    ModelFault.FORBIDDEN: (403, "unsupported_country_region_territory", "Country not supported"),
    ModelFault.NO_QUOTA: (429, "insufficient_quota", "You exceeded your current quota"),
    ModelFault.SERVER_ERROR: (500, None, "The server had an error while processing your request"),
    ModelFault.OVERLOADED: (503, None, "The engine is currently overloaded"),
}


@dataclass(frozen=True)
class ModelRequest:
    """What was asked, whichever interface it came through (``api``: responses or chat)."""

    api: str
    model: str
    instructions: str
    content: str
    schema: Mapping[str, Any]
    output_tokens: int | None


@dataclass(frozen=True)
class _Answer:
    text: str
    refusal: str | None
    is_filtered: bool
    is_truncated: bool
    usage: tuple[int, int, int] | None


def smallest_answer(request: ModelRequest) -> str:
    """The least that the schema allows: empty texts and lists, the first of each choice."""
    return json.dumps(_smallest(request.schema, request.schema))


def no_fault(request: ModelRequest) -> ModelFault | None:
    """Nothing goes wrong."""
    return None


class SandboxModel:
    """The server's state.

    ``write``: the text of an answer. ``fault``: what goes wrong with a request. ``models``: those
    that there are; None: every name will do. ``api_key`` None: any will do. ``latency``: seconds
    that an answer takes.
    """

    def __init__(
        self,
        write: Callable[[ModelRequest], str] = smallest_answer,
        *,
        fault: Callable[[ModelRequest], ModelFault | None] = no_fault,
        models: frozenset[str] | None = None,
        api_key: str | None = None,
        latency: float = 0.0,
        slow_seconds: float = 5.0,
    ) -> None:
        self.write, self.fault = write, fault
        self.models, self.api_key = models, api_key
        self.latency, self.slow_seconds = latency, slow_seconds
        #: How many requests came, how many were billed, what went wrong, the tokens of it all, and
        #: how many would have been stored.
        self.stats = Counter[str]()
        self._instructions_seen: set[str] = set()

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/v1/responses", self._responses, methods=["POST"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/stats", self._stats),
            ]
        )

    async def _responses(self, request: Request) -> Response:
        return await self._serve(request, _read_responses, _as_response)

    async def _chat(self, request: Request) -> Response:
        return await self._serve(request, _read_chat, _as_chat)

    async def _serve(
        self,
        request: Request,
        read: Callable[[Mapping[str, Any]], ModelRequest],
        written: Callable[[ModelRequest, _Answer], dict[str, Any]],
    ) -> Response:
        self.stats["requests"] += 1
        given_key = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.api_key is not None and given_key != self.api_key:
            return _failure(ModelFault.UNAUTHORIZED, given_key)
        try:
            body = json.loads(await request.body())
            asked = read(body)
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, None, f"Invalid request: {error!r}")
        if self.models is not None and asked.model not in self.models:
            return _error(404, "model_not_found", f"The model `{asked.model}` does not exist")
        for problem in _not_strict(asked.schema, asked.schema):
            return _error(400, "invalid_json_schema", f"Invalid schema: {problem}")
        self.stats["to be stored"] += body.get("store") is not False
        fault = self.fault(asked)
        if fault is not None:
            self.stats[fault] += 1
        if fault in _ERRORS or (fault is not None and fault.startswith("rate-limit")):
            return _failure(fault, given_key)
        await asyncio.sleep(self.slow_seconds if fault is ModelFault.SLOW else self.latency)
        answer = json.dumps(written(asked, self._answer(asked, fault))).encode()
        if fault is ModelFault.TRUNCATED_ANSWER:
            return Response(answer[: len(answer) // 2], media_type="application/json")
        if fault is ModelFault.DROPPED:
            return dropped(answer)
        return Response(answer, media_type="application/json")

    def _answer(self, asked: ModelRequest, fault: ModelFault | None) -> _Answer:
        refusal = _REFUSAL if fault is ModelFault.REFUSING else None
        text = "" if refusal else self.write(asked)
        if fault is ModelFault.NON_JSON:
            text = f"Here is the report you asked for:\n\n{text}"
        is_too_long = asked.output_tokens is not None and _count(text) > asked.output_tokens
        is_truncated = is_too_long or fault is ModelFault.TRUNCATED
        if is_truncated:
            text = text[: min(len(text) // 2, (asked.output_tokens or len(text)) * 4)]
        given = _count(asked.instructions + asked.content + json.dumps(asked.schema))
        cached = _count(asked.instructions) if asked.instructions in self._instructions_seen else 0
        self._instructions_seen.add(asked.instructions)
        written = _count(text + (refusal or ""))
        self.stats.update(billed=1, input_tokens=given, output_tokens=written)
        return _Answer(
            text,
            refusal,
            fault is ModelFault.FILTERED,
            is_truncated,
            None if fault is ModelFault.NO_USAGE else (given, cached, written),
        )

    async def _models(self, request: Request) -> Response:
        names = sorted(self.models or ())
        return JSONResponse(
            {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}
        )

    async def _stats(self, request: Request) -> Response:
        return JSONResponse(self.stats)


def _read_responses(body: Mapping[str, Any]) -> ModelRequest:
    wanted = body["text"]["format"]
    if wanted["type"] != "json_schema" or wanted["strict"] is not True or not wanted["name"]:
        raise ValueError("text.format must be a json_schema with a name, strict")
    return ModelRequest(
        "responses",
        body["model"],
        body["instructions"],
        body["input"],
        wanted["schema"],
        body.get("max_output_tokens"),
    )


def _read_chat(body: Mapping[str, Any]) -> ModelRequest:
    wanted = body["response_format"]
    schema = wanted["json_schema"]
    if wanted["type"] != "json_schema" or schema["strict"] is not True or not schema["name"]:
        raise ValueError("response_format must be a json_schema with a name, strict")
    by_role = {message["role"]: message["content"] for message in body["messages"]}
    return ModelRequest(
        "chat",
        body["model"],
        by_role["system"],
        by_role["user"],
        schema["schema"],
        body.get("max_completion_tokens", body.get("max_tokens")),
    )


def _as_response(asked: ModelRequest, answer: _Answer) -> dict[str, Any]:
    content = {"type": "output_text", "text": answer.text, "annotations": []}
    if answer.refusal:
        content = {"type": "refusal", "refusal": answer.refusal}
    reason = "max_output_tokens" if answer.is_truncated else None
    if answer.is_filtered:
        reason = "content_filter"
    status = "incomplete" if reason else "completed"
    made: dict[str, Any] = {
        "id": f"resp_{uuid.uuid4().hex}",
        "object": "response",
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": asked.model,
        "output": [
            {"type": "reasoning", "id": f"rs_{uuid.uuid4().hex}", "summary": []},
            {
                "type": "message",
                "id": f"msg_{uuid.uuid4().hex}",
                "role": "assistant",
                "status": status,
                "content": [content],
            },
        ],
    }
    if answer.usage is not None:
        given, cached, written = answer.usage
        made["usage"] = {
            "input_tokens": given,
            "input_tokens_details": {"cached_tokens": cached},
            "output_tokens": written,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given + written,
        }
    return made


def _as_chat(asked: ModelRequest, answer: _Answer) -> dict[str, Any]:
    finish_reason = "length" if answer.is_truncated else "stop"
    made: dict[str, Any] = {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "finish_reason": "content_filter" if answer.is_filtered else finish_reason,
                "message": {
                    "role": "assistant",
                    "content": None if answer.refusal else answer.text,
                    "refusal": answer.refusal,
                },
            }
        ],
    }
    if answer.usage is not None:
        given, cached, written = answer.usage
        made["usage"] = {
            "prompt_tokens": given,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens": written,
            "completion_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": given + written,
        }
    return made


def _failure(fault: ModelFault | None, key: str) -> Response:
    limited = "Rate limit reached: Limit 3, Used 3."
    match fault:
        case ModelFault.RATE_LIMIT_HEADER:
            return _error(429, "rate_limit_exceeded", limited, {"Retry-After": str(_RETRY_SECONDS)})
        case ModelFault.RATE_LIMIT_DATE:
            then = datetime.now(UTC) + timedelta(seconds=_RETRY_SECONDS)
            date = format_datetime(then, usegmt=True)
            return _error(429, "rate_limit_exceeded", limited, {"Retry-After": date})
        case ModelFault.RATE_LIMIT_BODY:
            more = {"retry_after_seconds": _RETRY_SECONDS}
            return _error(429, "rate_limit_exceeded", limited, more=more)
        case ModelFault.RATE_LIMIT_TEXT:
            words = f"{limited} Please try again in {_RETRY_SECONDS}s."
            return _error(429, "rate_limit_exceeded", words)
    assert fault is not None
    status, code, words = _ERRORS[fault]
    return _error(status, code, words.format(key=key))


def _error(
    status: int,
    code: str | None,
    words: str,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    error = {"message": words, "type": code or "error", "param": None, "code": code, **(more or {})}
    return JSONResponse({"error": error}, status, headers)


def _count(text: str) -> int:
    return -(-len(text.encode(errors="replace")) // _BYTES_OF_A_TOKEN)


def _not_strict(schema: Any, root: Mapping[str, Any]) -> Iterator[str]:
    """What the strict form does not have."""
    if isinstance(schema, list):
        for each in schema:
            yield from _not_strict(each, root)
    if not isinstance(schema, dict):
        return
    if schema is root and schema.get("type") != "object":
        yield "schema must be a JSON Schema of 'type: \"object\"'"
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield "'additionalProperties' is required to be supplied and to be false"
        if set(schema.get("required", ())) != set(schema.get("properties", ())):
            yield "'required' is required to be an array including every key in properties"
    for word in ("oneOf", "allOf", "default", "patternProperties"):
        if word in schema:
            yield f"'{word}' is not permitted"
    if "$ref" in schema and len(schema) > 1:
        yield "$ref cannot have keywords beside it"
    for word, value in schema.items():
        if word in ("properties", "$defs"):
            yield from _not_strict(list(value.values()), root)
        elif word not in ("enum", "const", "required"):
            yield from _not_strict(value, root)


def _smallest(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _smallest(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _smallest(schema["anyOf"][-1], root)
    match schema.get("type"):
        case "object":
            return {name: _smallest(each, root) for name, each in schema["properties"].items()}
        case "array":
            return [_smallest(schema["items"], root)] * schema.get("minItems", 0)
        case "string":
            return "x" * schema.get("minLength", 0)
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
    return None
