"""Addresses that we may be sent to."""

from __future__ import annotations

import pytest

from dialkey.web.outbound import is_public_address, outbound_url_fault


@pytest.mark.parametrize(
    "url",
    ["https://a.example/hook", "https://a.example", "https://hooks.a.example:8443/x?y=1", "https://xn--p1ai.example/"],
)
def test_public_names_are_taken(url: str) -> None:
    assert outbound_url_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/", "ftp://a.example/", "HTTPS://a.example/", "//a.example/", "javascript:alert(1)", "",
        "https://localhost/", "https://localhost:8443/", "https://app.localhost/", "https://127.0.0.1/",
        "https://10.0.0.8/", "https://169.254.169.254/latest/meta-data/", "https://192.168.1.1/", "https://0.0.0.0/",
        "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/", "https://8.8.8.8/", "https://router/", "https://nas.local/",
        "https://db.internal/", "https://a.lan/", "https://x.home.arpa/", "https://user:pass@a.example/",
        "https://a.example@evil.example/", "https://a.example:22/", "https://a.example:0/", "https://a.example:443/",
        "https://a.example/#x", "https://a.example/a b", "https://a.example\\@b.example/", "https://a.example/%2e%2e/x",
        "https://ａ.example/", "https://a.example./", "https://a..example/", "https://a.example/" + "x" * 3000,
        "https://127.0.0.1.", "https://a.example\r\nX: y/",
    ],
)  # fmt: skip
def test_s020_everything_else_is_refused(url: str) -> None:
    assert outbound_url_fault(url) is not None


def test_an_installation_on_this_machine_may_call_this_machine() -> None:
    assert outbound_url_fault("http://localhost:9000/hook", local=True) is None
    assert outbound_url_fault("http://127.0.0.1:9000/hook", local=True) is None
    for url in ("http://a.example/", "http://10.0.0.8/", "https://10.0.0.8/", "http://localhost.evil.example/"):
        assert outbound_url_fault(url, local=True) is not None


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "255.255.255.255", "224.0.0.1", "198.18.0.1", "::1", "::", "fd00::1", "fe80::1", "fe80::1%eth0", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2001:0:7f00:1::1", "2001:db8::1", "localhost", "", "1", "8.8.8.8/32",
    ],
)  # fmt: skip
def test_s020_inner_addresses(address: str) -> None:
    assert not is_public_address(address)
