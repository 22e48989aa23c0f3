"""Every page, in every state, in every language: it renders strictly, it can be used, and it carries nothing inline."""

from __future__ import annotations

import dataclasses
import importlib
import re
import string
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

import dialkey.web
from dialkey.web import assets, i18n, rendering, theme
from dialkey.web.i18n import LOCALES, Plural, negotiate, translate
from dialkey.web.pages import Brand, Frame, Hidden, Language, Page

PORTAL = sorted(path.stem for path in (Path(dialkey.web.__file__).parent.parent / "portal").glob("*_views.py"))
ROOMS = (
    *("signin.views", "consent.views", "oauth.views", "sms.views", "demo.views", "web.gallery", "web.refusals"),
    "api.views",
    *(f"portal.{stem}" for stem in PORTAL),
)


def _kinds() -> list[type[Page]]:
    found = []
    for room in ROOMS:
        module = importlib.import_module(f"dialkey.{room}")
        found += [
            kind
            for kind in vars(module).values()
            if isinstance(kind, type)
            and issubclass(kind, Page)
            and kind is not Page
            and kind.__module__ == module.__name__
        ]
    return found


KINDS = _kinds()
SAMPLES = {f"{kind.__name__}-{state}": page for kind in KINDS for state, page in kind.samples().items()}


def surroundings(locale: str = "en", **fields: object) -> Frame:
    languages = tuple(
        Language(code=code, name=name, href=f"?ui_locales={code}&a=b", current=code == locale)
        for code, name in LOCALES.items()
    )
    return Frame(locale=locale, languages=languages, request_id="r1", **fields)


VOID = {"meta", "link", "input", "img", "br", "hr", "wbr"}
SVG_LEAVES = {"path", "rect", "circle", "g"}


class Document(HTMLParser):
    """What a page holds; complains about what does not close."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.path: list[str] = []
        self.texts: dict[int, str] = {}
        self.open: list[int] = []
        self.problems: list[str] = []
        self.parents: list[tuple[str, ...]] = []
        self.feed(html)
        self.close()
        self.problems += [f"<{tag}> is not closed" for tag in self.path]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.problems.append(f"<{tag}> repeats an attribute: {names}")
        self.parents.append(tuple(self.path))
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.path.append(tag)
            self.open.append(len(self.elements) - 1)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in SVG_LEAVES:
            self.problems.append(f"<{tag}/> does not close itself")
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.parents.append(tuple(self.path))

    def handle_endtag(self, tag: str) -> None:
        if not self.path or self.path[-1] != tag:
            self.problems.append(f"</{tag}> closes {self.path[-1:] or 'nothing'}")
            return
        self.path.pop()
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for index in self.open:
            self.texts[index] = self.texts.get(index, "") + data

    def all(self, tag: str) -> list[tuple[int, dict[str, str]]]:
        return [(i, attributes) for i, (name, attributes) in enumerate(self.elements) if name == tag]

    def text(self, index: int) -> str:
        return " ".join(self.texts.get(index, "").split())


def document(page: Page, frame: Frame) -> Document:
    return Document(rendering.render(page, frame))


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", SAMPLES)
def test_every_page_stands(name: str, locale: str) -> None:
    html = rendering.render(SAMPLES[name], surroundings(locale))
    page = Document(html)
    assert page.problems == []
    assert html.startswith("<!doctype html>")
    assert page.all("html")[0][1]["lang"] == locale
    (title,) = [i for i, _ in page.all("title") if "svg" not in page.parents[i]]
    assert page.text(title)
    assert {"name": "referrer", "content": "no-referrer"} in [a for _, a in page.all("meta")]
    assert {"name": "color-scheme", "content": "light dark"} in [a for _, a in page.all("meta")]
    assert len(page.all("h1")) == (2 if name.startswith("GalleryPage") else 1)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids)), "an id is used twice"

    _nothing_inline(page)
    _everything_named(page, set(ids))


def _nothing_inline(page: Document) -> None:
    assert page.all("style") == []
    for _, attributes in page.all("script"):
        assert attributes["src"].startswith("/assets/")
        assert "defer" in attributes
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("href", "src", "action"):
            assert not attributes.get(name, "").lower().strip().startswith(("javascript:", "data:text")), tag
        if tag in {"link", "script", "img"}:
            assert attributes.get("href", attributes.get("src", "")).startswith("/"), tag
        if attributes.get("target") == "_blank":
            assert "noopener" in attributes["rel"]


def _everything_named(page: Document, ids: set[str]) -> None:
    labels = {a["for"]: page.text(i) for i, a in page.all("label")}
    for _, attributes in page.all("input"):
        if attributes["type"] != "hidden":
            assert labels.get(attributes["id"]), attributes
    for tag in ("button", "a", "summary"):
        for index, attributes in page.all(tag):
            if "template" not in page.parents[index]:
                assert page.text(index) or attributes.get("aria-label"), (tag, attributes)
    for _, attributes in page.all("img"):
        assert "alt" in attributes
    for _, attributes in page.all("svg"):
        assert attributes.get("aria-hidden") == "true" or (attributes["role"] == "img" and attributes["aria-labelledby"])
    for _, attributes in page.elements:
        for name in ("aria-describedby", "aria-labelledby", "for", "form", "data-copy-from"):
            assert set(attributes.get(name, "").split()) <= ids, (name, attributes)


@pytest.mark.parametrize("name", [n for n, p in SAMPLES.items() if hasattr(p, "hidden")])
def test_forms_carry_every_hidden_field_and_post(name: str) -> None:
    sample = dataclasses.replace(SAMPLES[name], hidden=(Hidden(name="a", value='"1"'), Hidden(name="b", value="<2>")))
    page = document(sample, surroundings())
    forms = [(i, a) for i, a in page.all("form") if a["action"] == sample.action]
    assert all(a["method"] == "post" for _, a in page.all("form"))
    hidden = [(a["name"], a["value"]) for _, a in page.all("input") if a["type"] == "hidden"]
    assert hidden.count(("a", '"1"')) >= len(forms)
    assert hidden.count(("b", "<2>")) >= len(forms)


def test_field_names_are_those_that_the_server_reads() -> None:
    def names(sample: str) -> set[str]:
        page = document(SAMPLES[sample], surroundings())
        fields = {a["name"] for _, a in page.all("input")}
        return fields | {f"{a['name']}={a['value']}" for _, a in page.all("button") if "name" in a}

    assert names("NumberPage-empty") == {"ticket", "number"}
    assert names("PinPage-sent") == {"csrf", "pin", "ticket"}
    assert names("AddProductPage-first") == {
        "ticket",
        "terms",
        "scope:voicemail.get",
        "scope:mms.send.from_subscriber",
        "decision=cancel",
        "decision=add",
    }
    assert "responsibility" in names("AddProductPage-unverified")
    assert names("SignOutPage-plain") == {"decision=sign_out", "decision=stay"}
    assert names("DemoCallbackPage-exchanged") == {"step=userinfo", "step=refresh"}


def test_cancel_is_never_checked_nor_reached_by_the_enter_key() -> None:
    page = document(SAMPLES["AddProductPage-unverified"], surroundings())
    owner = {a["value"]: a["form"] for _, a in page.all("button") if "form" in a}
    assert owner == {"cancel": "cancel", "add": "add"}
    forms = {a["id"]: a for _, a in page.all("form")}
    assert "novalidate" in forms["cancel"]
    ticks = [i for i, a in page.all("input") if a["type"] == "checkbox"]
    (start,) = [i for i, a in page.all("form") if a["id"] == "add"]
    (end,) = [i for i, a in page.all("form") if a["id"] == "cancel"]
    assert all(start < i < end for i in ticks)


def test_the_pin_field_is_one_field_that_phones_can_fill() -> None:
    page = document(SAMPLES["PinPage-wrong"], surroundings())
    (pin,) = [a for _, a in page.all("input") if a["name"] == "pin"]
    assert (pin["inputmode"], pin["autocomplete"]) == ("numeric", "one-time-code")
    assert (pin["pattern"], pin["maxlength"]) == ("[0-9]{6}", "6")
    assert pin["aria-invalid"] == "true"
    assert "pin-problem" in pin["aria-describedby"].split()
    page = document(SAMPLES["NumberPage-hinted"], surroundings())
    (number,) = [a for _, a in page.all("input") if a["name"] == "number"]
    assert (number["type"], number["inputmode"], number["autocomplete"]) == ("tel", "tel", "tel")
    assert number["value"] == "+46 70 174 06 05"


@pytest.mark.parametrize("name", [n for n, p in SAMPLES.items() if getattr(p, "problem", None)])
def test_a_problem_is_said_beside_the_field_and_in_the_title(name: str) -> None:
    html = rendering.render(SAMPLES[name], surroundings())
    assert 'role="alert"' in html
    assert "<title>Check this: " in html


HOSTILE = "\"><script>alert(1)</script>'{0}{evil.__class__}%s`"


def _hostile(value: object) -> object:
    """The same page with every text in it replaced by an attack, as far as the templates do not choose by it."""
    if isinstance(value, Brand):
        return Brand(name=HOSTILE, accent='red"/><script>', icon_url=HOSTILE, support=f"{HOSTILE}@x")
    if isinstance(value, Hidden):
        return Hidden(name=HOSTILE, value=HOSTILE)
    if isinstance(value, tuple):
        return tuple(_hostile(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        keep = {"reason", "outcome", "delivery", "problem", "title", "id", "events_url"}
        changes = {f.name: _hostile(getattr(value, f.name)) for f in dataclasses.fields(value) if f.name not in keep}
        return dataclasses.replace(value, **changes)
    return HOSTILE if isinstance(value, str) and value else value


@pytest.mark.parametrize("name", SAMPLES)
def test_hostile_texts_stay_texts(name: str) -> None:
    frame = Frame(
        locale="en",
        languages=(Language(code=HOSTILE, name=HOSTILE, href="javascript:alert(1)", current=False),),
        request_id=HOSTILE,
        sandbox=True,
        handset_url="javascript:alert(1)",
    )
    html = rendering.render(_hostile(SAMPLES[name]), frame)
    page = Document(html)
    assert page.problems == []
    assert "<script>" not in html
    assert len(page.all("script")) == 1 + SAMPLES[name].template.startswith("portal/")
    for _, attributes in page.all("a"):
        assert not attributes["href"].startswith("javascript"), attributes


def test_links_go_nowhere_dangerous() -> None:
    href = rendering._href
    for url in (
        "javascript:alert(1)",
        " JaVaScript:x",
        "java\nscript:x",
        "data:text/html,x",
        "//evil",
        "/\\evil",
        None,
    ):
        assert href(url) == "#"
    for url in ("/a?b=c", "https://a.example/", "http://localhost:1/", "mailto:a@b.example"):
        assert href(url) == url
    assert rendering._support("help@x.example") == "mailto:help@x.example"
    assert rendering._support("https://x.example/@help") == "https://x.example/@help"
    assert rendering._support("javascript:a@b") == "mailto:javascript:a@b"
    assert rendering._picture("https://elsewhere.example/a.png") is None


def test_an_unknown_language_is_english() -> None:
    assert '<html lang="en">' in rendering.render(SAMPLES["NumberPage-empty"], surroundings("xx"))


def test_rendering_is_cheap() -> None:
    rendering.warm()
    frame = surroundings()
    for name in ("NumberPage-empty", "PinPage-wrong", "AddProductPage-first"):
        rendering.render(SAMPLES[name], frame)
        costs = []
        for _ in range(30):
            start = time.perf_counter()
            rendering.render(SAMPLES[name], frame)
            costs.append(time.perf_counter() - start)
        assert min(costs) < 0.001, name


def test_every_template_belongs_to_a_page() -> None:
    shared = {"web/base.html", "web/components.html", "web/signin_layout.html", "web/wide_layout.html"}
    shown = {kind.template for kind in KINDS}
    names = set(rendering.template_names())
    assert shown | shared <= names


# Words


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def _forms(message: str | Plural) -> tuple[str, ...]:
    return (message.one, message.other) if isinstance(message, Plural) else (message,)


@pytest.mark.parametrize("locale", LOCALES)
def test_catalogues_say_the_same_things(locale: str) -> None:
    english, other = i18n.CATALOGUES["en"].messages, i18n.CATALOGUES[locale].messages
    assert english.keys() == other.keys()
    for key, message in other.items():
        assert type(message) is type(english[key]), key
        expected = _placeholders(_forms(english[key])[-1])
        for form in _forms(message):
            assert _placeholders(form) == expected, key
            assert all(name.isidentifier() for name in expected), key
            assert form == form.strip() and form, key


def test_every_message_is_used_and_every_key_exists() -> None:
    rooms = Path(dialkey.web.__path__[0]).parent
    source = "".join(p.read_text() for p in (*rooms.glob("*/pages/*.html"), *rooms.glob("web/templates/*.html")))
    keys = i18n.CATALOGUES["en"].messages.keys()
    for key in re.findall(r"\bt\('([a-z_.]+[a-z_])'[,)]", source):
        assert key in keys, key
    by_data = ("problem.", "stopped.", "no_removal.", "demo.removed.", "demo.kept.", "refusal.", "signed_out.", "oauth_error.", "demo.step.", "scope.", "date.", "sms.")
    unused = [key for key in keys if f"'{key}'" not in source and not key.startswith(by_data)]
    assert unused == []


def test_plurals_count_their_number() -> None:
    assert translate("en", "problem.pin_wrong", left=1).endswith("1 try left.")
    assert translate("en", "problem.pin_wrong", left=3).endswith("3 tries left.")
    assert translate("sv", "problem.too_many", minutes=1).endswith("1 minut.")
    assert translate("nb", "problem.too_many", minutes=8).endswith("8 minutter.")


def test_scopes_have_sentences() -> None:
    assert i18n.scope_sentence("en", "voicemail.get") == "Listen to your voicemail messages"
    assert i18n.scope_sentence("nb", "sms.text:send_from_subscriber") == "Sende SMS fra nummeret ditt"
    assert i18n.scope_sentence("en", "something.unknown") is None


GSM_7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_text_message_fits_one_segment(locale: str) -> None:
    text = translate(locale, "sms.pin", pin="493021", product="VoiceBox Nordic", minutes=5)
    text += "\n\n@id.nordcell.example #493021"
    assert set(text) <= GSM_7
    assert len(text) <= 160


@pytest.mark.parametrize(
    ("ui_locales", "cookie", "accept", "expected"),
    [
        (None, None, None, "en"),
        ("sv", "nb", "en", "sv"),
        ("fi sv-SE", None, None, "sv"),
        ("fi", "nb", "sv", "nb"),
        ("no", None, None, "nb"),
        ("nn-NO", None, None, "nb"),
        (None, "sv_SE", None, "sv"),
        (None, "xx", "sv;q=0.4, nb;q=0.8, fi", "nb"),
        (None, None, "no", "nb"),
        (None, None, "SV-fi,en;q=0.9", "sv"),
        (None, None, "sv;q=0, nb;q=0.1", "nb"),
        (None, None, "sv;q=nan, nb;q=inf, en;q=-1", "en"),
        (None, None, "sv;q=1e9,nb;q=0.2", "nb"),
        (None, None, "sv;q=²,nb;q=0.2", "nb"),
        (None, None, "*", "en"),
        (None, None, ",,;;==,q=1", "en"),
        ("\x00", "\x00" * 9, "\x00", "en"),
    ],
)
def test_the_language_is_agreed(ui_locales: str | None, cookie: str | None, accept: str | None, expected: str) -> None:
    assert negotiate(ui_locales, cookie, accept, "en") == expected


def test_the_default_language_is_a_language() -> None:
    assert negotiate(None, None, None, "sv-SE") == "sv"
    assert negotiate(None, None, None, "tlh") == "en"


def test_agreeing_on_a_language_is_cheap_for_hostile_input() -> None:
    start = time.perf_counter()
    for _ in range(50):
        negotiate("x " * 500_000, "y" * 1_000_000, "a;q=0.1," * 200_000, "en")
    assert time.perf_counter() - start < 0.5


def test_dates() -> None:
    at = 1_790_000_000_000
    assert i18n.format_date("en", at) == "21 September 2026"
    assert i18n.format_date("sv", at) == "21 september 2026"
    assert i18n.format_date("nb", at) == "21. september 2026"
    assert i18n.format_time("en", at) == "14:13"
    assert i18n.format_moment("sv", at) == "21 september 2026 kl. 14:13 UTC"


# Themes and assets


def _accents() -> list[str]:
    found = ["000000", "ffffff", "ffff00", "00ff00", "0000ff", "ff0000", "777777", theme.DEFAULT_ACCENT]
    state = 20_250_101
    while len(found) < 208:
        state = (state * 1_103_515_245 + 12_345) % 2**31
        found.append(f"{state >> 7:06x}"[-6:])
    return found


def test_every_accent_becomes_readable() -> None:
    for accent in _accents():
        light, dark = theme.palettes(accent)
        for palette, grounds in ((light, theme.LIGHT_GROUNDS), (dark, theme.DARK_GROUNDS)):
            on, text = theme.parse(palette.on_fill), theme.parse(palette.text)
            assert theme.contrast(theme.parse(palette.fill), on) >= 4.5, accent
            assert theme.contrast(theme.parse(palette.fill_hover), on) >= 4.5, accent
            for ground in (*grounds, theme.parse(palette.soft)):
                assert theme.contrast(text, ground) >= 4.5, accent


def test_a_readable_accent_is_kept() -> None:
    assert theme.palettes("5b3df5")[0].fill == "#5b3df5"
    assert "--accent:#5b3df5;" in rendering.theme_css("#5B3DF5")


@pytest.mark.parametrize("bad", ["", "#fff", "red", "#12345g", "#1234567", "};*{display:none}", "１２３４５６"])
def test_what_is_no_colour_gets_the_default(bad: str) -> None:
    assert rendering.theme_css(bad) == rendering.theme_css(theme.DEFAULT_ACCENT)


def _token(css: str, name: str) -> list[str]:
    return re.findall(rf"--{name}: ?(#[0-9a-f]{{3,6}})", css)


def test_the_stylesheet_and_the_theme_agree() -> None:
    css = assets.ASSETS["dialkey.css"].body.decode()
    for palette, index in zip(theme.palettes(theme.DEFAULT_ACCENT), (0, 1), strict=True):
        for name, value in (
            ("accent", palette.fill),
            ("accent-hover", palette.fill_hover),
            ("on-accent", palette.on_fill),
            ("accent-text", palette.text),
            ("accent-soft", palette.soft),
        ):
            assert _token(css, name)[index] == value, name


def test_the_quiet_colours_are_readable_too() -> None:
    css = assets.ASSETS["dialkey.css"].body.decode()

    def colour(name: str, index: int) -> theme.Rgb:
        digits = _token(css, name)[index].removeprefix("#")
        return theme.parse(digits if len(digits) == 6 else "".join(c * 2 for c in digits))

    for index in (0, 1):
        for text in ("text", "quiet", "faint"):
            for ground in ("ground", "surface", "sunken", "raised"):
                assert theme.contrast(colour(text, index), colour(ground, index)) >= 4.5, (text, ground, index)
        for kind in ("danger", "warn", "good"):
            for ground in ("surface", f"{kind}-soft"):
                assert theme.contrast(colour(kind, index), colour(ground, index)) >= 4.5, (kind, ground, index)
        for ground in ("surface", "sunken"):
            assert theme.contrast(colour("line-strong", index), colour(ground, index)) >= 3, (ground, index)


def test_budgets() -> None:
    css, js = assets.ASSETS["dialkey.css"].body, assets.ASSETS["dialkey.js"].body
    assert len(css) < 30_000
    assert len(js) < 20_000
    for forbidden in (b"@import", b"http:", b"https:", b"@font-face"):
        assert forbidden not in css
    for forbidden in (b"eval(", b"innerHTML", b"insertAdjacentHTML", b".style."):
        assert forbidden not in js


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=assets.ROUTES))


@pytest.mark.parametrize("name", assets.ASSETS)
def test_assets_are_kept_for_ever_under_their_content(client: TestClient, name: str) -> None:
    answer = client.get(assets.asset_url(name))
    assert answer.status_code == 200
    assert answer.content == assets.ASSETS[name].body
    assert answer.headers["content-type"] == assets.ASSETS[name].media_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]
    again = client.get(assets.asset_url(name), headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = client.get(f"/assets/{name}?v=old", headers={"accept-encoding": "identity"})
    assert plain.content == assets.ASSETS[name].body
    assert "immutable" not in plain.headers["cache-control"]
    assert plain.headers["etag"] != answer.headers["etag"]


def test_themes_are_served(client: TestClient) -> None:
    answer = client.get(assets.theme_url("#5B3DF5"))
    assert answer.text == theme.theme_css("5b3df5")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    "path", ["/assets/none.css", "/assets/..%2fpages.py", "/assets/theme/red.css", "/assets/theme/5B3DF5.css"]
)
def test_what_is_no_asset_is_not_found(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
