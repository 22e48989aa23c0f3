"""Secrets and keys of clients."""

from __future__ import annotations

from dialkey.api.client_shapes import (
    JwkSet,
    Rotation,
    Secret,
    SecretChange,
    SecretList,
    SecretMade,
    SecretNew,
    keys_text,
    secret_shape,
    stored_keys,
)
from dialkey.api.clients import SECRET
from dialkey.api.house import ApiHouse
from dialkey.api.operations import BASE, Answer, Call, Operation
from dialkey.api.shapes import Confirm, created, instant_or_none, listed, time, time_or_none
from dialkey.developers.access import Role
from dialkey.developers.clients import ClientPatch
from dialkey.developers.jwks import FAULTS as KEY_FAULTS
from dialkey.directory.model import AuthMethod, NewClient
from dialkey.web.errors import Refusal

TAG = "Client secrets and keys"
_ID = "0d5c7c1e-52e1-4a0e-8a1c-9ec1a1a2f7de"


async def list_secrets(house: ApiHouse, call: Call) -> Answer:
    found = await house.clients.list_secrets(call.actor, call.path["client_id"])
    return listed(SecretList(data=tuple(map(secret_shape, found))))


async def add_secret(house: ApiHouse, call: Call) -> NewClient:
    return await house.clients.add_secret(
        call.actor, call.path["client_id"], expires_at=instant_or_none(call.body.expires_at)
    )


async def rotate_secret(house: ApiHouse, call: Call) -> NewClient:
    return await house.clients.rotate_secret(
        call.actor,
        call.path["client_id"],
        grace=call.body.grace,
        expires_at=instant_or_none(call.body.expires_at),
    )


async def show_secret(house: ApiHouse, call: Call, made: NewClient) -> Answer:
    client_id, secret, secret_id = made.client_id, made.client_secret or "", made.secret_id or ""
    body = SecretMade(
        id=secret_id,
        client_id=client_id,
        client_secret=secret,
        hint=secret[-4:],
        created_at=time(house.office.clock.now()),
        expires_at=time_or_none(instant_or_none(call.body.expires_at)),
    )
    return created(f"{BASE}/clients/{client_id}/secrets/{secret_id}", body)


async def get_secret(house: ApiHouse, call: Call) -> Answer:
    for found in await house.clients.list_secrets(call.actor, call.path["client_id"]):
        if found.id == call.path["secret_id"]:
            return Answer(body=secret_shape(found))
    raise Refusal(404, "no_such_secret")


async def change_secret(house: ApiHouse, call: Call) -> Answer:
    await house.clients.set_secret_expiry(
        call.actor, call.path["client_id"], call.path["secret_id"], instant_or_none(call.body.expires_at)
    )
    return Answer()


async def revoke_secret(house: ApiHouse, call: Call) -> Answer:
    await house.clients.revoke_secret(
        call.actor, call.path["client_id"], call.path["secret_id"], confirmed=call.query.confirm
    )
    return Answer()


async def get_keys(house: ApiHouse, call: Call) -> Answer:
    return Answer(body=await _keys(house, call))


async def _keys(house: ApiHouse, call: Call) -> JwkSet:
    found = await house.clients.get(call.actor, call.path["client_id"])
    keys = stored_keys(found.jwks)
    if keys is None:
        raise Refusal(409, "no_keys")
    return keys


async def set_keys(house: ApiHouse, call: Call) -> Answer:
    text = keys_text(call.body)
    found = await house.clients.update(
        call.actor, call.path["client_id"], ClientPatch(auth_method=AuthMethod.PRIVATE_KEY_JWT, jwks=text)
    )
    keys = stored_keys(found.jwks)
    assert keys is not None
    return Answer(body=keys)


_NEW_SECRET = SecretMade(
    id=SECRET.id,
    client_id=_ID,
    client_secret="dk_cs_…",
    hint="4f2A",
    created_at=SECRET.created_at,
    expires_at=None,
)
_KEYS = JwkSet(
    keys=(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "kid": "2026",
        },
    )
)
_EDIT = ("no_such_client", "organization_closing")

OPERATIONS = (
    Operation(
        method="GET",
        path="/clients/{client_id}/secrets",
        name="list_client_secrets",
        tag=TAG,
        summary="Live secrets of a client",
        description="Without the secrets: those are shown once.",
        scope="clients:read",
        role=Role.VIEWER,
        handler=list_secrets,
        gives=SecretList,
        refuses=("no_such_client",),
        given=SecretList(data=(SECRET,)),
    ),
    Operation(
        method="POST",
        path="/clients/{client_id}/secrets",
        name="add_client_secret",
        tag=TAG,
        summary="Add a second secret",
        description="Both work until one of them is revoked or ends.",
        scope="secrets:write",
        role=Role.DEVELOPER,
        handler=add_secret,
        show=show_secret,
        takes=SecretNew,
        optional=True,
        gives=SecretMade,
        status=201,
        refuses=(*_EDIT, "two_secrets", "no_secrets", "expiry"),
        sent=SecretNew(),
        given=_NEW_SECRET,
    ),
    Operation(
        method="POST",
        path="/clients/{client_id}/secrets/rotation",
        name="rotate_client_secret",
        tag=TAG,
        summary="Rotate the secret of a client",
        description="A new secret; the one before it ends after the grace, in the same transaction.",
        scope="secrets:write",
        role=Role.DEVELOPER,
        handler=rotate_secret,
        show=show_secret,
        takes=Rotation,
        gives=SecretMade,
        status=201,
        refuses=(*_EDIT, "two_secrets", "no_secrets", "grace", "expiry"),
        sent=Rotation(grace=86400),
        given=_NEW_SECRET,
    ),
    Operation(
        method="GET",
        path="/clients/{client_id}/secrets/{secret_id}",
        name="get_client_secret",
        tag=TAG,
        summary="One live secret",
        scope="clients:read",
        role=Role.VIEWER,
        handler=get_secret,
        gives=Secret,
        refuses=("no_such_client", "no_such_secret"),
        given=SECRET,
    ),
    Operation(
        method="PATCH",
        path="/clients/{client_id}/secrets/{secret_id}",
        name="change_client_secret",
        tag=TAG,
        summary="Choose when a secret ends",
        scope="secrets:write",
        role=Role.DEVELOPER,
        handler=change_secret,
        takes=SecretChange,
        status=204,
        refuses=(*_EDIT, "no_such_secret", "no_secrets", "expiry"),
        sent={"expires_at": "2027-01-01T00:00:00Z"},
    ),
    Operation(
        method="DELETE",
        path="/clients/{client_id}/secrets/{secret_id}",
        name="revoke_client_secret",
        tag=TAG,
        summary="Revoke a secret",
        description="It opens nothing from now on (within a second everywhere). The last live one goes only with\n"
        "`confirm=true`.",
        scope="secrets:write",
        role=Role.DEVELOPER,
        handler=revoke_secret,
        query=Confirm,
        status=204,
        refuses=(*_EDIT, "no_such_secret", "no_secrets", "last_secret"),
    ),
    Operation(
        method="GET",
        path="/clients/{client_id}/keys",
        name="get_client_keys",
        tag=TAG,
        summary="Public keys of a client",
        description="With which a client with `private_key_jwt` signs (RFC 7523).",
        scope="clients:read",
        role=Role.VIEWER,
        handler=get_keys,
        gives=JwkSet,
        refuses=("no_such_client", "no_keys"),
        given=_KEYS,
    ),
    Operation(
        method="PUT",
        path="/clients/{client_id}/keys",
        name="set_client_keys",
        tag=TAG,
        summary="Set all public keys of a client",
        description="Instead of those that it had. A client that authenticated with secrets signs from now on, and loses\n"
        "its secrets.",
        scope="clients:write",
        role=Role.DEVELOPER,
        handler=set_keys,
        takes=JwkSet,
        gives=JwkSet,
        refuses=(*_EDIT, *KEY_FAULTS, "browser_secret"),
        sent=_KEYS,
        given=_KEYS,
    ),
)
