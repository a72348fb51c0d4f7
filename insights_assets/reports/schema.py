"""What a report says, whoever writes it.

Every field is required and of a plain type, so that the same models serve as a strict JSON schema.
Texts are sentences in the reader's language; numbers and amounts are written as the reader's locale
writes them.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

#: Version of this schema: raise it when a stored report of before would not be read by it.
SCHEMA_VERSION = 2

#: The sections of statements, in the order in which they are read.
STATEMENT_SECTIONS = (
    "position",
    "changes",
    "strengths",
    "weaknesses",
    "opportunities",
    "threats",
    "caveats",
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Statement(_Part):
    """One or a few sentences, and the facts that support them."""

    text: str = Field(description="Sentences in plain English.")
    fact_ids: list[str] = Field(description="Ids of the facts that support them.")


class Recommendation(_Part):
    """Something to do, and what it is expected to bring."""

    action: str = Field(description="What to do, in one sentence.")
    why: str = Field(description="Why, from the facts, and why that matters.")
    priority: Literal["high", "medium", "low"] = Field(description="How much it matters.")
    expected_effect: str = Field(description="What it brings, from what-if facts where there are.")
    fact_ids: list[str] = Field(description="Ids of the facts that support all of it.")


class Report(_Part):
    """A group on a day."""

    position: list[Statement] = Field(description="How the group stands, and who leads it.")
    changes: list[Statement] = Field(
        description="What has changed since the last report, and why it matters."
    )
    strengths: list[Statement] = Field(description="What speaks for products of the group.")
    weaknesses: list[Statement] = Field(description="Where products of the group fall behind.")
    opportunities: list[Statement] = Field(description="What can be made use of.")
    threats: list[Statement] = Field(description="What may go wrong.")
    recommendations: list[Recommendation] = Field(description="What to do, first things first.")
    caveats: list[Statement] = Field(description="What the data does not tell.")
