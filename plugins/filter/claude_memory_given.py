"""Filters that look at what the inventory gives and what a host already has, without the control plane's schema."""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from ansible.errors import AnsibleFilterError


def component_problems(
    survey: Mapping[str, Any], component: str, foreign: list[str], ports: Mapping[str, Any]
) -> list[str]:
    """Why a component that is not ours yet cannot come to a host; what to do about it.

    ``foreign`` are patterns of packages that tell of somebody else's, ``ports`` name of the variable -> port.
    """
    if component in survey["claims"]:
        return []
    found = [package for package in survey["packages"] if any(fnmatch(package, pattern) for pattern in foreign)]
    installed = (
        f"{', '.join(found)} is installed here and not by this deployment; choose another host, or move its data"
    )
    problems = [f"{installed} away and remove the package"] if found else []
    return problems + [
        f"port {port} is taken by a program that is not ours; stop it, or set {variable} to a free port"
        for variable, port in ports.items()
        if int(port) in survey["listening"]
    ]


def unfit_credentials(given: Mapping[str, Any]) -> list[str]:
    """Names of credentials that systemd could not hand over, or that are empty; never a value."""
    return sorted(
        name
        for name, value in given.items()
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or not isinstance(value, str) or not value.strip()
    )


def public_address(url: str) -> str:
    """An address without the user and the password in it."""
    parts = urlsplit(str(url))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def apt_login(url: str) -> str:
    """The entry of apt's auth.conf for an address with user and password; empty when there are none.

    Raises AnsibleFilterError, without the password, when apt could not read it.
    """
    parts = urlsplit(str(url))
    place = parts.netloc.rpartition("@")[2] + parts.path.rstrip("/")
    return _login("claude_memory_apt_mirror", url, f"{parts.scheme}://{place}")


def netrc_login(url: str) -> str:
    """The entry of a netrc for an index with user and password; empty when there are none. Raises as apt_login."""
    return _login("claude_memory_pip_index_url", url, urlsplit(str(url)).hostname or "")


def _login(variable: str, url: str, machine: str) -> str:
    parts = urlsplit(str(url))
    if "@" not in parts.netloc:
        return ""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user or not password or re.search(r"\s", user + password):
        raise AnsibleFilterError(
            f"{variable} ({public_address(url)}): a login is a user and a password without blanks;"
            " write both, as in http://USER:PASSWORD@HOST, or none"
        )
    return f"machine {machine} login {user} password {password}"


class FilterModule:
    """What Ansible looks for."""

    def filters(self) -> dict[str, Any]:
        """Name -> filter."""
        return {
            "claude_memory_component_problems": component_problems,
            "claude_memory_unfit_credentials": unfit_credentials,
            "claude_memory_public_address": public_address,
            "claude_memory_apt_login": apt_login,
            "claude_memory_netrc_login": netrc_login,
        }
