"""The language model that may write reports: asked for answers of a schema, behind a ledger of what
each call cost and a budget of the day. See ``docs/reports.md``.
"""

from insights_resources.language_model.protocol import (
    ExpectedCost,
    LanguageModel,
    LanguageModelError,
    ModelAnswer,
    ModelUsage,
    NarrativeFailure,
    StructuredRequest,
)

__all__ = [
    "ExpectedCost",
    "LanguageModel",
    "LanguageModelError",
    "ModelAnswer",
    "ModelUsage",
    "NarrativeFailure",
    "StructuredRequest",
]
