#!/usr/bin/python
"""Ansible module: wait on the host until a service there answers, in one round trip."""

import http.client
import time
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: answers
short_description: Wait until an address of the host answers with 200
description:
  - Changes nothing, so it does the same in check mode.
options:
  url:
    description: Address, http only.
    type: str
    required: true
  seconds:
    description: How long to wait; the failure then says how the last attempt ended.
    type: int
    default: 90
author: [claude-memory]
"""
RETURN = r"""
attempts:
  description: How often it was asked.
  type: int
  returned: always
"""
PAUSE_SECONDS = 0.2
ATTEMPT_SECONDS = 10


def main():
    """Ask until it answers."""
    module = AnsibleModule(
        argument_spec={"url": {"type": "str", "required": True}, "seconds": {"type": "int", "default": 90}},
        supports_check_mode=True,
    )
    url, deadline, attempts = module.params["url"], time.monotonic() + module.params["seconds"], 0
    while True:
        attempts += 1
        problem = refusal(url)
        if not problem:
            module.exit_json(changed=False, attempts=attempts)
        if time.monotonic() > deadline:
            module.fail_json(msg=f"{url} does not answer after {attempts} attempts: {problem}", attempts=attempts)
        time.sleep(PAUSE_SECONDS)


def refusal(url):
    """Why the address does not answer with 200; empty when it does."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=ATTEMPT_SECONDS)
    try:
        connection.request("GET", parts.path or "/")
        answer = connection.getresponse()
        return "" if answer.status == 200 else f"{answer.status} {answer.reason}"
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
