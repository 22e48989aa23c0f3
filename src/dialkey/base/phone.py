"""A phone number in E.164 form, as a value that was checked."""

from __future__ import annotations

import re
from typing import NewType

PhoneNumber = NewType("PhoneNumber", str)
"""`+` and 7 to 15 digits, the first not 0 (ITU-T E.164)."""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def phone_number(text: str) -> PhoneNumber:
    """Refuses with ValueError what is not E.164."""
    if not _E164.fullmatch(text):
        raise ValueError("not an E.164 phone number")
    return PhoneNumber(text)


def masked(number: PhoneNumber | str) -> str:
    """Enough to recognise one's own number, not enough to learn another's: `+46 ··· ·· 24`."""
    return f"{number[:3]} ··· ·· {number[-2:]}"


def prefix_of(number: PhoneNumber) -> str:
    """The number without its last four digits: the block that pumping fraud is seen in."""
    return number[:-4]
