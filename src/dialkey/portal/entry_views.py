"""The pages of people who are not signed in: signing up, signing in, and the way back to a forgotten password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from dialkey.portal.shell_views import FieldProblem, Problems
from dialkey.web.pages import Page

RIGHT = Problems()
"""Nothing is wrong."""

WORDS = {
    "name.missing": "Enter your name.",
    "name.too_long": "Use at most 80 characters.",
    "name.malformed": "Use letters, digits, spaces and common marks only.",
    "email.missing": "Enter your e-mail address.",
    "email.malformed": "This doesn't look like an e-mail address. Check it for typing mistakes.",
    "email.too_long": "This address is too long for an e-mail address.",
    "email.same": "This is the address that you have now.",
    "password.missing": "Enter your password.",
    "password.choose": "Choose a password.",
    "password.too_short": "Use at least {least} characters. A few words in a row are easy to remember.",
    "password.too_long": "Use at most {most} characters.",
    "password.common": "This password is among those that attackers try first. Choose another one.",
    "password.personal": "This is too close to your name or e-mail address. Choose another one.",
    "password.wrong": "This isn't your password. Try again, or reset it.",
    "password.chosen": "This isn't the password that you chose. Try again.",
    "password.mismatch": "E-mail and password don't go together. Check both, or reset your password.",
    "code.missing": "Enter the code.",
    "code.wrong": "This code isn't right. Codes change every 30 seconds: try the one that shows now.",
    "code.recovery": "This recovery code isn't right, or was used already.",
    "form.proof": "That wasn't right. Check your password, and the code if you typed one.",
    "form.again": "That took too long, or was tried too often. Sign in once more.",
    "form.passkey": "This passkey didn't work here. Try again, or use your password.",
    "form.too_many": "Too many tries. Wait {minutes} min, then try again.",
    "credential.failed": "The passkey could not be added. Try once more.",
    "label.malformed": "Use letters, digits, spaces and common marks only.",
    "label.missing": "Give it a name, such as the device that it is on.",
    "label.too_long": "Use at most 80 characters.",
}
"""What is wrong, in words: by field and code."""


def said(field: str, code: str, **data: str | int) -> Problems:
    """One problem with one field; the field `form` stands for all of it."""
    return all_said({field: code}, **data)


def all_said(codes: Mapping[str, str], **data: str | int) -> Problems:
    """Several: the code of each field."""
    return Problems(
        tuple(
            FieldProblem(field=field, text=WORDS.get(f"{field}.{code}", "This cannot be used.").format(**data))
            for field, code in codes.items()
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAsk:
    """What the page's script gives to `navigator.credentials`, and where it posts `ticket` and `credential`."""

    action: str
    options: str
    """Options of `create` or `get` as JSON (WebAuthn level 3, sections 5.4 and 5.5)."""
    ticket: str


_ASK = PasskeyAsk(action="/portal/sign-in/passkey", options="{}", ticket="t")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpPage(Page):
    """Posts `name`, `email`, `password`."""

    template: ClassVar[str] = "portal/sign_up.html"

    csrf: str
    action: str = "/portal/sign-up"
    name: str = ""
    email: str = ""
    next_url: str = ""
    """Where to go afterwards, if not home."""
    least: int = 10
    """Characters that a password has."""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        typed = {"csrf": "t", "name": "Ada Lind", "email": "ada@voicebox.example"}
        return {
            "empty": cls(csrf="t"),
            "nothing-typed": cls(
                csrf="t",
                problems=all_said({"name": "missing", "email": "missing", "password": "choose"}),
            ),
            "short": cls(**typed, problems=said("password", "too_short", least=10)),
            "common": cls(**typed, problems=said("password", "common")),
            "address": cls(csrf="t", name="Ada Lind", email="ada@", problems=said("email", "malformed")),
            "too-many": cls(**typed, problems=said("form", "too_many", minutes=8)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxHintPage(Page):
    """Look in your mailbox. The same for an address that has an account and for one that has none."""

    template: ClassVar[str] = "portal/sign_up_sent.html"

    kind: str
    """`sign_up`, `reset`, or `email` for a change of address."""
    email: str = ""
    """Where it was sent; empty where this browser does not remember."""
    mailbox_url: str | None = None
    """The virtual mailbox, where messages stay on this machine."""
    again_url: str = "/portal/sign-up"

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "sign-up": cls(kind="sign_up", email="ada@voicebox.example"),
            "sign-up-demo": cls(kind="sign_up", email="ada@voicebox.example", mailbox_url="/mailbox"),
            "reset": cls(kind="reset", email="ada@voicebox.example", again_url="/portal/forgot"),
            "reset-forgotten": cls(kind="reset", again_url="/portal/forgot"),
            "email": cls(kind="email", email="ada@new.example", again_url="/portal/account", mailbox_url="/mailbox"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPage(Page):
    """A link from a message was followed. It is used only when the button is pressed: mail programs open links too."""

    template: ClassVar[str] = "portal/verify.html"

    csrf: str
    token: str
    kind: str = "sign_up"
    """`sign_up`, `email`, or `undo_email`."""
    action: str = "/portal/verify"
    email: str = ""
    ask_password: bool = False
    """Whether the password is asked for as well: where another browser signed up."""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "sign-up": cls(csrf="t", token="t", email="ada@voicebox.example"),
            "elsewhere": cls(csrf="t", token="t", ask_password=True, email="ada@voicebox.example"),
            "elsewhere-wrong": cls(
                csrf="t",
                token="t",
                ask_password=True,
                email="ada@voicebox.example",
                problems=said("password", "chosen"),
            ),
            "email": cls(csrf="t", token="t", kind="email", email="ada@new.example"),
            "undo": cls(csrf="t", token="t", kind="undo_email", email="ada@voicebox.example"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkGonePage(Page):
    """A link that was used, is too old, or never was."""

    template: ClassVar[str] = "portal/verify_gone.html"
    status: ClassVar[int] = 410

    kind: str
    """`sign_up`, `email`, `undo_email` or `reset`."""

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {kind: cls(kind=kind) for kind in ("sign_up", "email", "undo_email", "reset")}


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInPage(Page):
    """Posts `email` and `password`."""

    template: ClassVar[str] = "portal/sign_in.html"

    csrf: str
    action: str = "/portal/sign-in"
    passkey: PasskeyAsk | None = None
    """None where the issuer's host allows none."""
    next_url: str = ""
    """Where to go afterwards, if not home."""
    email: str = ""
    note: str = ""
    """Why one is here: `signed_out`, `password_changed`, `email_changed`, `email_restored`, `closed`, or nothing."""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        typed = {"csrf": "t", "email": "ada@voicebox.example", "passkey": _ASK}
        notes = ("signed_out", "password_changed", "email_changed", "email_restored", "closed")
        return {
            "empty": cls(csrf="t", passkey=_ASK),
            "no-passkeys": cls(csrf="t"),
            "nothing-typed": cls(
                csrf="t", passkey=_ASK, problems=all_said({"email": "missing", "password": "missing"})
            ),
            "wrong": cls(**typed, problems=said("password", "mismatch")),
            "passkey": cls(**typed, problems=said("form", "passkey")),
            "too-many": cls(**typed, problems=said("form", "too_many", minutes=8)),
            **{note.replace("_", "-"): cls(csrf="t", passkey=_ASK, note=note) for note in notes},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondPage(Page):
    """The second factor: posts `code`."""

    template: ClassVar[str] = "portal/second.html"

    csrf: str
    action: str = "/portal/sign-in/second"
    way: str = "totp"
    """`totp` or `recovery`."""
    next_url: str = ""
    passkey: PasskeyAsk | None = None
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "totp": cls(csrf="t"),
            "totp-passkey": cls(csrf="t", passkey=_ASK),
            "totp-wrong": cls(csrf="t", problems=said("code", "wrong"), next_url="/portal/account"),
            "recovery": cls(csrf="t", way="recovery"),
            "recovery-wrong": cls(csrf="t", way="recovery", problems=said("code", "recovery")),
            "too-many": cls(csrf="t", problems=said("form", "too_many", minutes=8)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgotPage(Page):
    """Posts `email`."""

    template: ClassVar[str] = "portal/forgot.html"

    csrf: str
    action: str = "/portal/forgot"
    email: str = ""
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "empty": cls(csrf="t"),
            "typed": cls(csrf="t", email="ada@voicebox.example"),
            "invalid": cls(csrf="t", email="ada@", problems=said("email", "malformed")),
            "too-many": cls(csrf="t", email="ada@x.example", problems=said("form", "too_many", minutes=8)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetPage(Page):
    """Posts `password`."""

    template: ClassVar[str] = "portal/reset.html"

    csrf: str
    token: str
    action: str = "/portal/reset"
    email: str = ""
    least: int = 10
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        return {
            "empty": cls(csrf="t", token="t", email="ada@voicebox.example"),
            "short": cls(csrf="t", token="t", problems=said("password", "too_short", least=10)),
            "common": cls(csrf="t", token="t", problems=said("password", "common")),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmItIsYouPage(Page):
    """Signed in, but not lately enough for what comes next: posts `password`, and `code` where `ask_code`."""

    template: ClassVar[str] = "portal/sign_in_again.html"

    csrf: str
    email: str
    action: str = "/portal/account/confirm"
    passkey: PasskeyAsk | None = None
    ask_code: bool = False
    has_password: bool = True
    next_url: str = "/portal/account"
    back_url: str = "/portal/account"
    problems: Problems = RIGHT

    @classmethod
    def samples(cls) -> dict[str, Page]:
        base = {"csrf": "t", "email": "ada@voicebox.example"}
        return {
            "password": cls(**base),
            "passkey": cls(**base, passkey=_ASK),
            "passkey-only": cls(**base, passkey=_ASK, has_password=False),
            "password-code": cls(**base, ask_code=True, passkey=_ASK),
            "wrong": cls(**base, problems=said("password", "wrong")),
            "proof-wrong": cls(**base, ask_code=True, problems=said("form", "proof")),
            "too-many": cls(**base, problems=said("form", "too_many", minutes=8)),
        }
