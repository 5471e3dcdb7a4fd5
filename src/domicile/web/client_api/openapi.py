"""What /openapi.json says of an endpoint, made of the structs that it reads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from litestar.openapi.spec import Operation

Struct = type[msgspec.Struct]
Security = list[dict[str, list[str]]]


def documented(
    path: str, query: Struct | None, body: Struct | None, needs: Security, *, upload: bool
) -> type[Operation]:
    """The endpoint's operation in the OpenAPI document."""

    @dataclass
    class Documented(Operation):
        def __post_init__(self) -> None:
            self.description = None
            self.parameters = _path_parameters(path) + (_query_parameters(query) if query else [])
            self.request_body = _request_body(body, upload=upload) if body else None  # type: ignore[assignment]
            self.responses = _RESPONSES  # type: ignore[assignment]
            self.security = needs

    return Documented


def security(access: str, scope: str | None) -> Security:
    """Who may ask, in the words of the document: nothing, a token, or either."""
    needed = [{"oauth": [scope] if scope else []}]
    return {"open": [], "anyone": [{}, *needed]}.get(access, needed)


_RESPONSES: Mapping[str, Any] = {
    "200": {"description": "Done.", "content": {"application/json": {"schema": {}}}},
    "4XX": {"description": "Refused, and nothing was changed.", "content": {"application/json": {"schema": {}}}},
    "503": {"description": "Part of the network cannot be reached.", "content": {"application/json": {"schema": {}}}},
}


def _path_parameters(path: str) -> list[Any]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _query_parameters(query: type[msgspec.Struct]) -> list[Any]:
    """One parameter a field; a list is written with brackets."""
    properties = _schema(query).get("properties", {})
    return [
        {"name": f"{name}[]" if "array" in str(schema) else name, "in": "query", "schema": schema}
        for name, schema in properties.items()
    ]


def _request_body(body: type[msgspec.Struct], *, upload: bool) -> dict[str, Any]:
    kinds = ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
    schema = _schema(body)
    return {"content": {kind: {"schema": schema} for kind in (kinds[2:] if upload else kinds)}}


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A struct's JSON schema with its references put in place; files are binary strings."""
    root, components = msgspec.json.schema_components([kind], ref_template="{name}")

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return (
                    {"type": "string", "format": "binary"}
                    if node["$ref"] == "Upload"
                    else resolve(components[node["$ref"]])
                )
            return {key: resolve(value) for key, value in node.items() if key not in ("title", "default")}
        return [resolve(item) for item in node] if isinstance(node, list) else node

    found: dict[str, Any] = resolve(root[0])
    return found
