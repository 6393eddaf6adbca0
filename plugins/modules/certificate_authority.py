#!/usr/bin/python
"""Ansible module: a certificate authority of our own, kept on one host, that signs for the others."""

import fcntl
import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: certificate_authority
short_description: Make a certificate authority once, and sign requests with it
description:
  - The key is made on the host at first use and never leaves it. Needs openssl, which comes with ca-certificates.
options:
  directory:
    description: Where key and certificate are kept; made with mode 0700.
    type: path
    required: true
  request:
    description: Certificate request in PEM to sign; empty only makes the authority.
    type: str
    default: ""
  name:
    description: Name of the host in the request, which the certificate is for.
    type: str
    default: ""
  addresses:
    description: IP addresses that the certificate is for as well.
    type: list
    elements: str
    default: []
  days:
    description: How long the signed certificate is valid.
    type: int
    default: 397
author: [claude-memory]
"""
RETURN = r"""
authority:
  description: Certificate of the authority, PEM; empty in check mode while there is none.
  type: str
  returned: always
certificate:
  description: The signed certificate, PEM; empty without a request.
  type: str
  returned: always
"""
AUTHORITY_DAYS = 3650


def main():
    """Make the authority when it is missing, then sign."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "request": {"type": "str", "default": ""},
            "name": {"type": "str", "default": ""},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "days": {"type": "int", "default": 397},
        },
        supports_check_mode=True,
    )
    directory = Path(module.params["directory"])
    key, certificate = directory / "ca.key", directory / "ca.crt"
    if module.check_mode:
        module.exit_json(
            changed=False, authority=certificate.read_text() if certificate.exists() else "", certificate=""
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Hosts are served side by side; one authority is made.
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = not (key.exists() and certificate.exists())
        if made:
            make_authority(module, key, certificate)
        signed = sign(module, key, certificate) if module.params["request"] else ""
    module.exit_json(changed=made or bool(signed), authority=certificate.read_text(), certificate=signed)


def make_authority(module, key, certificate):
    """A new key and a certificate that says it may only sign for hosts."""
    os.umask(0o077)
    new_key, new_certificate = key.with_suffix(".key.new"), certificate.with_suffix(".crt.new")
    openssl(module, "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(new_key))
    subject = ["-subj", "/CN=Claude memory internal authority", "-days", str(AUTHORITY_DAYS)]
    constraints = ["-addext", "basicConstraints=critical,CA:TRUE,pathlen:0"]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    made_of = ["-x509", "-new", "-key", str(new_key), "-out", str(new_certificate)]
    openssl(module, "req", *made_of, *subject, *constraints, *usage)
    new_key.replace(key)
    new_certificate.replace(certificate)


def sign(module, key, certificate):
    """The certificate for a request: for this name and these addresses, as server and as client."""
    names = [f"DNS:{module.params['name']}", *(f"IP:{address}" for address in module.params["addresses"])]
    with tempfile.TemporaryDirectory() as scratch:
        request, extensions, signed = (Path(scratch) / name for name in ("request", "extensions", "signed"))
        request.write_text(module.params["request"])
        extensions.write_text(
            f"subjectAltName={','.join(names)}\n"
            "basicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\n"
            "extendedKeyUsage=serverAuth,clientAuth\n"
        )
        openssl(
            module, "x509", "-req", "-in", str(request), "-CA", str(certificate), "-CAkey", str(key),
            "-set_serial", f"0x{os.urandom(16).hex()}", "-days", str(module.params["days"]),
            "-extfile", str(extensions), "-out", str(signed),
        )  # fmt: skip
        return signed.read_text()


def openssl(module, *arguments):
    """Run openssl; the module fails with what it said."""
    module.run_command(["openssl", *arguments], check_rc=True)


if __name__ == "__main__":
    main()
