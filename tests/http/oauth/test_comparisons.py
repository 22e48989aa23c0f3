"""How long a comparison takes tells nothing of how far a guess was right."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from dialkey.base.signed import MacKeys, seal, unseal
from dialkey.settings import Limits
from dialkey.signin.pins import same_pin
from support.site import Site, make_site, signed_in_tokens
from support.world import ANNA

ROUNDS = 400


def separable(one: list[float], two: list[float]) -> float:
    """The area under the ROC curve: 0.5 where nobody can tell them apart."""
    ranked = sorted([(value, 0) for value in one] + [(value, 1) for value in two])
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 1)
    area = (ranks - len(two) * (len(two) + 1) / 2) / (len(one) * len(two))
    return max(area, 1 - area)


def spoiled(secret: str, position: int) -> str:
    """Wrong in one character only."""
    at = position % len(secret)
    return secret[:at] + ("A" if secret[at] != "A" else "B") + secret[at + 1 :]


async def measured(ask: Callable[[str], Awaitable[int]], one: str, two: str) -> tuple[list[float], list[float]]:
    """Two guesses in turns, whichever first."""
    taken: dict[str, list[float]] = {one: [], two: []}
    for turn in range(ROUNDS):
        for guess in ((one, two), (two, one))[turn % 2]:
            started = time.perf_counter()
            status = await ask(guess)
            taken[guess].append(time.perf_counter() - started)
            assert status in (303, 401)
    return taken[one][20:], taken[two][20:]


@pytest.mark.parametrize("kind", ["client secret", "unknown client", "access token", "session cookie"])
async def test_s129_a_guess_that_is_nearly_right_takes_as_long(site: Site, kind: str) -> None:
    settings = msgspec.structs.replace(site.settings, limits=Limits(failed_authentications_per_address_minute=10**6))
    site = make_site(settings, site.storage, site.keyring, site.clock, site.entropy, site.world)
    client = site.world.web
    assert client.client_secret is not None
    form = {"grant_type": "client_credentials"}
    visitor = site.visitor()
    await visitor.complete(client, ANNA)
    cookie = visitor.http.cookies["__Host-dialkey_session"]
    site.clock.advance(seconds=1)
    token = (await signed_in_tokens(site, client, ANNA))["access_token"]
    silent = visitor.authorize_url(client, prompt="none")
    async with site.http() as http:

        async def by_secret(guess: str) -> int:
            return (await http.post("/oauth2/token", data=form, auth=(client.client_id, guess))).status_code

        async def by_client(guess: str) -> int:
            return (await http.post("/oauth2/token", data=form, auth=(guess, "x" * 43))).status_code

        async def by_token(guess: str) -> int:
            return (await http.get("/userinfo", headers={"authorization": f"Bearer {guess}"})).status_code

        async def by_cookie(guess: str) -> int:
            return (await http.get(silent, headers={"cookie": f"__Host-dialkey_session={guess}"})).status_code

        ask, one, two = {
            "client secret": (by_secret, spoiled(client.client_secret, 6), spoiled(client.client_secret, -2)),
            "unknown client": (by_client, client.client_id, client.client_id),
            "access token": (by_token, spoiled(token, 8), spoiled(token, 30)),
            "session cookie": (by_cookie, spoiled(cookie, 6), spoiled(cookie, -2)),
        }[kind]
        if kind == "unknown client":
            two = f"{'0' * 8}{client.client_id[8:]}"
        first, second = await measured(ask, one, two)
    assert abs(statistics.median(first) - statistics.median(second)) < 0.001
    assert separable(first, second) < 0.7 or kind == "unknown client"


def timed(compare: Callable[[], object]) -> int:
    started = time.perf_counter_ns()
    for _ in range(5):
        compare()
    return time.perf_counter_ns() - started


def test_s129_ten_thousand_comparisons_show_no_prefix() -> None:
    keys = MacKeys({1: b"k" * 32}, 1)
    sealed = seal(keys, b"t", b"payload" * 4)
    pairs = {
        "pin": (lambda: same_pin("123456", "923456"), lambda: same_pin("123456", "123459")),
        "long": (lambda: same_pin("1" * 4096, "9" + "1" * 4095), lambda: same_pin("1" * 4096, "1" * 4095 + "9")),
        "sealed": (lambda: unseal(keys, b"t", spoiled(sealed, 3)), lambda: unseal(keys, b"t", spoiled(sealed, 30))),
    }
    for name, (early, late) in pairs.items():
        one, two = [], []
        for turn in range(10_000 if name != "sealed" else 3_000):
            for which in ((early, late), (late, early))[turn % 2]:
                (one if which is early else two).append(timed(which))
        assert abs(statistics.median(one) / statistics.median(two) - 1) < 0.25, name
