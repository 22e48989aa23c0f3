"""The mails that accounts send. None repeats what was typed by somebody whose address is not verified yet."""

from __future__ import annotations

from urllib.parse import urlencode

from dialkey.mail.model import Message

VERIFY = "/portal/verify"
RESET = "/portal/reset"
EMAIL = "/portal/verify-email"
UNDO_EMAIL = "/portal/undo-email"
FORGOT = "/portal/forgot"
SIGN_IN = "/portal/sign-in"
"""Where the mailed links lead; the portal serves them."""

_PATHS = {"sign_up": VERIFY, "reset": RESET, "email": EMAIL, "undo_email": UNDO_EMAIL}


class Letters:
    """Writes them. `base_url` is the issuer's."""

    def __init__(self, base_url: str) -> None:
        self._base = base_url

    def link(self, purpose: str, token: str) -> str:
        return f"{self._base}{_PATHS[purpose]}?{urlencode({'token': token})}"

    def sign_up(self, token: str) -> Message:
        return self._message(
            "sign_up",
            "Confirm your e-mail address",
            "Somebody, we hope you, signed up for the developer portal with this address. Open this page to confirm it:",
            self.link("sign_up", token),
            "The link works once, for 24 hours. If it was not you, do nothing: without this step there is no account.",
        )

    def already_registered(self) -> Message:
        return self._message(
            "already_registered",
            "You already have an account",
            "Somebody signed up for the developer portal with this address, which has an account already. If it was you,"
            " sign in:",
            self._base + SIGN_IN,
            "If you do not know the password any more, choose a new one:",
            self._base + FORGOT,
            "If it was not you, do nothing. Nothing was changed.",
        )

    def reset(self, token: str) -> Message:
        return self._message(
            "password_reset",
            "Choose a new password",
            "Somebody, we hope you, asked for a new password. Choose it here:",
            self.link("reset", token),
            "The link works once, for an hour. If it was not you, do nothing: your password stays as it is.",
        )

    def new_email(self, token: str) -> Message:
        return self._message(
            "email_change",
            "Confirm your new e-mail address",
            "An account of the developer portal is about to use this address. If it is yours, confirm it here:",
            self.link("email", token),
            "The link works once, for 24 hours. If you do not know of this, do nothing.",
        )

    def email_in_use(self) -> Message:
        return self._message(
            "email_in_use",
            "This address has an account already",
            "Somebody wanted to use this address for another account of the developer portal. It has one already, so"
            " nothing was changed.",
        )

    def email_changed(self, token: str) -> Message:
        return self._message(
            "email_changed",
            "Your e-mail address was changed",
            "Your account of the developer portal now has another e-mail address, and this one no longer signs in.",
            "If it was not you, take the account back within seven days:",
            self.link("undo_email", token),
        )

    def email_restored(self, token: str) -> Message:
        return self._message(
            "email_restored",
            "Your e-mail address is back",
            "Your account has this address again. All sessions were ended and the password no longer works. Choose a new"
            " one within an hour:",
            self.link("reset", token),
        )

    def password_changed(self) -> Message:
        return self._notice("password_changed", "Your password was changed", "the password of your account was changed")

    def totp_added(self) -> Message:
        return self._notice(
            "totp_added",
            "An authenticator app was added",
            "an authenticator app was added to your account. Signing in with the password now asks for its code",
        )

    def totp_removed(self) -> Message:
        return self._notice(
            "totp_removed",
            "Your authenticator app was removed",
            "the authenticator app and the recovery codes were removed from your account. The password alone signs in now",
        )

    def recovery_codes_renewed(self) -> Message:
        return self._notice(
            "recovery_codes_renewed", "You have new recovery codes", "your account got new recovery codes"
        )

    def recovery_code_used(self, left: int) -> Message:
        return self._notice(
            "recovery_code_used",
            "A recovery code was used",
            f"somebody signed in to your account with a recovery code. {left} are left",
        )

    def passkey_added(self) -> Message:
        return self._notice("passkey_added", "A passkey was added", "a passkey was added to your account")

    def passkey_removed(self) -> Message:
        return self._notice("passkey_removed", "A passkey was removed", "a passkey was removed from your account")

    def second_factor_failed(self) -> Message:
        return self._notice(
            "second_factor_failed",
            "Somebody knows your password",
            "somebody typed the right password of your account and then several wrong codes. They did not get in",
        )

    def closed(self) -> Message:
        return self._message(
            "account_closed",
            "Your account was closed",
            "Your account of the developer portal was closed, and what we knew of you was deleted.",
        )

    def _notice(self, kind: str, subject: str, what: str) -> Message:
        return self._message(
            kind,
            subject,
            f"{what[0].upper()}{what[1:]}.",
            "If it was you, there is nothing to do. If not, choose a new password at once, which ends all sessions:",
            self._base + FORGOT,
        )

    def _message(self, kind: str, subject: str, *paragraphs: str) -> Message:
        return Message(subject=subject, text="\n\n".join(["Hello,", *paragraphs]), kind=kind)
