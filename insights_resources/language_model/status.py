"""How the language model stands today: a line of ``insights status``."""

from __future__ import annotations

import asyncio

from insights_resources.language_model.openai_model import OpenAIModel
from insights_resources.scope import today_utc


def status_line(model: OpenAIModel) -> str:
    """What the calls of the day took of its budget, and whether the server is asked at all."""
    day = today_utc()
    spent, budget = model.calls.spent(day), model.calls.budget
    cost = f"{spent.cost.normalize():f}"
    if budget.cost is not None:
        cost += f" of {budget.cost.normalize():f}"
    circuit = asyncio.run(model.guard.breaker.state())
    return (
        f"language model {model.name}, {day}: {spent.calls:,} calls; tokens: {spent.tokens:,} of "
        f"{budget.tokens:,}; USD: {cost}; circuit {circuit}"
    )
