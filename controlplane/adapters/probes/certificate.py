"""Kind ``certificate``: how many days a certificate is still valid."""

import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from controlplane.adapters.http import describe
from controlplane.adapters.probes.context import ProbeContext
from controlplane.adapters.probes.tcp import split_address
from controlplane.adapters.threads import ThreadSlot
from controlplane.domain.check import CheckSpec, CheckState, Limits, Observation

_DAY_SECONDS = 86_400


class CertificateProbe:
    """``target`` is the path of a PEM file, or ``host:port`` of a TLS server. Limits apply to the days left."""

    def __init__(
        self, target: str, timeout_seconds: float, limits: Limits, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._limits = limits
        self._clock = clock or (lambda: datetime.now(UTC))
        self._slot = ThreadSlot(f"the certificate check of {target}")

    async def observe(self) -> Observation:
        """CRITICAL when there is no certificate to be had, or it is not valid now."""
        try:
            begins, ends = await self._slot.call(self._validity)
        except TimeoutError:
            return Observation(CheckState.UNKNOWN, f"{self._target}: no answer", timed_out=True)
        except ssl.SSLError as error:
            return Observation(CheckState.CRITICAL, f"{self._target}: no TLS there ({error.reason})")
        except OSError as error:
            return Observation(CheckState.CRITICAL, f"{self._target}: {describe(error)}")
        except ValueError:
            return Observation(CheckState.CRITICAL, f"{self._target}: not a certificate")
        return self._judge(begins, ends)

    def _judge(self, begins: datetime, ends: datetime) -> Observation:
        now = self._clock()
        days = round((ends - now).total_seconds() / _DAY_SECONDS, 1)
        if now < begins:
            return Observation(CheckState.CRITICAL, f"{self._target}: not valid before {begins:%Y-%m-%d}", days, "d")
        if now >= ends:
            return Observation(CheckState.CRITICAL, f"{self._target}: expired on {ends:%Y-%m-%d}", days, "d")
        message = f"{self._target}: valid for {days:g} days, until {ends:%Y-%m-%d}"
        return Observation(self._limits.judge(days), message, days, "d")

    def _validity(self) -> tuple[datetime, datetime]:
        from cryptography import x509

        if self._target.startswith("/"):
            found = x509.load_pem_x509_certificate(Path(self._target).read_bytes())
        else:
            found = x509.load_der_x509_certificate(self._from_server())
        return found.not_valid_before_utc, found.not_valid_after_utc

    def _from_server(self) -> bytes:
        context = ssl.create_default_context()
        # An expired or privately signed certificate is what this check is there to look at, not to refuse.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host, port = split_address(self._target)
        with (
            socket.create_connection((host, port), timeout=self._timeout_seconds) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            return secured.getpeercert(binary_form=True) or b""


def build(spec: CheckSpec, context: ProbeContext) -> CertificateProbe:
    """The target is the path of a PEM file, or ``host:port``."""
    if not spec.target.startswith("/"):
        split_address(spec.target)
    return CertificateProbe(spec.target, spec.timeout_seconds, spec.limits)
