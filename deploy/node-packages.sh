#!/bin/sh
# Installs what some tests use from npm (axe-core, the Hub's client in JavaScript, independent implementations of SD-JWT and RFC 6962), where npm is there.
# Never fails: without it those tests are left out, which is said.
set -u

cd "$(dirname "$0")/.." || exit 1
stamp=node_modules/.gatehouse-node
wanted=$(sha256sum package-lock.json | cut -d ' ' -f 1)

say() { printf '%s\n' "$*" >&2; }

[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

if ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "node packages: installing npm"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >&2 ||
        say "node packages: npm could not be installed"
fi
if ! command -v npm >/dev/null; then
    say "left out: accessibility checks, the Hub's client in JavaScript and the independent receipt checks, because npm is missing (apt install npm)"
    exit 0
fi
if npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2; then
    printf '%s' "$wanted" >"$stamp"
else
    say "left out: accessibility checks, the Hub's client in JavaScript and the independent receipt checks, because npm ci failed"
fi
exit 0
