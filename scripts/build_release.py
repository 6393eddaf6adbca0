"""Build the wheel of this checkout once and print where it is, as JSON.

Usage: build_release.py CACHE_DIR

The release is named after the version and a digest of everything that decides
what is installed, so the same checkout always has the same name and an
unchanged one is not built again.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
FOLDERS = ("controlplane", "mcp_server", "templates", "alert_rules", "dashboards", "docs", "objectives")
FILES = ("pyproject.toml", "requirements.lock", "README.md", "LICENSE")


def sources() -> list[Path]:
    """Files that go into the wheel: tracked and new ones of a clone, or all of an unpacked archive."""
    listed = subprocess.run(
        [
            "/usr/bin/env",
            "git",
            "-C",
            str(CHECKOUT),
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            *FOLDERS,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [CHECKOUT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*")]
    wanted = [*found, *(CHECKOUT / name for name in FILES)]
    return sorted({path for path in wanted if path.is_file() and "__pycache__" not in path.parts})


def release_name(files: list[Path]) -> str:
    """Version and digest."""
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    digest = hashlib.sha256()
    for path in files:
        digest.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{version}-{digest.hexdigest()[:12]}"


def build(files: list[Path], target: Path) -> None:
    """Build from a copy, so that left-overs of earlier builds never get into the wheel."""
    with tempfile.TemporaryDirectory() as scratch:
        tree, wheels = Path(scratch) / "tree", Path(scratch) / "wheels"
        for path in files:
            copy = tree / path.relative_to(CHECKOUT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        subprocess.run([*command, "--wheel-dir", str(wheels), str(tree)], check=True, stdout=sys.stderr)
        shutil.copy(CHECKOUT / "requirements.lock", wheels)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(wheels, target.with_suffix(".unfinished"), dirs_exist_ok=True)
    target.with_suffix(".unfinished").rename(target)


def main() -> None:
    """Build when needed; print the release."""
    files = sources()
    name = release_name(files)
    target = Path(sys.argv[1]) / name
    built = not target.is_dir()
    if built:
        build(files, target)
    wheel = next(target.glob("*.whl"))
    json.dump({"release": name, "directory": str(target), "wheel": wheel.name, "built": built}, sys.stdout)


if __name__ == "__main__":
    main()
