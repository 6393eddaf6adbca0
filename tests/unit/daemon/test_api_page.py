"""docs/api.md names every route, and no other."""

import re
from pathlib import Path

from controlplane.config.paths import resource_dir
from controlplane.daemon.app import ROUTES

PAGE: Path = resource_dir("docs") / "api.md"


def test_the_page_names_every_route_and_no_other() -> None:
    named = set(re.findall(r"`(GET|POST) (/[^` ]*)`", PAGE.read_text(encoding="utf-8")))
    assert named == {(route.method, route.path) for route in ROUTES}
