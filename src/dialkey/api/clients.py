"""Clients."""

from __future__ import annotations

from msgspec import UNSET

from dialkey.api.client_shapes import (
    Client,
    ClientChange,
    ClientLine,
    ClientList,
    ClientMade,
    ClientNew,
    JwkSet,
    Secret,
    client_fields,
    keys_text,
)
from dialkey.api.house import ApiHouse
from dialkey.api.operations import BASE, Answer, Call, Operation
from dialkey.api.shapes import Paging, created, instant_or_none, listed, next_address, time, time_or_none
from dialkey.developers.access import Role
from dialkey.developers.clients import ClientDraft, ClientPatch
from dialkey.developers.jwks import FAULTS as KEY_FAULTS
from dialkey.directory.model import AuthMethod, ClientKind, GrantType, NewClient

TAG = "Clients"
_ID, _PRODUCT, _ORGANIZATION = (
    "0d5c7c1e-52e1-4a0e-8a1c-9ec1a1a2f7de",
    "3yZe7W1kQmC2n0u5vJx8Tg",
    "9kQ2mVx0T4a7cY1bWnE5Rg",
)
_RENAMED = {"token_endpoint_auth_method": "auth_method", "id_token_signed_response_alg": "id_token_alg"}
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "post_revoke_redirect_uris")


async def list_clients(house: ApiHouse, call: Call) -> Answer:
    page = await house.clients.list(call.actor, call.path["product_id"], after=call.query.after, limit=call.query.limit)
    data = tuple(
        ClientLine(
            client_id=one.id,
            description=one.description,
            kind=one.kind,
            token_endpoint_auth_method=one.auth_method,
            status=one.status,
            pending=one.pending,
            last_used_at=time_or_none(one.last_used_at),
            client_secret_expires_at=time_or_none(one.secret_expires_at),
            created_at=time(one.created_at),
        )
        for one in page.items
    )
    return listed(ClientList(data=data, next=next_address(call, page.next)))


async def create_client(house: ApiHouse, call: Call) -> NewClient:
    body: ClientNew = call.body
    draft = ClientDraft(
        kind=body.kind,
        description=body.description,
        redirect_uris=body.redirect_uris,
        post_logout_redirect_uris=body.post_logout_redirect_uris,
        post_revoke_redirect_uris=body.post_revoke_redirect_uris,
        auth_method=body.token_endpoint_auth_method,
        grant_types=body.grant_types,
        require_pkce=body.require_pkce,
        id_token_alg=body.id_token_signed_response_alg,
        access_token_format=body.access_token_format,
        jwks=None if body.jwks is None else keys_text(body.jwks),
        backchannel_logout_uri=body.backchannel_logout_uri,
        backchannel_logout_session_required=body.backchannel_logout_session_required,
        secret_expires_at=instant_or_none(body.client_secret_expires_at),
    )
    return await house.clients.create(call.actor, call.path["product_id"], draft)


async def show_client(house: ApiHouse, call: Call, made: NewClient) -> Answer:
    found = await house.clients.get(call.actor, made.client_id)
    body = ClientMade(**client_fields(found), client_secret=made.client_secret)
    return created(f"{BASE}/clients/{made.client_id}", body)


async def get_client(house: ApiHouse, call: Call) -> Answer:
    found = await house.clients.get(call.actor, call.path["client_id"])
    return Answer(body=Client(**client_fields(found)))


async def change_client(house: ApiHouse, call: Call) -> Answer:
    body: ClientChange = call.body
    client_id = call.path["client_id"]
    given = {
        _RENAMED.get(name, name): value
        for name in body.__struct_fields__
        if name != "status" and (value := getattr(body, name)) is not UNSET
    }
    given.update({name: () for name in _LISTS if name in given and given[name] is None})
    if given.get("description", "") is None:
        given["description"] = ""
    if isinstance(body.jwks, JwkSet):
        given["jwks"] = keys_text(body.jwks)
    if given or body.status is UNSET:
        await house.clients.update(call.actor, client_id, ClientPatch(**given))
    if body.status is not UNSET:
        await house.clients.set_enabled(call.actor, client_id, enabled=body.status == "active")
    return await get_client(house, call)


async def delete_client(house: ApiHouse, call: Call) -> Answer:
    await house.clients.delete(call.actor, call.path["client_id"])
    return Answer()


SECRET = Secret(
    id="k4Wd9bNz2Xr7QmTc0YsLfg",
    hint="4f2A",
    created_at="2026-11-24T09:30:00.000Z",
    expires_at=None,
    last_used_at=None,
)
_CLIENT = Client(
    client_id=_ID,
    product_id=_PRODUCT,
    organization_id=_ORGANIZATION,
    kind=ClientKind.WEB,
    description="Production",
    redirect_uris=("https://app.example/callback",),
    post_logout_redirect_uris=(),
    post_revoke_redirect_uris=("https://app.example/removed",),
    pending_uris=(),
    token_endpoint_auth_method=AuthMethod.BASIC,
    grant_types=(GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN),
    require_pkce=True,
    id_token_signed_response_alg="RS256",
    access_token_format="opaque",
    jwks=None,
    backchannel_logout_uri=None,
    backchannel_logout_session_required=False,
    status="active",
    pending=False,
    secrets=(SECRET,),
    created_at="2026-11-24T09:30:00.000Z",
    updated_at="2026-11-24T09:30:00.000Z",
)
_MADE = ClientMade(**{name: getattr(_CLIENT, name) for name in _CLIENT.__struct_fields__}, client_secret="dk_cs_…")
_REGISTRATION = (
    "name_length", "name_spaces", "name_form", "name_characters", "redirect_uri", "redirect_uri_missing",
    "machine_redirect_uri", "too_many_uris", "grant_types", "machine_grant_types", "public_client_credentials",
    "refresh_without_code", "browser_secret", "jwks", "jwks_missing", "backchannel_logout_uri", *KEY_FAULTS,
)  # fmt: skip
_EDIT = ("no_such_client", "organization_closing")

OPERATIONS = (
    Operation(
        method="GET",
        path="/products/{product_id}/clients",
        name="list_clients",
        tag=TAG,
        summary="Clients of a product",
        description="The oldest first.",
        scope="clients:read",
        role=Role.VIEWER,
        handler=list_clients,
        query=Paging,
        gives=ClientList,
        refuses=("no_such_product",),
        given=ClientList(
            data=(
                ClientLine(
                    client_id=_ID,
                    description="Production",
                    kind=ClientKind.WEB,
                    token_endpoint_auth_method=AuthMethod.BASIC,
                    status="active",
                    pending=False,
                    last_used_at="2026-11-24T09:00:00.000Z",
                    client_secret_expires_at=None,
                    created_at="2026-11-02T08:30:00.000Z",
                ),
            ),
            next=None,
        ),
    ),
    Operation(
        method="POST",
        path="/products/{product_id}/clients",
        name="create_client",
        tag=TAG,
        summary="Create a client",
        description="The answer has the secret, this once. What is left out follows from the kind. A new client of an\n"
        "approved product works for the organization's test numbers until the next approval.",
        scope="clients:write",
        role=Role.DEVELOPER,
        handler=create_client,
        show=show_client,
        takes=ClientNew,
        gives=ClientMade,
        status=201,
        refuses=("no_such_product", "organization_closing", "too_many_clients", "expiry", *_REGISTRATION),
        sent=ClientNew(
            kind=ClientKind.WEB,
            description="Production",
            redirect_uris=("https://app.example/callback",),
            require_pkce=True,
        ),
        given=_MADE,
    ),
    Operation(
        method="GET",
        path="/clients/{client_id}",
        name="get_client",
        tag=TAG,
        summary="One client",
        scope="clients:read",
        role=Role.VIEWER,
        handler=get_client,
        gives=Client,
        refuses=("no_such_client",),
        current=get_client,
        given=_CLIENT,
    ),
    Operation(
        method="PATCH",
        path="/clients/{client_id}",
        name="change_client",
        tag=TAG,
        summary="Change a client",
        description="What is left out stays as it is; null empties a list. A client that ceases to authenticate with\n"
        "secrets loses those that it has. A new address of an approved product waits for the next approval.",
        scope="clients:write",
        role=Role.DEVELOPER,
        handler=change_client,
        takes=ClientChange,
        gives=Client,
        refuses=(*_EDIT, *_REGISTRATION),
        current=get_client,
        sent={"redirect_uris": ["https://app.example/callback", "https://app.example/callback/2"]},
        given=_CLIENT,
    ),
    Operation(
        method="DELETE",
        path="/clients/{client_id}",
        name="delete_client",
        tag=TAG,
        summary="Delete a client",
        description="Its grants are refused at once.",
        scope="clients:write",
        role=Role.DEVELOPER,
        handler=delete_client,
        status=204,
        refuses=_EDIT,
        current=get_client,
    ),
)
