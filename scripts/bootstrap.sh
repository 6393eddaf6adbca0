#!/bin/sh
# Make .venv with the locked dependencies. Usage: scripts/bootstrap.sh requirements.lock
# Works on Debian 12 and 13, as root or as an ordinary user, with or without python3-venv.
# Does nothing when .venv already matches the lock file.
set -eu

lock=$1
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
say() { printf '%s\n' "$*" >&2; }
die() { say "error: $1"; [ $# -lt 2 ] || say "  hint: $2"; exit 4; }

find_python() {
    for candidate in "${PYTHON:-}" python3 python3.13 python3.12 python3.11; do
        [ -n "$candidate" ] || continue
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    [ "$(id -u)" = 0 ] || die "Python 3.11 or later was not found" "apt-get install python3 python3-venv, or set PYTHON"
    say "installing python3 from the distribution"
    apt-get update -qq && apt-get install -y -qq python3 python3-venv >/dev/null
    python=$(find_python) || die "the distribution's Python is older than 3.11" "use Debian 12 or later, or set PYTHON"
fi

stamp=.venv/.stamp-$lock
wanted=$(cat "$lock" pyproject.toml scripts/bootstrap.sh | cksum)-$("$python" -c 'import sys; print(sys.version_info[:2])')-$root
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

# A package into the current folder without root: with the machine's package lists, else with lists of our own.
download() {
    apt-get download -qq "$1" >/dev/null 2>&1 && return
    mkdir -p lists/partial archives/partial
    apt-get update -qq -o "Dir::State::lists=$PWD/lists" -o "Dir::Cache=$PWD" &&
        apt-get download -qq -o "Dir::State::lists=$PWD/lists" -o "Dir::Cache=$PWD" "$1" >/dev/null
}

make_venv() {
    "$python" -m venv --clear .venv >/dev/null 2>&1 && return
    if [ "$(id -u)" = 0 ]; then
        say "installing python3-venv from the distribution"
        apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null && "$python" -m venv --clear .venv && return
    fi
    # No ensurepip and no root: Debian ships pip as a wheel in a package that can be unpacked anywhere.
    say "python3-venv is missing; fetching pip from the distribution's package"
    "$python" -m venv --clear --without-pip .venv || die "python3 -m venv failed" "apt-get install python3-venv"
    cache=$(mktemp -d)
    (cd "$cache" && download python3-pip-whl && dpkg-deb -x ./*.deb .) ||
        die "pip could not be fetched" "apt-get install python3-venv"
    wheel=$(ls "$cache"/usr/share/python-wheels/pip-*.whl)
    .venv/bin/python "$wheel/pip" install --quiet --no-index "$wheel"
    rm -rf "$cache"
}

# A changed lock on a living environment is an update in place: the stack may be running from it.
if ! .venv/bin/python -c "import sys; sys.exit(sys.prefix == sys.base_prefix or '$root' not in sys.prefix)" 2>/dev/null; then
    say "creating .venv with $("$python" --version)"
    make_venv
fi
say "installing the locked dependencies"
.venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==0.13.8" || die "uv could not be installed" \
    "check that this machine reaches PyPI, or set PIP_INDEX_URL to a mirror"
with_uv() { .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock" "$@"; }
# The second attempt trusts this machine's certificates, for networks that look into TLS.
if ! with_uv 2>/dev/null && ! with_uv --system-certs; then
    say "uv could not install them; trying pip, which knows this machine's pip configuration"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" ||
        die "the dependencies could not be installed" "check that this machine reaches PyPI, or set PIP_INDEX_URL"
fi
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-build-isolation --no-deps --offline -e . ||
    die "the project itself could not be installed into .venv" "remove .venv and try again"
printf '%s' "$wanted" >"$stamp"
