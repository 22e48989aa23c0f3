"""The pages of one's own account: name and address, ways to sign in, sessions, and the end of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dialkey.portal.entry_views import RIGHT, PasskeyAsk, said
from dialkey.portal.shell_views import Place, Problems
from dialkey.web.pages import Page

ACCOUNT = Place(section="account")
SECURITY = Place(section="account-security")
SESSIONS = Place(section="account-sessions")

_AT = 1_790_000_000_000
_EARLIER = 1_780_000_000_000

NOTES = {
    "passkey-added": "Your passkey is ready: from now on it signs you in.",
    "passkey-renamed": "The name is changed.",
    "passkey-removed": "The passkey is removed.",
    "password-saved": "Your password is changed, and your other sessions are ended.",
    "codes-made": "New codes were made already, and shown once. If you have not saved them, make others.",
    "totp-off": "The second step is off.",
    "totp-on": "The second step is on.",
}
"""What was done just now."""

SECRET = "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"
CODES = ("k4r9-wm2t", "p7hd-3xqv", "n2cz-8jfk", "v6tb-4myr", "h9sw-5gdp",
         "r3xk-7vnc", "m8fq-2btz", "d5jy-6hws", "t4gp-9rkx", "c7vn-3mzd")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage(Page):
    """Who one is here. Posts `name`."""

    template: ClassVar[str] = "portal/account.html"

    csrf: str
    name: str
    email: str
    place: Place = ACCOUNT
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"csrf": "t", "email": "ada@voicebox.example"}
        return {
            "plain": cls(**base, name="Ada Lind"),
            "wrong": cls(**base, name="", problems=said("name", "missing")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailPage(Page):
    """Another address. Posts `email`."""

    template: ClassVar[str] = "portal/account_email.html"

    csrf: str
    email: str
    """The address now."""
    new_email: str = ""
    place: Place = ACCOUNT
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"csrf": "t", "email": "ada@voicebox.example"}
        return {
            "empty": cls(**base),
            "invalid": cls(**base, new_email="ada@", problems=said("email", "malformed")),
            "same": cls(**base, new_email="ada@voicebox.example", problems=said("email", "same")),
            "too-many": cls(**base, new_email="ada@x.example", problems=said("form", "too_many", minutes=30)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyRow:
    """A passkey as its owner knows it."""

    id: str
    label: str
    created_at: int
    last_used_at: int | None = None
    synced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityPage(Page):
    """All ways to sign in, and what each is worth."""

    template: ClassVar[str] = "portal/security.html"

    csrf: str
    has_password: bool
    passkeys: tuple[PasskeyRow, ...] = ()
    passkeys_possible: bool = True
    password_changed_at: int | None = None
    totp_since: int | None = None
    codes_left: int = 0
    note: str = ""
    """What was done just now: a key of `NOTES`."""
    place: Place = SECURITY

    @property
    def noted(self) -> str:
        return NOTES.get(self.note, "")

    @classmethod
    def samples(cls) -> dict[str, Page]:
        keys = (
            PasskeyRow(id="k1", label="Ada's laptop", created_at=_EARLIER, last_used_at=_AT, synced=True),
            PasskeyRow(id="k2", label="Blue security key", created_at=_AT),
        )
        return {
            "password-only": cls(csrf="t", has_password=True, password_changed_at=_AT),
            "no-passkeys": cls(csrf="t", has_password=True, passkeys_possible=False),
            "passkeys": cls(csrf="t", has_password=True, passkeys=keys),
            "two-steps": cls(csrf="t", has_password=True, passkeys=keys, totp_since=_AT, codes_left=10),
            "noted": cls(csrf="t", has_password=True, passkeys=keys, note="passkey-added"),
            "few-codes": cls(csrf="t", has_password=True, totp_since=_AT, codes_left=2),
            "no-codes": cls(csrf="t", has_password=True, totp_since=_AT),
            "no-password": cls(csrf="t", has_password=False, passkeys=keys[:1]),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordPage(Page):
    """Another password. Posts `password`."""

    template: ClassVar[str] = "portal/security_password.html"

    csrf: str
    email: str
    has_password: bool = True
    least: int = 10
    place: Place = SECURITY
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"csrf": "t", "email": "ada@voicebox.example"}
        return {
            "change": cls(**base),
            "first": cls(**base, has_password=False),
            "short": cls(**base, problems=said("password", "too_short", least=10)),
            "common": cls(**base, problems=said("password", "common")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAddPage(Page):
    """Makes a passkey: posts `label`, with `ticket` and `credential`, which the page's script asks the device for."""

    template: ClassVar[str] = "portal/security_passkey_add.html"

    csrf: str
    passkey: PasskeyAsk
    label: str = ""
    place: Place = SECURITY
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"csrf": "t", "passkey": PasskeyAsk(action="/portal/account/passkeys/add", options="{}", ticket="t")}
        return {
            "empty": cls(**base),
            "failed": cls(**base, label="Ada's laptop", problems=said("credential", "failed")),
            "label": cls(**base, label="x" * 81, problems=said("label", "too_long")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyPage(Page):
    """One passkey: posts `label`; another form leads to its removal."""

    template: ClassVar[str] = "portal/security_passkey.html"

    csrf: str
    passkey: PasskeyRow
    label: str
    place: Place = SECURITY
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        key = PasskeyRow(id="k1", label="Ada's laptop", created_at=_EARLIER, last_used_at=_AT, synced=True)
        return {
            "plain": cls(csrf="t", passkey=key, label=key.label),
            "wrong": cls(csrf="t", passkey=key, label="", problems=said("label", "too_long")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TotpPage(Page):
    """Setting up an authenticator app. Posts `code`."""

    template: ClassVar[str] = "portal/security_totp.html"

    csrf: str
    secret: str
    """For those who type it: base32, in groups."""
    setup_url: str
    """The `otpauth:` address behind the picture."""
    qr_path: str
    """The picture as an SVG path of one unit per module."""
    qr_size: int
    """Modules across, with the quiet zone."""
    place: Place = SECURITY
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        url = "otpauth://totp/Dialkey:ada%40voicebox.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Dialkey"
        path, size = qr_path(url)
        base = {"csrf": "t", "secret": SECRET, "setup_url": url, "qr_path": path, "qr_size": size}
        return {
            "empty": cls(**base),
            "wrong": cls(**base, problems=said("code", "wrong")),
            "nothing-typed": cls(**base, problems=said("code", "missing")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesPage(Page):
    """New recovery codes, shown this once."""

    template: ClassVar[str] = "portal/security_codes.html"

    codes: tuple[str, ...]
    email: str
    first: bool = True
    """Whether the second step was turned on just now; else the old codes were replaced."""
    next_url: str = "/portal/account/security"
    place: Place = SECURITY

    @property
    def text(self) -> str:
        """The codes as they are copied and saved."""
        return "\n".join(self.codes)

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"codes": CODES, "email": "ada@voicebox.example"}
        return {"first": cls(**base), "again": cls(**base, first=False)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A browser that is signed in."""

    id: str
    browser: str
    """What it says of itself, in short: `Firefox on Linux`."""
    network: str
    """The network that it was begun from, not the address."""
    started_at: int
    last_seen_at: int
    ways: str
    """How it began: `password`, `password and code`, `passkey`."""
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsPage(Page):
    """Where one is signed in."""

    template: ClassVar[str] = "portal/sessions.html"

    csrf: str
    sign_out_csrf: str
    sessions: tuple[SessionRow, ...]
    ended: bool = False
    """Whether something was ended just now."""
    place: Place = SESSIONS

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"started_at": _EARLIER, "last_seen_at": _AT}
        here = SessionRow(
            **base, id="s1", browser="Firefox on Linux", network="198.51.100.0/24", ways="passkey", current=True
        )
        phone = SessionRow(**base, id="s2", browser="Safari on iPhone", network="2001:db8:1::/48", ways="password")
        unknown = SessionRow(**base, id="s3", browser="Unknown", network="203.0.113.0/24", ways="password and code")
        return {
            "one": cls(csrf="t", sign_out_csrf="s", sessions=(here,)),
            "several": cls(csrf="t", sign_out_csrf="s", sessions=(here, phone, unknown)),
            "ended": cls(csrf="t", sign_out_csrf="s", sessions=(here,), ended=True),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountConfirmPage(Page):
    """Asks once more before something is taken away."""

    template: ClassVar[str] = "portal/account_confirm.html"

    csrf: str
    kind: str
    """`passkey`, `totp` or `codes`."""
    action: str
    label: str = ""
    """The name of the passkey."""
    ticket: str = ""
    """What makes the form work once."""
    place: Place = SECURITY

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "passkey": cls(csrf="t", kind="passkey", action="/portal/account/passkeys/k1/remove", label="Ada's laptop"),
            "totp": cls(csrf="t", kind="totp", action="/portal/account/totp/remove"),
            "codes": cls(csrf="t", kind="codes", action="/portal/account/codes", ticket="o"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseAccountPage(Page):
    """The end of an account."""

    template: ClassVar[str] = "portal/account_close.html"

    csrf: str
    owned: tuple[tuple[str, str], ...] = ()
    """(name, address) of organizations that nobody else owns: they come first."""
    place: Place = ACCOUNT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {"plain": cls(csrf="t"), "sole-owner": cls(csrf="t", owned=(("VoiceBox AB", "/portal/o/o1/members"),))}


def qr_path(text: str) -> tuple[str, int]:
    """A QR code (ISO/IEC 18004) as the data of an SVG path, and its width in modules with the quiet zone of four."""
    import segno

    # one mask is as good as another on a screen, and choosing among all costs 7 ms
    rows = tuple(segno.make(text, error="m", mask=2, boost_error=False, micro=False).matrix)
    steps: list[str] = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            start = x
            while x < len(row) and row[x]:
                x += 1
            steps.append(f"M{start + 4} {y + 4}h{x - start}v1h-{x - start}z")
    return "".join(steps), len(rows) + 8
