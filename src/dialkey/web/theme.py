"""A brand's colour, made readable: from one accent to every colour that a page derives from it.

Text on the accent, and the accent as text, reach 4.5:1 (WCAG 2.2, success criterion 1.4.3) in light and in dark.
Everything here is pure; contrast and luminance are WCAG's definitions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_ACCENT = "1f5eff"
READABLE = 4.5
_AIM = 4.6
"""A little above the promise, so that rounding to eight bits never falls below it."""

Rgb = tuple[int, int, int]

_WHITE: Rgb = (255, 255, 255)
_INK: Rgb = (9, 10, 14)
LIGHT_GROUNDS: tuple[Rgb, ...] = (_WHITE, (245, 246, 248))
"""The surfaces that accent-coloured text stands on in light; the stylesheet has the same."""
DARK_GROUNDS: tuple[Rgb, ...] = ((24, 26, 32), (14, 15, 19), (33, 36, 44))
"""The same in dark."""

_HEX = re.compile(r"#?([0-9a-f]{6})", re.IGNORECASE)


def normalize(accent: str | None) -> str:
    """Six lower-case hex digits without `#`; the default accent for anything that is no colour."""
    match = _HEX.fullmatch(accent or "")
    return match[1].lower() if match else DEFAULT_ACCENT


def parse(colour: str) -> Rgb:
    """`#rrggbb` or `rrggbb` as numbers."""
    digits = colour.removeprefix("#")
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def to_hex(rgb: Rgb) -> str:
    """Numbers as `#rrggbb`."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def luminance(rgb: Rgb) -> float:
    """Relative luminance, 0 to 1."""
    channels = (value / 255 for value in rgb)
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: Rgb, second: Rgb) -> float:
    """Contrast ratio, 1 to 21."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """`first` with `share` (0 to 1) of `second` in it."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _toward(colour: Rgb, end: Rgb, fits: Callable[[Rgb], bool]) -> Rgb:
    """The first step from `colour` on the way to `end` that fits; `end` where none does."""
    return next((step for i in range(50) if fits(step := mix(colour, end, i / 50))), end)


@dataclass(frozen=True, slots=True)
class Palette:
    """What a page needs of an accent, on light or on dark ground."""

    fill: str
    """The ground of the main button."""
    fill_hover: str
    on_fill: str
    """Text on either of them."""
    text: str
    """The accent as text, on any surface."""
    soft: str
    """A tint for quiet grounds; `text` reads on it too."""


def _on(fill: Rgb) -> Rgb:
    return _WHITE if contrast(fill, _WHITE) >= READABLE else _INK


def _fill(accent: Rgb) -> Rgb:
    """The accent itself, or the nearest shade on which white or ink reads; white wins where both are close."""
    if contrast(accent, _WHITE) >= 2.6:
        return _toward(accent, (0, 0, 0), lambda c: contrast(c, _WHITE) >= _AIM)
    return _toward(accent, _WHITE, lambda c: contrast(c, _INK) >= _AIM)


@lru_cache(maxsize=1024)
def palettes(accent: str) -> tuple[Palette, Palette]:
    """The light and the dark palette of an accent."""
    brand = parse(normalize(accent))

    fill = _fill(_toward(brand, (0, 0, 0), lambda c: contrast(c, _WHITE) >= 1.4))
    soft = mix(_WHITE, brand, 0.08)
    text = _toward(brand, (0, 0, 0), lambda c: all(contrast(c, g) >= _AIM for g in (*LIGHT_GROUNDS, soft)))
    light = _palette(fill, text, soft)

    visible = _toward(brand, _WHITE, lambda c: contrast(c, DARK_GROUNDS[0]) >= 2)
    soft = mix(DARK_GROUNDS[0], brand, 0.2)
    text = _toward(brand, _WHITE, lambda c: all(contrast(c, g) >= _AIM for g in (*DARK_GROUNDS, soft)))
    return light, _palette(_fill(visible), text, soft)


def _palette(fill: Rgb, text: Rgb, soft: Rgb) -> Palette:
    on = _on(fill)
    hover = mix(fill, (0, 0, 0) if on == _WHITE else _WHITE, 0.14)
    return Palette(
        fill=to_hex(fill), fill_hover=to_hex(hover), on_fill=to_hex(on), text=to_hex(text), soft=to_hex(soft)
    )


def _rules(palette: Palette) -> str:
    return (
        f"--accent:{palette.fill};--accent-hover:{palette.fill_hover};--on-accent:{palette.on_fill};"
        f"--accent-text:{palette.text};--accent-soft:{palette.soft}"
    )


def theme_css(accent_hex: str) -> str:
    """A stylesheet of custom properties for an accent, light and dark. What is no colour gets the default."""
    light, dark = palettes(normalize(accent_hex))
    return f":root{{{_rules(light)}}}\n@media (prefers-color-scheme:dark){{:root{{{_rules(dark)}}}}}\n"
