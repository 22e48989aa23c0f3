"""Why an address cannot be registered, in words for developers: by the codes of `base.url.redirect_uri_fault`."""

from __future__ import annotations

from collections.abc import Mapping

URI_FAULTS: Mapping[str, str] = {
    "length": "An address has between 1 and 2,000 characters.",
    "characters": "There is a space or a character in it that must be percent-encoded.",
    "fragment": "Leave out the part from # on. A redirect never carries it (RFC 6749, section 3.1.2).",
    "not_absolute": "Write the whole address, such as https://app.example/callback.",
    "scheme_case": "Write the beginning in small letters: https://",
    "scheme": "Begin with https://. A native app may also use its own scheme, such as com.example.app:/callback.",
    "user_information": "Leave out the user name and the @ before the host.",
    "host_case": "Write the host in small letters. It is compared letter by letter.",
    "port": "Leave out the port when it is the usual one (443 for https, 80 for http).",
    "host": "The host is missing, or is not a name. Use a domain name such as app.example.",
    "http": "Use https. Plain http works only on your own machine: localhost, 127.0.0.1 or [::1].",
    "path": "Leave out . and .. and percent-encoded slashes. They are read in different ways.",
    "private_scheme_form": "Write your app's own scheme with one slash: com.example.app:/callback.",
    "listed": "This address is in the list already.",
    "many": "A list has at most 20 addresses.",
    "machine": "A machine client has no browser to send back.",
}
"""And three more of the list itself."""
