"""Remembering and withdrawing a consent, with evidence of what was seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import msgspec

from dialkey.audit import Tag, record
from dialkey.base.clock import Clock, Instant
from dialkey.base.entropy import Entropy
from dialkey.base.ids import new_id
from dialkey.base.scopes import ScopeSet
from dialkey.consent.model import Asking, Consent
from dialkey.consent.store import ConsentStore
from dialkey.consent.views import ScopeLine
from dialkey.directory.model import Operator, Product
from dialkey.events import Change, ChangeKind, record_change
from dialkey.storage import Storage, Writer
from dialkey.storage.keyring import Keyring
from dialkey.subscribers.subjects import subject
from dialkey.web.i18n import catalogue


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a subscriber answered, and what stood on the page."""

    subscription_id: str
    operator: Operator
    product: Product
    asking: Asking
    ticked: ScopeSet
    """The optional scopes that were ticked."""
    locale: str
    client_id: str
    session_id: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """By whom and where a consent is withdrawn."""

    actor: str
    """`subscription:<id>` for the subscriber's own hand."""
    page: str
    """`removal_link`, …"""
    locale: str
    client_id: str | None
    session_id: str | None
    request_id: str


class Withdrawn(Protocol):
    """What evidence and trail say of the product."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def organization_id(self) -> str: ...
    @property
    def terms_url(self) -> str | None: ...


class Consents:
    """The use cases."""

    def __init__(self, storage: Storage, keyring: Keyring, clock: Clock, entropy: Entropy) -> None:
        self._store = ConsentStore(storage)
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy

    async def find(self, subscription_id: str, product_id: str) -> Consent | None:
        return await self._store.find(subscription_id, product_id)

    async def remember(self, writer: Writer, answer: Answer) -> Consent:
        """Adds to what was allowed before; inside the caller's transaction, with evidence, audit and event."""
        product, asked = answer.product, answer.asking
        before, earliest = await self._store.hold(writer, answer.subscription_id, product.id)
        now = Instant(max(self._clock.now(), earliest))
        kept = before.scopes if before else ScopeSet()
        refused = asked.optional - answer.ticked
        scopes = (kept | asked.required | asked.unseen | (asked.optional & answer.ticked)) - refused
        declined = ((before.declined if before else ScopeSet()) | refused) - scopes
        consent = Consent(
            subscription_id=answer.subscription_id,
            product_id=product.id,
            scopes=scopes,
            declined=declined,
            terms_version=product.terms_version,
            owner="subscription",
            given_at=before.given_at if before else now,
            updated_at=now,
            created_by=before.created_by if before else None,
            metadata=before.metadata if before else {},
        )
        await self._save(writer, consent, product, before)
        await self._store.add_evidence(
            writer,
            id=new_id(self._entropy),
            subscription_id=answer.subscription_id,
            product_id=product.id,
            change="changed" if before else "given",
            scopes=str(scopes),
            declined=str(declined),
            text_version=text_version(answer.locale),
            locale=answer.locale,
            shown=_shown(answer),
            terms_url=product.terms_url,
            terms_version=product.terms_version,
            client_id=answer.client_id,
            session_id=answer.session_id,
            now=now,
        )
        await record(
            writer,
            Tag.CONSENT_CHANGED if before else Tag.CONSENT_GIVEN,
            entropy=self._entropy,
            now=now,
            actor=f"subscription:{answer.subscription_id}",
            subject=f"product:{product.id}",
            operator_id=answer.operator.id,
            organization_id=product.organization_id,
            request_id=answer.request_id,
            data={"scopes": str(scopes), "client": answer.client_id},
        )
        return consent


    async def give_on_behalf(
        self,
        writer: Writer,
        *,
        subscription_id: str,
        operator_id: str,
        product: Product,
        created_by: str,
        client_id: str,
        metadata: Mapping[str, str],
        request_id: str,
    ) -> bool:
        """A consent to all that the product requires, made by the product `created_by`; inside the caller's transaction,
        with evidence, audit and event. False where the subscription has one already: it is left as it is."""
        before, earliest = await self._store.hold(writer, subscription_id, product.id)
        if before is not None:
            return False
        now = Instant(max(self._clock.now(), earliest))
        consent = Consent(
            subscription_id=subscription_id,
            product_id=product.id,
            scopes=product.required_scopes,
            declined=product.optional_scopes,
            terms_version=product.terms_version,
            owner="subscription",
            given_at=now,
            updated_at=now,
            created_by=created_by,
            metadata=metadata,
        )
        await self._save(writer, consent, product, None)
        await self._store.add_evidence(
            writer,
            id=new_id(self._entropy),
            subscription_id=subscription_id,
            product_id=product.id,
            change="given",
            scopes=str(consent.scopes),
            declined=str(consent.declined),
            text_version="",
            locale="",
            shown=msgspec.json.encode({"product": product.name, "page": "api", "created_by": created_by}).decode(),
            terms_url=product.terms_url,
            terms_version=product.terms_version,
            client_id=client_id,
            session_id=None,
            now=now,
        )
        await record(
            writer,
            Tag.CONSENT_GIVEN,
            entropy=self._entropy,
            now=now,
            actor=f"product:{created_by}",
            subject=f"product:{product.id}",
            operator_id=operator_id,
            organization_id=product.organization_id,
            request_id=request_id,
            data={"scopes": str(consent.scopes), "subscription": subscription_id},
        )
        return True

    async def withdraw(
        self,
        writer: Writer,
        *,
        subscription_id: str,
        product: Withdrawn,
        operator_id: str,
        how: Withdrawal,
        created_by: str = "",
    ) -> bool:
        """Ends the consent, inside the caller's transaction, with evidence, audit and event; whoever calls this ends the
        grants with it. False where there is none, or none that `created_by` made."""
        before = await self._store.withdraw(writer, subscription_id, product.id, self._clock.now(), created_by)
        if before is None:
            return False
        now = Instant(before.updated_at)
        change = Change(
            kind=ChangeKind.REVOKED,
            product_id=product.id,
            subscription_id=subscription_id,
            scopes=ScopeSet(before.scopes.split()),
            metadata=json.loads(before.metadata),
            at=now,
        )
        await record_change(writer, change, entropy=self._entropy)
        await self._store.add_evidence(
            writer,
            id=new_id(self._entropy),
            subscription_id=subscription_id,
            product_id=product.id,
            change="withdrawn",
            scopes="",
            declined=str(ScopeSet([*before.scopes.split(), *before.declined.split()])),
            text_version=text_version(how.locale),
            locale=how.locale,
            shown=msgspec.json.encode({"product": product.name, "page": how.page}).decode(),
            terms_url=product.terms_url,
            terms_version=before.terms_version,
            client_id=how.client_id,
            session_id=how.session_id,
            now=now,
        )
        await record(
            writer,
            Tag.CONSENT_WITHDRAWN,
            entropy=self._entropy,
            now=now,
            actor=how.actor,
            subject=f"product:{product.id}",
            operator_id=operator_id,
            organization_id=product.organization_id,
            request_id=how.request_id,
            data={"subscription": subscription_id, "page": how.page},
        )
        return True

    async def _save(self, writer: Writer, consent: Consent, product: Product, before: Consent | None) -> None:
        """With its event, unless it is told nothing new."""
        await self._store.save(writer, consent, subject(self._keyring, product.sector, consent.subscription_id))
        if before is not None and before.scopes == consent.scopes:
            return
        change = Change(
            kind=ChangeKind.UPDATED if before else ChangeKind.ADDED,
            product_id=product.id,
            subscription_id=consent.subscription_id,
            scopes=consent.scopes,
            metadata=consent.metadata,
            at=consent.updated_at,
        )
        await record_change(writer, change, entropy=self._entropy)


def lines(locale: str, scopes: Iterable[str], *, granted: ScopeSet | None = None) -> tuple[ScopeLine, ...]:
    """Scopes in the reader's words; one without words of its own stands as it is named."""
    words = catalogue(locale)
    return tuple(
        ScopeLine(
            scope=scope,
            sentence=words.find(f"scope.{scope}") or scope,
            granted=granted is not None and scope in granted,
        )
        for scope in scopes
    )


@lru_cache(maxsize=64)
def text_version(locale: str) -> str:
    """Names the wording of the consent page in one language: a digest of its words."""
    words = catalogue(locale)
    text = "\n".join(
        f"{key}={words.messages[key]}" for key in sorted(words.messages) if key.startswith(("consent.", "scope."))
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _shown(answer: Answer) -> str:
    asked = answer.asking
    return msgspec.json.encode(
        {
            "product": answer.product.name,
            "organization": answer.product.organization_name,
            "operator": answer.operator.name,
            "price": answer.product.price,
            "verified": answer.product.verified,
            "privacy_url": answer.product.privacy_url,
            "required": {line.scope: line.sentence for line in lines(answer.locale, asked.required)},
            "optional": {line.scope: line.sentence for line in lines(answer.locale, asked.optional)},
            "kept": {line.scope: line.sentence for line in lines(answer.locale, asked.kept)},
            "ticked": [scope for scope in asked.optional if scope in answer.ticked],
        }
    ).decode()
