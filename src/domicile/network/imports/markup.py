"""From the HTML of another server to the plain text that somebody would have typed: links whole, names with their host.

The text is then formatted like any other post's, so that nothing of the other server's markup is ever kept or shown.
"""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import nh3

_KEPT = {
    "p",
    "br",
    "a",
    "span",
    "li",
    "ul",
    "ol",
    "blockquote",
    "pre",
    "code",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
}
_BLOCKS = {"p", "ul", "ol", "blockquote", "pre", "div", "h1", "h2", "h3", "h4", "h5", "h6"}
LONGEST_MARKUP = 1 << 20


def to_text(markup: str) -> str:
    """Plain text; `@name` that links elsewhere becomes `@name@host`, so that nobody here is meant by it."""
    cleaned = nh3.clean(
        markup[:LONGEST_MARKUP],
        tags=_KEPT,
        attributes={"a": {"href", "class"}},
        link_rel=None,
        url_schemes={"http", "https"},
    )
    reader = _Reader()
    reader.feed(cleaned)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.parts)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._link: tuple[str, str] | None = None
        self._label: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "br":
            self._write("\n")
        elif tag == "li":
            self._write("\n• ")
        elif tag in _BLOCKS and self.parts:
            self._write("\n\n")
        elif tag == "a" and self._link is None:
            known = dict(attrs)
            self._link, self._label = (known.get("href") or "", known.get("class") or ""), []

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            (href, kind), self._link = self._link, None
            self.parts.append(_link("".join(self._label).strip(), href, kind.split()))
        elif tag in _BLOCKS:
            self._write("\n\n")

    def handle_data(self, data: str) -> None:
        self._write(data)

    def _write(self, text: str) -> None:
        (self._label if self._link is not None else self.parts).append(text)


def _link(label: str, href: str, kind: list[str]) -> str:
    if label.startswith(("#", "＃")):
        return label
    if label.startswith("@") and "mention" in kind:
        host = urlsplit(href).netloc
        return label if "@" in label[1:] or not host else f"{label}@{host}"
    bare = re.sub(r"^https?://(www\.)?", "", href)
    shown = re.sub(r"^https?://(www\.)?", "", label).rstrip("…")
    if not href or not label:
        return href or label
    return href if bare.startswith(shown) else f"{label} ({href})"
