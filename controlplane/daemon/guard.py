"""Who may do what over HTTP.

From this machine (loopback peer and Host, no Origin, not through a proxy) the
webhook and reading need no token. Everything else needs it. Browsers always
send Origin with a cross-site POST, and the rebound name with a rebound one, so
no web page reaches us.
"""

import hmac
import ipaddress
from collections.abc import Mapping
from functools import lru_cache

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXY_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-IP")
OPEN_TO_POST = frozenset({"/webhook"})


class Forbidden(Exception):
    """The request is refused; ``status`` is 401 when a token would help, else 403."""

    def __init__(self, status: int, field: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.message = message


def authorise(method: str, path: str, peer: str | None, headers: Mapping[str, str], token: str) -> None:
    """Let a request pass or raise Forbidden. Pure: the token comes as a value."""
    given = headers.get("Authorization")
    if given is not None:
        if not _is_token(given, token):
            raise Forbidden(401, "Authorization", "the token is not this control plane's")
        return
    if "Origin" in headers:
        raise Forbidden(403, "Origin", "requests from web pages are not served")
    if not is_loopback_host(headers.get("Host", "")):
        raise Forbidden(403, "Host", "without a token, only the names of this machine's loopback are served")
    if not is_loopback_address(peer or "") or any(name in headers for name in _PROXY_HEADERS):
        raise Forbidden(401, "Authorization", "requests from elsewhere need the token")
    if method not in _SAFE_METHODS and path not in OPEN_TO_POST:
        raise Forbidden(401, "Authorization", "what changes something needs the token")


def _is_token(header: str, token: str) -> bool:
    scheme, _, given = header.partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode("utf-8", "replace"), token.encode())


@lru_cache(maxsize=256)
def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine's loopback."""
    name = host.rpartition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".") == "localhost" or is_loopback_address(name)


@lru_cache(maxsize=256)
def is_loopback_address(address: str) -> bool:
    """Whether an address is on the loopback; IPv4 addresses may come mapped into IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)
