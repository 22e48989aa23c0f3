"""Words of a product's pages: fields, what is missing, countries."""

from __future__ import annotations

from types import MappingProxyType

from dialkey.developers.content import Standing as ProductStanding

FIELDS = MappingProxyType(
    {
        "name": "Name",
        "subtitle": "Subtitle",
        "description": "Description",
        "price": "Price",
        "accent": "Colour",
        "icon_id": "Icon",
        "banner_id": "Banner",
        "screenshots": "Screenshots",
        "support": "Support",
        "product_url": "Product page",
        "terms_url": "Terms",
        "privacy_url": "Privacy policy",
        "required_scopes": "Needed scopes",
        "optional_scopes": "Optional scopes",
        "scopes": "Scopes",
        "new_terms": "Subscribers agree again",
        "operators": "Operators",
        "clients": "A client",
        "redirect_uris": "A login redirect URI",
        "client_credentials": "A client that authenticates as itself",
    }
)
MISSING = MappingProxyType(
    {
        "subtitle": "One line below the name, where subscribers decide.",
        "description": "What it does, for operators and the product page.",
        "price": "What subscribers pay, or “Free”.",
        "icon_id": "A square picture that subscribers recognize.",
        "banner_id": "A wide picture for catalogues.",
        "screenshots": "Operators like to see it before they enable it.",
        "support": "Where subscribers get help.",
        "product_url": "Where people can read more.",
        "terms_url": "Subscribers agree to these when they add the product.",
        "privacy_url": "Linked on the page where subscribers decide.",
        "scopes": "What your clients may ask for; at least one.",
        "operators": "Offer it to an operator, or make it available to all.",
        "clients": "What your servers and apps sign in with.",
        "redirect_uris": "Where subscribers come back to after logging in.",
        "client_credentials": "An operator product's servers use the client credentials grant.",
    }
)
_ANCHORS = {"icon_id": "icon", "banner_id": "banner", "scopes": "", "operators": "", "clients": ""}

CHIPS = MappingProxyType(
    {
        ProductStanding.DRAFT: "draft",
        ProductStanding.IN_REVIEW: "review",
        ProductStanding.RETURNED: "changes",
        ProductStanding.REFUSED: "refused",
        ProductStanding.LIVE: "live",
        ProductStanding.LIVE_DRAFT: "live",
        ProductStanding.LIVE_IN_REVIEW: "live",
        ProductStanding.SUSPENDED: "suspended",
    }
)
"""The badge of each standing: a key of the macro `p.chip`."""


def field_title(field: str) -> str:
    return FIELDS.get(field, field.replace("_", " ").capitalize())


def anchor(field: str, tab: str) -> str:
    """Where on its tab the field is."""
    name = _ANCHORS.get(field, field)
    return f"#{name}" if name and tab == "general" else ""


def country_name(code: str) -> str:
    """In English; the code itself where it has no name."""
    from phonenumbers.geodata.locale import LOCALE_DATA

    names = LOCALE_DATA.get(code, {})
    name = names.get("en", "")
    if name.startswith("*"):
        name = names.get(name[1:], "")
    return name or code
