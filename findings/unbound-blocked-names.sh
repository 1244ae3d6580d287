#!/usr/bin/env bash
# Package: unbound 1.17.1-2+deb12u4 (with "ede: yes")
#
# Behaviour: names that the operator blocks by a local-zone of the type always_nxdomain, always_nodata, always_refuse, refuse or
# always_null are answered without any Extended DNS Error, though EDE is switched on, while a client that access-control refuses gets
# EDE 18. The answers have AA set, as if unbound were an authority for the zone.
#
# Why it surprises: RFC 8914 has EDE 15 (Blocked), 16 (Censored) and 17 (Filtered) for this, and unbound.conf(5) says of "ede" that
# "Unbound will respond with Extended DNS Error codes (RFC8914)". So a blocked name can't be told from one that doesn't exist.
#
# Seen on 2026-11-29:
#   always_nxdomain NXDOMAIN aa
#   always_nodata   NOERROR aa
#   always_refuse   REFUSED aa
#   refuse          REFUSED aa
#   always_null     NOERROR aa 0.0.0.0
#   access-control  REFUSED EDE: 18 (Prohibited)
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${UNBOUND[@]}" "${DIG[@]}"

SERVER="$(free_port)"
REFUSING="$(free_port)"
TYPES=(always_nxdomain always_nodata always_refuse refuse always_null)
for port in "$SERVER" "$REFUSING"; do
  cat >"$STAGE/unbound-$port.conf" <<CONF
server:
  interface: 127.0.0.1@$port
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "$STAGE"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  ede: yes
$(printf '  local-zone: "%s.example." %s\n' $(printf '%s\n' "${TYPES[@]}" | sed 's/\(.*\)/\1 \1/'))
remote-control:
  control-enable: no
CONF
done
sed -i 's/^  ede: yes$/&\n  access-control: 127.0.0.0\/8 refuse/' "$STAGE/unbound-$REFUSING.conf"
start "$SERVER" unbound -d -c "$STAGE/unbound-$SERVER.conf"
start "$REFUSING" unbound -d -c "$STAGE/unbound-$REFUSING.conf"

# Prints what a server says of a name, in a line.
summary() {
  ask "$1" "$2" A | sed -nE 's/.*status: ([A-Z]*).*/\1/p; s/^;; flags: .*\baa\b.*/aa/p; s/^; (EDE: .*)/\1/p; s/.*	IN	A	(.*)/\1/p' \
    | paste -sd ' '
}

declare -A EXPECTED=(
  [always_nxdomain]="NXDOMAIN aa" [always_nodata]="NOERROR aa" [always_refuse]="REFUSED aa" [refuse]="REFUSED aa"
  [always_null]="NOERROR aa 0.0.0.0"
)
for type in "${TYPES[@]}"; do
  SEEN="$(summary "$SERVER" "name.$type.example")"
  printf '%-15s %s\n' "$type" "$SEEN"
  expect "a name blocked by $type is answered without EDE" "^${EXPECTED[$type]}\$" "$SEEN"
done
SEEN="$(summary "$REFUSING" "name.example")"
printf '%-15s %s\n' access-control "$SEEN"
expect "a client that is refused gets EDE 18" '^REFUSED EDE: 18 \(Prohibited\)' "$SEEN"
conclude
