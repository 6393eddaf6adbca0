"""The pages that people read: the overview and the runbook. Nothing is fetched from elsewhere."""

import re
import secrets
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from jinja2 import Environment
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")


class Pages:
    """Renders templates and Markdown files. The libraries are loaded when the first page is asked for."""

    def __init__(self, templates: Path, docs: Path) -> None:
        self._templates = templates
        self._docs = docs

    @property
    @cache  # noqa: B019 - one object for the life of the daemon
    def _environment(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        return Environment(loader=FileSystemLoader(self._templates), autoescape=True, undefined=StrictUndefined)

    def render(self, template: str, values: Mapping[str, Any]) -> web.Response:
        """A page whose only style and script are its own, by a nonce in its policy."""
        nonce = secrets.token_urlsafe(16)
        text = self._environment.get_template(template).render(nonce=nonce, **values)
        headers = {"Content-Security-Policy": page_policy(nonce)}
        return web.Response(text=text, content_type="text/html", headers=headers)

    def document(self, name: str) -> tuple[str, str] | None:
        """Title and HTML of a Markdown file of the documentation, or None when there is no such file."""
        path = self._docs / name
        if not path.is_file():
            return None
        return markdown_to_html(path.read_text(encoding="utf-8"))


PAGES = web.AppKey("pages", Pages)


def page_policy(nonce: str) -> str:
    """Content-Security-Policy of a page."""
    return (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def markdown_to_html(text: str) -> tuple[str, str]:
    """Title and HTML of Markdown text. Headings get the anchors that GitHub gives them; raw HTML is escaped."""
    parser = _parser()
    tokens = parser.parse(text)
    title = _add_anchors(tokens)
    return title, str(parser.renderer.render(tokens, parser.options, {}))


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _add_anchors(tokens: "list[Token]") -> str:
    title = ""
    seen: dict[str, int] = {}
    for heading, content in pairwise(tokens):
        if heading.type != "heading_open":
            continue
        text = "".join(child.content for child in content.children or [] if child.type in ("text", "code_inline"))
        title = title or text
        heading.attrSet("id", _unique(anchor_of(text), seen))
    return title


def anchor_of(heading: str) -> str:
    """The anchor that GitHub gives a heading: lower case, no punctuation, hyphens for spaces."""
    return _NOT_IN_ANCHORS.sub("", heading.strip().lower()).replace(" ", "-")


def _unique(anchor: str, seen: dict[str, int]) -> str:
    count = seen.get(anchor, 0)
    seen[anchor] = count + 1
    return f"{anchor}-{count}" if count else anchor
