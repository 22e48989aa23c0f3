"""Use cases of accounts: each is one transaction with its line in the audit trail.

Answers never tell whether an address has an account: what depends on it is done by a job after the answer was given.
Every method that takes an `AccountSession` acts for it alone. Those marked *strong* raise Refusal 403 `reauthenticate`
unless the session proved who it is within the last 15 minutes (`prove…`). `Unfit`, `Wrong`, `TooMany` and the like are
returned; what nobody's mistake can cause is a Refusal.
"""

from __future__ import annotations

from dialkey.accounts.factors import FactorRules
from dialkey.accounts.keeping import KeepingRules
from dialkey.accounts.office import ANSWER_LINK, Address
from dialkey.accounts.passkeys import PasskeyRules
from dialkey.accounts.sessions import SessionRules
from dialkey.jobs import Handler

__all__ = ["ANSWER_LINK", "Accounts", "Address"]


class Accounts(SessionRules, KeepingRules, PasskeyRules, FactorRules):
    """Everything that people can do about their own account, and what other rooms may ask about people. `cookie` is the
    session's: `cookie.put(token)`, `cookie.drop()`."""

    @property
    def handlers(self) -> dict[str, Handler]:
        """The jobs of this room, by kind."""
        return {ANSWER_LINK: Handler(run=self.answer_link, retries=5)}
