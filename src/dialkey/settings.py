"""Settings: one frozen tree from a TOML file and the environment. A key that is not known refuses to start.

Durations are whole seconds. An environment variable overrides the file: `DIALKEY_ISSUER` for a top-level key,
`DIALKEY_TOKENS__CODE_LIFETIME` for one in a table. Secrets belong in the environment or in a file with mode 0600.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from dialkey.base.url import is_loopback_host

Seconds = Annotated[int, Meta(ge=1, le=10 * 365 * 24 * 3600)]
Count = Annotated[int, Meta(ge=1, le=100_000_000)]


_ADDRESS = r"[^<>\s@\",;:]+@[A-Za-z0-9.-]+"
_SENDER = re.compile(rf"[^<>\"@,;:\x00-\x1f]{{0,80}} <{_ADDRESS}>|{_ADDRESS}")


class SettingsError(Exception):
    """The settings cannot be used; the message names the key and what is wrong with it."""


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where requests come in."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 8080
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    """Server processes."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) whose `X-Forwarded-For` is believed. Empty: nobody's."""
    extra_hosts: tuple[str, ...] = ()
    """Host names that are answered besides the issuer's own."""
    max_connections: Count = 4000
    """Per worker; further ones are answered 503."""


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where state lives."""

    url: str = "sqlite:///var/dialkey.sqlite3"
    """`sqlite:///relative/path`, `sqlite:////absolute/path`, or a libpq URI `postgresql://…` (several hosts allowed)."""
    pool_size: Annotated[int, Meta(ge=2, le=200)] = 8
    """PostgreSQL connections per worker."""
    statement_timeout: Seconds = 5


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The key that encrypts all other keys at rest."""

    master_key: str = ""
    """32 bytes as base64url; from the environment only (`DIALKEY_KEYS__MASTER_KEY`)."""
    master_key_file: str = "var/master.key"
    """A file with mode 0600 that holds the same; made by `dialkey keys init`."""
    jwks_max_age: Seconds = 3600
    """How long clients may cache the public keys. A new key is published this long before it signs."""


class Tokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long things live."""

    code_lifetime: Annotated[int, Meta(ge=1, le=60)] = 60
    access_token_lifetime: Annotated[int, Meta(ge=1, le=86400)] = 3600
    id_token_lifetime: Annotated[int, Meta(ge=1, le=600)] = 600
    refresh_idle_lifetime: Seconds = 60 * 24 * 3600
    """A grant whose refresh token is not used for so long is over."""
    refresh_absolute_lifetime: Seconds = 365 * 24 * 3600
    refresh_retry_window: Annotated[int, Meta(ge=0, le=3600)] = 60
    """The previous refresh token gets the same successor again within this time."""
    grants_per_client: Annotated[int, Meta(ge=1, le=1000)] = 50
    """Live grants of one subscription at one client; the longest idle goes first."""


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Signing in by PIN."""

    pin_digits: Annotated[int, Meta(ge=6, le=10)] = 6
    pin_lifetime: Annotated[int, Meta(ge=30, le=600)] = 300
    pin_tries: Annotated[int, Meta(ge=1, le=10)] = 5
    resend_cooldown: Annotated[int, Meta(ge=5, le=300)] = 30
    ticket_lifetime: Seconds = 3600
    """A number or consent page left open longer starts anew with the same request."""
    session_idle_lifetime: Seconds = 14 * 24 * 3600
    session_absolute_lifetime: Seconds = 90 * 24 * 3600


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """At most so many, in every window of the length that the name tells."""

    sends_per_number_10_minutes: Count = 3
    sends_per_number_day: Count = 10
    sends_per_prefix_10_minutes: Count = 100
    """Per number without its last four digits."""
    sends_per_address_10_minutes: Count = 100
    """Per IPv4 address or IPv6 /64. Mobile networks put many subscribers behind one address."""
    sends_per_network_10_minutes: Count = 300
    """Per IPv4 /24 or IPv6 /48."""
    sends_per_client_10_minutes: Count = 5_000
    sends_per_test_number_10_minutes: Count = 60
    """Per test number of an organization; its messages and wrong PINs count towards nothing else but the next line."""
    sends_to_tests_per_organization_10_minutes: Count = 600
    wrong_pins_per_number_10_minutes: Count = 10
    wrong_pins_per_address_10_minutes: Count = 100
    wrong_pins_per_day: Count = 10_000
    """In the whole installation; past it, PINs have eight digits."""
    failed_authentications_per_address_minute: Count = 600
    """Token endpoint answers 429 to an address whose client authentication fails more often."""
    api_requests_per_key_minute: Count = 600
    """Requests to the JSON API with one API key, in each server process."""


class Sms(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How PINs travel."""

    route: Literal["handset", "log"] = "handset"
    """`handset`: the virtual handset, for sandbox numbers only; refused for a public issuer. `log`: counted, not sent."""


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How mails to developers and staff travel."""

    route: Literal["", "mailbox", "smtp", "log"] = ""
    """`mailbox`: a page at /mailbox that everybody can read; refused for a public issuer. `smtp`: a mail server. `log`:
    counted, not sent, so that nobody can sign up or choose a new password. Empty: `mailbox` where the issuer is this
    machine; elsewhere there is no way for mails, and the developer portal, which needs one, is not served."""
    host: str = ""
    """The mail server, whose certificate must be for this name."""
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    """587 for `starttls`, mostly 465 for `tls`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls`: from the first byte, mostly port 465. `none`: only for a server on this machine."""
    username: str = ""
    """Empty: the server asks for none."""
    password: str = ""
    """From the environment only (`DIALKEY_MAIL__PASSWORD`)."""
    sender: str = ""
    """`Name <address>`; empty: no-reply at the issuer's host."""
    timeout: Annotated[int, Meta(ge=1, le=30)] = 10
    """For every step of handing a mail over."""


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """People who sign in to the portal."""

    session_idle_lifetime: Seconds = 14 * 24 * 3600
    """A session that is not used for so long ends."""
    session_absolute_lifetime: Seconds = 30 * 24 * 3600
    """Every session ends then, used or not."""
    sign_ins_per_account_and_address_10_minutes: Count = 10
    """Wrong passwords; right ones do not count."""
    sign_ins_per_account_10_minutes: Count = 50
    """Wrong passwords for one account, from everywhere."""
    sign_ins_per_address_10_minutes: Count = 100
    """Wrong passwords from one IPv4 address or IPv6 /64."""
    codes_per_account_10_minutes: Count = 10
    """Wrong second factors."""
    codes_per_account_day: Count = 50
    """Wrong second factors; past it, the account's owner is told."""
    requests_per_address_10_minutes: Count = 50
    """Sign-ups and forgotten passwords, per IPv4 address or IPv6 /64."""
    mails_per_email_hour: Count = 5
    """Links to one address; further requests for one are answered alike and send nothing."""
    mails_per_email_day: Count = 15
    """The same for a day."""


class Events(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Consent change events and the streams that products read them from."""

    retention_days: Annotated[int, Meta(ge=1, le=400)] = 30
    """How long an event can be read, and how long a queue that nobody reads keeps its place."""
    streams_per_client: Annotated[int, Meta(ge=1, le=1000)] = 20
    """Open streams and waiting polls of one client, per worker; further ones are answered 429."""
    streams: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    """The same of all clients together; further ones are answered 503."""


class Webhooks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How webhook endpoints are called."""

    retry_days: Annotated[int, Meta(ge=1, le=14)] = 3
    """A message that could not be delivered for so long is given up, and an endpoint that failed all that time is
    disabled."""
    log_days: Annotated[int, Meta(ge=1, le=90)] = 14
    """How long the portal shows what became of a message."""
    timeout: Annotated[int, Meta(ge=1, le=5)] = 5
    """Seconds for one call, from looking the name up to the answer."""
    endpoints_at_once: Annotated[int, Meta(ge=1, le=200)] = 8
    """Endpoints that one worker calls at a time."""
    calls_per_endpoint: Annotated[int, Meta(ge=1, le=20)] = 4
    """Calls to one endpoint at a time."""


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"
    requests: Literal["all", "problems", "none"] = "problems"
    """`problems`: answers of 400 and above, and those slower than a second."""


class Metrics(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who may read /metrics. Everybody else is told that there is no such page."""

    token: str = ""
    """A bearer token, from the environment (`DIALKEY_METRICS__TOKEN`). Without one, only this machine may read, and
    only while the issuer is this machine too."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole tree."""

    issuer: str = "http://localhost:8080"
    """Exactly as it stands in discovery and tokens, with or without a trailing slash; never derived from a request."""
    environment: Literal["development", "production"] = "development"
    default_locale: str = "en"
    server: Server = Server()
    database: Database = Database()
    keys: Keys = Keys()
    tokens: Tokens = Tokens()
    signin: SignIn = SignIn()
    limits: Limits = Limits()
    sms: Sms = Sms()
    mail: Mail = Mail()
    accounts: Accounts = Accounts()
    events: Events = Events()
    webhooks: Webhooks = Webhooks()
    log: Log = Log()
    metrics: Metrics = Metrics()

    @property
    def base_url(self) -> str:
        """The issuer without a trailing slash: what paths are appended to."""
        return self.issuer.rstrip("/")

    @property
    def host(self) -> str:
        """Host and port of the issuer, as in a Host header."""
        return urlsplit(self.issuer).netloc

    @property
    def secure(self) -> bool:
        """True where the issuer is https: cookies are then Secure and carry the `__Host-` prefix."""
        return self.issuer.startswith("https:")

    @property
    def public(self) -> bool:
        """True where others than this machine can be meant."""
        return self.environment == "production" or not is_loopback_host(urlsplit(self.issuer).hostname or "")

    @property
    def mail_route(self) -> Literal["mailbox", "smtp", "log", "none"]:
        """What `mail.route` comes to for this issuer."""
        return self.mail.route or ("none" if self.public else "mailbox")

    @property
    def portal(self) -> bool:
        """True where the developer portal is served: it needs a way for mails."""
        return self.mail_route != "none"

    @property
    def sandbox(self) -> bool:
        return self.sms.route == "handset"


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Reads file and environment; raises SettingsError with a sentence that names the key."""
    tree: dict[str, Any] = {}
    if path is not None:
        try:
            tree = tomllib.loads(path.read_text())
        except FileNotFoundError:
            raise SettingsError(f"{path}: there is no such file") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: {error}") from None
        if isinstance(tree.get("keys"), dict) and "master_key" in tree["keys"]:
            raise SettingsError("keys.master_key: set it in the environment or name a master_key_file instead")
        if isinstance(tree.get("mail"), dict) and "password" in tree["mail"]:
            raise SettingsError("mail.password: set it in the environment instead")
    _overlay(tree, os.environ if environ is None else environ)
    try:
        settings = msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(_plain(str(error))) from None
    _check(settings)
    return settings


def _overlay(tree: dict[str, Any], environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        if not name.startswith("DIALKEY_") or name == "DIALKEY_CONFIG":
            continue
        path = name.removeprefix("DIALKEY_").lower().split("__")
        table = tree
        for step in path[:-1]:
            table = table.setdefault(step, {})
            if not isinstance(table, dict):
                raise SettingsError(f"{name}: {step} is not a table")
        table[path[-1]] = value.split(",") if path[-1] in ("trusted_proxies", "extra_hosts") else value


def _plain(message: str) -> str:
    where = re.search(r" - at `\$\.?([^`]*)`", message)
    return f"{where[1]}: {message[: where.start()]}" if where else message


def _check(settings: Settings) -> None:
    parts = urlsplit(settings.issuer)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise SettingsError("issuer: must be an http(s) address without query, fragment or user")
    if parts.path not in ("", "/"):
        raise SettingsError("issuer: a path is not supported; use a host of its own")
    if parts.scheme == "http" and not is_loopback_host(parts.hostname):
        raise SettingsError("issuer: must be https unless it is this machine (localhost)")
    if not settings.database.url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise SettingsError("database.url: must start with sqlite:/// or postgresql://")
    for network in settings.server.trusted_proxies:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise SettingsError(f"server.trusted_proxies: {network!r} is not a network such as 10.0.0.0/8") from None
    if settings.public and settings.sms.route == "handset":
        raise SettingsError("sms.route: the virtual handset shows PINs to everybody and cannot serve a public issuer")
    _check_mail(settings)


def _check_mail(settings: Settings) -> None:
    mail = settings.mail
    if settings.public and mail.route == "mailbox":
        raise SettingsError("mail.route: the virtual mailbox shows mails to everybody and cannot serve a public issuer")
    if mail.route == "smtp" and not re.fullmatch(r"[A-Za-z0-9.:-]{1,253}", mail.host):
        raise SettingsError("mail.host: name the mail server")
    if mail.security == "none" and mail.host and not is_loopback_host(mail.host):
        raise SettingsError("mail.security: `none` is only for a mail server on this machine")
    if mail.sender and not _SENDER.fullmatch(mail.sender):
        raise SettingsError("mail.sender: must look like `Name <address@host>`")


def describe() -> list[tuple[str, str, str]]:
    """(key, default, meaning) of every setting, for the reference and for `dialkey config show`."""
    rows: list[tuple[str, str, str]] = []
    _describe(Settings, "", rows)
    return rows


def _describe(struct: type[msgspec.Struct], prefix: str, rows: list[tuple[str, str, str]]) -> None:
    import inspect

    meanings = _meanings(inspect.getsource(struct))
    for field in msgspec.structs.fields(struct):
        if isinstance(field.default, msgspec.Struct):
            _describe(type(field.default), f"{prefix}{field.name}.", rows)
        else:
            rows.append((prefix + field.name, str(field.default), meanings.get(field.name, "")))


def _meanings(source: str) -> dict[str, str]:
    pattern = re.compile(r'^    (\w+): [^\n]*\n    """(.*?)"""', re.M | re.S)
    return {name: " ".join(text.split()) for name, text in pattern.findall(source)}
