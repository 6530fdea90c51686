#!/bin/sh
# Makes .hub-clients/VERSION for each deploy/hub-clients/VERSION.lock: that version of the Hub's client in an
# environment of its own, for the conformance suite. Never fails: without one, its column is left out, which is said.
set -u

cd "$(dirname "$0")/.." || exit 1
python=.venv/bin/python

say() { printf '%s\n' "$*" >&2; }

for lock in deploy/hub-clients/*.lock; do
    version=$(basename "$lock" .lock)
    folder=.hub-clients/$version
    wanted=$(cat "$lock" deploy/hub-clients.sh | sha256sum | cut -d ' ' -f 1)
    [ -f "$folder/.made" ] && [ "$(cat "$folder/.made")" = "$wanted" ] && continue
    say "hub clients: installing huggingface_hub $version"
    rm -rf "$folder"
    if "$python" -m venv --without-pip "$folder" &&
        "$python" -m pip --python "$folder/bin/python" install --quiet --quiet --disable-pip-version-check \
            --no-input --progress-bar off --no-deps --only-binary :all: --require-hashes -r "$lock"; then
        printf '%s' "$wanted" >"$folder/.made"
    else
        say "left out: checks of huggingface_hub $version, because it could not be installed"
    fi
done
exit 0
