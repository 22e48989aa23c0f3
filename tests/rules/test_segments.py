"""Known figures of 3GPP TS 23.038 and TS 23.040."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.sms.segments import SEPTETS, Alphabet, shape

GSM, UCS = Alphabet.GSM_7, Alphabet.UCS_2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (GSM, 1)),
        ("a" * 160, (GSM, 1)),
        ("a" * 161, (GSM, 2)),
        ("a" * 306, (GSM, 2)),
        ("a" * 307, (GSM, 3)),
        ("€" * 80, (GSM, 1)),
        ("€" * 81, (GSM, 2)),
        ("a" * 152 + "€" + "a" * 152, (GSM, 3)),  # the escape and its character stay together: 152, 153, 1
        ("a" * 151 + "€" + "a" * 153, (GSM, 2)),
        ("ж" * 70, (UCS, 1)),
        ("ж" * 71, (UCS, 2)),
        ("ж" * 134, (UCS, 2)),
        ("ж" * 135, (UCS, 3)),
        ("🚀" * 35, (UCS, 1)),
        ("🚀" * 36, (UCS, 2)),
        ("ж" * 66 + "🚀" + "ж" * 66, (UCS, 3)),  # a surrogate pair stays together: 66, 67, 1
        ("@£$¥èéùìòÇØøÅåÆæßÉÄÖÑÜ§äöñüà\n\r", (GSM, 1)),
        ("ç", (UCS, 1)),
        ("´", (UCS, 1)),
        ("^{}\\[~]|€\f", (GSM, 1)),
        ("123456 is your Vimla code. Do not share it. Expires in 10 min.\n\n@id.vimla.example #123456", (GSM, 1)),
    ],
)
def test_shape(text, expected):
    assert shape(text) == expected


def test_the_alphabet_has_its_size():
    """128 positions without the escape, and the ten of the extension table."""
    assert sorted(SEPTETS.values()) == [1] * 127 + [2] * 10


@given(st.text(max_size=400), st.text(max_size=20))
def test_a_longer_text_never_costs_less(text, more):
    alphabet, segments = shape(text)
    longer_alphabet, longer = shape(text + more)
    assert longer >= segments
    assert not (alphabet is UCS and longer_alphabet is GSM)
