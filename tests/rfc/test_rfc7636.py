"""RFC 7636: PKCE, S256 only."""

from __future__ import annotations

import base64

import httpx
import pytest

from support.site import Registered, Site, callback, challenge_of, exchange
from support.world import ANNA

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
S256 = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


async def refused_at_authorize(site: Site, client: Registered, **parameters: str) -> None:
    back = callback(await site.visitor().start(client, **parameters))
    assert back["error"] == "invalid_request", back
    assert back["state"] == "this-is-a-key-set-by-the-caller"
    assert "code" not in back


async def code_of(site: Site, client: Registered, **parameters: str) -> str:
    return (await site.visitor().complete(client, ANNA, **parameters))["code"]


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("name", ["spa", "native", "pkce"])
async def test_s040_challenge_is_required_of_public_clients_and_where_the_client_says_so(site: Site, name: str) -> None:
    client = getattr(site.world, name)
    await refused_at_authorize(site, client)
    await refused_at_authorize(site, client, code_challenge="")
    await refused_at_authorize(site, client, code_challenge_method="S256")
    code = await code_of(site, client, **S256)
    assert (await exchange(site, client, code, code_verifier=VERIFIER)).status_code == 200


METHODS = ["plain", "", "s256", "S512", "none", "S256 plain"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["web", "spa"])
async def test_s040_only_s256(site: Site, name: str, method: str) -> None:
    client = getattr(site.world, name)
    await refused_at_authorize(site, client, code_challenge=CHALLENGE, code_challenge_method=method)


CHALLENGES = {
    "42 characters": CHALLENGE[:-1],
    "44 characters": CHALLENGE + "A",
    "128 characters": "a" * 128,
    "padded": CHALLENGE + "=",
    "plus": "+" + CHALLENGE[1:],
    "slash": "/" + CHALLENGE[1:],
    "dot": "." + CHALLENGE[1:],
    "space": " " + CHALLENGE[1:],
    "line end": CHALLENGE + "\n",
    "letters beyond ASCII": "é" + CHALLENGE[1:],
    "wide digits": "１" + CHALLENGE[1:],
}


@pytest.mark.parametrize("challenge", CHALLENGES.values(), ids=CHALLENGES.keys())
async def test_s040_challenge_has_43_base64url_characters(site: Site, challenge: str) -> None:
    await refused_at_authorize(site, site.world.web, code_challenge=challenge, code_challenge_method="S256")


@pytest.mark.parametrize(
    "verifier",
    ["a" * 42, "a" * 129, "a" * 42 + " ", "a" * 42 + "+", "a" * 42 + "/", "a" * 42 + "=", "a" * 43 + "\n",
     "a" * 42 + "é", "１" * 43, "a" * 5000],
    ids=["42", "129", "space", "plus", "slash", "equals", "line end", "accent", "wide digits", "5000"],
)  # fmt: skip
async def test_s040_verifier_has_43_to_128_unreserved_characters(site: Site, verifier: str) -> None:
    """Its own challenge is sent, so that nothing but the form is wrong."""
    client = site.world.spa
    code = await code_of(site, client, code_challenge=challenge_of(verifier), code_challenge_method="S256")
    refused(await exchange(site, client, code, code_verifier=verifier))


@pytest.mark.parametrize("verifier", ["a" * 43, "Z" * 128, "-._~" * 11])
async def test_s040_verifiers_at_the_bounds_are_taken(site: Site, verifier: str) -> None:
    client = site.world.spa
    code = await code_of(site, client, code_challenge=challenge_of(verifier), code_challenge_method="S256")
    assert (await exchange(site, client, code, code_verifier=verifier)).status_code == 200


@pytest.mark.parametrize("verifier", [VERIFIER, "a" * 43, challenge_of("")])
async def test_s041_verifier_without_challenge_is_refused(any_site: Site, verifier: str) -> None:
    client = any_site.world.web
    code = await code_of(any_site, client)
    refused(await exchange(any_site, client, code, code_verifier=verifier))
    assert (await exchange(any_site, client, code)).status_code == 200, "the honest exchange still works"


VERIFIERS = {
    "none": None,
    "empty": "",
    "another": "b" * 43,
    "the challenge": CHALLENGE,
    "the challenge's bytes in hexadecimal": base64.urlsafe_b64decode(CHALLENGE + "=").hex(),
    "other capitals": VERIFIER.swapcase(),
    "cut short": VERIFIER[:-1],
    "with more": VERIFIER + "A",
    "with a space": VERIFIER + " ",
}


@pytest.mark.parametrize("name", ["web", "pkce", "spa"])
@pytest.mark.parametrize("verifier", VERIFIERS.values(), ids=VERIFIERS.keys())
async def test_s042_whoever_starts_with_a_challenge_ends_with_its_verifier(
    any_site: Site, verifier: str | None, name: str
) -> None:
    client = getattr(any_site.world, name)
    code = await code_of(any_site, client, **S256)
    fields = {} if verifier is None else {"code_verifier": verifier}
    refused(await exchange(any_site, client, code, **fields))
    assert (await exchange(any_site, client, code, code_verifier=VERIFIER)).status_code == 200, "nothing was spent"


async def test_s042_verifiers_are_not_exchanged_between_codes(site: Site) -> None:
    client, other = site.world.spa, "c" * 43
    visitor = site.visitor()
    first = (await visitor.complete(client, ANNA, **S256))["code"]
    second = callback(
        await visitor.start(client, code_challenge=challenge_of(other), code_challenge_method="S256")
    )["code"]
    refused(await exchange(site, client, first, code_verifier=other))
    refused(await exchange(site, client, second, code_verifier=VERIFIER))
    assert (await exchange(site, client, first, code_verifier=VERIFIER)).status_code == 200
    assert (await exchange(site, client, second, code_verifier=other)).status_code == 200
