"""The API's own page: every endpoint in one list. It loads nothing from elsewhere."""

from html import escape
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_METHODS = ("get", "post", "put", "patch", "delete")


class DocsPage(OpenAPIRenderPlugin):
    """/docs, made of /openapi.json."""

    def render(self, request: Request, openapi_schema: dict[str, Any]) -> bytes:  # type: ignore[type-arg]
        groups: dict[str, list[str]] = {}
        for path, item in openapi_schema["paths"].items():
            for method in _METHODS:
                if method in item:
                    groups.setdefault(item[method]["tags"][0], []).append(_line(method, path, item[method]))
        lists = "".join(f"<h2>{escape(tag)}</h2><ul>{''.join(lines)}</ul>" for tag, lines in sorted(groups.items()))
        title = escape(openapi_schema["info"]["title"])
        return _PAGE.format(title=title, lists=lists).encode()


_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/static/site.css"></head>'
    '<body><main><h1>{title}</h1><p>The whole description: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>'
    "{lists}</main></body></html>"
)


def _line(method: str, path: str, operation: dict[str, Any]) -> str:
    scopes = " ".join(scope for asked in operation.get("security") or [] for scope in asked.get("oauth", []))
    needs = f" <em>{escape(scopes)}</em>" if scopes else ""
    return f"<li><code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}{needs}</li>"
