"""From a typed page to HTML.

There is one environment per language, so that `t` is a global of every template and macro; all of them share the
compiled code. `signin/number.html` is `signin/pages/number.html` in this package, `web/…` is `web/templates/…`.
In a template: `page`, `frame`, `t('key', **data)`, and the filters and functions below. Everything is escaped, what
is undefined is an error, and nothing is looked up on disk after `warm()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path

from jinja2 import BaseLoader, BytecodeCache, Environment, StrictUndefined, Template, TemplateNotFound
from jinja2.bccache import Bucket
from markupsafe import Markup, escape

from dialkey.web import i18n
from dialkey.web.assets import asset_url, theme_url
from dialkey.web.pages import Frame, Page
from dialkey.web.theme import palettes, theme_css

__all__ = ["render", "template_names", "theme_css", "warm"]

_HOME = Path(__file__).resolve().parent.parent


class _RoomLoader(BaseLoader):
    """Finds the template of a room in its `pages` folder, and the shared ones in `web/templates`."""

    def _path(self, name: str) -> Path:
        room, _, rest = name.partition("/")
        if not rest or ".." in name or "\\" in name or not room.isidentifier():
            raise TemplateNotFound(name)
        return _HOME / room / ("templates" if room == "web" else "pages") / rest

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        path = self._path(template)
        try:
            return path.read_text(encoding="utf-8"), str(path), None
        except OSError:
            raise TemplateNotFound(template) from None

    def list_templates(self) -> list[str]:
        pages = (f"{p.parent.parent.name}/{p.name}" for p in _HOME.glob("*/pages/*.html"))
        shared = (f"web/{p.name}" for p in _HOME.glob("web/templates/*.html"))
        return sorted((*pages, *shared))


class _SharedCode(BytecodeCache):
    """Compiles each template once for all languages."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._code.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()

    def clear(self) -> None:
        self._code.clear()


class Translator:
    """`t` in a template: the message of a key, safe to stand anywhere in HTML. Data is escaped unless it is markup
    that the template itself made."""

    __slots__ = ("_messages",)

    def __init__(self, catalogue: i18n.Catalogue) -> None:
        self._messages: Mapping[str, Markup | tuple[i18n.Plural, Markup, Markup]] = {
            key: (message, escape(message.one), escape(message.other))
            if isinstance(message, i18n.Plural)
            else escape(message)
            for key, message in catalogue.messages.items()
        }

    def __call__(self, key: str, /, **data: object) -> Markup:
        message = self._messages[key]
        if isinstance(message, tuple):
            plural, one, other = message
            message = one if plural.choose(data) == plural.one else other
        return message.format(**data) if data else message

    def has(self, key: str, /) -> bool:
        """Whether there are words for a key that comes from data."""
        return key in self._messages


@lru_cache(maxsize=4096)
def _monogram(name: str) -> str:
    """The letters that stand for a name without a picture."""
    letters = [word[0] for word in name.split() if word[0].isalnum()]
    return "".join(letters[:1] or ["·"]).upper()


def _href(url: str | None) -> str:
    """A link that is safe to follow: a path here, or http, https and mailto elsewhere; anything else goes nowhere."""
    text = (url or "").strip()
    if text.startswith("/"):
        return "#" if text.startswith(("//", "/\\")) else text
    return text if text.partition(":")[0].lower() in {"http", "https", "mailto"} else "#"


def _support(contact: str | None) -> str | None:
    """The link behind "Need help?": a page, or an e-mail; None where there is none."""
    if not contact:
        return None
    target = contact if contact.startswith(("https://", "mailto:")) or "@" not in contact else f"mailto:{contact}"
    href = _href(target)
    return None if href == "#" else href


def _picture(url: str | None) -> str | None:
    """The address of a picture that the content policy lets load: ours, or in the page itself."""
    text = url or ""
    local = text.startswith("/") and not text.startswith(("//", "/\\"))
    return text if local or text.startswith("data:image/") else None


def _data(problem: object) -> dict[str, str | int]:
    return dict(problem.data)  # type: ignore[attr-defined]


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).isoformat(timespec="seconds")


def _code_spans(text: str) -> Markup:
    """Text in which `backticks` mark code."""
    parts = escape(text).split("`")
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


_SHARED_CODE = _SharedCode()


def _environment(locale: str) -> Environment:
    environment = Environment(
        loader=_RoomLoader(),
        bytecode_cache=_SHARED_CODE,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
        cache_size=-1,
        extensions=["jinja2.ext.do"],
    )
    environment.globals.update(
        t=Translator(i18n.CATALOGUES[locale]),
        locale=locale,
        asset_url=asset_url,
        theme_url=theme_url,
        palettes=palettes,
    )
    environment.filters.update(
        href=_href,
        support=_support,
        picture=_picture,
        monogram=_monogram,
        data=_data,
        iso=_iso,
        code_spans=_code_spans,
        clock=lambda at: i18n.format_time(locale, at),
        day=lambda at: i18n.format_date(locale, at),
    )
    return environment


_ENVIRONMENTS = {locale: _environment(locale) for locale in i18n.LOCALES}
_FALLBACK = _ENVIRONMENTS[i18n.DEFAULT_LOCALE]


def render(page: Page, frame: Frame) -> str:
    """The whole HTML document of a page, in the language of its frame."""
    return _template(frame.locale, page.template).render(page=page, frame=frame)


@cache
def _template(locale: str, name: str) -> Template:
    template = _ENVIRONMENTS.get(locale, _FALLBACK).get_template(name)
    template.globals = dict(template.globals)  # a chain of maps is walked anew for every page
    return template


def template_names() -> list[str]:
    """Every template there is."""
    return _FALLBACK.list_templates()


def warm() -> None:
    """Compiles every template, so that no reader waits for it."""
    for environment in _ENVIRONMENTS.values():
        for name in environment.list_templates():
            environment.get_template(name)
