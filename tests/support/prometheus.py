"""A real Prometheus for tests: samples loaded as blocks, a free port on loopback, its own folder."""

import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgresql import free_port
from tests.support.tools import tool

_CONFIGURATION = "global: {scrape_interval: 1h}\n"
_START_SECONDS = 60.0


@dataclass(frozen=True)
class SampleSeries:
    """One series to load: labels (with ``__name__``) and (milliseconds, value) pairs."""

    labels: Mapping[str, str]
    samples: Sequence[tuple[int, float]]


class PrometheusServer:
    """Load series first, then start; stop and remove at the end."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="prometheus-test-"))
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None
        return self._process

    def load(self, series: Iterable[SampleSeries]) -> None:
        """Write series into blocks of the sample store. Only before the start."""
        source = self.folder / "samples.om"
        with source.open("w", encoding="utf-8") as file:
            for name, members in _by_name(series).items():
                file.write(f"# TYPE {name} unknown\n")
                for one in members:
                    labels = ",".join(f'{key}="{value}"' for key, value in one.labels.items() if key != "__name__")
                    file.writelines(f"{name}{{{labels}}} {value!r} {at / 1000:.3f}\n" for at, value in one.samples)
            file.write("# EOF\n")
        # One pass over the file instead of one for every two hours in it.
        command = [tool("promtool"), "tsdb", "create-blocks-from", "--max-block-duration=744h"]
        command += ["openmetrics", source, self.folder / "data"]
        subprocess.run(command, check=True, capture_output=True)
        source.unlink()

    def start(self) -> None:
        """Start and wait until it answers queries."""
        configuration = self.folder / "prometheus.yml"
        configuration.write_text(_CONFIGURATION, encoding="utf-8")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    tool("prometheus"),
                    f"--config.file={configuration}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    "--storage.tsdb.retention.time=20y",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    *self._arguments,
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text(encoding="utf-8")[-4000:])
            time.sleep(0.05)

    def record(self, rules: str, start: int, end: int, step: int) -> None:
        """Evaluate recording rules over (start, end) milliseconds and load what they record; restarts the server.

        The moments of evaluation follow from the name of the file, so it is given without its folder.
        """
        output = self.folder / "recorded"
        (self.folder / "rules.yml").write_text(rules, encoding="utf-8")
        interval = f"{step}ms"
        command = [
            tool("promtool"),
            "tsdb",
            "create-blocks-from",
            "rules",
            f"--url={self.url}",
            "--output-dir=recorded",
        ]
        command += [f"--start={start / 1000:.3f}", f"--end={end / 1000:.3f}", f"--eval-interval={interval}"]
        subprocess.run([*command, "rules.yml"], check=True, capture_output=True, cwd=self.folder)
        self.stop()
        for block in output.iterdir():
            block.rename(self.folder / "data" / block.name)
        self.start()

    def stop(self) -> None:
        """Stop the server; its data stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False


def _by_name(series: Iterable[SampleSeries]) -> dict[str, list[SampleSeries]]:
    names: dict[str, list[SampleSeries]] = {}
    for one in series:
        names.setdefault(one.labels["__name__"], []).append(one)
    return names
