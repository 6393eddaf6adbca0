"""The user's ``cmctl.yml``: its first text, and a changed port offset in it."""

import re

from controlplane.services.rendering import Templates

_PORT_OFFSET = re.compile(r"^port_offset:[ \t]*[^\s#]*", re.MULTILINE)


def first_configuration(templates: Templates, port_offset: int) -> str:
    """Text of ``cmctl.yml`` for a new data directory."""
    return templates.render("cmctl.yml", {"port_offset": port_offset})


def with_port_offset(text: str, port_offset: int) -> str:
    """``text`` with another port offset; comments and order stay."""
    line = f"port_offset: {port_offset}"
    changed, count = _PORT_OFFSET.subn(line, text, count=1)
    return changed if count else f"{text.rstrip()}\n{line}\n".lstrip()
