"""Safe Markdown for product descriptions."""

from __future__ import annotations

import unicodedata
from collections.abc import MutableMapping, Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from dialkey.directory.names import link_fault, support_fault

MAX_DESCRIPTION = 4000
"""Characters of Markdown."""
_MAX_MARKS = 2
_TOP_HEADING = 3


def description_fault(text: str) -> str | None:
    """`description_length`, `description_characters` (invisible, direction-changing or piled-up ones), or None."""
    if len(text) > MAX_DESCRIPTION:
        return "description_length"
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if (category[0] == "C" and character != "\n") or category in ("Zl", "Zp"):
            return "description_characters"
        marks = marks + 1 if category[0] == "M" else 0
        if marks > _MAX_MARKS:
            return "description_characters"
    return None


def tidy(text: str) -> str:
    """As it is kept: lines end as on Unix (a form sends them otherwise), in Unicode's composed form, without blank
    ends."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    return unicodedata.normalize("NFC", "\n".join(line.rstrip() for line in lines)).strip("\n")


def safe_target(url: str) -> bool:
    """Whether a link may lead there: an https address as in our other links, or mail to one address, with nothing else
    in it."""
    scheme, _, rest = url.partition(":")
    if scheme.lower() == "mailto":
        return "@" in rest and not rest.startswith("https:") and support_fault(rest) is None
    return link_fault(url) is None


class _Renderer(RendererHTML):
    """Headings below the page's own, links that vouch for nothing."""

    def heading_open(
        self, tokens: Sequence[Token], place: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return f"<{_heading(tokens[place])}>"

    def heading_close(
        self, tokens: Sequence[Token], place: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return f"</{_heading(tokens[place])}>\n"

    def link_open(
        self, tokens: Sequence[Token], place: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        target = escapeHtml(str(tokens[place].attrGet("href") or ""))
        return f'<a href="{target}" rel="nofollow noopener">'

    def fence(
        self, tokens: Sequence[Token], place: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return f"<pre><code>{escapeHtml(tokens[place].content)}</code></pre>\n"


def _heading(token: Token) -> str:
    return f"h{min(6, int(token.tag[1]) + _TOP_HEADING - 1)}"


def _markdown() -> MarkdownIt:
    made = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "typographer": False, "maxNesting": 12}, renderer_cls=_Renderer
    )
    made.disable(["image", "html_block", "html_inline", "reference"])
    made.validateLink = safe_target  # type: ignore[method-assign]
    return made


_MARKDOWN = _markdown()


@lru_cache(maxsize=256)
def render(text: str) -> Markup:
    """HTML of the CommonMark in `text`: no HTML of its own, no pictures, links to https and mailto only. Its headings
    begin at `h3`, for a page that has its own."""
    return Markup(_MARKDOWN.render(text[:MAX_DESCRIPTION]))  # noqa: S704  the renderer escapes everything
