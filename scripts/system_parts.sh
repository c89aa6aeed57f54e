#!/usr/bin/env bash
# Sees to it that the programs named as arguments are there (the tests call `openssl ts` and `sqlite3`), each of which is
# in the package of its name. `postgresql` is the server, whose programs Debian keeps off the PATH.
# Installs the missing ones where apt-get and the right to use it are at hand; says what to do elsewhere.
set -euo pipefail

is_there() {
    if [ "$1" = postgresql ]; then
        command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
    else
        command -v "$1" >/dev/null
    fi
}

missing=()
for program in "$@"; do
    is_there "$program" || missing+=("$program")
done
[ "${#missing[@]}" -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" -eq 0 ]; then
    echo "Installing ${missing[*]} for the tests" >&2
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
    exit 0
fi
echo "The tests need: ${missing[*]}. Install with one of:" >&2
echo "  sudo apt-get install ${missing[*]}" >&2
echo "  brew install ${missing[*]}" >&2
exit 1
