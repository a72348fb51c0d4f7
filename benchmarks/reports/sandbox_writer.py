"""A language model to be measured with: the real client, over HTTP, to the sandbox's server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

from benchmarks.reports.model_answers import Answer, Document, good
from insights_assets.reports.narratives import ModelWriter
from insights_resources.sandbox.faults import ModelFault
from insights_resources.sandbox.http_server import serving
from insights_resources.sandbox.openai_server import SandboxModel
from insights_resources.warehouse.engine import Warehouse
from insights_resources.wiring import LanguageModelResource

#: USD a million tokens, in and out: of the size of a small model's.
PRICES = {"input_price": "0.25", "output_price": "2"}


def sandbox_model(
    answer: Callable[[Document], Answer] = good,
    fault: ModelFault | None = None,
    **options: Any,
) -> SandboxModel:
    """A server that answers so, or fails so each time; ``options``: of ``SandboxModel``."""
    return SandboxModel(
        lambda request: json.dumps(answer(json.loads(request.content)), ensure_ascii=False),
        fault=lambda request: fault,
        **options,
    )


def model_writer(
    warehouse: Warehouse, url: str, name: str, *, workers: int = 4, seconds: int = 120
) -> ModelWriter:
    """A writer that asks the server at this address for the reports of all days; ``seconds``:
    the longest time of an answer."""
    resource = LanguageModelResource(
        model=name, url=f"{url}/v1", workers=workers, seconds=seconds, **PRICES
    )
    model = resource.open(warehouse)
    assert model is not None
    return ModelWriter(model, first_day=date.min, workers=workers)


@contextmanager
def asking(
    warehouse: Warehouse, server: SandboxModel, name: str, **options: Any
) -> Iterator[ModelWriter]:
    """A writer that asks this server while it runs; ``options``: of ``model_writer``."""
    with serving(server) as url:
        yield model_writer(warehouse, url, name, **options)
