#!/usr/bin/python
"""Ansible module: the key of a host, and whether its certificate still serves."""

import grp
import os
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: host_certificate
short_description: Keep a host's key, and ask for a certificate when it needs one
description:
  - The key is made on the host and never leaves it. Needs openssl, which comes with ca-certificates.
options:
  directory:
    description: Where host.key and host.crt are.
    type: path
    required: true
  authority:
    description: Certificate of the authority, PEM, which must have signed host.crt.
    type: str
    required: true
  name:
    description: Name that the certificate must be for.
    type: str
    required: true
  addresses:
    description: IP addresses that it must be for as well.
    type: list
    elements: str
    default: []
  group:
    description: Group that may read the key.
    type: str
    default: root
  renew_days:
    description: A certificate that ends within so many days is renewed.
    type: int
    default: 30
author: [claude-memory]
"""
RETURN = r"""
reason:
  description: Why a new certificate is needed; empty when the present one serves.
  type: str
  returned: always
request:
  description: Certificate request, PEM, when one is needed.
  type: str
  returned: always
"""


def main():
    """Make the key when it is missing, look at the certificate."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "authority": {"type": "str", "required": True},
            "name": {"type": "str", "required": True},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "group": {"type": "str", "default": "root"},
            "renew_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    key, certificate = directory / "host.key", directory / "host.crt"
    made = not key.exists()
    if made and module.check_mode:
        module.exit_json(changed=True, reason="there is no key yet", request="")
    if made:
        make_key(module, key)
    mended = mend(module, key)
    reason = what_is_wrong(module, key, certificate)
    request = openssl(module, "req", "-new", "-key", str(key), "-subj", "/CN=claude-memory")[1] if reason else ""
    module.exit_json(changed=made or mended, reason=reason, request=request)


def make_key(module, key):
    """A new key, readable for nobody else."""
    key.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    os.umask(0o077)
    unfinished = key.with_suffix(".new")
    _, _, problem = openssl(
        module, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(unfinished)
    )
    if not unfinished.exists():
        module.fail_json(msg=f"openssl made no key: {problem}")
    unfinished.replace(key)


def mend(module, key):
    """Give the key its owner, group and mode; say whether one was wrong."""
    wanted = (0, grp.getgrnam(module.params["group"]).gr_gid, 0o640)
    status = key.stat()
    if (status.st_uid, status.st_gid, status.st_mode & 0o7777) == wanted:
        return False
    if not module.check_mode:
        os.chown(key, wanted[0], wanted[1])
        key.chmod(wanted[2])
    return True


def what_is_wrong(module, key, certificate):
    """The first reason why the certificate does not serve; empty when it does."""
    if not certificate.exists() or not module.params["authority"]:
        return "there is no certificate yet"
    read = ("x509", "-in", str(certificate), "-noout")
    if openssl(module, *read, "-pubkey")[1] != openssl(module, "pkey", "-in", str(key), "-pubout")[1]:
        return "it is for another key"
    if openssl(module, *read, "-checkend", str(module.params["renew_days"] * 86_400))[0] != 0:
        return "it ends soon"
    names = openssl(module, *read, "-ext", "subjectAltName")[1].replace(" ", "").replace("\n", ",").split(",")
    wanted = [f"DNS:{module.params['name']}", *(f"IPAddress:{address}" for address in module.params["addresses"])]
    if missing := [name for name in wanted if name not in names]:
        return f"it is not for {', '.join(missing)}"
    return wrong_signature(module, certificate)


def wrong_signature(module, certificate):
    """Whether the authority of today has signed it."""
    authority = Path(module.tmpdir) / "authority.crt"
    authority.write_text(module.params["authority"])
    code, _, _ = openssl(module, "verify", "-CAfile", str(authority), str(certificate))
    return "" if code == 0 else "another authority has signed it"


def openssl(module, *arguments):
    """Exit code, output and error output of openssl."""
    return module.run_command(["openssl", *arguments])


if __name__ == "__main__":
    main()
