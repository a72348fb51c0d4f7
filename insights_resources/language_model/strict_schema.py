"""The JSON schema of a pydantic model in the strict form: every property required, none besides."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

#: What a schema of ours may say and a strict one may not, or need not.
_LEFT_OUT = ("default", "title", "discriminator")


def strict_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema for ``strict: true``.

    Raises ``ValueError`` for what the strict form does not have: a free dictionary, a model that
    is no object or holds itself.
    """
    schema = model.model_json_schema()
    if schema.get("type") != "object":
        raise ValueError(f"{model.__name__} is no plain object")
    strict: dict[str, Any] = _strict(schema, model.__name__)
    return strict


def _strict(schema: Any, where: str) -> Any:
    if isinstance(schema, list):
        return [_strict(each, where) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        # No other word may stand beside a reference.
        return {"$ref": schema["$ref"]}
    made: dict[str, Any] = {}
    for word, value in schema.items():
        if word in _LEFT_OUT:
            continue
        if word in ("properties", "$defs"):
            made[word] = {name: _strict(each, f"{where}.{name}") for name, each in value.items()}
        elif word in ("enum", "const", "required"):
            made[word] = value
        else:
            made["anyOf" if word == "oneOf" else word] = _strict(value, where)
    if schema.get("type") == "object":
        if "properties" not in schema:
            raise ValueError(f"{where} is a free dictionary: give it a model with fields")
        made |= {"additionalProperties": False, "required": list(schema["properties"])}
    return made
