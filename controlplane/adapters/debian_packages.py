"""Download Debian packages without root and unpack them into a cache."""

import fcntl
import os
import shutil
import subprocess  # apt-get and dpkg-deb, with package names from a fixed table
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from controlplane.errors import DependencyUnreachable

_APT_TIMEOUT_SECONDS = 600
# Debian's Alertmanager reads its default templates from a fixed absolute path. In our unpacked copy the path is made
# relative, in the same number of bytes; the program then runs with the package's folder as its working directory.
_FIXED_PATHS = {"prometheus-alertmanager": ("usr/bin/prometheus-alertmanager", b"/usr/share/prometheus/alertmanager")}


class DebianPackages:
    """Unpacked packages below ``cache``, one folder each. Safe for concurrent use by several processes."""

    def __init__(self, cache: Path, release: str, search_path: str | None = None) -> None:
        self._folder = cache / release
        self._search_path = search_path

    def folder(self, package: str) -> Path:
        """Where a package is unpacked, whether it is already or not."""
        return self._folder / package

    def fetch(self, packages: Sequence[str], say: Callable[[str], None]) -> None:
        """Download and unpack those of ``packages`` that are not there yet.

        Raises DependencyUnreachable when apt is missing or the download fails.
        """
        apt, dpkg = (shutil.which(program, path=self._search_path) for program in ("apt-get", "dpkg-deb"))
        names = ", ".join(packages)
        if apt is None or dpkg is None:
            raise DependencyUnreachable(
                f"{names}: not on PATH, and apt-get, which would fetch the Debian package, is not on PATH either",
                hint="install the upstream programs, or put apt-get on PATH",
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with _locked(self._folder / ".lock"):
                missing = [package for package in packages if not self.folder(package).exists()]
                if missing:
                    say(f"downloading {names} from the distribution's packages into {self._folder}")
                    self._download_and_unpack(apt, dpkg, missing)
        except OSError as error:
            raise DependencyUnreachable(
                f"{names}: cannot be unpacked into {self._folder}: {error.strerror}",
                hint="make the folder writable, or set XDG_CACHE_HOME",
            ) from error

    def _download_and_unpack(self, apt: str, dpkg: str, packages: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".download-") as temporary:
            work = Path(temporary)
            self._download(apt, packages, work)
            for package in packages:
                archive = next(work.glob(f"{package}_*.deb"))
                _run([dpkg, "-x", str(archive), str(work / package)], work, f"{archive.name} cannot be unpacked")
                if package in _FIXED_PATHS:
                    program, fixed_path = _FIXED_PATHS[package]
                    _make_relative(work / package / program, fixed_path)
                (work / package).rename(self.folder(package))

    def _download(self, apt: str, packages: Sequence[str], work: Path) -> None:
        # As root apt would drop to a user that cannot write into our cache.
        sandbox = ["-o", "APT::Sandbox::User=root"] if os.getuid() == 0 else []
        try:
            _run([apt, *sandbox, "-qq", "download", *packages], work, "")
        except DependencyUnreachable:
            # The package lists are missing or older than the archive: fetch lists of our own.
            private = [*sandbox, *_private_lists(self._folder / ".apt")]
            _run([apt, *private, "-qq", "update"], work, "the distribution's package lists cannot be fetched")
            _run([apt, *private, "-qq", "download", *packages], work, f"{', '.join(packages)}: download failed")
        finally:
            shutil.rmtree(self._folder / ".apt", ignore_errors=True)


def distribution_release() -> str:
    """Key of the cache: distribution, release and machine, since packages of one do not fit another."""
    import platform

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return f"{release.get('ID', 'unknown')}-{release.get('VERSION_ID', 'unknown')}-{platform.machine()}"


def _make_relative(program: Path, fixed_path: bytes) -> None:
    content = program.read_bytes()
    program.write_bytes(content.replace(fixed_path, fixed_path.removeprefix(b"/") + b"/"))


def _private_lists(folder: Path) -> list[str]:
    for part in ("lists/partial", "archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State::lists={folder}/lists", "-o", f"Dir::Cache={folder}"]


def _run(command: Sequence[str], work: Path, problem: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        result = subprocess.run(
            command,
            cwd=work,
            capture_output=True,
            text=True,
            timeout=_APT_TIMEOUT_SECONDS,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DependencyUnreachable(
            f"{problem}: {error}", hint="check that this machine reaches its package mirror"
        ) from error
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("E:")] or ["no reason given"]
        raise DependencyUnreachable(
            f"{problem}: {lines[-1]}", hint="check that this machine reaches its package mirror"
        )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
