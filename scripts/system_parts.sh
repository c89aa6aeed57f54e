#!/usr/bin/env bash
# Sees to it that the programs named as arguments are there (the tests call `openssl ts` and `sqlite3`). Where a program
# comes in a package of another name, that stands behind it: `program=package`.
# Installs the missing ones where apt-get and the right to use it are at hand; says what to do elsewhere.
set -euo pipefail

missing=()
# Where Debian keeps what is not meant for everybody's path.
PATH="$PATH:/usr/sbin:$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"
for wanted in "$@"; do
    command -v "${wanted%%=*}" >/dev/null || missing+=("${wanted##*=}")
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
