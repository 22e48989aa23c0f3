"""What Try it explains: each step, each parameter, each member of an answer, each error. In plain words, with the RFC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

STEPS: Mapping[str, tuple[str, str]] = {
    "authorize": (
        "Send the browser to us",
        "Your app opens this address in the subscriber's browser. We ask for the phone number, send a PIN, and ask whether"
        " your product may have what it asks for.",
    ),
    "returned": ("The browser comes back", "We send the browser to your redirect URI, with the answer in its query."),
    "exchange": (
        "Exchange the code for tokens",
        "Your server calls the token endpoint. The code works once, for a minute, and only together with what began the"
        " sign-in.",
    ),
    "credentials": (
        "Get an access token",
        "Your server asks in its own name: no browser, no subscriber (RFC 6749, section 4.4).",
    ),
    "userinfo": (
        "Ask who it is",
        "Your server presents the access token and gets what the subscriber agreed to (OpenID Connect Core, section 5.3).",
    ),
    "refresh": (
        "Get a new access token",
        "With the refresh token, while the subscriber is away. Each one is replaced when it is used: keep the new one.",
    ),
    "introspect": (
        "Ask about a token",
        "For servers that are handed a token and want to know what it is worth (RFC 7662).",
    ),
    "revoke": (
        "Give the token back",
        "When somebody signs out of your app. The answer is empty, whatever the token was (RFC 7009).",
    ),
}
"""(title, lead)."""

BUTTONS: Mapping[str, str] = {
    "exchange": "Exchange the code",
    "credentials": "Get an access token",
    "userinfo": "Call userinfo",
    "refresh": "Refresh",
    "introspect": "Introspect",
    "revoke": "Revoke",
}

PARAMETERS: Mapping[str, str] = {
    "response_type": "What you want back: code, the only flow that is safe in a browser.",
    "client_id": "Which client asks. It is public.",
    "redirect_uri": "Where the browser returns to: equal to the letter to one that is registered.",
    "scope": "What you ask the subscriber for, as words between spaces.",
    "state": "A random value of your own. It comes back unchanged: compare it, and nobody can slip you their answer.",
    "nonce": "A random value that comes back inside the ID token, so that an old one cannot be used again.",
    "code_challenge": "The SHA-256 of a secret that you keep, base64url (PKCE). A stolen code is worth nothing without it.",
    "code_challenge_method": "How the challenge was made: S256.",
    "prompt": "login asks for the number again, consent asks again what is allowed, none must not ask at all.",
    "login_hint": "A phone number to begin with. The subscriber can change it; nothing is sent until they press the button.",
    "grant_type": "What you trade in for tokens.",
    "code": "What the browser brought back. It works once.",
    "code_verifier": "The secret behind the code challenge, in the open now: we hash it and compare.",
    "client_secret": "Your secret, in the form: client_secret_post.",
    "client_assertion_type": "That a signed JWT follows (RFC 7523).",
    "client_assertion": "A JWT that your key signed. Its jti works once.",
    "refresh_token": "The one you got last.",
    "token": "The token in question.",
    "Authorization: Basic": "Client ID and secret, form-encoded, with a colon between, in base64 (RFC 6749, section 2.3.1).",
    "Authorization: Bearer": "The access token. Whoever holds it may use it: keep it on your server.",
}
"""Of requests."""

MEMBERS: Mapping[str, str] = {
    "code": "The code, for your server only. It works once, for a minute.",
    "state": "Your own value. Compare it with what you sent.",
    "iss": "Who answers. Compare it with the issuer, where you have several (RFC 9207).",
    "scope": "What was granted. It can be less than you asked for.",
    "access_token": "Opens our APIs. Opaque: do not look inside.",
    "token_type": "How it is presented: in the Authorization header, after Bearer.",
    "expires_in": "Seconds that it is good for.",
    "refresh_token": "Gets the next access token. Replaced each time.",
    "id_token": "Who signed in and when, as a JWT that we signed. Check signature, iss, aud, exp and nonce.",
    "sub": "The subscriber, for your product: always the same, and another one at every other product.",
    "phone_number": "The number that signed in, in E.164 form.",
    "phone_number_verified": "True: the operator's network delivered the PIN to it.",
    "active": "Whether the token opens anything now. False is all you are told of a token that does not.",
    "client_id": "Whose token it is.",
    "exp": "When it ends, in seconds since 1970.",
    "iat": "When it was made.",
    "aud": "Who it is for.",
    "error": "What went wrong, as a code for programs.",
    "error_description": "The same in a sentence, for the developer. Do not show it to subscribers.",
    "username": "Not told: a phone number is personal.",
}
"""Of answers."""

ERRORS: Mapping[str, str] = {
    "access_denied": "The subscriber pressed Cancel, or their operator does not offer your product. Say so, and let them"
    " go on.",
    "invalid_grant": "The code or refresh token was used already, is over, or belongs to another redirect URI, client or"
    " verifier. Start a new run.",
    "invalid_client": "Client ID and secret do not go together. Paste the whole secret, or make a new one on the Secrets"
    " tab.",
    "invalid_scope": "One of the scopes is unknown, or your product does not have it. See the Scopes tab.",
    "invalid_request": "Something is missing or stands twice. The description says what.",
    "invalid_token": "The token is over, was revoked, or is none of ours.",
    "insufficient_scope": "The token is good, but was not given for this.",
    "unauthorized_client": "This client may not use this grant. A pending machine client waits for approval.",
    "unsupported_grant_type": "We do not know this grant type.",
    "login_required": "prompt=none, and nobody is signed in.",
    "consent_required": "prompt=none, and the subscriber was not asked yet.",
    "temporarily_unavailable": "We cannot answer now. Try again in a moment.",
    "server_error": "Our fault. The request id helps us to find it.",
}
"""What to do about each."""


def explained(names: Iterable[str], words: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Those of the names that there are words for."""
    return tuple((name, words[name]) for name in dict.fromkeys(names) if name in words)
