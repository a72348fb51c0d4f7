"""A model of OpenAI's, or of a server that speaks its API, asked once for each request.

The SDK sends; retries, time-outs and the reading of answers are ours: each answer is paid for, also
one that is refused, cut off or not by the schema, and its usage must not be lost.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from insights_resources.errors import (
    BudgetExhaustedError,
    CircuitOpenError,
    ConfigurationError,
    OutcomeUnknownError,
    PermanentProviderError,
    ProviderAccessError,
    ProviderError,
    TransientProviderError,
)
from insights_resources.language_model.budget import ModelPrices, reservation
from insights_resources.language_model.interfaces import (
    ChatCompletions,
    Interface,
    ModelApi,
    Reply,
    Responses,
    Tokens,
)
from insights_resources.language_model.ledger import (
    CallStatus,
    EarlierCall,
    ModelCall,
    ModelCalls,
)
from insights_resources.language_model.protocol import (
    ExpectedCost,
    LanguageModelError,
    ModelAnswer,
    ModelUsage,
    NarrativeFailure,
    StructuredRequest,
)
from insights_resources.outside_calls.guard import ProviderGuard
from insights_resources.outside_calls.retry_policy import retry_after_seconds
from insights_resources.warehouse.column_types import clean_json, clean_text, dump_json

if TYPE_CHECKING:
    import openai

OPENAI_URL = "https://api.openai.com/v1"
#: Most bytes of an answer: a hundred times what the longest report takes.
_MOST_BYTES = 4 * 1024 * 1024
_CONNECT_SECONDS = 10
#: What is told of another's words.
_TOLD = 300
#: A server of one's own may need no key; the SDK wants one.
_NO_KEY = "none"
_NO_ACCESS = {
    401: "the API key is refused: set OPENAI_API_KEY to a valid one",
    402: "there is no credit left",
    403: "the account may not use it",
    404: "it has no such model or interface: see INSIGHTS_MODEL, INSIGHTS_MODEL_URL and "
    "INSIGHTS_MODEL_API",
}
#: OpenAI's word in a 429 for an account without money: no wait helps.
_NO_QUOTA = "insufficient_quota"
_WORTH_ANOTHER_TRY = {408, 409, 429}


class _TimedOutError(OutcomeUnknownError):
    """No whole answer in time."""


#: Why there is no answer, by what happened; the first that fits.
_REASONS: tuple[tuple[type[ProviderError], NarrativeFailure], ...] = (
    (BudgetExhaustedError, NarrativeFailure.NO_BUDGET),
    (CircuitOpenError, NarrativeFailure.BREAKER_OPEN),
    (_TimedOutError, NarrativeFailure.TIMED_OUT),
    (ProviderAccessError, NarrativeFailure.ACCESS_REFUSED),
    (PermanentProviderError, NarrativeFailure.NOT_ACCEPTED),
    (ProviderError, NarrativeFailure.UNAVAILABLE),
)
_REASON_OF_STATUS = {
    CallStatus.REFUSED: NarrativeFailure.REFUSED,
    CallStatus.TRUNCATED: NarrativeFailure.TRUNCATED,
    CallStatus.INVALID: NarrativeFailure.INVALID_ANSWER,
    CallStatus.SENT: NarrativeFailure.UNAVAILABLE,
    CallStatus.UNKNOWN: NarrativeFailure.UNAVAILABLE,
}


class OpenAIModel:
    """See ``LanguageModel``.

    ``base_url`` None: OpenAI's; another server may need no key. ``seconds``: how long one answer
    may take. ``output_tokens``: how long it may be, those of reasoning included.
    """

    def __init__(
        self,
        name: str,
        calls: ModelCalls,
        guard: ProviderGuard,
        *,
        api_key: str | None,
        base_url: str | None = None,
        api: ModelApi | None = None,
        seconds: float = 120.0,
        output_tokens: int = 8_000,
        prices: ModelPrices | None = None,
    ) -> None:
        self._name, self.calls, self.guard = name, calls, guard
        self._api_key = (api_key or "").strip() or None
        # What no header can hold would come back in the words of an error.
        if self._api_key is not None and not re.fullmatch(r"[!-~]+", self._api_key):
            raise ConfigurationError("OPENAI_API_KEY has characters that no key has")
        self._base_url, self._seconds = base_url or OPENAI_URL, seconds
        self._interface = _interface(api, base_url)
        self._output_tokens, self._prices = output_tokens, prices

    @property
    def name(self) -> str:
        return self._name

    def expected_cost(self, requests: Sequence[StructuredRequest]) -> ExpectedCost:
        """See ``LanguageModel``."""
        paid = self.calls.paid_keys([request.key for request in requests])
        most = [
            reservation(request, self._output_tokens, self._prices)
            for request in requests
            if request.key not in paid
        ]
        costs = [each.cost for each in most if each.cost is not None]
        nothing = None if self._prices is None else self._prices.cost(0, 0)
        return ExpectedCost(
            len(most),
            sum(each.tokens for each in most),
            None if nothing is None else sum(costs, nothing),
        )

    async def answer(
        self, request: StructuredRequest, run_id: str | None = None, *, anew: bool = False
    ) -> ModelAnswer:
        """See ``LanguageModel``."""
        if not anew and (earlier := await self.calls.earlier(request, run_id)) is not None:
            return self._again(request, earlier)
        reserved = reservation(request, self._output_tokens, self._prices)
        call = ModelCall(request, self._name, self._interface.api, reserved, run_id)
        try:
            reply, _ = await self.guard.call(
                lambda: self._ask(request), lambda: self.calls.sending(call)
            )
        except ProviderError as error:
            if call.sends:
                is_unknown = isinstance(error, OutcomeUnknownError)
                status = CallStatus.UNKNOWN if is_unknown else CallStatus.FAILED
                await self.calls.settle(call, status, reason=str(error))
            reason = next(reason for kind, reason in _REASONS if isinstance(error, kind))
            raise LanguageModelError(f"{request.purpose}: {error}", reason) from error
        return await self._settled(call, reply)

    def _again(self, request: StructuredRequest, earlier: EarlierCall) -> ModelAnswer:
        if earlier.status is CallStatus.ANSWERED:
            try:
                parsed = request.schema.model_validate_json(dump_json(earlier.answer))
            except ValueError as error:
                raise LanguageModelError(
                    f"{request.purpose}: the stored answer is not by the schema, which must be "
                    f"part of the request's key",
                    NarrativeFailure.INVALID_ANSWER,
                    earlier.usage,
                    is_reused=True,
                ) from error
            return ModelAnswer(parsed, earlier.model, earlier.usage, is_reused=True)
        said = earlier.reason or "it was sent before, and no answer came"
        raise LanguageModelError(
            f"{request.purpose}: {said}; not asked again",
            _REASON_OF_STATUS[earlier.status],
            earlier.usage,
            is_reused=True,
        )

    async def _settled(self, call: ModelCall, reply: Reply) -> ModelAnswer:
        """The answer that the reply holds, when what it cost is noted."""
        usage = None if reply.tokens is None else self._usage(reply.tokens)
        status, reason, parsed = self._judged(call.request, reply)
        if parsed is not None:
            document = parsed.model_dump(mode="json")
            await self.calls.settle(call, status, usage=usage, answer=document)
            return ModelAnswer(parsed, self._name, usage, is_reused=False)
        await self.calls.settle(call, status, usage=usage, reason=reason)
        raise LanguageModelError(
            f"{call.request.purpose}: {reason}", _REASON_OF_STATUS[status], usage
        )

    def _judged(
        self, request: StructuredRequest, reply: Reply
    ) -> tuple[CallStatus, str, BaseModel | None]:
        if reply.refusal is not None:
            return CallStatus.REFUSED, f"the model refuses: {self._told(reply.refusal)}", None
        if reply.is_truncated:
            reason = (
                f"the answer is cut off after {self._output_tokens:,} tokens "
                f"(INSIGHTS_MODEL_OUTPUT_TOKENS)"
            )
            return CallStatus.TRUNCATED, reason, None
        try:
            return CallStatus.ANSWERED, "", parse_answer(reply.text or "", request.schema)
        except ValueError as error:
            return CallStatus.INVALID, f"the answer is not usable: {self._told(str(error))}", None

    def _usage(self, tokens: Tokens) -> ModelUsage:
        cost = None if self._prices is None else self._prices.cost(tokens.input, tokens.output)
        return ModelUsage(tokens.input, tokens.cached_input, tokens.output, cost)

    async def _ask(self, request: StructuredRequest) -> Reply:
        """One try."""
        body = self._interface.body(self._name, request, self._output_tokens)
        content = await self._post(body)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise OutcomeUnknownError(
                f"{self._where}: the answer broke off after {len(content)} bytes, or is no JSON"
            )
        return self._interface.read(answer)

    async def _post(self, body: dict[str, Any]) -> bytes:
        """The answer to one request. No error holds what the SDK says of its own request."""
        # Both take long to import.
        import httpx2
        import openai

        was_not_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
        try:
            # A client for each: event loops come and go, and an answer takes far longer than a
            # connection.
            async with openai.AsyncOpenAI(
                api_key=self._api_key or _NO_KEY,
                base_url=self._base_url,
                max_retries=0,
                timeout=openai.Timeout(self._seconds, connect=_CONNECT_SECONDS),
            ) as client:
                create = self._create(client)
                # The SDK's time-outs are between two bytes, this one is of the whole answer.
                async with asyncio.timeout(self._seconds), create(**body) as response:
                    return await _bounded(response.iter_bytes())
        except openai.APIStatusError as error:
            raise self._refusal(error.status_code, error.response.headers, error.body) from None
        except (TimeoutError, httpx2.ReadTimeout) as error:
            raise self._timed_out() from error
        except openai.APIConnectionError as error:
            cause = error.__cause__
            if isinstance(cause, was_not_sent):
                raise TransientProviderError(
                    f"{self._where} cannot be reached: {self._told(str(cause))}"
                ) from None
            if isinstance(cause, httpx2.TimeoutException):
                raise self._timed_out() from None
            raise self._broken_off(cause) from None
        except httpx2.HTTPError as error:
            raise self._broken_off(error) from None

    def _create(self, client: openai.AsyncOpenAI) -> Any:
        if self._interface.api is ModelApi.RESPONSES:
            return client.responses.with_streaming_response.create
        return client.chat.completions.with_streaming_response.create

    def _timed_out(self) -> _TimedOutError:
        return _TimedOutError(
            f"{self._where}: no whole answer within {self._seconds:g} s (INSIGHTS_MODEL_SECONDS)"
        )

    def _broken_off(self, error: BaseException | None) -> OutcomeUnknownError:
        return OutcomeUnknownError(f"{self._where} did not answer: {type(error).__name__}")

    def _refusal(self, status: int, headers: Mapping[str, str], body: object) -> ProviderError:
        details = body if isinstance(body, dict) else {}
        said = self._told(str(details.get("message") or body or "no reason given"))
        if status == 429 and _NO_QUOTA in (details.get("code"), details.get("type")):
            return ProviderAccessError(f"{self._where}: there is no credit left ({_NO_QUOTA})")
        if status in _NO_ACCESS:
            # What a server says of a key may hold it.
            told = "" if status == 401 else f" ({said})"
            return ProviderAccessError(f"{self._where}: {_NO_ACCESS[status]}{told}")
        if status in _WORTH_ANOTHER_TRY or status >= 500:
            return TransientProviderError(
                f"{self._where}: HTTP {status}: {said}", retry_after_seconds(headers, details, said)
            )
        return PermanentProviderError(f"{self._where}: HTTP {status}: {said}")

    @property
    def _where(self) -> str:
        return server_name(self._base_url)

    def _told(self, words: str) -> str:
        """Another's words, short and without the key."""
        if self._api_key is not None:
            words = words.replace(self._api_key, "***")
        return clean_text(" ".join(words.split())[:_TOLD])


def server_name(base_url: str | None) -> str:
    """The server's name for people: without user, password and path."""
    parts = urlsplit(base_url or OPENAI_URL)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def parse_answer(text: str, schema: type[BaseModel]) -> BaseModel:
    """The text as the schema's model, without characters that no database stores. Raises
    ``ValueError``, which pydantic's error is."""
    try:
        document = dump_json(clean_json(json.loads(text)))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    return schema.model_validate_json(document)


def _interface(api: ModelApi | None, base_url: str | None) -> Interface:
    """Without a wish: Responses at OpenAI, elsewhere what every compatible server has."""
    if api is ModelApi.RESPONSES or (api is None and base_url is None):
        return Responses()
    return ChatCompletions("max_completion_tokens" if base_url is None else "max_tokens")


async def _bounded(chunks: AsyncIterator[bytes]) -> bytes:
    content = bytearray()
    async for chunk in chunks:
        content += chunk
        if len(content) > _MOST_BYTES:
            raise OutcomeUnknownError(f"an answer of more than {_MOST_BYTES:,} bytes")
    return bytes(content)
