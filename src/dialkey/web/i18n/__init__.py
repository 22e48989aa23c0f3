"""The words: one catalogue per language, the choice between them, and dates as their readers write them.

A catalogue is a TOML file whose tables are joined by dots: `[problem]` with `pin_wrong` is `problem.pin_wrong`.
A message may hold `{name}` placeholders. A message that counts is a table of `one` and `other`; what it counts is
`count`, or else the first whole number among its data.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

LOCALES: Mapping[str, str] = MappingProxyType({"en": "English", "sv": "Svenska", "nb": "Norsk bokmål"})
"""Every language there is, by its BCP 47 code, under the name it has for itself."""

DEFAULT_LOCALE = "en"

_ALIASES = {"no": "nb", "nn": "nb"}
_LONGEST_HEADER = 512
_MOST_RANGES = 16


@dataclass(frozen=True, slots=True)
class Plural:
    """A message that counts something."""

    one: str
    other: str

    def choose(self, data: Mapping[str, object]) -> str:
        """The form that fits the number in `data`."""
        number = data.get("count")
        if number is None:
            number = next((value for value in data.values() if type(value) is int), None)
        return self.one if number == 1 else self.other


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All messages of one language."""

    locale: str
    messages: Mapping[str, str | Plural]

    def __contains__(self, key: object) -> bool:
        return key in self.messages

    def text(self, key: str, /, **data: object) -> str:
        """The message as plain text. A key that does not exist is a bug: KeyError."""
        message = self.messages[key]
        if isinstance(message, Plural):
            message = message.choose(data)
        return message.format_map(data) if data else message

    def find(self, key: str, /, **data: object) -> str | None:
        """The message, or None where there is none; for keys that come from data, such as scopes."""
        return self.text(key, **data) if key in self.messages else None


def _flatten(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str | Plural]]:
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict) and value.keys() == {"one", "other"}:
            yield key, Plural(one=value["one"], other=value["other"])
        elif isinstance(value, dict):
            yield from _flatten(value, f"{key}.")
        else:
            raise ValueError(f"{key}: a message is a text, or a table of `one` and `other`")


def _load(locale: str) -> Catalogue:
    source = (Path(__file__).parent / f"{locale}.toml").read_text(encoding="utf-8")
    return Catalogue(locale=locale, messages=MappingProxyType(dict(_flatten(tomllib.loads(source)))))


CATALOGUES: Mapping[str, Catalogue] = MappingProxyType({locale: _load(locale) for locale in LOCALES})


def catalogue(locale: str) -> Catalogue:
    """The catalogue of a language; English where we do not speak it."""
    return CATALOGUES.get(locale) or CATALOGUES[DEFAULT_LOCALE]


def translate(locale: str, key: str, /, **data: object) -> str:
    """A message as plain text, for SMS and JSON. Pages escape: they use `t` instead."""
    return catalogue(locale).text(key, **data)


def scope_sentence(locale: str, scope: str) -> str | None:
    """What a scope lets a product do, in words for a subscriber; None for a scope without words of its own."""
    return catalogue(locale).find(f"scope.{scope}")


def _match(tag: str) -> str | None:
    """The language of ours that a BCP 47 tag asks for, by its first subtag."""
    primary = tag.strip().replace("_", "-").partition("-")[0].lower()
    primary = _ALIASES.get(primary, primary)
    return primary if primary in LOCALES else None


def _accepted(header: str) -> str | None:
    """The best of ours in an Accept-Language header (RFC 9110, section 12.5.4); the first of equals wins."""
    best, best_quality = None, 0.0
    for part in header[:_LONGEST_HEADER].split(",", _MOST_RANGES)[:_MOST_RANGES]:
        tag, _, parameter = part.partition(";")
        locale = _match(tag)
        if locale is None:
            continue
        quality = 1.0
        name, equals, value = parameter.strip().partition("=")
        if equals and name.strip().lower() == "q":
            value = value.strip()
            plain = len(value) <= 5 and value.isascii() and value.replace(".", "", 1).isdigit()
            quality = min(float(value), 1.0) if plain else 0.0
        if quality > best_quality:
            best, best_quality = locale, quality
    return best


def negotiate(ui_locales: str | None, cookie: str | None, accept_language: str | None, default: str) -> str:
    """The language of a page: what the client asked for, else what the reader chose before, else what the browser
    prefers, else `default`. Whatever is sent, the answer is one of `LOCALES` and costs a bounded effort."""
    for tag in (ui_locales or "")[:_LONGEST_HEADER].split(None, _MOST_RANGES)[:_MOST_RANGES]:
        if locale := _match(tag):
            return locale
    if cookie and len(cookie) <= 35 and (locale := _match(cookie)):
        return locale
    if accept_language and (locale := _accepted(accept_language)):
        return locale
    return _match(default) or DEFAULT_LOCALE


def format_date(locale: str, at: int) -> str:
    """A day as its reader writes it; `at` in milliseconds since the epoch, UTC."""
    words, moment = catalogue(locale), datetime.fromtimestamp(at / 1000, tz=UTC)
    month = words.text("date.months").split()[moment.month - 1]
    return words.text("date.day", day=moment.day, month=month, year=moment.year)


def format_time(locale: str, at: int) -> str:
    """Hours and minutes, UTC; `at` in milliseconds since the epoch."""
    moment = datetime.fromtimestamp(at / 1000, tz=UTC)
    return catalogue(locale).text("date.time", hour=f"{moment.hour:02}", minute=f"{moment.minute:02}")


def format_moment(locale: str, at: int) -> str:
    """A day and its time, UTC; `at` in milliseconds since the epoch."""
    return catalogue(locale).text("date.moment", date=format_date(locale, at), time=format_time(locale, at))
