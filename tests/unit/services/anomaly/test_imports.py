"""What scoring may load: neither it nor the daemon that does it live holds a numeric library."""

import subprocess
import sys

PROGRAM = """
import sys
import controlplane.services.anomaly_scoring, controlplane.wiring.daemon
print(sorted({"numpy", "pandas", "scipy", "torch", "matplotlib"} & set(sys.modules)))
"""


def test_no_numeric_library_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"
