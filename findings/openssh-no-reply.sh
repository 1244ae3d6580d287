#!/usr/bin/env bash
# Packages: openssh-client and openssh-server 1:9.2p1-2+deb12u10 (ssh -D; with the users and names of libnss-wrapper 1.1.12-1)
#
# Behaviour: the SOCKS5 proxy of `ssh -D` has one reply, 0 (succeeded). Where a connection fails, because the site's port is
# closed, the name does not exist, or the SSH server prohibits it, the proxy closes the client's connection without a reply, alike
# for all three.
#
# Why it surprises: RFC 1928, section 6, has the server evaluate the request and return a reply, for which it has the codes 2 (not
# allowed), 4 (host unreachable), 5 (connection refused) and others. ssh(1) says of -D that it "will act as a SOCKS 4/5 proxy"; and the
# SSH server does tell ssh the reason (RFC 4254, section 5.1: administratively prohibited, connect failed), which ssh only logs. So a
# site that is down looks like a proxy that breaks.
#
# Seen on 2026-11-29:
#   open port:   reply 05 00 00 01 00 00 00 00 00 00, then b'HTTP/1.0 200 OK'
#   closed port: no reply, and the end of the stream
#   absent name: no reply, and the end of the stream
#   prohibited:  no reply, and the end of the stream
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${OPENSSH[@]}" "${NSS_WRAPPER[@]}"

SITE="$(free_port)"
CLOSED="$(free_port)"
PROHIBITED="$(free_port)"
SERVER="$(free_port)"
PROXY="$(free_port)"
# The system's own user may be locked, or have no shell.
NUMBERS="$(pinned id -u):$(pinned id -g)"
echo "visitor:x:$NUMBERS::$STAGE:/bin/sh" >"$STAGE/passwd"
echo "visitor:x:${NUMBERS#*:}:" >"$STAGE/group"
echo "visitor:*:1::::::" >"$STAGE/shadow"
echo "127.0.0.1 page.test" >"$STAGE/hosts"
chmod 644 "$STAGE/passwd" "$STAGE/group" "$STAGE/shadow" "$STAGE/hosts"
USERS=(
  env LD_PRELOAD="$LIBRARIES/libnss_wrapper.so" NSS_WRAPPER_PASSWD="$STAGE/passwd" NSS_WRAPPER_GROUP="$STAGE/group"
  NSS_WRAPPER_SHADOW="$STAGE/shadow" NSS_WRAPPER_HOSTS="$STAGE/hosts"
)
pinned "${USERS[@]}" ssh-keygen -q -t ed25519 -N "" -f "$STAGE/host-key"
pinned "${USERS[@]}" ssh-keygen -q -t ed25519 -N "" -f "$STAGE/user-key"
cat >"$STAGE/sshd_config" <<CONF
ListenAddress 127.0.0.1:$SERVER
HostKey $STAGE/host-key
AuthorizedKeysFile $STAGE/user-key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
AllowTcpForwarding yes
PermitOpen *:$SITE *:$CLOSED
UseDNS no
CONF
start "$SITE" python3 -m http.server --bind 127.0.0.1 --directory "$STAGE/usr" "$SITE"
start "$SERVER" "${USERS[@]}" "$STAGE/usr/sbin/sshd" -D -e -f "$STAGE/sshd_config"
start "$PROXY" "${USERS[@]}" ssh -N -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes \
  -o BatchMode=yes -o ExitOnForwardFailure=yes -D "127.0.0.1:$PROXY" -p "$SERVER" -i "$STAGE/user-key" 127.0.0.1

# Asks the proxy for a name and a port, and prints the reply and the first line of what comes then.
visit() {
  python3 - "$PROXY" "$1" "$2" <<'PY'
import socket, struct, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10) as proxy:
    proxy.sendall(b"\x05\x01\x00")
    assert proxy.recv(2) == b"\x05\x00"
    name = sys.argv[2].encode()
    proxy.sendall(b"\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack("!H", int(sys.argv[3])))
    reply = proxy.recv(10)
    if not reply:
        sys.exit(print("no reply, and the end of the stream"))
    proxy.sendall(b"GET / HTTP/1.0\r\n\r\n")
    rest = b"".join(iter(lambda: proxy.recv(65536), b""))
    print("reply", reply.hex(" ") + ", then", rest.split(b"\r\n")[0])
PY
}

SEEN_OPEN="$(visit page.test "$SITE")"
SEEN_CLOSED="$(visit page.test "$CLOSED")"
SEEN_ABSENT="$(visit absent.test "$SITE")"
SEEN_PROHIBITED="$(visit page.test "$PROHIBITED")"
echo "open port:   $SEEN_OPEN"
echo "closed port: $SEEN_CLOSED"
echo "absent name: $SEEN_ABSENT"
echo "prohibited:  $SEEN_PROHIBITED"

expect "an open port gets success, and then the site" "^reply 05 00 .*, then b'HTTP/1.0 200 OK'\$" "$SEEN_OPEN"
for seen in "$SEEN_CLOSED" "$SEEN_ABSENT" "$SEEN_PROHIBITED"; do
  expect "a failure gets no reply" '^no reply, and the end of the stream$' "$seen"
done
# The reasons differ, and ssh knows them.
LOG="$(<"$STAGE/server-$PROXY.log")"
echo "ssh's log:"
grep 'open failed' <<<"$LOG" | sed 's/^/  /'
expect "ssh logs that the connection failed" 'open failed: connect failed' "$LOG"
expect "ssh logs that the server prohibits it" 'open failed: administratively prohibited' "$LOG"
conclude
