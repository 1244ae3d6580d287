#!/usr/bin/env bash
# Package: dante-server 1.4.2+dfsg-7+b8 (with the names of libnss-wrapper 1.1.12-1, in the place of DNS)
#
# Behaviour: a rule `socks block { to: one.test }` blocks the other names that have one.test's address too, though the client sends
# names (SOCKS5, ATYP 3): the rule is about the addresses of its name. A rule with a leading dot, `to: .one.test`, is about the name.
#
# Why it surprises: danted.conf(5) lists "an IP address, a hostname, a domainname (designated so by the leading '.')" side by side as
# what a rule may name, and doesn't say that a hostname stands for its addresses. On a host with many sites, blocking one of
# them blocks all, with reply 2 (not allowed by the rules).
#
# Seen on 2026-11-29 (the second byte of the reply, RFC 1928, section 6):
#   to: one.test    one.test 2, two.test 2
#   to: .one.test   one.test 2, two.test 0
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${DANTE[@]}" "${NSS_WRAPPER[@]}"

SITE="$(free_port)"
HOST_RULE="$(free_port)"
DOMAIN_RULE="$(free_port)"
echo "127.0.0.1 one.test two.test" >"$STAGE/hosts"
chmod 644 "$STAGE/hosts"

# Starts a proxy on a port that blocks a destination.
proxy() {
  cat >"$STAGE/danted-$1.conf" <<CONF
logoutput: stderr
internal: 127.0.0.1 port = $1
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: $2 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
CONF
  start "$1" env LD_PRELOAD="$LIBRARIES/libnss_wrapper.so" NSS_WRAPPER_HOSTS="$STAGE/hosts" \
    danted -f "$STAGE/danted-$1.conf" -p "$STAGE/danted-$1.pid"
}

# Asks a proxy for the site by a name, and prints the reply.
reply() {
  python3 - "$1" "$2" "$SITE" <<'PY'
import socket, struct, sys
proxy, name, site = int(sys.argv[1]), sys.argv[2].encode(), int(sys.argv[3])
with socket.create_connection(("127.0.0.1", proxy), 10) as connection:
    connection.sendall(b"\x05\x01\x00")
    assert connection.recv(2) == b"\x05\x00"
    connection.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack("!H", site))
    print(connection.recv(64)[1])
PY
}

start "$SITE" python3 -m http.server --bind 127.0.0.1 --directory "$STAGE/usr" "$SITE"
proxy "$HOST_RULE" one.test
proxy "$DOMAIN_RULE" .one.test
BY_HOST="one.test $(reply "$HOST_RULE" one.test), two.test $(reply "$HOST_RULE" two.test)"
BY_DOMAIN="one.test $(reply "$DOMAIN_RULE" one.test), two.test $(reply "$DOMAIN_RULE" two.test)"
echo "to: one.test    $BY_HOST"
echo "to: .one.test   $BY_DOMAIN"

expect "a rule with a host's name blocks another name of that address" '^one.test 2, two.test 2$' "$BY_HOST"
expect "a rule with a leading dot blocks its own name only" '^one.test 2, two.test 0$' "$BY_DOMAIN"
conclude
