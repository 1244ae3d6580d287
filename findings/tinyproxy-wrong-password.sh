#!/usr/bin/env bash
# Package: tinyproxy-bin 1.11.1-2.1+deb12u1 (with BasicAuth)
#
# Behaviour: a request without a password gets 407 with Proxy-Authenticate. A request with a wrong one gets 401 with
# WWW-Authenticate, for GET and for CONNECT alike.
#
# Why it surprises: RFC 9110, section 11.7, has a proxy ask for its own password by 407 and Proxy-Authenticate; 401 and
# WWW-Authenticate are the words of the site. So a client takes the proxy's refusal for the site's, and may go on to send the proxy
# the password that is meant for the site. The manual, tinyproxy.conf(5), only says that access is granted to authenticated users.
#
# Seen on 2026-11-29:
#   no password:       HTTP/1.0 407 Proxy Authentication Required | Proxy-Authenticate: Basic realm="Tinyproxy"
#   a wrong password:  HTTP/1.0 401 Unauthorized | WWW-Authenticate: Basic realm="Tinyproxy"
#   the same, CONNECT: HTTP/1.0 401 Unauthorized | WWW-Authenticate: Basic realm="Tinyproxy"
#   the right one:     HTTP/1.0 200 OK
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${TINYPROXY[@]}"

PROXY="$(free_port)"
SITE="$(free_port)"
cat >"$STAGE/tinyproxy.conf" <<CONF
Port $PROXY
Listen 127.0.0.1
Allow 127.0.0.1
BasicAuth user right
CONF
start "$SITE" python3 -m http.server --bind 127.0.0.1 --directory "$STAGE/usr" "$SITE"
start "$PROXY" tinyproxy -d -c "$STAGE/tinyproxy.conf"

# Prints the status line of the answer and what it asks for.
send() {
  python3 - "$PROXY" "$@" <<'PY'
import base64, socket, sys
port, first, password = sys.argv[1:]
lines = [first, "Host: 127.0.0.1"]
if password:
    lines.append("Proxy-Authorization: Basic " + base64.b64encode(f"user:{password}".encode()).decode())
with socket.create_connection(("127.0.0.1", int(port)), 10) as proxy:
    proxy.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
    answer = b"".join(iter(lambda: proxy.recv(65536), b"")).decode()
head = answer.split("\r\n\r\n")[0].split("\r\n")
print(" | ".join([head[0], *(line for line in head if "authenticate:" in line.lower())]))
PY
}

GET="GET http://127.0.0.1:$SITE/ HTTP/1.1"
NONE="$(send "$GET" "")"
WRONG="$(send "$GET" wrong)"
WRONG_CONNECT="$(send "CONNECT 127.0.0.1:$SITE HTTP/1.1" wrong)"
RIGHT="$(send "$GET" right)"
echo "no password:       $NONE"
echo "a wrong password:  $WRONG"
echo "the same, CONNECT: $WRONG_CONNECT"
echo "the right one:     $RIGHT"

expect "no password gets the proxy's own question" "^HTTP/1.[01] 407 .*Proxy-Authenticate:" "$NONE"
expect "a wrong password gets the question of a site" "^HTTP/1.[01] 401 .*\| WWW-Authenticate:" "$WRONG"
expect_no "a wrong password is not told from a site's refusal" "Proxy-Authenticate" "$WRONG"
expect "CONNECT with a wrong password gets the question of a site" "^HTTP/1.[01] 401 .*\| WWW-Authenticate:" "$WRONG_CONNECT"
expect "the right password reaches the site" "^HTTP/1.[01] 200 " "$RIGHT"
conclude
