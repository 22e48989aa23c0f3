"""Redirect addresses: what may be registered, and that a presented one is the registered one to the letter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialkey.base.url import host_of, is_loopback_host, is_private_scheme, origin_of, redirect_uri_fault, same_redirect

REGISTERED = "https://app.example/cb"

S002_VARIANTS = [
    "https://app.example/cb/",
    "https://app.example/CB",
    "https://app.example/cb?x=1",
    "https://app.example/cb?",
    "https://app.example/cb#",
    "https://app.example/cb#f",
    "https://app.example/cb;x",
    "https://app.example/cb%2f",
    "https://app.example/cb/../evil",
    "https://app.example/cb/..;/evil",
    "https://app.example/cb%252f..",
    "https://app.example/./cb",
    "https://app.example//cb",
    "//app.example/cb",
    "/cb",
    "HTTPS://app.example/cb",
    "https://APP.example/cb",
    "https://app.example:443/cb",
    "https://app.example./cb",
    "https://app.example/cb ",
    " https://app.example/cb",
    "https://app.example/cb\t",
    "https://app.example/cb%00",
    "https://app.example/cb%0d%0a",
    "https://app.example/cb\r\n",
    "https://app.example/%63b",
    "http://app.example/cb",
    "https:app.example/cb",
    "",
]
S003_VARIANTS = [
    "https://app.example@evil.tld/cb",
    "https://app.example:x@evil.tld/cb",
    "https://evil.tld\\@app.example/cb",
    "https://evil.tld#@app.example/cb",
    "https://app.example.evil.tld/cb",
    "https://evilapp.example/cb",
    "https://appxexample/cb",
    "https://\u0430pp.example/cb",
    "https://xn--pp-7kc.example/cb",
    "https://app\u3002example/cb",
    "https://[::1]/cb",
    "https://2130706433/cb",
    "https://127.0.0.1/cb",
]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("presented", S002_VARIANTS)
def test_s002_only_the_registered_text_is_the_registered_address(presented: str, native: bool) -> None:
    assert not same_redirect(REGISTERED, presented, native=native)


def test_s002_the_registered_text_is() -> None:
    assert same_redirect(REGISTERED, REGISTERED, native=False)


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("presented", S003_VARIANTS)
def test_s003_host_tricks_match_nothing(presented: str, native: bool) -> None:
    assert not same_redirect(REGISTERED, presented, native=native)


def test_s003_a_dot_is_a_dot() -> None:
    assert not same_redirect("https://foo.example.com", "https://fooaexample.com", native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "https://a@evil.tld/cb",
        "https://a:b@evil.tld/cb",
        "https://evil.tld\\@app.example/cb",
        "https://\u0430pp.example/cb",
        "https://[::1]/cb",
        "https://2130706433/cb",
        "https://0x7f000001/cb",
        "https://0x7f.1/cb",
        "https://127.1/cb",
        "https://192.0.2.1/cb",
        "https://app.example./cb",
        "https://.example/cb",
        "https://app..example/cb",
        "https://-app.example/cb",
        "https://app_x.example/cb",
        "https:///cb",
        "https:app.example/cb",
        "https://",
        "https://app.example:/cb",
        "https://app.example:443/cb",
        "https://app.example:0/cb",
        "https://app.example:65536/cb",
        "https://app.example:x/cb",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "https://*.example/cb",
        "https://app.example/*/../cb",
        "https://app.example/cb/../x",
        "https://app.example/cb/..;/x",
        "https://app.example/cb/%2e%2E/x",
        "https://app.example/cb/.%2e;a=b/x",
        "https://app.example/cb%252f..",
        "https://app.example/cb%2f..%2fx",
        "https://app.example/cb%5c..%5cx",
        "https://app.example/cb%00",
        "https://app.example/cb%0d%0aX",
        "https://app.example/cb\u200b",
        "https://app.example/c b",
        "https://app.example/cb\n",
        'https://app.example/"cb',
        "https://app.example/<cb>",
        "https://app.example/{cb}",
        "app.example/cb",
        "/cb",
        "//app.example/cb",
        "",
        "https://app.example/" + "a" * 2000,
    ],
)
def test_s003_what_two_parsers_could_read_in_two_ways_cannot_be_registered(uri: str) -> None:
    assert redirect_uri_fault(uri) is not None
    assert redirect_uri_fault(uri, native=True) is not None


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "javascript://app.example/%0aalert(1)",
        "data:text/html,<script>",
        "data:text/html;base64,AAAA",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/1",
        "about:blank",
        "ftp://app.example/cb",
        "ws://app.example/cb",
        "mailto:a@b.example",
        "tel:+46701740605",
        "http://app.example/cb",
        "http://localhost.evil.tld/cb",
        "http://localhostevil.tld/cb",
        "http://127.0.0.1.evil.tld/cb",
        "http://127.0.0.2/cb",
        "http://0.0.0.0/cb",
        "http://[::]/cb",
        "http://localhost:80/cb",
        "http://localhost@evil.tld/cb",
    ],
)
def test_s004_dangerous_schemes_and_plain_http_cannot_be_registered(uri: str) -> None:
    assert redirect_uri_fault(uri) is not None
    assert redirect_uri_fault(uri, native=True) is not None


@pytest.mark.parametrize("uri", ["https://app.example/cb#", "https://app.example/cb#f", "http://localhost/#", "a.b:/#"])
def test_s005_a_fragment_cannot_be_registered(uri: str) -> None:
    assert redirect_uri_fault(uri, native=True) == "fragment"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_s006_native_loopback_addresses_take_any_port(host: str) -> None:
    registered = f"http://{host}/cb"
    assert redirect_uri_fault(registered, native=True) is None
    for port in ("", ":1", ":8080", ":49152", ":65535"):
        assert same_redirect(registered, f"http://{host}{port}/cb", native=True)
        assert same_redirect(f"http://{host}:3000/cb", f"http://{host}{port}/cb", native=True)
    for port in (":0", ":65536", ":99999", ":123456", ":", ":-1", ":80a", ":٣"):
        assert not same_redirect(registered, f"http://{host}{port}/cb", native=True)


@pytest.mark.parametrize(
    "presented",
    [
        "http://127.0.0.1:8080/cb/",
        "http://127.0.0.1:8080/CB",
        "http://127.0.0.1:8080/cb?x=1",
        "http://127.0.0.1:8080/cb#f",
        "http://127.0.0.1:8080/",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080@evil.tld/cb",
        "http://127.0.0.1@evil.tld/cb",
        "http://127.0.0.1.evil.tld/cb",
        "http://127.0.0.1:8080.evil.tld/cb",
        "http://127.0.0.2:8080/cb",
        "http://localhost:8080/cb",
        "http://[::1]:8080/cb",
        "https://127.0.0.1:8080/cb",
        "http://127.0.0.1:8080/cb\n",
        "http://127.0.0.1:8080/cb/../evil",
    ],
)
def test_s006_nothing_but_the_port_may_differ(presented: str) -> None:
    assert not same_redirect("http://127.0.0.1/cb", presented, native=True)


def test_s006_only_native_clients_and_only_loopback_ips_have_free_ports() -> None:
    assert not same_redirect("http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", native=False)
    assert not same_redirect("http://localhost/cb", "http://localhost:8080/cb", native=True)
    assert not same_redirect(REGISTERED, "https://app.example:8080/cb", native=True)


@pytest.mark.parametrize("uri", ["com.example.app:/cb", "com.example.app:/", "com.example-1.app:/cb?x=1"])
def test_s007_private_use_schemes_are_reverse_domains_of_native_clients(uri: str) -> None:
    assert redirect_uri_fault(uri, native=True) is None
    assert redirect_uri_fault(uri, native=False) == "scheme"


@pytest.mark.parametrize(
    "uri",
    [
        "myapp:/cb",
        "myapp://cb",
        "com.example.app:cb",
        "com.example.app://cb",
        "com.example.app:",
        "Com.Example.App:/cb",
        "com..app:/cb",
        ".com.app:/cb",
        "com.example.app:/cb/../x",
        "com.example.app:/cb#f",
        "1.example:/cb",
    ],
)
def test_s007_other_private_schemes_are_refused(uri: str) -> None:
    assert redirect_uri_fault(uri, native=True) is not None


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example",
        "https://app.example/",
        "https://app.example/cb",
        "https://app.example:8443/cb?tenant=1&x=a%20b",
        "https://a.b-c.d1.example/~user/cb;v=1",
        "https://xn--bcher-kva.example/cb",
        "http://localhost/cb",
        "http://localhost:8080/demo/callback",
        "http://127.0.0.1:3000/cb",
        "http://[::1]:3000/cb",
    ],
)
def test_usual_addresses_can_be_registered(uri: str) -> None:
    assert redirect_uri_fault(uri) is None
    assert same_redirect(uri, uri, native=False)


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_judged_without_an_error(text: str, native: bool) -> None:
    for uri in (text, f"https://{text}", f"https://app.example/{text}", f"http://127.0.0.1:{text}", f"{text}:/cb"):
        redirect_uri_fault(uri, native=native)
        assert same_redirect(REGISTERED, uri, native=native) == (uri == REGISTERED)


@given(st.text(max_size=40))
def test_what_can_be_registered_is_plain_text(text: str) -> None:
    uri = f"https://app.example/{text}"
    if redirect_uri_fault(uri, native=True) is None:
        assert uri.isascii() and uri.isprintable() and not set(uri) & set(' "<>\\^`{|}#')


def test_origins_and_hosts() -> None:
    assert origin_of("https://app.example:8443/cb?x=1") == "https://app.example:8443"
    assert origin_of("http://[::1]:3000/cb") == "http://[::1]:3000"
    assert origin_of("com.example.app:/cb") == "com.example.app:"
    assert host_of("https://app.example:8443/cb") == "app.example:8443"
    assert host_of("com.example.app:/cb") == "com.example.app"
    assert is_private_scheme("com.example.app:/cb") and not is_private_scheme("https://app.example")
    assert is_loopback_host("localhost") and is_loopback_host("id.localhost") and is_loopback_host("::1")
    assert not is_loopback_host("localhost.evil.tld") and not is_loopback_host("evil-localhost")
