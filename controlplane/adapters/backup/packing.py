"""What a volume becomes before it is stored: compressed, and encrypted to public keys of age. And back."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pyrage

from controlplane.errors import CmctlError, InvalidConfiguration, Refused, UsageProblem

AGE = "age"
_AGE_BEGINS = b"age-encryption.org/"
_QUICKEST = 1


class Packing:
    """Compresses, and encrypts when there are ``recipients``. Raises InvalidConfiguration for a wrong key."""

    def __init__(self, recipients: Sequence[str]) -> None:
        try:
            self._recipients = [pyrage.x25519.Recipient.from_str(key) for key in recipients]
        except pyrage.RecipientError as error:
            raise InvalidConfiguration(
                "backup.copies: a recipient is no public key of age", hint="age1… as cmctl backup copy keygen prints it"
            ) from error

    @property
    def encryption(self) -> str | None:
        """How it encrypts, None when it does not."""
        return AGE if self._recipients else None

    def pack(self, content: bytes) -> bytes:
        """What is stored."""
        packed = zlib.compress(content, _QUICKEST)
        return bytes(pyrage.encrypt(packed, self._recipients)) if self._recipients else packed


def unpacker(identity_file: Path | None) -> Callable[[bytes], bytes]:
    """Undoes ``pack`` with the secret keys in a file, which is read when it is needed.

    What it returns raises UsageProblem without a key, Refused with a wrong one, CmctlError for damaged content.
    """
    identities: list[pyrage.x25519.Identity] = []

    def unpack(content: bytes) -> bytes:
        if content.startswith(_AGE_BEGINS):
            if not identities:
                identities.extend(read_identities(identity_file))
            content = _decrypted(content, identities)
        try:
            return zlib.decompress(content)
        except zlib.error as error:
            raise CmctlError(f"what was copied cannot be unpacked: {error}") from error

    return unpack


def read_identities(file: Path | None) -> "list[pyrage.x25519.Identity]":
    """Secret keys of age from a file, one a line. Raises UsageProblem; no key is ever in a message."""
    if file is None:
        raise UsageProblem(
            "the copies are encrypted, and no key was given", hint="name the file with the secret key: --identity FILE"
        )
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        return [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError, pyrage.IdentityError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds something that is no secret key of age"
        raise UsageProblem(
            f"the key file {file} cannot be used: {reason}", hint="AGE-SECRET-KEY-1…, one a line"
        ) from None


def new_identity() -> tuple[str, str]:
    """A new secret key and its public key."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def _decrypted(content: bytes, identities: "Sequence[pyrage.x25519.Identity]") -> bytes:
    try:
        return bytes(pyrage.decrypt(content, list(identities)))
    except pyrage.DecryptError as error:
        raise Refused(
            "the key does not open the copies: they were encrypted to another, or are damaged",
            hint="choose the key whose public key is among the recipients",
        ) from error
