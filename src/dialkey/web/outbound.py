"""Where we may send requests of our own: addresses that developers give us must not lead into our network.

`outbound_url_fault` is asked when an address is registered. A name may resolve to anything by the time it is called, so
whoever calls resolves first, asks `is_public_address` of every address, and connects to that very address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from dialkey.base.url import is_loopback_host, redirect_uri_fault

_INNER_NAMES = (
    "localhost", "local", "localdomain", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "invalid",
    "onion", "test",
)  # fmt: skip
"""Top-level names that mean something else in every network, or nothing."""
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def outbound_url_fault(url: str, *, local: bool = False) -> str | None:
    """Why we do not call `url`, as a stable code; None where we may.

    `https` only, to a host with a public name (never an address in figures, however it is written), on port 443 or one
    above 1023. `local` is for an installation that nobody but this machine can reach: it may call this machine.
    """
    if local and is_local_url(url):
        return None
    if not url.startswith("https://"):
        return "https"
    if fault := redirect_uri_fault(url):
        return {"host": "host", "length": "too_long"}.get(fault, "url")
    parts = urlsplit(url)
    host = parts.hostname or ""
    if "." not in host or is_loopback_host(host) or host.rpartition(".")[2] in _INNER_NAMES:
        return "host"
    if parts.port is not None and parts.port < 1024:
        return "port"
    return None


def is_local_url(url: str) -> bool:
    """A well-formed address of this machine."""
    return redirect_uri_fault(url) is None and is_loopback_host(urlsplit(url).hostname or "")


def is_public_address(text: str) -> bool:
    """Whether an address that a name resolved to belongs to the internet at large. An IPv4 address inside an IPv6 one
    (mapped, 6to4, Teredo, NAT64) is looked at too."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast and not one.is_reserved for one in _inside(address))


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    if isinstance(address, IPv4Address):
        return [address]
    if address.scope_id:
        return [IPv4Address(0)]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if any(address in network for network in _NAT64):
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    found: list[IPv4Address | IPv6Address] = [address]
    if address.sixtofour:
        found.append(address.sixtofour)
    if address.teredo:
        found.extend(address.teredo)
    return found
