"""The sender: a process beside the daemon that holds Apprise (40 MB) and hands messages to channels.

It reads one JSON object a line from stdin ({"id", "kind", "url", "title",
"body"}) and writes one a line to stdout ({"id", "succeeded", "detail",
"can_retry"}). Each message has a thread of its own, so that a channel which
hangs holds up nobody; how long to wait is the daemon's business. Secrets come
by stdin only and never go out again.
"""

import json
import logging
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from controlplane.adapters.notifiers.refusals import refusal

PING_SECONDS = 15
# Answers that the same message will get again.
PERMANENT = frozenset({400, 401, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422})
_write_lock = threading.Lock()
_answers = threading.local()  # what the channel said to the message of this thread


def main() -> None:
    """Serve until stdin ends."""
    import apprise

    logging.getLogger("apprise").addHandler(logging.NullHandler())  # what it says comes back with the outcome
    logging.getLogger("apprise").propagate = False
    _watch_answers()
    apprise.Apprise().add("json://localhost")  # loads every channel now, not when the first alert waits
    _answer({"id": 0, "succeeded": True, "detail": f"apprise {apprise.__version__}", "can_retry": True})
    for line in sys.stdin:
        request = json.loads(line)
        threading.Thread(target=_serve, args=(request,), daemon=True).start()


def _watch_answers() -> None:
    """Remember what a channel answers: Apprise looks at the HTTP status only, and keeps the body to itself."""
    import requests

    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        response = send(session, request, **options)
        _answers.said.append((response.status_code, response.content))
        return response

    setattr(requests.Session, "send", watched)  # noqa: B010 - the one place that all channels pass


def _serve(request: Mapping[str, Any]) -> None:
    try:
        outcome = _ping(request) if request["kind"] == "ping" else _notify(request)
    except Exception as error:  # whatever a channel does, the daemon is told
        outcome = (False, f"{type(error).__name__}: {error}", True)
    succeeded, detail, can_retry = outcome
    _answer({"id": request["id"], "succeeded": succeeded, "detail": detail, "can_retry": can_retry})


def _notify(request: Mapping[str, Any]) -> tuple[bool, str, bool]:
    import apprise

    _answers.said = []
    # each message has its own thread, and the daemon its own patience: Apprise's small pool would make channels wait
    service = apprise.Apprise(asset=apprise.AppriseAsset(service_timeout=0, app_id="Claude memory"))
    if not service.add(request["url"]):
        return False, "Apprise does not know this kind of URL, or something is missing in it", False
    result = service.notify(
        title=request["title"], body=request["body"], body_format=apprise.NotifyFormat.TEXT, log_level=logging.INFO
    )
    said = "; ".join(entry.message for entry in result.logs())
    if result:
        scheme = urlsplit(request["url"]).scheme.lower()
        for refused in filter(None, [refusal(scheme, body) for _, body in _answers.said]):
            return False, refused.detail, refused.can_retry
        return True, said or "the channel took it", True
    statuses = {status for status, _ in _answers.said}
    return False, said or "the channel did not take it and did not say why", not statuses & PERMANENT


def _ping(request: Mapping[str, Any]) -> tuple[bool, str, bool]:
    url = request["url"]
    if not url.startswith(("http://", "https://")):
        return False, "the switch must be an http or https URL", False
    body = request["body"].encode("utf-8")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=PING_SECONDS) as response:  # noqa: S310
            return True, f"HTTP status {response.status}", True
    except urllib.error.HTTPError as error:
        return False, f"HTTP status {error.code}", error.code not in PERMANENT
    except OSError as error:
        return False, str(getattr(error, "reason", error)), True


def _answer(fields: Mapping[str, Any]) -> None:
    with _write_lock:
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
