"""Whether a sentence is plain words: a report has no addresses, no markup and no code.

A model that copies the text of a page, or does what it asks, writes such things. Names of products
may hold anything: they are left out first.
"""

from __future__ import annotations

import re

from insights_assets.reports.claims.fact_book import is_event
from insights_assets.reports.claims.sentence import Sentence

#: A sentence of this length is read by nobody.
_MOST_CHARACTERS = 1000
_ADDRESS = re.compile(
    r"\w+://|\bwww\.|\b(?:mailto|javascript|data):|\S@\S"
    # amazon.de, evil.example/x: a full stop within a word (a number is none).
    r"|\b[a-z][\w-]*\.[a-z]{2,}\b",
    re.IGNORECASE,
)
#: Characters of HTML, Markdown, JSON, templates and code, and those that are not seen.
_MARKUP = re.compile(r"[<>{}\[\]`*#|\\~^=_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
#: What asks something of its reader, a person or a model, that no report asks.
_INSTRUCTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b"
    r"[^.]{0,40}\b(?:instructions?|rules?|facts?|above|previous)\b"
    r"|\b(?:system|assistant|user)(?: prompt| message)?:",
    re.IGNORECASE,
)


def unreadable(sentence: Sentence) -> str | None:
    """Why it is no plain sentence; None: it is one."""
    if len(sentence.text) > _MOST_CHARACTERS:
        return "too long to be read"
    for pattern, problem in (
        (_ADDRESS, "is an address"),
        (_MARKUP, "is no word"),
        (_INSTRUCTION, "tells of nothing"),
    ):
        found = pattern.search(sentence.text)
        if found is not None and not _is_told(found[0], sentence):
            return f"“{found[0]}” {problem}"
    return None


def _is_told(written: str, sentence: Sentence) -> bool:
    """Whether a cited event has these words: a seller may be called Amazon.com."""
    return any(written in str(fact.value) for fact in sentence.cited if is_event(fact))
