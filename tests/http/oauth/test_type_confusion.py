"""Every opaque value in every place where another one belongs."""

from __future__ import annotations

import itertools
import re
from typing import Any
from urllib.parse import unquote

import pytest

from support.site import Registered, Site, Visitor, exchange, introspect, refresh, userinfo
from support.world import ANNA, BO

OPENID = "openid phone offline_access"
KINDS = (
    "code", "refresh token", "access token", "JWT access token", "ID token", "sign-in id", "sign-in ticket",
    "consent ticket", "session cookie", "browser cookie", "client secret", "request_uri", "session reference",
)  # fmt: skip
PLACES = (
    "code", "refresh_token", "request_uri", "access_token", "id_token_hint", "client_secret", "sign-in id",
    "sign-in ticket", "consent ticket", "session cookie", "client_assertion",
)  # fmt: skip
BELONGS = {
    ("code", "code"), ("refresh token", "refresh_token"), ("access token", "access_token"),
    ("JWT access token", "access_token"), ("ID token", "id_token_hint"), ("client secret", "client_secret"),
    ("sign-in id", "sign-in id"), ("sign-in ticket", "sign-in ticket"), ("consent ticket", "consent ticket"),
    ("session cookie", "session cookie"),
}  # fmt: skip


async def values_of(site: Site, visitor: Visitor) -> dict[str, str]:
    """One living value of every kind, all of one subscriber and her browser where they are somebody's."""
    web = site.world.web
    made: dict[str, str] = {}
    await visitor.start(web, scope=OPENID)
    made["sign-in ticket"] = _ticket(visitor.read.form("/signin").fields)
    await visitor.type_number(ANNA)
    made["sign-in id"] = re.search(r"/signin/([A-Za-z0-9_-]+)/pin", visitor.page.text)[1]  # type: ignore
    await visitor.type_pin(await site.pin(ANNA))
    made["consent ticket"] = visitor.read.form("/oauth2/auth/consent").fields["ticket"]
    await visitor.add_product()
    site.clock.advance(seconds=1)
    cookies = {cookie.name: cookie.value or "" for cookie in visitor.http.cookies.jar}
    [made["session cookie"]] = [value for name, value in cookies.items() if "session" in name]
    [made["browser cookie"], *_] = [value for name, value in cookies.items() if "session" not in name]

    async def code(client: Registered) -> str:
        back = await visitor.start(client, scope=OPENID)
        return back.headers["location"].partition("code=")[2].partition("&")[0]

    tokens = (await exchange(site, web, await code(web))).json()
    made["access token"], made["refresh token"] = tokens["access_token"], tokens["refresh_token"]
    made["ID token"] = tokens["id_token"]
    made["JWT access token"] = (await exchange(site, site.world.jwt, await code(site.world.jwt))).json()["access_token"]
    made["session reference"] = (await userinfo(site, tokens["access_token"])).json()["sid"]
    made["client secret"] = web.client_secret
    made["request_uri"] = f"urn:ietf:params:oauth:request_uri:{made['sign-in id']}"
    made["code"] = await code(web)
    return {name: unquote(value) for name, value in made.items()}


def _ticket(fields: dict[str, str]) -> str:
    return next(value for name, value in fields.items() if len(value) > 40)


async def present(site: Site, owner: Visitor, value: str, place: str) -> bool:
    """Whether the value opens anything there. Pages are posted by the browser that they were made for."""
    web = site.world.web
    visitor = site.visitor()
    match place:
        case "code":
            return (await exchange(site, web, value)).status_code == 200
        case "refresh_token":
            return (await refresh(site, web, value)).status_code == 200
        case "access_token":
            return (await userinfo(site, value)).status_code == 200
        case "request_uri":
            back = await visitor.start(web, request_uri=value)
            return "error=" not in back.headers.get("location", "") and back.status_code != 400
        case "id_token_hint":
            back = await visitor.start(web, id_token_hint=value)
            return "error=" not in back.headers.get("location", "") and back.status_code != 400
        case "client_secret":
            async with site.http() as http:
                answer = await http.post(
                    "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(web.client_id, value)
                )
            return answer.status_code == 200
        case "client_assertion":
            kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            data = {"grant_type": "client_credentials", "client_assertion_type": kind, "client_assertion": value}
            async with site.http() as http:
                return (await http.post("/oauth2/token", data=data)).status_code == 200
        case "session cookie":
            [name] = [name for name in await _cookie_names(site) if "session" in name]
            visitor.http.cookies.set(name, value, domain="id.localhost", path="/")
            back = await visitor.start(web, scope=OPENID, prompt="none")
            return "code=" in back.headers.get("location", "")
        case "sign-in ticket":
            await owner.start(web, prompt="login")
            form = owner.read.form("/signin")
            name = next(name for name, text in form.fields.items() if len(text) > 40)
            answer = await owner.post("/signin", {**form.fields, name: value, "number": BO})
            return answer.status_code == 200 and "/pin" in answer.text
        case "consent ticket":
            answer = await owner.post("/oauth2/auth/consent", {"ticket": value, "decision": "cancel"})
            return answer.status_code == 303
        case "sign-in id":
            if re.fullmatch(r"[A-Za-z0-9._~:-]+", value) is None:
                return False
            answer = await owner.post(f"/signin/{value}/resend", {})
            return answer.status_code == 200 and "/pin" in answer.text
    raise AssertionError(place)


_NAMES: list[str] = []


async def _cookie_names(site: Site) -> list[str]:
    if not _NAMES:
        visitor = site.visitor()
        await visitor.complete(site.world.other, BO)
        _NAMES.extend(cookie.name for cookie in visitor.http.cookies.jar)
    return _NAMES


PROVEN_HERE = {
    "code", "refresh_token", "access_token", "id_token_hint", "client_secret", "session cookie", "sign-in ticket",
    "consent ticket",
}  # fmt: skip


async def test_s043_every_value_opens_only_where_it_belongs(site: Site) -> None:
    owner = site.visitor()
    values = await values_of(site, owner)
    assert values.keys() == set(KINDS)
    for kind, place in itertools.product(KINDS, PLACES):
        if (kind, place) in BELONGS:
            continue
        assert not await present(site, owner, values[kind], place), f"a {kind} as {place}"
    for kind, place in BELONGS:
        if place in PROVEN_HERE:
            assert await present(site, owner, values[kind], place), f"a {kind} as {place} still opens"


@pytest.mark.parametrize("kind", ["code", "refresh token", "access token", "ID token", "client secret"])
async def test_s043_changing_the_prefix_changes_nothing(site: Site, kind: str) -> None:
    owner = site.visitor()
    value = (await values_of(site, owner))[kind]
    bare = re.sub(r"^dk_[a-z]{2}_", "", value)
    for prefix in ("dk_ac_", "dk_rt_", "dk_at_", "dk_cs_", "dk_xx_", "", "DK_AT_", "dk_at_dk_at_"):
        text = prefix + bare
        if text == value:
            continue
        for place in ("code", "refresh_token", "access_token", "client_secret", "session cookie"):
            assert not await present(site, owner, text, place), f"a {kind} as {prefix}… at {place}"
        assert await introspect(site, site.world.resource, text) == {"active": False}


async def test_s043_kinds_are_told_apart_by_their_prefix(site: Site) -> None:
    values = await values_of(site, site.visitor())
    prefixes: dict[str, Any] = {
        kind: values[kind][:6] for kind in ("code", "refresh token", "access token", "client secret")
    }
    assert len(set(prefixes.values())) == 4
    assert all(re.fullmatch(r"dk_[a-z]{2}_", prefix) for prefix in prefixes.values())
