#!/bin/sh
# Installs what some tests need from the distribution, where that is possible; otherwise says what is left out.
# Never fails: a missing browser leaves out tests, it does not stop the others.
set -u

cd "$(dirname "$0")/.." || exit 1
tried=.venv/.gatehouse-system-packages

say() { printf '%s\n' "$*" >&2; }
has_chromium() { [ -n "${TEST_CHROMIUM:-}" ] || command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null 2>&1; }
has_fonts() { find /usr/share/fonts /usr/local/share/fonts -name '*.ttf' -o -name '*.otf' 2>/dev/null | grep -q .; }
has_softhsm() { command -v softhsm2-util >/dev/null 2>&1; }
has_poppler() { command -v pdftotext >/dev/null 2>&1; }
has_curl() { command -v curl >/dev/null 2>&1; }
has_aria2() { command -v aria2c >/dev/null 2>&1; }
has_wrk() { command -v wrk >/dev/null 2>&1; }

missing() {
    has_chromium || printf 'chromium '
    has_fonts || printf 'fonts-dejavu-core '
    has_curl || printf 'curl '
    has_aria2 || printf 'aria2 '
    has_wrk || printf 'wrk '
    has_poppler || printf 'poppler-utils '
    has_softhsm || printf 'softhsm2 '
}

if [ -n "$(missing)" ] && [ ! -e "$tried" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "system packages: installing $(missing)"
    apt-get update -qq >&2 || say "system packages: apt-get update failed; trying with the lists that are there"
    for package in $(missing); do # one by one: one that cannot be had does not hinder the others
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" >&2 ||
            say "system packages: $package could not be installed"
    done
    : >"$tried"
fi
has_chromium || say "left out: tests in a browser, because chromium is missing (apt install chromium fonts-dejavu-core)"
has_wrk || say "left out: load benchmarks, because wrk is missing (apt install wrk)"
has_curl || say "left out: checks of curl, because it is missing (apt install curl)"
has_aria2 || say "left out: checks of aria2, because it is missing (apt install aria2)"
has_poppler || say "left out: tests that read PDFs, because poppler is missing (apt install poppler-utils)"
has_softhsm || say "left out: tests of keys in a token, because softhsm2 is missing (apt install softhsm2)"
exit 0
