"""`multipart/form-data`: what browsers send is read, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.web.forms import FormError, RepeatedField
from dialkey.web.uploads import MAX_PARTS, boundary_of, parse_multipart

B = b"----WebKitFormBoundaryA1b2C3"


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = "".join(f"\r\n{line}" for line in (f"Content-Disposition: form-data; {disposition}", *headers))
    return f"--{B.decode()}{lines}\r\n\r\n".encode() + content + b"\r\n"


def body(*parts: bytes, end: bytes = b"--" + B + b"--\r\n") -> bytes:
    return b"".join(parts) + end


def test_what_a_browser_sends() -> None:
    icon = b"\x89PNG\r\n\x1a\n\x00--\r\n--" + B[:10]
    form = parse_multipart(
        body(
            part('name="csrf"', b"token"),
            part('name="empty"', b""),
            part('name="words"', "två\r\nrader".encode()),
            part('name="icon"; filename="my icon%22.png"', icon, "Content-Type: image/png"),
            part('name="banner"; filename=""', b"", "Content-Type: application/octet-stream"),
        ),
        B,
    )
    assert form.fields == {"csrf": "token", "words": "två\r\nrader"}
    assert form.files.keys() == {"icon"}
    assert (form.files["icon"].filename, form.files["icon"].media_type) == ("my icon%22.png", "image/png")
    assert form.files["icon"].content == icon
    assert parse_multipart(b"--" + B + b"--", B).fields == {}


@given(st.binary(max_size=400))
def test_a_file_arrives_as_it_was(content: bytes) -> None:
    made = body(part('name="f"; filename="x"', content), part('name="g"', b"1"))
    form = parse_multipart(made, B)
    assert form.files["f"].content == content and form.fields == {"g": "1"}


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 400))
def test_whatever_comes_is_read_or_refused(junk: bytes, at: int, until: int) -> None:
    whole = body(part('name="a"', b"1"), part('name="f"; filename="x"', b"content", "Content-Type: image/png"))
    try:
        form = parse_multipart(whole[:at] + junk + whole[until:], B)
    except FormError:
        return
    assert len(form.fields) + len(form.files) <= MAX_PARTS


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\r\n--" + B + b"--",
        b"preamble\r\n" + body(part('name="a"', b"1")),
        body(part('name="a"', b"1"), end=b""),
        body(part('name="a"', b"1"), end=b"--" + B + b"\r\n"),
        body(part('name="a"', b"1")) + b"epilogue",
        body(part('name="a"', b"\x00")),
        body(part('name="a"', b"\xff")),
        body(part('name="a"', b"x" * 70_000)),
        body(part("name=a", b"1")),
        body(part('name=""', b"1")),
        body(part('name="a\\"; filename="x"', b"1")),
        body(part('name="a"; name="b"', b"1")),
        body(part('name="a"; filename="x"; filename="y"', b"1")),
        body(part("name=\"a\"; filename*=utf-8''x.png", b"1")),
        body(part('name="a"', b"1", "Content-Transfer-Encoding: base64")),
        body(part('name="a"', b"1", 'Content-Disposition: form-data; name="b"')),
        body(part('name="a"', b"1", "Content-Type: text/plain; charset=utf-7")),
        body(part('name="a"; filename="x"', b"1", "Content-Type: multipart/mixed; boundary=y")),
        body(part('name="a"; filename="x"', b"1", "no colon")),
        body(b"--" + B + b"\r\n\r\nno head\r\n"),
        body(b"--" + B + b"\nContent-Disposition: form-data; name=\"a\"\n\n1\n"),
        body(part('name="a"', b"1\r\n--" + B + b"x")),
        body(*(part(f'name="a{n}"', b"1") for n in range(MAX_PARTS + 1))),
        body(part(f'name="{"a" * 65}"', b"1")),
        body(part('name="a"; filename="' + "x" * 2000 + '"', b"1")),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(wrong: bytes) -> None:
    with pytest.raises(FormError):
        parse_multipart(wrong, B)


def test_a_name_stands_once() -> None:
    with pytest.raises(RepeatedField):
        parse_multipart(body(part('name="a"', b"1"), part('name="a"; filename="x"', b"2")), B)


@pytest.mark.parametrize("text", ["multipart/form-data; boundary=abc", 'multipart/form-data; boundary="a.b"', "Multipart/Form-Data;boundary=abc"])
def test_the_boundary_is_found(text: str) -> None:
    assert boundary_of(text) in (b"abc", b"a.b")


@pytest.mark.parametrize(
    "text",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=å",
     'multipart/form-data; boundary="a b"', "multipart/form-data; boundary=" + "a" * 71, "multipart/form-data; boundary=a; charset=x"],
)  # fmt: skip
def test_a_doubtful_boundary_is_refused(text: str) -> None:
    with pytest.raises(FormError):
        boundary_of(text)
