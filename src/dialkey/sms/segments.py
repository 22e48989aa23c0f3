"""What a text costs on the air: its alphabet and its number of segments (3GPP TS 23.038, TS 23.040)."""

from __future__ import annotations

from enum import StrEnum

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"

SEPTETS = {**dict.fromkeys(_BASIC, 1), **dict.fromkeys(_EXTENSION, 2)}
"""What each character of the GSM 7-bit default alphabet takes; one of the extension table takes an escape as well."""


class Alphabet(StrEnum):
    GSM_7 = "gsm-7"
    UCS_2 = "ucs-2"


_ROOM = {Alphabet.GSM_7: (160, 153), Alphabet.UCS_2: (70, 67)}
"""Units in a message of one segment, and in each segment of a longer one, where a header of six octets joins them."""


def shape(text: str) -> tuple[Alphabet, int]:
    """The alphabet that `text` needs and the segments that it takes. What takes two units is never cut in two."""
    widths = [SEPTETS.get(character, 0) for character in text]
    alphabet = Alphabet.GSM_7 if all(widths) else Alphabet.UCS_2
    if alphabet is Alphabet.UCS_2:
        widths = [2 if ord(character) > 0xFFFF else 1 for character in text]
    alone, joined = _ROOM[alphabet]
    if sum(widths) <= alone:
        return alphabet, 1
    segments, used = 1, 0
    for width in widths:
        if used + width > joined:
            segments, used = segments + 1, 0
        used += width
    return alphabet, segments


def fits_one_gsm_segment(text: str) -> bool:
    return shape(text) == (Alphabet.GSM_7, 1)
