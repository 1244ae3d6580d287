#!/usr/bin/env bash
# Package: unbound 1.17.1-2+deb12u4 (with "ede: yes", and with a forward-zone whose only server's port is closed)
#
# Behaviour: unbound answers nothing, neither SERVFAIL nor an Extended DNS Error, although a closed port refuses each datagram at
# once, by ICMP. Here it is watched for 12 seconds; on the day of writing it was silent for 100.
#
# Why it surprises: RFC 8914 has EDE 22 (No Reachable Authority) and 23 (Network Error) for this. Clients wait 5 seconds for an answer
# as a rule (resolv.conf(5)), so they take the resolver for dead, and not the server behind it. Other names get their answers from
# the same unbound meanwhile.
#
# Seen on 2026-11-29:
#   forwarded to a closed port: silent for 12 s
#   a name of unbound's own:    NOERROR 192.0.2.7
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${UNBOUND[@]}" "${DIG[@]}"

SERVER="$(free_port)"
CLOSED="$(free_port)"
cat >"$STAGE/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$SERVER
  do-daemonize: no
  chroot: ""
  username: ""
  directory: "$STAGE"
  pidfile: ""
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  ede: yes
  local-zone: "own.example." static
  local-data: "own.example. A 192.0.2.7"
remote-control:
  control-enable: no
forward-zone:
  name: dead.example
  forward-addr: 127.0.0.1@$CLOSED
CONF
start "$SERVER" unbound -d -c "$STAGE/unbound.conf"

# Prints what the server says of a name, in a line.
summary() {
  local answer
  answer="$(ask "$SERVER" +time=12 "$1" A)" || true
  if grep -q 'timed out' <<<"$answer"; then
    echo "silent for 12 s"
  else
    sed -nE 's/.*status: ([A-Z]*).*/\1/p; s/^; (EDE: .*)/\1/p; s/.*	IN	A	(.*)/\1/p' <<<"$answer" | paste -sd ' '
  fi
}

FORWARDED="$(summary name.dead.example)"
OWN="$(summary own.example)"
echo "forwarded to a closed port: $FORWARDED"
echo "a name of unbound's own:    $OWN"

expect "a name that is forwarded to a closed port gets no answer" '^silent for 12 s$' "$FORWARDED"
expect "another name gets its answer" '^NOERROR 192.0.2.7$' "$OWN"
conclude
