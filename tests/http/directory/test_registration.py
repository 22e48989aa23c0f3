"""What may be registered: addresses and names that nobody can be deceived by."""

from __future__ import annotations

import pytest

from dialkey.web.errors import Refusal
from support.relying_party import CALLBACK, NATIVE, register
from support.site import Site
from support.world import ACTOR

ADDRESSES = [
    "javascript:alert(1)", "JAVASCRIPT:alert(1)", "javascript://x.example/%0aalert(1)", "data:text/html,x", "vbscript:x",
    "file:///etc/passwd", "blob:https://app.example/x", "about:blank", "ftp://app.example/cb", "ws://app.example/cb",
    "mailto:a@app.example", "intent://x#Intent;end", "http://app.example/cb", "http://10.0.0.1/cb", "http://127.0.0.2/cb",
    "http://127.0.0.1.evil.tld/cb", "http://localhost.evil.tld/cb", "http://0x7f000001/cb", "http://2130706433/cb",
    "http://[::2]/cb", "http://[::ffff:127.0.0.1]/cb", "//app.example/cb", "/cb", "app.example/cb", "https:/cb", "https:cb",
    "https://", "https:///cb", "https://user@app.example/cb", "https://app.example@evil.tld/cb", "https://:443/cb",
    "https://app.example:443/cb", "https://app.example:/cb", "https://app.example:0/cb", "https://app.example:70000/cb",
    "https://app.example./cb", "https://APP.example/cb", "HTTPS://app.example/cb", "https://\u0430pp.example/cb",
    "https://app.example\\@evil.tld/cb", "https://app.example/c b", "https://app.example/cb\t", "https://app.example/cb\n",
    "https://app.example/cb\x00", "https://app.example/a/../cb", "https://app.example/a/%2e%2e/cb",
    "https://app.example/a/..;/cb", "https://app.example/./cb", "https://app.example/%252e", "https://app.example/%00",
    "https://*.app.example/cb", "https://*/cb", "https://app.example/<x>", "https://127.0.0.1/cb", "https://2130706433/cb",
    "https://0x7f.0.0.1/cb", "https://0x7f000001/cb", "https://app.0x7f/cb", "https://0177.0.0.1/cb", "https://[::1]/cb",
    "https://[fd00::1]/cb", "https://-app.example/cb", "https://app..example/cb", "", " ", "x" * 3000,
    "https://app.example/" + "x" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("uri", ADDRESSES, ids=lambda uri: repr(uri)[:50])
@pytest.mark.parametrize("field", ["redirect_uris", "post_logout_redirect_uris", "post_revoke_redirect_uris"])
async def test_s004_addresses_that_may_not_be_registered(site: Site, uri: str, field: str) -> None:
    uris = {"redirect_uris": (CALLBACK, uri)} if field == "redirect_uris" else {field: (uri,)}
    with pytest.raises(Refusal) as refusal:
        await register(site, *uris.pop("redirect_uris", ()), **uris)
    assert (refusal.value.status, refusal.value.code) == (422, "redirect_uri")


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "http://app.example/cb", "https://app.example/cb#", "https://app.example/cb#f"])
async def test_s004_nor_may_a_client_be_changed_to_them(site: Site, uri: str) -> None:
    client = site.world.web
    with pytest.raises(Refusal):
        await site.directory.set_client_uris(actor=ACTOR, client_id=client.client_id, redirect_uris=(uri,))


@pytest.mark.parametrize("uri", ["javascript:alert(1)", "data:text/html,x", "file:///x", "blob:x", "about:blank", "http://app.example/cb"])
async def test_s004_nor_may_a_native_client_have_them(site: Site, uri: str) -> None:
    with pytest.raises(Refusal):
        await register(site, uri, **NATIVE)


@pytest.mark.parametrize(
    "uri", ["https://app.example/cb", "https://app.example", "https://app.example:8443/cb?x=1", "https://xn--pp-8ja.example/",
            "http://localhost:8080/cb", "http://127.0.0.1:3000/cb", "http://[::1]/cb"],
)  # fmt: skip
async def test_s004_what_may_be_registered(site: Site, uri: str) -> None:
    assert (await register(site, uri)).client_id


@pytest.mark.parametrize("uri", ["https://app.example/cb#", "https://app.example/cb#f", "https://app.example/#/cb", "https://app.example#",
                                 "http://localhost/cb#", "https://app.example/cb?x=1#"])  # fmt: skip
@pytest.mark.parametrize("native", [False, True])
async def test_s005_a_fragment_is_refused_at_registration(site: Site, uri: str, native: bool) -> None:
    with pytest.raises(Refusal) as refusal:
        await register(site, uri, **(NATIVE if native else {}))
    assert (refusal.value.data["field"], refusal.value.data["fault"]) == ("redirect_uris", "fragment")


NAMES = {
    **{f"u{code:04x}": f"Voice{chr(code)}Box" for code in [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]},
    **{f"u{code:04x}": f"Voice{chr(code)}Box" for code in (0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0xAD)},
    "blank-letter": "Voice\u3164Box",
    "tag": "Voice\U000e0041Box",
    "newline": "Voice\nBox",
    "nul": "Voice\x00Box",
    "line-separator": "Voice\u2028Box",
    "no-break-space": "Voice\u00a0Box",
    "leading-space": " VoiceBox",
    "two-spaces": "Voice  Box",
    "zalgo": "V\u0301\u0302\u0303\u0304oice",
    "mixed": "V\u043eiceBox",
    "greek": "V\u03bficeBox",
    "looks-latin": "\u0421\u0430\u0440\u0435",
    "looks-latin-greek": "\u039d\u039f\u039a\u0399\u0391",
    "looks-latin-words": "\u0421\u043e\u0440\u0430 Bank",
    "cherokee": "\u13a2\u13ac\u13de",
    "wide": "\uff36oice",
    "mathematical": "\U0001d415oice",
    "empty": "",
    "long": "x" * 81,
}


@pytest.mark.parametrize("name", NAMES)
async def test_s025_names_that_deceive_are_refused_at_registration(site: Site, name: str) -> None:
    text, directory = NAMES[name], site.directory
    with pytest.raises(Refusal):
        await directory.create_product(actor=ACTOR, organization_id=site.world.organization, name=text, subtitle="Fine")
    with pytest.raises(Refusal):
        await directory.create_organization(actor=ACTOR, name=text)


@pytest.mark.parametrize("name", ["u202e", "u2066", "u200b", "blank-letter", "newline"])
async def test_s025_so_are_sentences(site: Site, name: str) -> None:
    with pytest.raises(Refusal):
        await site.directory.create_product(
            actor=ACTOR, organization_id=site.world.organization, name="VoiceBox", subtitle=NAMES[name]
        )
    with pytest.raises(Refusal):
        await register(site, CALLBACK, description=NAMES[name])


@pytest.mark.parametrize(
    "name", ["VoiceBox", "R\u00f6stbrevl\u00e5da 2", "Telef\u00f3nica M\u00f3viles", "Ростелеком", "Ελληνικός ΟΤΕ", "音声", "AT&T <b>", "O'Neil"]
)
async def test_s025_honest_names_are_not(site: Site, name: str) -> None:
    assert await site.directory.create_organization(actor=ACTOR, name=name)
