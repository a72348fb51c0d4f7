"""The phrases that sentences are made of: data, ``wording/<language>.yaml``, one file a language.

The first file explains their form. An industry template may change phrases and terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from string import Formatter, Template

import yaml
from babel import Locale
from pydantic import BaseModel, ConfigDict

from insights_assets.reports.industry_template import WordingChange, industry_template
from insights_resources.errors import ConfigurationError

#: The language of reports whose reader's language has no file.
DEFAULT_LANGUAGE = "en"

_FOLDER = files("insights_assets.reports") / "wording"

LANGUAGES = tuple(
    sorted(file.name.removesuffix(".yaml") for file in _FOLDER.iterdir() if "yaml" in file.name)
)


@dataclass(frozen=True)
class Placeholder:
    """``{first.overall}``: the fact ``overall`` of the product that the writer calls ``first``.

    ``key`` None: text that the writer gives under that name. ``form`` is what follows the colon.
    """

    who: str
    key: str | None
    form: str


#: The words of a phrase, and the placeholders between them.
Phrase = tuple[str | Placeholder, ...]


class WordingFile(BaseModel):
    """A language's file. ``quoted``: how a product's name stands in a sentence; ``again``: what
    takes its place in the next one about the same product."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quoted: str
    again: str
    terms: dict[str, str]
    phrases: dict[str, str]


@dataclass(frozen=True)
class Wording:
    """A language's phrases, as an industry's template changes them."""

    language: Locale
    quoted: str
    again: str
    phrases: Mapping[str, Phrase]


def language_of(locale: str) -> str:
    """The language that a reader of this locale is written to."""
    language = Locale.parse(locale).language
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


@cache
def wording_of(language: str, template: str) -> Wording:
    """The wording of a language in the industry template of this name.

    Raises ``ConfigurationError`` where the template changes what the language has not, or a phrase
    has a term that is none.
    """
    base = read_wording(language)
    changes = industry_template(template).wording.get(language, WordingChange())
    place = f"industry_templates/{template}.yaml: wording.{language}"
    for what, known, changed in (
        ("term", base.terms, changes.terms),
        ("phrase", base.phrases, changes.phrases),
    ):
        if unknown := sorted(changed.keys() - known.keys()):
            raise ConfigurationError(f"{place}: {unknown[0]!r} is no {what} of {language}.yaml")
    terms = base.terms | changes.terms
    try:
        phrases = {
            key: parse_phrase(Template(text).substitute(terms))
            for key, text in (base.phrases | changes.phrases).items()
        }
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"{place}: a phrase cannot be read: {error}") from error
    return Wording(Locale.parse(language), base.quoted, base.again, phrases)


def read_wording(language: str) -> WordingFile:
    text = (_FOLDER / f"{language}.yaml").read_text(encoding="utf-8")
    return WordingFile.model_validate(yaml.safe_load(text))


def parse_phrase(text: str) -> Phrase:
    """A phrase's words and placeholders, in order."""
    parts: list[str | Placeholder] = []
    for words, name, form, _ in Formatter().parse(text):
        if words:
            parts.append(words)
        if name is not None:
            who, _, key = name.partition(".")
            parts.append(Placeholder(who, key or None, form or ""))
    return tuple(parts)
