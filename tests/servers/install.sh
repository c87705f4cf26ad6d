#!/usr/bin/env bash
# Install the real servers that the suite starts for itself, from Debian's packages, where that is allowed;
# otherwise say exactly what is missing. Nothing is started here.
set -euo pipefail

declare -A needed=(
  [rabbitmq-server]=/usr/lib/rabbitmq/bin/rabbitmq-server
  [postgresql]='/usr/lib/postgresql/*/bin/initdb'
  [chromium]=/usr/bin/chromium
  [dovecot-imapd]=/usr/lib/dovecot/imap
  [dovecot-lmtpd]=/usr/lib/dovecot/lmtp
  [openssl]=/usr/bin/openssl
  [gcc]=/usr/bin/gcc  # compiles what makes a disk or a clock go wrong
  [libc6-dev]=/usr/include/stdio.h
  [fonts-noto-core]='/usr/share/fonts/truetype/noto/NotoSansArabic-*'  # pages are looked at in Arabic
)

missing=()
for package in "${!needed[@]}"; do
  compgen -G "${needed[$package]}" >/dev/null || missing+=("$package")
done
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)

packages() {  # stand-ins for providers that come from npm
  local folder; folder="$(dirname "${BASH_SOURCE[0]}")/node"
  local stamp="$folder/node_modules/.package-lock.json"
  [ "$stamp" -nt "$folder/package-lock.json" ] && return
  (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
}

[ "${#missing[@]}" -eq 0 ] && { packages; exit 0; }

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need these Debian packages, and this user may not install them:" >&2
  echo "    sudo apt-get install ${missing[*]}" >&2
  exit 1
fi

echo "Installing ${missing[*]}…"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# Their daemons are of no use here: the suite starts private ones on free ports.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
packages
