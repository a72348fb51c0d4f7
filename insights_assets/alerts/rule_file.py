"""Rules in YAML: a file of one rule, and the section ``alert_rules`` of the catalog file.

A rule's fields are the columns of ``dim_alert_rules`` (``docs/alerts.md``); an error names the
file, the line of the rule, the rule and the field.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import insert, select, update

from insights_assets.alerts.default_rules import DEFAULT_ROWS, DEFAULT_SOURCE
from insights_assets.alerts.rules import Rule
from insights_resources.errors import CatalogError, InvalidInputError
from insights_resources.warehouse import tables
from insights_resources.warehouse.engine import Warehouse

#: Source of the rows that the catalog file owns.
FILE_SOURCE = "file"

SECTION = "alert_rules"
_REQUIRED = ("id", "name", "condition", "severities")
_FIELDS = (*_REQUIRED, "applies_to", "creep", "enabled")


@dataclass(frozen=True)
class ListedRule:
    """A rule as a file lists it: checked, and as a row without its source."""

    rule: Rule
    row: Mapping[str, Any]


def read_rule_file(path: Path) -> Rule:
    """The one rule of a file; raises ``InvalidInputError``."""
    try:
        root = _compose(_text_of(path), str(path))
        if root is None:
            raise InvalidInputError(f"{path}: the file is empty; it must hold a rule")
        if isinstance(root, yaml.SequenceNode) and len(root.value) == 1:
            # As it stands in the catalog file's list.
            root = root.value[0]
        return _rule_of(root, str(path)).rule
    except CatalogError as error:
        # Not the catalog, but what somebody gave to a command.
        raise InvalidInputError(str(error)) from error


def read_catalog_rules(path: Path) -> list[ListedRule]:
    """The rules of a catalog file, in its order; raises ``CatalogError``.

    Its other sections are the catalog's to check.
    """
    text = _text_of(path)
    # A catalog of very many products takes long to parse, and this is read with every micro-batch.
    if not re.search(rf"^{SECTION}\s*:", text, re.MULTILINE):
        return []
    root = _compose(text, str(path))
    section = _section(root) if isinstance(root, yaml.MappingNode) else None
    if section is None or (isinstance(section, yaml.ScalarNode) and not section.value):
        return []
    if not isinstance(section, yaml.SequenceNode):
        raise CatalogError(f"{_place(section, str(path))}: {SECTION} must be a list of rules")
    listed: dict[str, ListedRule] = {}
    for node in section.value:
        rule = _rule_of(node, str(path))
        if rule.rule.rule_id in listed:
            raise CatalogError(
                f"{_place(node, str(path))}: alert rule {rule.rule.rule_id!r} is listed twice"
            )
        listed[rule.rule.rule_id] = rule
    return list(listed.values())


def sync_catalog_rules(warehouse: Warehouse, listed: Iterable[ListedRule]) -> None:
    """Makes the rows of the catalog file the ones listed, in one transaction.

    A rule of the platform's (source ``default``) that the file lists becomes the file's, and the
    platform's again when it leaves the file. Any other rule that leaves it is disabled; its alerts
    stay. Raises ``CatalogError`` for a rule that is somebody else's, and changes nothing then.
    """
    table = tables.alert_rules
    wanted = {item.rule.rule_id: item.row for item in listed}
    defaults = {row["rule_id"]: row for row in DEFAULT_ROWS}
    with warehouse.writer_lock(table, None, None), warehouse.begin() as connection:
        sources = {
            row.rule_id: row.source
            for row in connection.execute(select(table.c.rule_id, table.c.source))
        }
        for rule_id, row in wanted.items():
            values = {**row, "source": FILE_SOURCE}
            source = sources.get(rule_id)
            if source is None:
                connection.execute(insert(table).values(**values))
            elif source in (FILE_SOURCE, DEFAULT_SOURCE):
                connection.execute(update(table).where(table.c.rule_id == rule_id).values(**values))
            else:
                raise CatalogError(
                    f"alert rule {rule_id!r} of the catalog file exists already and belongs to "
                    f"{source!r}; give it another id"
                )
        for rule_id, source in sources.items():
            if source != FILE_SOURCE or rule_id in wanted:
                continue
            back = defaults.get(rule_id)
            values = (
                {"is_enabled": False}
                if back is None
                else {**back, "is_enabled": True, "source": DEFAULT_SOURCE}
            )
            connection.execute(update(table).where(table.c.rule_id == rule_id).values(**values))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogError(f"{path}: cannot read it ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CatalogError(f"{path}: it is not UTF-8 text") from error


def _compose(text: str, file_name: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise CatalogError(f"{file_name}, line {line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise CatalogError(f"{file_name}: not YAML: {error}") from error


def _section(root: yaml.MappingNode) -> yaml.Node | None:
    for name, value in root.value:
        if name.value == SECTION:
            return value
    return None


def _place(node: yaml.Node, file_name: str) -> str:
    return f"{file_name}, line {node.start_mark.line + 1}"


def _rule_of(node: yaml.Node, file_name: str) -> ListedRule:
    place = _place(node, file_name)
    _refuse_doubles(node, file_name)
    try:
        document = yaml.SafeLoader("").construct_document(node)
    except yaml.YAMLError as error:
        raise CatalogError(f"{place}: not a rule: {error}") from error
    if not isinstance(document, dict):
        raise CatalogError(f"{place}: a rule must have the fields {', '.join(_FIELDS)}")
    named = f"{place}: alert rule {document.get('id', '')!r}"
    for name in document:
        if name not in _FIELDS:
            raise CatalogError(f"{named}: {name}: no such field; known are {', '.join(_FIELDS)}")
    for name in _REQUIRED:
        if name not in document:
            raise CatalogError(f"{named}: {name}: is missing")
    enabled = document.get("enabled", True)
    if not isinstance(enabled, bool):
        raise CatalogError(f"{named}: enabled: must be true or false, is {enabled!r}")
    row = {
        "rule_id": document["id"],
        "name": document["name"],
        "condition": document["condition"],
        "applies_to": document.get("applies_to"),
        "severities": document["severities"],
        "creep": document.get("creep"),
    }
    try:
        rule = Rule.of_row(row)
    except InvalidInputError as error:
        raise CatalogError(f"{place}: {error}") from error
    return ListedRule(rule, {**row, "is_enabled": enabled})


def _refuse_doubles(node: yaml.Node, file_name: str) -> None:
    """A field that stands twice: YAML would take the last one, without a word."""
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_doubles(item, file_name)
    if isinstance(node, yaml.MappingNode):
        names = set()
        for name, value in node.value:
            if name.value in names:
                raise CatalogError(f"{_place(name, file_name)}: {name.value!r} stands twice")
            names.add(name.value)
            _refuse_doubles(value, file_name)
