"""Why something failed, in a word that can be counted, a sentence, and what to do about it.

The protocol raises an error with a `detail` for its log; the first entry whose beginning fits that detail is the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from dialkey.insights.model import Kind, Outcome


@dataclass(frozen=True, slots=True)
class Reason:
    """`begins`: how the details begin that it explains."""

    code: str
    said: str
    hint: str
    begins: tuple[str, ...]
    outcome: Outcome = Outcome.FAILED


def _stopped(code: str, said: str, hint: str, *begins: str) -> Reason:
    return Reason(code, said, hint, begins, Outcome.STOPPED)


def _failed(code: str, said: str, hint: str, *begins: str) -> Reason:
    return Reason(code, said, hint, begins)


REASONS: tuple[Reason, ...] = (
    # the authorization request
    _failed(
        "redirect_uri_wrong", "The redirect_uri is not registered for this client.",
        "Register it under Settings, to the letter: scheme, host, port, path and a trailing slash all count. An address"
        " that waits for approval works for test numbers only.",
        "redirect_uri is not registered",
    ),
    _failed(
        "redirect_uri_missing", "The request has no redirect_uri, and the client has not exactly one registered.",
        "Send redirect_uri with every authorization request.", "redirect_uri is missing",
    ),
    _failed("parameter_repeated", "A parameter is there twice, or cannot be read.",
            "Send each parameter once, URL-encoded.", "query and body", "repeated", "malformed",
            "parameters in the query", "content type"),
    _failed("pkce_missing", "The code_challenge is missing: this client has to use PKCE.",
            "Send code_challenge and code_challenge_method=S256; most libraries have a switch for it.",
            "code_challenge is missing"),
    _failed("pkce_wrong", "code_challenge or its method is wrong.", "Use S256: base64url of the SHA-256 of the verifier.",
            "method without challenge", "code_challenge"),
    _failed("response_type", "The response_type is missing or not supported.", "Send response_type=code.",
            "response_type", "response_mode"),
    _failed("grant_not_allowed", "The client may not use this grant.",
            "Look at the client's type under Settings: machines have no subscribers, public clients cannot stand for"
            " themselves.",
            "the client does not have", "a public client cannot"),
    _failed("scope_not_enabled", "A scope was asked for that the product does not have enabled.",
            "Enable it on the product's Scopes tab, or ask for less.", "not enabled for the product"),
    _failed("scope_wrong", "The scope cannot be granted.", "Look at the names on the product's Scopes tab.",
            "the scope is malformed", "no known scope", "a subscriber's scope", "refresh asks for more"),
    _failed("prompt", "The prompt is not supported, or none stands with others.", "Use none, login, consent or"
            " select_account.", "prompt none with others", "prompt {", "prompt ("),
    _failed("login_required", "prompt=none, and nobody is signed in.",
            "Expected where nobody signed in before: send the browser again without prompt=none.", "prompt=none",
            "signed in as another subscriber"),
    _failed("max_age", "max_age is not a whole number of seconds.", "Send digits only.", "max_age"),
    _failed("claims", "The claims parameter cannot be used.", "Send a JSON object as OpenID Connect Core section 5.5 has"
            " it, or leave it out.", "claims", "essential acr"),
    _failed("id_token_hint", "The id_token_hint is not an ID token of this client.",
            "Send the latest ID token that this client got, unchanged.", "id_token_hint"),
    _failed("too_long", "The request is too long.", "Keep state and nonce short: a random value is enough.",
            "state or nonce too long", "request too long", "state is too long"),
    _failed("not_supported", "The request uses a parameter that is not supported.",
            "Leave out request, request_uri and registration.", "request_not_supported", "request_uri_not_supported",
            "registration_not_supported"),
    _failed("operator_has_not", "The subscriber's operator does not offer the product.",
            "Offer it on the Listing tab; the operator then enables it.", "the subscriber's operator does not offer",
            "the operator no longer offers"),
    # what subscribers do
    _stopped("cancelled", "The subscriber pressed Cancel.", "Nothing to mend: let people go on without it.",
             "cancelled"),
    _stopped("sandbox_outcome", "A test number's outcome was chosen like this.", "Reset it on the Sandbox page.",
             "sandbox:"),
    _stopped("pin_wrong", "The PIN was wrong.", "People mistype; nothing to mend.", "wrong pin"),
    _stopped("pin_locked", "Too many wrong PINs: the sign-in ended.", "The subscriber can start again.", "pin locked"),
    _stopped("pin_expired", "The PIN had run out.", "The subscriber can start again.", "pin expired"),
    _stopped("too_many_messages", "Too many messages were asked for: nothing was sent for now.",
             "A limit of the number, its network or this client was reached. Limits are free again within 15 minutes.",
             "too many messages"),
    # the token endpoint
    _failed("client_secret_wrong", "The client secret is wrong, or has ended.",
            "Compare the secret that your server uses with the ones under Secrets; make a new one if in doubt.",
            "wrong secret"),
    _failed("auth_method", "The client authenticated in another way than the one it is registered for.",
            "Change your library's setting, or the client's under Settings.", "used ", "several authentication"),
    _failed("client_disabled", "The client or its product is turned off.", "Turn it on under Settings.",
            "client or product is disabled"),
    _failed("assertion", "The signed assertion was refused.",
            "Its aud is the issuer as one string, iss and sub are the client_id, exp is at most five minutes away, and"
            " jti is new each time.", "assertion", "client_assertion_type"),
    _failed("client_unproven", "The request names no client, or two.", "Send client_id and secret once: in the"
            " Authorization header, or in the body.", "no client authentication", "client_id differs",
            "Authorization is not Basic", "Basic credentials", "unknown client"),
    _failed("grant_type", "The grant_type is missing or not supported.",
            "Send authorization_code, refresh_token or client_credentials.", "grant_type"),
    _failed("code_used", "The code was used before. The grant has ended.",
            "A code works once. Look for a request that is sent twice, such as a reload of the callback page.",
            "the code was used before"),
    _failed("code_expired", "The code had expired.", "Exchange it at once: it lives for a minute.",
            "the code has expired"),
    _failed("code_wrong", "This is no code of this client.", "Send the code as it came, to the same client that asked for"
            " it.", "not a code of ours", "the code is not this client's", "code is missing"),
    _failed("pkce_verifier", "code_verifier does not fit the code_challenge, or one of them is missing.",
            "Keep the verifier of the very request that the code belongs to; watch out for two tabs.", "code_verifier"),
    _failed("redirect_uri_differs", "redirect_uri differs from that of the authorization request.",
            "Send the same address to the token endpoint, to the letter.", "redirect_uri differs"),
    _failed("grant_over", "The grant has ended or expired.",
            "The subscriber removed the product, signed out everywhere, or was away too long: sign in anew.",
            "the authorization was ended", "the grant was ended", "the grant has expired", "the grant is over",
            "the subscription has no number", "the subscription is not active"),
    _failed("refresh_used", "An old refresh token came once more. The grant has ended.",
            "Store the new refresh token of each answer, and let one process refresh at a time.",
            "the refresh token was used before", "the successor was used meanwhile"),
    _failed("refresh_wrong", "This is no refresh token of this client.", "Send the latest one, to the client that got it.",
            "not a refresh token of ours", "the refresh token is not this client's", "refresh_token is missing"),
    # with a token
    _failed("token_over", "The access token is not alive.", "Refresh it; an access token lives for an hour.",
            "not a living access token", "malformed", "the bearer"),
    _failed("token_scope", "The access token does not reach this far.", "Ask for the scope in the authorization request.",
            "openid is missing", "a client's own token", "needs "),
    _failed("token_audience", "The access token is for another API.", "Ask for a token without that API's scopes.",
            "for another audience"),
    _failed("token_transport", "The access token was sent in a way that is not taken.",
            "Send it once, in the Authorization header.", "token in the query", "two transports"),
    _failed("token_missing", "The token is missing.", "Send it as the parameter token.", "token is missing",
            "token must be"),
    _failed("removal_redirect", "redirectTo is missing or not registered.",
            "Register it under Settings, as a post revoke consent redirect URI.", "redirectTo"),
    _failed("too_many_requests", "Too many requests of this kind.", "Wait, then slow down.", "too many links"),
)  # fmt: skip
"""The order counts: the first that fits is taken."""

OTHER = Reason("other", "The request was refused.", "The detail and the request id say more.", ())
_BY_CODE = {reason.code: reason for reason in (*REASONS, OTHER)}

KINDS = {
    Kind.AUTHORIZE: "Sign-in started",
    Kind.RETURNING: "Sign-in started, already signed in",
    Kind.PIN_SENT: "PIN sent",
    Kind.PIN_RESENT: "PIN sent again",
    Kind.PIN_RIGHT: "PIN right",
    Kind.PIN_WRONG: "PIN entered",
    Kind.CONSENT_ADDED: "Product added",
    Kind.CONSENT_STANDING: "Consent was there already",
    Kind.CONSENT_CANCELLED: "Consent page",
    Kind.CONSENT_REMOVED: "Product removed",
    Kind.TOKEN: "Code exchanged",
    Kind.REFRESH: "Token refreshed",
    Kind.CLIENT_CREDENTIALS: "Client's own token",
    Kind.CLIENT_AUTHENTICATION: "Client authentication",
    Kind.USERINFO: "Userinfo read",
    Kind.INTROSPECT: "Token introspected",
    Kind.REVOKE: "Token revoked",
    Kind.LOGOUT: "Signed out",
    Kind.REMOVAL_LINK: "Removal link made",
}
FAILED_KINDS = {
    **KINDS,
    Kind.AUTHORIZE: "Authorization request",
    Kind.PIN_SENT: "Number entered",
    Kind.TOKEN: "Code exchange",
    Kind.REFRESH: "Refresh",
    Kind.USERINFO: "Userinfo",
    Kind.INTROSPECT: "Introspection",
    Kind.REVOKE: "Revocation",
    Kind.LOGOUT: "Sign-out",
    Kind.REMOVAL_LINK: "Removal link",
}
"""The same for what did not go well."""


@lru_cache(maxsize=4096)
def reason_of(detail: str) -> Reason:
    """What explains a detail."""
    for reason in REASONS:
        if detail.startswith(reason.begins):
            return reason
    return OTHER


def by_code(code: str) -> Reason:
    """A reason by its stored code; `other` for one that a later release knows."""
    return _BY_CODE.get(code, OTHER)
