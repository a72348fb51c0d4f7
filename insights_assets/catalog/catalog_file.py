"""Reads the catalog file (YAML) and validates all of it before anything is changed.

An error names the file, the line and the value. The format is explained in ``catalog.yaml``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NoReturn

import yaml

from insights_assets.reports.industry_template import TEMPLATE_NAMES
from insights_resources.errors import CatalogError, InvalidInputError
from insights_resources.locales import parse_locale
from insights_resources.marketplaces import ProductKey, parse_product_key, product_key
from insights_resources.settings import LONGEST_CAPTURE_HOURS

_GROUP_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_MAX_GROUP_ID = 64


@dataclass(frozen=True)
class TrackedProduct:
    """``capture_hours``: a page younger than this is not captured again on its day; None: as the
    setting says."""

    key: ProductKey
    label: str | None = None
    capture_hours: int | None = None


@dataclass(frozen=True)
class Membership:
    """A product in a group. ``valid_from`` None: as far back as there is data when the group is
    new, else from the day it is added. ``valid_to`` None: until it leaves the file."""

    key: ProductKey
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class TrackedGroup:
    """``template`` and ``locale`` of its reports; None: the generic one, as the setting says."""

    group_id: str
    name: str
    members: tuple[Membership, ...]
    template: str | None = None
    locale: str | None = None


@dataclass(frozen=True)
class Catalog:
    """A validated catalog: every member of a group is among the products."""

    products: tuple[TrackedProduct, ...] = ()
    groups: tuple[TrackedGroup, ...] = ()


def read_catalog_file(path: Path) -> Catalog:
    """The catalog in this file; raises ``CatalogError``."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CatalogError(
            f"{path}: cannot read the catalog ({error.strerror}); create it, or name another "
            f"file in INSIGHTS_CATALOG"
        ) from error
    except UnicodeDecodeError as error:
        raise CatalogError(f"{path}: the catalog is not UTF-8 text") from error
    return parse_catalog(text, str(path))


def parse_catalog(text: str, file_name: str) -> Catalog:
    """The catalog in this text; ``file_name`` is for messages. Raises ``CatalogError``."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise CatalogError(f"{file_name}, line {line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise CatalogError(f"{file_name}: not YAML: {error}") from error
    return Catalog() if root is None else _CatalogReader(file_name).read(root)


class _CatalogReader:
    """Walks YAML nodes, which know their line (loaded values do not)."""

    def __init__(self, file_name: str) -> None:
        self._file = file_name
        self._lines_of_products: dict[ProductKey, int] = {}

    def read(self, root: yaml.Node) -> Catalog:
        # The alerts read their rules themselves (``alerts.rule_file``).
        fields = self._mapping(root, {"products", "groups", "alert_rules"}, "the catalog")
        products = {}
        for node in self._items(fields.get("products"), "products"):
            product = self._product(node)
            products[product.key] = product
        groups: dict[str, TrackedGroup] = {}
        for node in self._items(fields.get("groups"), "groups"):
            group = self._group(node, groups)
            groups[group.group_id] = group
            for member in group.members:
                # A member is tracked without being listed a second time under `products`.
                products.setdefault(member.key, TrackedProduct(member.key))
        return Catalog(tuple(products.values()), tuple(groups.values()))

    def _product(self, node: yaml.Node) -> TrackedProduct:
        if isinstance(node, yaml.ScalarNode):
            key, label, hours = self._key(node), None, None
        else:
            fields = self._mapping(
                node, {"marketplace", "asin", "label", "capture_hours"}, "a product"
            )
            marketplace = self._text(node, fields, "marketplace", "a product")
            asin = self._text(node, fields, "asin", "a product")
            try:
                key = product_key(marketplace, asin)
            except InvalidInputError as error:
                wrong = "marketplace" if str(error).startswith("unknown marketplace") else "asin"
                self._fail(fields[wrong], str(error))
            label = self._text(node, fields, "label", "a product") if "label" in fields else None
            hours = self._hours(fields["capture_hours"]) if "capture_hours" in fields else None
        line = node.start_mark.line + 1
        if key in self._lines_of_products:
            self._fail(
                node,
                f"product {key} is listed twice (first in line {self._lines_of_products[key]})",
            )
        self._lines_of_products[key] = line
        return TrackedProduct(key, label, hours)

    def _group(self, node: yaml.Node, known: dict[str, TrackedGroup]) -> TrackedGroup:
        fields = self._mapping(node, {"id", "name", "template", "locale", "members"}, "a group")
        group_id = self._text(node, fields, "id", "a group")
        if not _GROUP_ID.fullmatch(group_id) or len(group_id) > _MAX_GROUP_ID:
            self._fail(
                fields["id"],
                f"{group_id!r} is no group id: lower-case letters, digits and single hyphens, "
                f"at most {_MAX_GROUP_ID} characters",
            )
        if group_id in known:
            self._fail(fields["id"], f"group {group_id!r} is listed twice")
        name = self._text(node, fields, "name", f"group {group_id!r}")
        members: dict[ProductKey, Membership] = {}
        for member_node in self._items(fields.get("members"), "members"):
            member = self._member(member_node)
            if member.key in members:
                self._fail(member_node, f"group {group_id!r} has the member {member.key} twice")
            members[member.key] = member
        if not members:
            self._fail(node, f"group {group_id!r} has no members")
        template = self._template(fields["template"]) if "template" in fields else None
        locale = self._locale(fields["locale"]) if "locale" in fields else None
        return TrackedGroup(group_id, name, tuple(members.values()), template, locale)

    def _member(self, node: yaml.Node) -> Membership:
        if isinstance(node, yaml.ScalarNode):
            return Membership(self._key(node))
        fields = self._mapping(node, {"product", "from", "to"}, "a member")
        self._text(node, fields, "product", "a member")
        first = self._day(fields["from"]) if "from" in fields else None
        last = self._day(fields["to"]) if "to" in fields else None
        if first and last and last < first:
            self._fail(fields["to"], f"the membership ends on {last}, before it begins on {first}")
        return Membership(self._key(fields["product"]), first, last)

    def _key(self, node: yaml.Node) -> ProductKey:
        try:
            return parse_product_key(self._scalar(node, "a product"))
        except InvalidInputError as error:
            self._fail(node, str(error))

    def _day(self, node: yaml.Node) -> date:
        text = self._scalar(node, "a day")
        try:
            return date.fromisoformat(text)
        except ValueError:
            self._fail(node, f"{text!r} is not a day, YYYY-MM-DD")

    def _template(self, node: yaml.Node) -> str:
        name = self._scalar(node, "a template")
        if name not in TEMPLATE_NAMES:
            self._fail(node, f"{name!r} is no template; known are {', '.join(TEMPLATE_NAMES)}")
        return name

    def _locale(self, node: yaml.Node) -> str:
        try:
            return parse_locale(self._scalar(node, "a locale"))
        except InvalidInputError as error:
            self._fail(node, str(error))

    def _hours(self, node: yaml.Node) -> int:
        text = self._scalar(node, "a number of hours")
        if not text.isdecimal() or not 1 <= int(text) <= LONGEST_CAPTURE_HOURS:
            self._fail(
                node,
                f"{text!r} is no number of hours from 1 to {LONGEST_CAPTURE_HOURS}: every day has "
                f"a page of its own",
            )
        return int(text)

    def _mapping(self, node: yaml.Node, allowed: set[str], what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, f"{what} must have the fields {', '.join(sorted(allowed))}")
        fields: dict[str, yaml.Node] = {}
        for name_node, value in node.value:
            name = self._scalar(name_node, "a field's name")
            if name not in allowed:
                self._fail(
                    name_node,
                    f"{name!r} is no field of {what}; known are {', '.join(sorted(allowed))}",
                )
            if name in fields:
                self._fail(name_node, f"{name!r} stands twice in {what}")
            fields[name] = value
        return fields

    def _items(self, node: yaml.Node | None, what: str) -> Iterator[yaml.Node]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")):
            return
        if not isinstance(node, yaml.SequenceNode):
            self._fail(node, f"{what} must be a list")
        yield from node.value

    def _text(self, owner: yaml.Node, fields: dict[str, yaml.Node], name: str, what: str) -> str:
        if name not in fields:
            self._fail(owner, f"{what} has no {name!r}")
        text = self._scalar(fields[name], name).strip()
        if not text:
            self._fail(fields[name], f"{name!r} of {what} is empty")
        return text

    def _scalar(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node, f"{what} must be a single value")
        return str(node.value)

    def _fail(self, node: yaml.Node, problem: str) -> NoReturn:
        raise CatalogError(f"{self._file}, line {node.start_mark.line + 1}: {problem}")
