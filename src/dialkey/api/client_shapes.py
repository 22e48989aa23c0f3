"""Shapes of clients: the names are those of RFC 7591 and OpenID Connect Registration where these have one."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dialkey.api.shapes import Id, Moment, Time, time, time_or_none
from dialkey.developers.client_secrets import MAX_GRACE
from dialkey.developers.clients import ClientUri, ClientView
from dialkey.developers.jwks import read_keys
from dialkey.directory.clients import SecretInfo
from dialkey.directory.model import AuthMethod, ClientKind, GrantType
from dialkey.directory.names import MAX_TEXT
from dialkey.directory.registration import MAX_URIS
from dialkey.web.errors import Refusal

Uri = Annotated[str, Meta(max_length=2000, examples=["https://app.example/callback"])]
Uris = Annotated[tuple[Uri, ...], Meta(max_length=MAX_URIS)]
LogoutUri = Annotated[str, Meta(max_length=2000)]
Grants = Annotated[tuple[GrantType, ...], Meta(max_length=3)]
ClientId = Annotated[str, Meta(description="A UUID.", examples=["0d5c7c1e-52e1-4a0e-8a1c-9ec1a1a2f7de"])]
SigningAlgorithm = Literal["RS256", "ES256"]
TokenFormat = Literal["opaque", "jwt"]


class JwkSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JWK Set (RFC 7517 section 5) of public keys: RSA from 2048 bits on, or EC P-256."""

    keys: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1, max_length=20)]


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A live secret, without the secret."""

    id: Id
    hint: Annotated[str, Meta(description="Its last four characters.")]
    created_at: Time
    expires_at: Time | None
    last_used_at: Annotated[Time, Meta(description="To the hour.")] | None


class SecretList(msgspec.Struct, frozen=True, kw_only=True):
    """The live secrets of a client, the oldest first: two at most."""

    data: tuple[Secret, ...]
    next: str | None = None


class SecretMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new secret. It is shown this once."""

    id: Id
    client_id: ClientId
    client_secret: Annotated[str, Meta(examples=["dk_cs_…"])]
    hint: str
    created_at: Time
    expires_at: Time | None


class SecretNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further secret."""

    expires_at: Annotated[Moment | None, Meta(description="Within ten years; null: never.")] = None


class Rotation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A secret in place of those there are."""

    grace: Annotated[
        int, Meta(ge=0, le=MAX_GRACE, description="Seconds that the old one goes on working; 0: it ends at once.")
    ]
    expires_at: Annotated[Moment | None, Meta(description="Of the new one; null: never.")] = None


class SecretChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a secret ends."""

    expires_at: Annotated[Moment | None, Meta(description="Within ten years; null: never.")]


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """An OAuth client, as its developers see it."""

    client_id: ClientId
    product_id: Id
    organization_id: Id
    kind: Annotated[
        ClientKind,
        Meta(description="`web`: on a server. `native`: on a device. `browser`: a page. `machine`: without people."),
    ]
    description: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    post_revoke_redirect_uris: Annotated[
        tuple[str, ...], Meta(description="Where browsers go back to once a subscriber removed the product.")
    ]
    pending_uris: Annotated[
        tuple[str, ...],
        Meta(description="Those of all three that wait for the product's next approval: for test numbers until then."),
    ]
    token_endpoint_auth_method: AuthMethod
    grant_types: tuple[GrantType, ...]
    require_pkce: bool
    id_token_signed_response_alg: str
    access_token_format: Annotated[str, Meta(description="`opaque`, or `jwt` (RFC 9068).")]
    jwks: Annotated[JwkSet | None, Meta(description="Of a client with `private_key_jwt`.")]
    backchannel_logout_uri: Annotated[str | None, Meta(description="Where logout tokens are posted to.")]
    backchannel_logout_session_required: Annotated[bool, Meta(description="Every logout token has `sid`.")]
    status: Literal["active", "disabled"]
    pending: Annotated[bool, Meta(description="A new client of an approved product: for test numbers until approval.")]
    secrets: Annotated[tuple[Secret, ...], Meta(description="The live ones.")]
    created_at: Time
    updated_at: Time


class ClientMade(Client, frozen=True, kw_only=True):
    """A new client, with its secret. The secret is shown this once."""

    client_secret: Annotated[str, Meta(examples=["dk_cs_…"])] | None


class ClientLine(msgspec.Struct, frozen=True, kw_only=True):
    """A client in a list."""

    client_id: ClientId
    description: str
    kind: ClientKind
    token_endpoint_auth_method: AuthMethod
    status: Literal["active", "disabled"]
    pending: bool
    last_used_at: Annotated[Time, Meta(description="Of its secrets, to the hour.")] | None
    client_secret_expires_at: Annotated[Time, Meta(description="When the last of its secrets ends.")] | None
    created_at: Time


class ClientList(msgspec.Struct, frozen=True, kw_only=True):
    """Clients, the oldest first."""

    data: tuple[ClientLine, ...]
    next: str | None


class ClientNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A client; what is left out follows from the kind."""

    kind: ClientKind
    description: Annotated[str, Meta(max_length=MAX_TEXT)] = ""
    redirect_uris: Uris = ()
    post_logout_redirect_uris: Uris = ()
    post_revoke_redirect_uris: Uris = ()
    token_endpoint_auth_method: AuthMethod | None = None
    grant_types: Grants | None = None
    require_pkce: bool | None = None
    id_token_signed_response_alg: SigningAlgorithm = "RS256"
    access_token_format: TokenFormat = "opaque"
    jwks: JwkSet | None = None
    backchannel_logout_uri: LogoutUri | None = None
    backchannel_logout_session_required: bool = False
    client_secret_expires_at: Annotated[Moment | None, Meta(description="Within ten years; null: never.")] = None


class ClientChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of a client can be changed. What is left out stays as it is."""

    kind: ClientKind | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=MAX_TEXT)] | UnsetType | None = UNSET
    redirect_uris: Uris | UnsetType | None = UNSET
    post_logout_redirect_uris: Uris | UnsetType | None = UNSET
    post_revoke_redirect_uris: Uris | UnsetType | None = UNSET
    token_endpoint_auth_method: AuthMethod | UnsetType = UNSET
    grant_types: Grants | UnsetType = UNSET
    require_pkce: bool | UnsetType = UNSET
    id_token_signed_response_alg: SigningAlgorithm | UnsetType = UNSET
    access_token_format: TokenFormat | UnsetType = UNSET
    jwks: JwkSet | UnsetType | None = UNSET
    backchannel_logout_uri: LogoutUri | UnsetType | None = UNSET
    backchannel_logout_session_required: bool | UnsetType = UNSET
    status: Literal["active", "disabled"] | UnsetType = UNSET


def keys_text(keys: JwkSet) -> str:
    """The set as it is kept; Refusal 422 with a code of `developers.jwks.FAULTS`."""
    return read_keys(json.dumps({"keys": keys.keys}))


def stored_keys(text: str | None) -> JwkSet | None:
    """What stands in a client's row."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text, type=JwkSet)
    except msgspec.MsgspecError:
        raise Refusal(500, "server_error", detail="stored keys cannot be read") from None


def secret_shape(info: SecretInfo) -> Secret:
    return Secret(
        id=info.id,
        hint=info.hint,
        created_at=time(info.created_at),
        expires_at=time_or_none(info.expires_at),
        last_used_at=time_or_none(info.last_used_at),
    )


def client_fields(found: ClientView) -> dict[str, Any]:
    """The fields of a Client."""
    every = (found.redirect_uris, found.post_logout_redirect_uris, found.post_revoke_redirect_uris)
    return {
        "client_id": found.id,
        "product_id": found.product_id,
        "organization_id": found.organization_id,
        "kind": found.kind,
        "description": found.description,
        "redirect_uris": _texts(found.redirect_uris),
        "post_logout_redirect_uris": _texts(found.post_logout_redirect_uris),
        "post_revoke_redirect_uris": _texts(found.post_revoke_redirect_uris),
        "pending_uris": tuple(dict.fromkeys(uri.uri for uris in every for uri in uris if uri.pending)),
        "token_endpoint_auth_method": found.auth_method,
        "grant_types": tuple(sorted(found.grant_types)),
        "require_pkce": found.require_pkce,
        "id_token_signed_response_alg": found.id_token_alg,
        "access_token_format": found.access_token_format,
        "jwks": stored_keys(found.jwks),
        "backchannel_logout_uri": found.backchannel_logout_uri,
        "backchannel_logout_session_required": found.backchannel_logout_session_required,
        "status": found.status,
        "pending": found.pending,
        "secrets": tuple(map(secret_shape, found.secrets)),
        "created_at": time(found.created_at),
        "updated_at": time(found.updated_at),
    }


def _texts(uris: tuple[ClientUri, ...]) -> tuple[str, ...]:
    return tuple(uri.uri for uri in uris)
