"""A bridge for the hosts of one session, with masquerading to the outside."""

from dataclasses import dataclass
from pathlib import Path

from tests.deploy.harness.commands import CommandFailed, run

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(frozen=True)
class Bridge:
    """One bridge and its network; addresses end in the host's number."""

    name: str
    prefix: str

    def address(self, number: int) -> str:
        """Address of the host with this number (2..254)."""
        return f"{self.prefix}.{number}"

    @property
    def gateway(self) -> str:
        """The test machine's own address on the bridge."""
        return self.address(1)


def make_bridge() -> Bridge:
    """Make the first bridge whose name is free, so that sessions can run side by side."""
    for number in range(16):
        bridge = Bridge(f"cmtest{number}", f"10.203.{number}")
        try:
            run("ip", "link", "add", bridge.name, "type", "bridge")
        except CommandFailed:
            continue
        _configure(bridge)
        return bridge
    raise RuntimeError("the bridges cmtest0 to cmtest15 all exist; remove left-over ones with `ip link delete`")


def _configure(bridge: Bridge) -> None:
    network = f"{bridge.prefix}.0/24"
    run("ip", "address", "add", f"{bridge.gateway}/24", "dev", bridge.name)
    run("ip", "link", "set", bridge.name, "up")
    FORWARDING.write_text("1")
    run("nft", "add", "table", "ip", bridge.name)
    run("nft", "add", "chain", "ip", bridge.name, "out", "{ type nat hook postrouting priority 100 ; }")
    run("nft", "add", "rule", "ip", bridge.name, "out", f"ip saddr {network} ip daddr != {network} masquerade")
