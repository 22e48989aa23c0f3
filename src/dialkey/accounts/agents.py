"""What a list of sessions calls a browser: a few words of its User-Agent, never the whole line."""

from __future__ import annotations

_BROWSERS = (
    ("edg/", "Edge"),
    ("edga/", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser/", "Samsung Internet"),
    ("vivaldi/", "Vivaldi"),
    ("firefox/", "Firefox"),
    ("fxios/", "Firefox"),
    ("crios/", "Chrome"),
    ("chrome/", "Chrome"),
    ("version/", "Safari"),
    ("curl/", "curl"),
)
_SYSTEMS = (
    ("android", "Android"),
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("cros ", "ChromeOS"),
    ("windows", "Windows"),
    ("mac os x", "macOS"),
    ("linux", "Linux"),
)


def agent_name(header: str) -> str:
    """`Firefox on Linux`; `a browser` where nothing is known."""
    lowered = header[:512].lower()
    browser = next((name for mark, name in _BROWSERS if mark in lowered), None)
    system = next((name for mark, name in _SYSTEMS if mark in lowered), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or (f"a browser on {system}" if system else "a browser")
