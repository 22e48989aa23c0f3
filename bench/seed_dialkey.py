"""Fills a Dialkey database for the bench: a product with clients, subscriptions, and as many codes and tokens as asked for.

Rows are written through the product's own rules and stores; the shape of what is printed stands in `bench/run.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from dialkey.app import build, open_house
from dialkey.base.clock import DAY, SystemClock, after
from dialkey.base.entropy import SystemEntropy
from dialkey.base.ids import new_id
from dialkey.base.scopes import ScopeSet
from dialkey.directory.model import ClientKind, GrantType, NewClient
from dialkey.directory.registration import ClientRegistration
from dialkey.directory.rules import Directory
from dialkey.oauth.model import Fulfilled
from dialkey.settings import load
from dialkey.signin.model import ACR, AMR
from dialkey.storage import Statement, Writer

REDIRECT = "https://bench.example/cb"
SCOPES = {"plain": "phone offline_access", "openid": "openid phone offline_access"}
BATCH = 500

_SUBSCRIPTION = Statement(
    "bench.subscription",
    "INSERT INTO subscriptions (id, operator_id, status, phone_number, number_since, sandbox, created_at)"
    " VALUES (:id, :operator_id, 'active', :number, :now, 1, :now)",
)
_COUNT = Statement("bench.count", "SELECT count(*) AS n FROM subscriptions")


async def world(directory: Directory, kept: Path | None = None) -> dict[str, Any]:
    """The operator, the product and its client, made once. A secret is shown once: `kept` is the file that remembers."""
    if kept is not None and kept.exists():
        known = json.loads(kept.read_text())
        return {**known, "client": NewClient(**known["client"])}
    actor = "cli:bench"
    operator = await directory.find_operator_by_slug("bench")
    if operator is None:
        await directory.put_scopes(actor=actor)
        await directory.create_operator(
            actor=actor, slug="bench", name="Bench", country="GB", locale="en", accent="#123456", sms_sender="Bench"
        )
        operator = await directory.find_operator_by_slug("bench")
    assert operator is not None
    organization = await directory.find_organization("Bench Ltd") or await directory.create_organization(
        actor=actor, name="Bench Ltd"
    )
    product = await directory.find_product(organization, "Bench")
    if product is None:
        product = await directory.create_product(actor=actor, organization_id=organization, name="Bench")
        await directory.set_product_scopes(
            actor=actor,
            product_id=product,
            required=ScopeSet(["openid", "phone", "offline_access"]),
            optional=ScopeSet(["voicemail.get"]),
        )
        await directory.list_product(actor=actor, product_id=product, operator_id=operator.id)
        await directory.enable_product(actor=actor, product_id=product, operator_id=operator.id)
    client = await directory.create_client(
        actor=actor,
        product_id=product,
        registration=ClientRegistration(
            description="bench", kind=ClientKind.WEB, redirect_uris=(REDIRECT,), grant_types=frozenset(GrantType)
        ),
    )
    if kept is not None:
        values = {"client_id": client.client_id, "client_secret": client.client_secret}
        kept.write_text(json.dumps({"operator": operator.id, "product": product, "client": values}))
    return {"operator": operator.id, "product": product, "client": client}


async def main(chosen: argparse.Namespace) -> None:
    settings = load(Path(chosen.config))
    clock, entropy = SystemClock(), SystemEntropy()
    storage, keyring = await open_house(settings, clock, entropy)
    built = build(settings, storage, keyring, clock, entropy)
    await built.house.signing.load()
    seeded = await world(Directory(storage, clock, entropy, keyring), Path(chosen.config).with_suffix(".client.json"))
    client = await built.house.directory.find_client(seeded["client"].client_id)
    assert client is not None
    first = (await storage.read.one(_COUNT)).n
    made = 0

    async def grants(count: int, scope: str) -> list[str]:
        """Authorizations of as many subscriptions, fulfilled now."""
        nonlocal made
        ids: list[str] = []
        while len(ids) < count:
            amount = min(BATCH, count - len(ids))
            base = first + made
            made += amount

            async def unit(writer: Writer, base: int = base, amount: int = amount) -> list[str]:
                done = []
                now = clock.now()
                for n in range(base, base + amount):
                    subscription = new_id(entropy)
                    await writer.run(
                        _SUBSCRIPTION,
                        id=subscription,
                        operator_id=seeded["operator"],
                        number=f"+4477{n:09d}",
                        now=now,
                    )
                    done.append(await fulfil(writer, subscription, scope))
                return done

            ids += await storage.write(unit)
        return ids

    async def fulfil(writer: Writer, subscription: str, scope: str) -> str:
        now = clock.now()
        authorization = Fulfilled(
            id=new_id(entropy),
            client_id=client.id,
            product_id=client.product.id,
            subscription_id=subscription,
            operator_id=seeded["operator"],
            session_id=new_id(entropy),
            redirect_uri=REDIRECT,
            redirect_uri_sent=True,
            code_challenge="",
            scope=ScopeSet(scope.split()),
            refreshable=True,
            nonce=None,
            auth_time=now,
            amr=AMR,
            acr=ACR,
            requested_at=now,
            fulfilled_at=now,
            code_expires_at=after(now, 60_000),
        )
        await built.house.authorizations.fulfil(writer, authorization)
        return authorization.id

    async def tokens(count: int, scope: str) -> list[tuple[str, str]]:
        """(access token, refresh token) of as many grants."""
        done = []
        for grant_id in await grants(count, scope):
            now = clock.now()
            grant = await built.house.authorizations.exchange(
                grant_id,
                client_id=client.id,
                code_challenge="",
                redirect_uri=REDIRECT,
                now=now,
                access_expires_at=after(now, 3_600_000),
                idle_expires_at=after(now, DAY),
                expires_at=after(now, DAY),
            )
            assert grant is not None
            minted = built.house.tokens
            access = minted.access_token(client, grant, grant.scope)
            done.append((access, minted.refresh_token(grant.id, grant.generation)))
        return done

    credentials = {"client_id": client.id, "client_secret": seeded["client"].client_secret}
    answer: dict[str, Any] = {"service": {**credentials, "scope": "voicemail.get"}, "access_tokens": []}
    for kind in chosen.kind or ["plain", "openid"]:
        codes = [{"code": built.house.tokens.code(i)} for i in await grants(chosen.codes, SCOPES[kind])]
        refresh = [token for _, token in await tokens(chosen.refresh_tokens, SCOPES[kind])]
        answer[kind] = {**credentials, "redirect_uri": REDIRECT, "codes": codes, "refresh_tokens": refresh}
    answer["access_tokens"] = [token for token, _ in await tokens(chosen.access_tokens, SCOPES["openid"])]
    print(json.dumps(answer))
    await storage.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True)
    parser.add_argument("--codes", type=int, default=0)
    parser.add_argument("--access-tokens", type=int, default=0)
    parser.add_argument("--refresh-tokens", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=sorted(SCOPES))
    asyncio.run(main(parser.parse_args()))
