"""Names that stand where a subscriber decides (S025)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.directory.names import MAX_NAME, link_fault, name_fault, support_fault, text_fault


@pytest.mark.parametrize(
    "name",
    ["VoiceBox", "VoiceBox AB", "Ålesund & Sønner", "日本電話", "Почта России", "Τηλέφωνο", "7-Eleven", "Café 🎉", "A",
     "Новости Today", "O'Brien's", "हिन्दी"],
)  # fmt: skip
def test_usual_names_can_be_shown(name: str) -> None:
    assert name_fault(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        " VoiceBox",
        "VoiceBox ",
        "Voice  Box",
        "Voice\u00a0Box",
        "Voice\nBox",
        "Voice\x00Box",
        "Voice\x1bBox",
        *(f"Voice{chr(c)}Box" for c in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)),
        *(f"Voice{c}Box" for c in "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u034f\u3164\u2800\u115f"),
        "Voice\u2028Box",
        "Voice\ue000Box",
        "Voice\U000e0041Box",
        "V\u043eiceBox",
        "\u0420ayPal",
        "V\u03bficeBox",
        "\u13d9oiceBox",
        "ＶoiceBox",
        "𝐕oiceBox",
        "Ⓥoice",
        "Cafe\u0301",
        "Z\u0301\u0301\u0301\u0301algo",
        "x" * (MAX_NAME + 1),
        "\ud800",
    ],
)
def test_s025_names_that_deceive_are_refused(name: str) -> None:
    assert name_fault(name) is not None


def test_s025_a_whole_word_that_reads_as_latin_is_refused() -> None:
    assert name_fault("\u0440\u0430\u0443\u0440\u0430\u04cf") is not None


@given(st.text(max_size=100))
def test_any_text_is_judged_without_an_error(text: str) -> None:
    if name_fault(text) is None:
        assert text_fault(text) is None and text.strip() == text


def test_links_are_https_and_support_is_somewhere_to_write_to() -> None:
    for link in (None, "https://voicebox.example/terms", "https://voicebox.example/terms?x=1#part"):
        assert link_fault(link) is None
    for link in ("", "http://voicebox.example", "javascript:alert(1)", "https://a@b.example", "https://a\nb", "x"):
        assert link_fault(link) is not None
    for contact in (None, "help@voicebox.example", "https://voicebox.example/help"):
        assert support_fault(contact) is None
    for contact in ("", "help", "a@b@c", "a b@c.example", "javascript:a@b", "mailto:a@b.example", "http://x.example"):
        assert support_fault(contact) is not None
