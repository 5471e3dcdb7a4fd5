"""From what a member typed to clean HTML. Whatever HTML was typed is text; only links that we make are links."""

import html
import re
from collections.abc import Mapping

import nh3

URL = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
MENTION = re.compile(r"(?<![\w/@.])@([A-Za-z0-9_][A-Za-z0-9_-]{0,29})(?:@([A-Za-z0-9.:-]*[A-Za-z0-9]))?")
TAG = re.compile(r"(?<![\w/&])[#＃](\w*[^\W\d_]\w*)")
_TOKEN = re.compile(f"{URL.pattern}|{MENTION.pattern}|{TAG.pattern}", re.IGNORECASE)

_LINK = re.compile(r'<a href="([^"]*)" target="_blank"[^>]*>[^<]*</a>')

_ALLOWED = {"p", "br", "a", "span"}
_ATTRIBUTES = {"a": {"href", "class", "target"}, "span": {"class"}}


def find_mentions(text: str, host: str) -> list[str]:
    """Handles of this network named in a text, in order, each once; `@name@elsewhere` is not ours."""
    found = (m.group(1) for m in MENTION.finditer(text) if not m.group(2) or m.group(2).lower() == host.lower())
    return list(dict.fromkeys(found))


def find_tags(text: str) -> list[str]:
    """Hashtags in a text, folded, in order, each once."""
    without_links = URL.sub(" ", text)
    return list(dict.fromkeys(match.group(1).casefold()[:100] for match in TAG.finditer(without_links)))


def to_html(text: str, known: Mapping[str, str], url: str) -> str:
    """Paragraphs with links, mentions of `known` handles (casefolded -> as written) and hashtags."""
    if not text.strip():
        return ""
    paragraphs = re.split(r"\n{2,}", text.strip())
    markup = "".join(f"<p>{_inline(part, known, url)}</p>" for part in paragraphs)
    return nh3.clean(
        markup,
        tags=_ALLOWED,
        attributes=_ATTRIBUTES,
        link_rel="nofollow noopener noreferrer",
        url_schemes={"http", "https"},
    )


def to_text(markup: str) -> str:
    """What `to_html` was made of, so that it can be edited: links as they were written, and no markup."""
    text = _LINK.sub(lambda link: link[1], re.sub(r"</p>\s*<p>", "\n\n", markup))
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"<br\s*/?>", "\n", text)))


def _inline(text: str, known: Mapping[str, str], url: str) -> str:
    parts: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        parts += [html.escape(text[end : match.start()], quote=False), _link(match, known, url)]
        end = match.end()
    parts.append(html.escape(text[end:], quote=False))
    return "".join(parts).replace("\n", "<br>")


def _link(match: re.Match[str], known: Mapping[str, str], url: str) -> str:
    whole = match.group(0)
    handle, _, tag = match.groups()
    if tag:
        return f'<a href="{url}/tags/{html.escape(tag)}" class="mention hashtag">#<span>{html.escape(tag)}</span></a>'
    if handle:
        written = known.get(handle.casefold())
        if written is None:
            return html.escape(whole)
        return (
            f'<span class="h-card"><a href="{url}/@{written}" class="u-url mention">@<span>{written}</span></a></span>'
        )
    shown = html.escape(re.sub(r"^https?://(www\.)?", "", whole, flags=re.IGNORECASE))
    return f'<a href="{html.escape(whole)}" target="_blank">{shown}</a>'
