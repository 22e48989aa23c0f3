"""Words of the client pages: why an address is refused, what each kind of client is, what a parameter does."""

from __future__ import annotations

from collections.abc import Mapping

from dialkey.developers.faults import URI_FAULTS
from dialkey.directory.model import AuthMethod, ClientKind

KINDS: Mapping[ClientKind, tuple[str, str]] = {
    ClientKind.WEB: ("Web app", "It runs on your server, which can keep a secret."),
    ClientKind.NATIVE: ("Native app", "It runs on a phone or a computer. No secret; PKCE protects it."),
    ClientKind.BROWSER: ("Browser app", "A single-page app without a server. No secret; PKCE protects it."),
    ClientKind.MACHINE: ("Machine", "Your server calls our APIs for itself. No subscriber signs in."),
}

METHODS: Mapping[AuthMethod, tuple[str, str]] = {
    AuthMethod.BASIC: ("Secret in the header", "client_secret_basic: what most libraries do by themselves."),
    AuthMethod.POST: ("Secret in the form", "client_secret_post: for libraries that cannot send the header."),
    AuthMethod.PRIVATE_KEY_JWT: (
        "Signed with your key",
        "private_key_jwt: no shared secret. We only know your public key.",
    ),
    AuthMethod.NONE: ("None", "A public client. PKCE protects its codes."),
}

METHODS_OF: Mapping[ClientKind, tuple[AuthMethod, ...]] = {
    ClientKind.WEB: (AuthMethod.BASIC, AuthMethod.POST, AuthMethod.PRIVATE_KEY_JWT),
    ClientKind.NATIVE: (AuthMethod.NONE,),
    ClientKind.BROWSER: (AuthMethod.NONE,),
    ClientKind.MACHINE: (AuthMethod.BASIC, AuthMethod.POST, AuthMethod.PRIVATE_KEY_JWT),
}
"""What a client of each kind may choose; the first one where nothing is chosen."""

FORM_FAULTS: Mapping[str, tuple[str, str]] = {
    "redirect_uri_missing": ("redirect_uris", "Add at least one address to return to after signing in."),
    "machine_redirect_uri": ("redirect_uris", "A machine client has no browser to send back. Remove the addresses."),
    "too_many_uris": ("redirect_uris", "A list has at most 20 addresses."),
    "jwks_missing": ("jwks", "Paste the public key that your server signs with, as a JWK Set or as PEM."),
    "jwks": ("jwks", "This is not a JWK Set of public keys."),
    "browser_secret": ("auth_method", "A browser app cannot keep a secret: choose None."),
    "public_client_credentials": ("auth_method", "A machine client has to authenticate: choose a secret or a key."),
    "machine_grant_types": ("kind", "A machine client uses client credentials only."),
    "kind": ("kind", "Choose what kind of client this is."),
    "auth_method": ("auth_method", "Choose how the client authenticates."),
    "two_secrets": ("", "Two secrets are live already. Revoke one of them first."),
    "no_secrets": ("", "This client does not authenticate with a secret."),
    "no_keys": ("", "This client does not sign with a key."),
    "grace": ("grace", "Choose how long the old secret goes on working."),
}
"""(field, words) by the code of a refused registration."""


def uri_words(fault: str) -> str:
    """Why an address is refused; empty for None."""
    return URI_FAULTS.get(fault, "This address cannot be used.")
