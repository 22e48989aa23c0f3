"""The pages of clients: the list, a new one, its settings, its secrets and keys, and the questions before it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dialkey.portal.client_words import KINDS, METHODS
from dialkey.portal.shell_views import FieldProblem, Named, Place, Problems
from dialkey.web.pages import Page

RIGHT = Problems()
_ORGANIZATION = Named(id="org0000000000000", name="VoiceBox Labs")
_PRODUCT = Named(id="product000000000", name="VoiceBox", accent="#5b3df5")
_CLIENT = Named(id="2b1f0f4e-7d2c-4a55-9a6e-000000000001", name="Web shop", status="active")
PRODUCT_PLACE = Place(section="product-clients", organization=_ORGANIZATION, product=_PRODUCT, role="developer")
CLIENT_PLACE = replace(PRODUCT_PLACE, section="client-settings", client=_CLIENT)
_ASKING = Place(organization=_ORGANIZATION, role="developer")
_AT = 1_790_000_000_000
SECRET = "dk_cs_Zm9yIHRoZSBwaWN0dXJlIG9ubHksIG9wZW5zIG5vdGhpbmc"

KIND_CHOICES = tuple((kind.value, title, text) for kind, (title, text) in KINDS.items())
METHOD_CHOICES = tuple((method.value, title, text) for method, (title, text) in METHODS.items())
GRACES = (
    ("0", "At once", "The old secret stops now. For a secret that leaked."),
    ("3600", "1 hour", "Time to restart one server."),
    ("86400", "1 day", "Time for a deployment."),
    ("604800", "7 days", "Time for several teams."),
    ("2592000", "30 days", "The longest there is."),
)
"""(seconds, title, text)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """One line of the list."""

    id: str
    name: str
    kind: str
    method: str
    status: str
    last_used_at: int | None = None
    uses_secret: bool = True
    secret_expires_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsPage(Page):
    """A product's clients."""

    template: ClassVar[str] = "portal/clients.html"

    place: Place
    rows: tuple[ClientRow, ...] = ()
    first_url: str | None = None
    next_url: str | None = None

    @classmethod
    def samples(cls) -> dict[str, Page]:
        basic, none = "Secret in the header", "None"
        rows = (
            ClientRow(id=_CLIENT.id, name="Web shop", kind="Web app", method=basic, status="active", last_used_at=_AT),
            ClientRow(
                id="c2", name="Phone app", kind="Native app", method=none, status="pending", uses_secret=False
            ),
            ClientRow(
                id="c3", name="Nightly report with a long description", kind="Machine", method=basic, status="disabled",
                secret_expires_at=_AT,
            ),
        )  # fmt: skip
        return {
            "empty": cls(place=PRODUCT_PLACE),
            "viewer": cls(place=replace(PRODUCT_PLACE, role="viewer")),
            "some": cls(place=PRODUCT_PLACE, rows=rows, next_url="?after=c3"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFields:
    """What a form of a client holds, as typed: addresses are lines."""

    kind: str = "web"
    description: str = ""
    redirect_uris: str = ""
    post_logout_redirect_uris: str = ""
    post_revoke_redirect_uris: str = ""
    auth_method: str = ""
    require_pkce: bool = False
    jwks: str = ""
    backchannel_logout_uri: str = ""
    backchannel_logout_session_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClientPage(Page):
    """Posts the fields of `ClientFields`, `csrf` and `ticket`."""

    template: ClassVar[str] = "portal/client_new.html"

    place: Place
    csrf: str
    ticket: str
    """Good for one client: sending the form again makes no other."""
    fields: ClientFields = ClientFields()
    kinds: tuple[tuple[str, str, str], ...] = KIND_CHOICES
    methods: tuple[tuple[str, str, str], ...] = METHOD_CHOICES
    check_url: str = ""
    """What addresses are asked of as they are typed; `&list=…` is put behind it."""
    waits: bool = False
    """The product was approved once: a new client waits for the next approval."""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {
            "place": PRODUCT_PLACE,
            "csrf": "t",
            "ticket": "t",
            "check_url": "/portal/p/x/clients/check-uri?kind=web",
        }
        wrong = ClientFields(description="Web shop", redirect_uris="http://app.example/cb#x")
        problem = FieldProblem(field="redirect_uris", text="http://app.example/cb#x: Leave out the part from # on.")
        return {
            "empty": cls(**base),
            "waits": cls(**base, waits=True),
            "wrong": cls(**base, fields=wrong, problems=Problems((problem,))),
            "key": cls(**base, fields=ClientFields(auth_method="private_key_jwt", jwks='{"keys": []}')),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMadePage(Page):
    """A client or a secret that was just made; the only page that ever shows the secret. Goes on to `try_action` by a POST
    with `csrf` and `kept`, the secret under our lock."""

    template: ClassVar[str] = "portal/client_made.html"

    place: Place
    client_id: str
    client_secret: str | None
    values: tuple[tuple[str, str, str, bool], ...]
    """(name in the `.env`, label, value, secret)."""
    csrf: str
    kept: str
    rotated: bool = False
    ends: str = ""
    """What becomes of the secret before this one."""
    machine: bool = False

    @classmethod
    def samples(cls) -> dict[str, Page]:
        values = (
            ("DIALKEY_CLIENT_ID", "Client ID", _CLIENT.id, False),
            ("DIALKEY_CLIENT_SECRET", "Client secret", SECRET, True),
            ("DIALKEY_ISSUER", "Issuer", "https://id.example", False),
            ("DIALKEY_REDIRECT_URI", "Redirect URI", "https://app.example/callback", False),
        )
        base = {"place": CLIENT_PLACE, "client_id": _CLIENT.id, "csrf": "t", "kept": "k"}
        public = tuple(value for value in values if not value[3])
        return {
            "secret": cls(**base, client_secret=SECRET, values=values),
            "public": cls(**base, client_secret=None, values=public),
            "rotated": cls(
                **base,
                client_secret=SECRET,
                values=values[:2],
                rotated=True,
                ends="The old secret works for 1 day more.",
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPage(Page):
    """A client's settings. Posts those fields of `ClientFields` that were changed, whatever else stays as it is."""

    template: ClassVar[str] = "portal/client.html"

    place: Place
    csrf: str
    client_id: str
    seen: str
    """What the form shows, in short: see `client_forms.marks_of`."""
    kind: str
    """A ClientKind."""
    kind_title: str
    kind_text: str
    method_title: str
    fields: ClientFields
    pending: tuple[str, ...] = ()
    """Addresses that wait for approval."""
    waits: bool = False
    """The whole client does."""
    disabled: bool = False
    methods: tuple[tuple[str, str, str], ...] = ()
    must_use_pkce: bool = False
    check_url: str = ""
    created_at: int = 0
    updated_at: int = 0
    issuer: str = ""
    problems: Problems = RIGHT

    @property
    def states(self) -> tuple[tuple[str, str, str], ...]:
        return tuple((uri, "Pending", "warn") for uri in self.pending)

    @classmethod
    def samples(cls) -> dict[str, Page]:
        uris = "https://app.example/callback\nhttps://app.example/new"
        fields = ClientFields(description="Web shop", redirect_uris=uris, auth_method="client_secret_basic")
        base = {
            "csrf": "t", "seen": "s", "client_id": _CLIENT.id, "kind": "web", "kind_title": "Web app", "fields": fields,
            "kind_text": "It runs on your server, which can keep a secret.", "method_title": "Secret in the header",
            "methods": METHOD_CHOICES[:3], "created_at": _AT, "updated_at": _AT, "issuer": "https://id.example",
            "check_url": "/portal/p/x/clients/check-uri?kind=web",
        }  # fmt: skip
        pending = ("https://app.example/new",)
        return {
            "plain": cls(**base, place=CLIENT_PLACE),
            "pending": cls(**base, place=CLIENT_PLACE, pending=pending),
            "waits": cls(**base, place=CLIENT_PLACE, pending=pending, waits=True),
            "viewer": cls(**base, place=replace(CLIENT_PLACE, role="viewer"), pending=pending),
            "disabled": cls(**base, place=CLIENT_PLACE, disabled=True),
            "wrong": cls(
                **base, place=CLIENT_PLACE, problems=Problems((FieldProblem(field="description", text="Too long."),))
            ),
            "machine": cls(
                **{**base, "kind": "machine", "kind_title": "Machine", "fields": ClientFields(kind="machine")},
                place=CLIENT_PLACE,
            ),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRow:
    """A live secret. Only its end is known."""

    id: str
    hint: str
    created_at: int
    last_used_at: int | None
    expires_at: int | None
    newest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsPage(Page):
    """Posts `grace`, `csrf` and `ticket` to `…/secrets/rotate`."""

    template: ClassVar[str] = "portal/client_secrets.html"

    place: Place
    client_id: str
    csrf: str
    ticket: str
    rows: tuple[SecretRow, ...] = ()
    uses_secrets: bool = True
    method_title: str = ""
    graces: tuple[tuple[str, str, str], ...] = GRACES
    grace: str = "86400"
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        old = SecretRow(id="s1", hint="Gz0Q", created_at=_AT - 9_000_000_000, last_used_at=_AT, expires_at=None)
        new = SecretRow(id="s2", hint="x9_k", created_at=_AT, last_used_at=None, expires_at=None, newest=True)
        base = {"place": replace(CLIENT_PLACE, section="client-secrets"), "client_id": _CLIENT.id, "csrf": "t"}
        full = Problems((FieldProblem(field="grace", text="Two secrets are live already. Revoke one of them first."),))
        return {
            "one": cls(**base, ticket="t", rows=(old,)),
            "two": cls(**base, ticket="t", rows=(replace(old, expires_at=_AT + 86_400_000), new)),
            "none": cls(**base, ticket="t"),
            "not-used": cls(**base, ticket="t", uses_secrets=False, method_title="Signed with your key"),
            "viewer": cls(**{**base, "place": replace(base["place"], role="viewer")}, ticket="t", rows=(old, new)),
            "full": cls(**base, ticket="t", rows=(old, new), problems=full),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRevokePage(Page):
    """Asks before a secret is revoked."""

    template: ClassVar[str] = "portal/client_secret_revoke.html"

    place: Place
    client_id: str
    client_name: str
    csrf: str
    row: SecretRow
    last: bool
    """The client has no other."""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        row = SecretRow(id="s1", hint="Gz0Q", created_at=_AT, last_used_at=_AT, expires_at=None)
        base = {"place": _ASKING, "client_id": _CLIENT.id, "client_name": "Web shop", "csrf": "t", "row": row}
        return {"one-of-two": cls(**base, last=False), "last": cls(**base, last=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """A public key of a client."""

    kid: str
    kind: str
    """`RSA, 2048 bits`, `EC, P-256`."""
    use: str
    thumbprint: str
    """RFC 7638, SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysPage(Page):
    """Posts `jwks` (a JWK Set or PEM) and `csrf`."""

    template: ClassVar[str] = "portal/client_keys.html"

    place: Place
    client_id: str
    csrf: str
    signs: bool
    """The client authenticates with `private_key_jwt`."""
    can_sign: bool = True
    """A client without a secret to keep cannot."""
    method_title: str = ""
    rows: tuple[KeyRow, ...] = ()
    typed: str = ""
    audience: str = ""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        row = KeyRow(kid="2026-11", kind="RSA, 2048 bits", use="sig", thumbprint="NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAf")
        place = replace(CLIENT_PLACE, section="client-keys")
        base = {"place": place, "client_id": _CLIENT.id, "csrf": "t", "audience": "https://id.example"}
        wrong = Problems((FieldProblem(field="jwks", text="This is a private key. Keep it; paste the public one."),))
        return {
            "keys": cls(**base, signs=True, rows=(row,)),
            "other-method": cls(**base, signs=False, method_title="Secret in the header"),
            "public": cls(**base, signs=False, can_sign=False, method_title="None"),
            "wrong": cls(**base, signs=True, rows=(row,), typed="-----BEGIN PRIVATE KEY-----", problems=wrong),
            "viewer": cls(**{**base, "place": replace(place, role="viewer")}, signs=True, rows=(row,)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientEndPage(Page):
    """Asks before a client is deleted or turned off."""

    template: ClassVar[str] = "portal/client_end.html"

    place: Place
    client_id: str
    client_name: str
    product_name: str
    csrf: str
    deletes: bool
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {
            "place": _ASKING, "client_id": _CLIENT.id, "client_name": "Web shop", "product_name": "VoiceBox", "csrf": "t",
        }  # fmt: skip
        wrong = Problems((FieldProblem(field="name", text="Type the name exactly as it stands above."),))
        return {
            "delete": cls(**base, deletes=True),
            "delete-wrong": cls(**base, deletes=True, problems=wrong),
            "turn-off": cls(**base, deletes=False),
        }
