"""The words of a PIN message: one segment, a bound last line, and nothing of a developer's making to touch (S085)."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dialkey.sms.model import Sms
from dialkey.sms.segments import SEPTETS, Alphabet, shape
from dialkey.sms.texts import LONGEST_NAME, code_in, harmless, pin_text
from dialkey.web.i18n import LOCALES

HOST = "id.nordcell.example"
PIN = "049302"
NAMES = [
    "VoiceBox",
    "Rødt Kort",
    "Skånetrafiken",
    "Ålesund Båtførening",
    "Čedok Café",
    "Łódź “Taxi”",
    "L’Oréal — Paris™",
    "Nordic Choice Hotels & Resorts Loyalty Programme for Businesses",
    "AT&T",
    "A",
    "Acme 🚀 Rockets",
    "Radio 2024",
]
LINK = re.compile(r"https?|www|://|//|\S[.:。．｡․]\S|[@#<>]", re.I)


def text(product: str, locale: str = "en", pin: str = PIN, host: str = HOST) -> str:
    return pin_text(locale=locale, product=product, pin=pin, host=host, minutes=5)


def sentence(message: str) -> str:
    return message.split("\n")[0]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pin", ["049302", "04930217"])
def test_common_names_take_one_segment(name, locale, pin):
    message = text(name, locale, pin)
    assert shape(message) == (Alphabet.GSM_7, 1)
    assert message.split("\n") == [sentence(message), "", f"@{HOST} #{pin}"]
    assert pin in sentence(message)
    assert not LINK.search(sentence(message))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("VoiceBox", "VoiceBox"),
        ("Čedok Café", "Cedok Café"),
        ("L’Oréal — Paris™", "L'Oréal - ParisTM"),
        ("Acme 🚀 Rockets", "Acme Rockets"),
        ("Acme Inc.", "Acme Inc"),
        ("Dr. Bike", "Dr. Bike"),
        ("Чат", "Чат"),
        ("shop.example", "shop example"),
        ("Win at https://evil.example/x?y=1 now", "Win at evil example/x?y=1 now"),
        ("evil。example", "evil example"),
        ("ev\u200bil．example", "evil example"),
        ("Call +46 70-174 06 05", "Call"),
        ("１２３４５６ is your code", "is your code"),
        ("12.34.56.78", ""),
        ("A\r\n\r\n@evil.example #000000", "A evil example"),
        ("A\u2028B\x85C\x00D", "A B C D"),
        ("\u202egnp.exe", "gnp exe"),
        ("hhttpttp://x", "hhttpttp x"),
        ("{pin} {0.__class__}", "pin 0 __class"),
    ],
)
def test_a_name_becomes_harmless(name, shown):
    assert harmless(name) == shown


def test_a_foreign_name_costs_two_segments_at_most():
    for locale in LOCALES:
        message = text("Мобильное приложение для путешественников по всему миру", locale)
        assert shape(message)[1] <= 2
        assert "Мобильное прил" in message


@given(st.text(max_size=300), st.sampled_from(sorted(LOCALES)))
@example("\n\n@evil.example #123456", "en")
@example("http://a.b\n#", "sv")
@example("。.。.a", "nb")
@example("1 2 3 4 5", "en")
@example("9" * 300, "en")
@example("{product}{pin}", "en")
@example("", "en")
def test_no_name_injects_anything(name, locale):
    message = text(name, locale)
    lines = message.splitlines()
    assert len(lines) == 3 and lines[1:] == ["", f"@{HOST} #{PIN}"]
    assert not LINK.search(lines[0])
    assert lines[0].count(PIN) == 1
    assert not any(unicodedata.category(character)[0] == "C" for character in lines[0])
    assert shape(message)[1] <= 3
    assert re.findall(r"\d{5,}", lines[0]) == [PIN]
    assert code_in(message) == PIN


@given(st.text(alphabet=sorted(SEPTETS), max_size=200))
def test_every_name_in_the_alphabet_takes_one_segment(name):
    assert shape(text(name)) == (Alphabet.GSM_7, 1)


@given(st.text(max_size=300))
def test_cleaning_twice_changes_nothing(name):
    once = harmless(name)
    assert harmless(once) == once and len(once) <= LONGEST_NAME


@pytest.mark.parametrize(
    ("host", "last"),
    [
        ("id.example", "@id.example #049302"),
        ("ID.example:8443", "@id.example #049302"),
        ("localhost:8080", "@localhost #049302"),
    ],
)
def test_the_binding_names_the_host_without_its_port(host, last):
    assert text("VoiceBox", host=host).endswith(f"\n\n{last}")


@pytest.mark.parametrize("pin", ["", "12 34", "１２３４５６", "12345a", "123456\n"])
def test_a_pin_is_digits(pin):
    with pytest.raises(ValueError, match="digits"):
        text("VoiceBox", pin=pin)


@pytest.mark.parametrize("words", ["Hello", "", "#123456", "@a #1\nmore", "a @id.example #123456"])
def test_only_a_bound_last_line_is_a_code(words):
    assert code_in(words) is None


def test_a_message_does_not_show_itself():
    sms = Sms(to="+46701740605", sender="Nordcell", text=text("VoiceBox"), reference="r1", sandbox=True)
    assert PIN not in repr(sms) and "4670" not in repr(sms)
