"""The scopes that products can ask for. Scope names and audiences are part of the wire and never change meaning.

The descriptions are for developers; the sentences that a subscriber reads are in the language catalogues.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """One scope of the catalogue."""

    scope: str
    category: str
    description: str
    audience: str
    """The API that serves it, as tokens name it in `aud` (RFC 9068 section 3)."""
    subscriber_facing: bool
    """True where the consent page has a line for it. `openid` and `offline_access` give no access to anything."""


def _api(name: str) -> str:
    return f"urn:dialkey:api:{name}"


USERINFO = _api("userinfo")
"""Our own: what the userinfo endpoint is called in `aud`."""


def _group(
    category: str, api: str, scopes: dict[str, str], *, subscriber_facing: bool = True
) -> tuple[ScopeEntry, ...]:
    return tuple(ScopeEntry(scope, category, text, _api(api), subscriber_facing) for scope, text in scopes.items())


CATALOGUE: tuple[ScopeEntry, ...] = (
    *_group(
        "OAuth 2.0",
        "userinfo",
        {
            "openid": "Get an ID token (OpenID Connect)",
            "offline_access": "Get a refresh token, for access while the subscriber is away",
        },
        subscriber_facing=False,
    ),
    *_group("OAuth 2.0", "userinfo", {"phone": "Access the subscriber's phone number"}),
    *_group(
        "Voicemail",
        "voicemail",
        {
            "voicemail.get": "Retrieve the subscriber's voicemail messages",
            "voicemail.update": "Mark the subscriber's voicemail messages as read or unread",
            "voicemail.delete": "Delete the subscriber's voicemail messages",
        },
    ),
    *_group(
        "MMS",
        "mms",
        {
            "mms.send.from_subscriber": "Send MMS from the subscriber's number",
            "mms.send.to_subscriber": "Send MMS to the subscriber",
        },
    ),
    *_group(
        "SMS",
        "sms",
        {
            "sms.text:send_from_subscriber": "Send text messages from the subscriber's number",
            "sms.text:send_to_subscriber": "Send text messages to the subscriber",
            "sms.data:send_to_subscriber": "Send binary messages to the subscriber",
        },
    ),
    *_group(
        "Calls",
        "calls",
        {
            "call.routing:write": "Decide where the subscriber's calls are routed",
            "call.control.answer_and_initiate": "Answer and start calls for the subscriber",
            "callforwarding.to_number": "Forward the subscriber's calls to a number",
            "callforwarding.to_voicemail": "Forward the subscriber's calls to voicemail",
            "callforwarding.disable": "Turn off the subscriber's call forwarding",
        },
    ),
    *_group(
        "Subscription",
        "subscription",
        {
            "subscription.id:read": "Read the subscription's identifier",
            "subscription.read": "Read the subscription",
            "subscription.write": "Change the subscription",
            "subscription.handset_details:read": "Read which handset model is in use",
            "subscription.network_information:read": "Read the network that serves the handset",
            "subscription.country_change:read": "Read when the handset comes to another country",
            "subscription.periodic_country:read": "Read the handset's country from time to time",
            "subscription.first_attachment:read": "Read when the handset first used the network",
            "lookup.number:read": "Look up who a number belongs to",
            "number_portability.porting_record:read": "Read porting records",
            "number_portability.porting_record:write": "Write porting records",
            "data.set.dns": "Set the name servers of the subscriber's mobile data",
        },
    ),
    *_group(
        "Consent",
        "consents",
        {
            "subscription.consent:read": "Read a subscription's consents",
            "subscription.consent:write": "Give and withdraw a subscription's consents",
        },
    ),
    *_group(
        "Products",
        "products",
        {
            "products.tenant:read": "List the products that an operator has enabled",
            "products.list_for_tenant:read": "List the products that an operator has enabled (the older name)",
        },
        subscriber_facing=False,
    ),
    *_group(
        "SIM",
        "sim",
        {
            "sim.authentication_vector:generate": "Make authentication vectors of a SIM",
            "sim.import.write": "Import SIM cards",
        },
        subscriber_facing=False,
    ),
    *_group("Operations", "operations", {"metrics.read": "Read metrics"}, subscriber_facing=False),
    *_group(
        "Events",
        "events",
        {
            "events.handset_update.subscribe": "Be told when the subscriber changes handset",
            "events.location.subscribe": "Be told where the handset is",
            "events.roaming.subscribe": "Be told when the handset roams",
            "events.sms.subscribe": "Be told of the subscriber's text messages",
            "events.sms_delivery_report.subscribe": "Be told when text messages were delivered",
            "events.voice.subscribe": "Be told of the subscriber's calls",
            "events.voicemail.subscribe": "Be told of changes in the subscriber's voicemail inbox",
        },
    ),
    *_group(
        "Events",
        "events",
        {"events.audit.token.subscribe": "Be told of tokens that were made and revoked"},
        subscriber_facing=False,
    ),
)

BY_SCOPE = MappingProxyType({entry.scope: entry for entry in CATALOGUE})
