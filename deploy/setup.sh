#!/bin/sh
# Makes .venv with everything in the lock files and the command .venv/bin/gatehouse.
# Needs Python >= 3.11 with venv; uses plain pip, so that the machine's pip configuration holds.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd -P)
cd "$root"
venv="$root/.venv"
stamp="$venv/.gatehouse-setup"

say() { printf '%s\n' "$*" >&2; }

wanted() {
    # What the environment must have been made from to be used as it is.
    printf '%s\n' "$root"
    cat requirements.lock requirements-demo.lock deploy/setup.sh | sha256sum
}

find_python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    say "setup: no Python 3.11 or newer found; install one (Debian: apt install python3) or set PYTHON=/path/to/python"
    exit 1
}

need_venv_module() {
    # Debian keeps the modules that make environments in a package of their own.
    if "$1" -c 'import ensurepip, venv' 2>/dev/null; then return; fi
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "setup: installing python$version-venv"
        apt-get update -qq >&2 && apt-get install -y -qq "python$version-venv" >&2 || true
    fi
    if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        say "setup: $1 cannot make environments; install python$version-venv:"
        say "    sudo apt install python$version-venv"
        exit 1
    fi
}

install() {
    "$venv/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-input --progress-bar off \
        --no-deps --only-binary :all: --require-hashes -r "$1"
}

write_launcher() {
    # The folder of the package and a launcher instead of an editable install: nothing to build.
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    printf '%s\n' "$root" >"$site/gatehouse.pth"
    cat >"$venv/bin/gatehouse" <<LAUNCHER
#!/bin/sh
'''exec' "$venv/bin/python" "\$0" "\$@"
' '''
import sys

from registry.cli import main

sys.exit(main())
LAUNCHER
    chmod 755 "$venv/bin/gatehouse"
}

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ]; then exit 0; fi

unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH
if [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" != "$root" ]; then rm -rf "$venv"; fi # moved: its scripts point elsewhere
rm -f "$stamp"
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    need_venv_module "$python"
    say "setup: making .venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
say "setup: installing the locked packages (about a minute on a fresh machine)"
install requirements.lock
install requirements-demo.lock
write_launcher
# Start-up time: compiled once here rather than at the first start of each command.
"$venv/bin/python" -m compileall -q registry || true
wanted >"$stamp"
say "setup: done"
