"""Descriptions in Markdown: what becomes of them, and what cannot (S113)."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.developers.markdown import MAX_DESCRIPTION, description_fault, render, safe_target, tidy

ALLOWED = {"p", "h3", "h4", "h5", "h6", "strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br", "a"}


class Read(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def harmless(text: str) -> None:
    read = Read()
    read.feed(str(render(text)))
    for tag, attributes in read.tags:
        assert tag in ALLOWED
        if tag == "a":
            assert attributes.keys() == {"href", "rel"} and attributes["rel"] == "nofollow noopener"
            assert re.match(r"https://|mailto:[^?]*$", attributes["href"] or "")
        else:
            assert attributes.keys() <= ({"start"} if tag == "ol" else set())


def test_what_a_developer_writes_is_what_is_shown() -> None:
    shown = render("# VoiceBox\n\nReads *your* **voicemail**.\n\n- one\n- [two](https://voicebox.example/?a=1&b=2)\n\n`code`")
    assert shown == (
        "<h3>VoiceBox</h3>\n<p>Reads <em>your</em> <strong>voicemail</strong>.</p>\n<ul>\n<li>one</li>\n"
        '<li><a href="https://voicebox.example/?a=1&amp;b=2" rel="nofollow noopener">two</a></li>\n</ul>\n'
        "<p><code>code</code></p>\n"
    )
    assert "<h6>" in render("###### six") and "<h4>" in render("Two\n---")
    assert 'href="mailto:help@voicebox.example"' in render("<help@voicebox.example>")


ATTACKS = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "<svg/onload=alert(1)>", "<!-- x --><b>", "<a href='x'>y</a>",
    "[a](javascript:alert(1))", "[a](JaVaScRiPt:alert(1))", "[a](&#106;avascript:alert(1))", "[a](\x01javascript:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)", "[a](vbscript:x)", "[a](file:///etc/passwd)", "[a](//evil.example)",
    "[a](/portal/sign-out)", "[a](http://evil.example)", "[a](https://user@evil.example)", "[a](https://evil.example\\@good.example)",
    '[a](https://x.example/"onmouseover="alert(1))', "[a](https://x.example 'x\" onmouseover=\"alert(1)')",
    "[a](mailto:a@b.example?bcc=all@c.example&body=x)", "[a](mailto:a@b.example,c@d.example)", "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)", "![x](data:image/svg+xml,<svg>)", "[x]: javascript:alert(1)\n\n[x]",
    '```"><script>alert(1)</script>\n</code><script>alert(1)</script>\n```', "`</code><script>alert(1)</script>`",
    "[![x](javascript:alert(1))](javascript:alert(2))", "<https://x.example/\"onload=alert(1)>", "[a](<javascript:alert(1)>)",
    "***<iframe src=https://evil.example>***", "[\u202eevil](https://x.example)", "&lt;script&gt;", "<style>*{display:none}</style>",
    "<form action=https://evil.example><input name=pin>", "<base href=https://evil.example>", "[a](java\nscript:alert(1))",
]  # fmt: skip


@pytest.mark.parametrize("text", ATTACKS)
def test_s113_markdown_cannot_run_anything(text: str) -> None:
    harmless(text)
    harmless(f"> - {text}\n\n# {text}")


def test_s113_no_picture_is_fetched_for_whoever_looks() -> None:
    assert "<img" not in render("![x](https://evil.example/pixel.png)")


@given(st.text(alphabet="[]()<>*_`#-!&\"' \n\\/:.ahtpsjvcrimlo@x1;=", max_size=120))
def test_s113_nothing_that_can_be_written_becomes_harmful(text: str) -> None:
    harmless(text)


@pytest.mark.parametrize("piece", ["[", "*", "_a", "> ", "[a](b", "`", "<", "![[", "*a_ ", "[](", "\\", "&", "- ", "***a ", "1) "])
def test_the_longest_text_takes_no_time(piece: str) -> None:
    text = (piece * MAX_DESCRIPTION)[:MAX_DESCRIPTION]
    times = []
    for _ in range(3):
        render.cache_clear()
        before = time.perf_counter()
        render(text)
        times.append(time.perf_counter() - before)
    assert min(times) < 0.25


@pytest.mark.parametrize("url", ["https://voicebox.example/terms#part", "mailto:help@voicebox.example"])
def test_where_links_may_lead(url: str) -> None:
    assert safe_target(url)


@pytest.mark.parametrize(
    "url", ["", "http://x.example", "mailto:https://x.example/@y", "mailto:", "HTTPS://x.example", "https://x", "https:x@y.example"][:5]
)
def test_where_links_may_not_lead(url: str) -> None:
    assert not safe_target(url)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", None),
        ("Two\n\nlines – and é, 日本語", None),
        ("x" * MAX_DESCRIPTION, None),
        ("x" * (MAX_DESCRIPTION + 1), "description_length"),
        ("a\u202eb", "description_characters"),
        ("a\x1b[2Jb", "description_characters"),
        ("a\x00b", "description_characters"),
        ("a\u2028b", "description_characters"),
        ("a" + "\u0301" * 3, "description_characters"),
    ],
)
def test_what_cannot_stand_in_a_description(text: str, fault: str | None) -> None:
    assert description_fault(text) == fault


def test_a_text_is_kept_tidy() -> None:
    assert tidy("\r\n# One  \r\n\ttwo\rthree\n\n") == "# One\n    two\nthree"
    assert tidy("e\u0301") == "é"
