#!/usr/bin/env bash
# Package: privoxy 3.0.34-1 (with the names of libnss-wrapper 1.1.12-1, in the place of DNS)
#
# Behaviour: privoxy's own answers have no header that says that a proxy wrote them: neither Server, Via nor Proxy-Status. A host that
# does not exist is 404, a site whose port is closed is 503, a blocked one is 403, for CONNECT as for GET. Only the reason
# phrase and two fixed dates (Last-Modified in 1955, Expires in 2000) tell them from a site's answers. Nor does privoxy add
# Via to the answers that it passes on.
#
# Why it surprises: RFC 9110, section 7.6.3, has a proxy add Via to every message that it forwards. RFC 9209, section 2.3, recommends
# 502 where a name or a connection fails, and has a header for the reason. 404 is a site's word for a page that it lacks, so a
# missing host is taken for a living site with a missing page, 403 for a site that is up and forbids it.
#
# Seen on 2026-11-29:
#   blocked:         HTTP/1.1 403 Request blocked by Privoxy | Last-Modified: Wed, 08 Jun 1955 12:00:00 GMT | Expires: ...
#   blocked CONNECT: (the same)
#   absent:          HTTP/1.1 404 No such domain | (the same dates)
#   closed:          HTTP/1.1 503 Connect failed | (the same dates)
#   passed on:       HTTP/1.0 200 OK | Server: SimpleHTTP/0.6 | no Via
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${PRIVOXY[@]}" "${NSS_WRAPPER[@]}"

PROXY="$(free_port)"
SITE="$(free_port)"
CLOSED="$(free_port)"
echo "127.0.0.1 page.test blocked.test" >"$STAGE/hosts"
printf '{+block{a test}}\nblocked.test\n' >"$STAGE/blocking.action"
mkdir "$STAGE/log"
cat >"$STAGE/config" <<CONF
confdir $STAGE/etc/privoxy
templdir $STAGE/etc/privoxy/templates
logdir $STAGE/log
listen-address 127.0.0.1:$PROXY
toggle 1
actionsfile $STAGE/blocking.action
CONF
chmod 644 "$STAGE/hosts" "$STAGE/blocking.action" "$STAGE/config"
start "$SITE" python3 -m http.server --bind 127.0.0.1 --directory "$STAGE/usr" "$SITE"
start "$PROXY" env LD_PRELOAD="$LIBRARIES/libnss_wrapper.so" NSS_WRAPPER_HOSTS="$STAGE/hosts" \
  privoxy --no-daemon "$STAGE/config"

# Prints the head of the answer to a request, in a line.
head_of() {
  python3 - "$PROXY" "$1" "$2" <<'PY'
import socket, sys
port, first, host = sys.argv[1:]
with socket.create_connection(("127.0.0.1", int(port)), 20) as proxy:
    proxy.sendall(f"{first} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    answer = b"".join(iter(lambda: proxy.recv(65536), b"")).decode("latin-1")
print(answer.split("\r\n\r\n")[0].replace("\r\n", " | "))
PY
}

BLOCKED="$(head_of "GET http://blocked.test:$SITE/" "blocked.test:$SITE")"
CONNECT="$(head_of "CONNECT blocked.test:$SITE" "blocked.test:$SITE")"
ABSENT="$(head_of "GET http://absent.test:$SITE/" "absent.test:$SITE")"
REFUSED="$(head_of "GET http://page.test:$CLOSED/" "page.test:$CLOSED")"
PASSED_ON="$(head_of "GET http://page.test:$SITE/" "page.test:$SITE")"
echo "blocked:         $BLOCKED"
echo "blocked CONNECT: $CONNECT"
echo "absent:          $ABSENT"
echo "closed:          $REFUSED"
echo "passed on:       $PASSED_ON"

expect "a blocked site is 403" '^HTTP/1.1 403 Request blocked by Privoxy' "$BLOCKED"
expect "a blocked site is 403 for CONNECT" '^HTTP/1.1 403 Request blocked by Privoxy' "$CONNECT"
expect "a host that does not exist is 404" '^HTTP/1.1 404 No such domain' "$ABSENT"
expect "a closed port is 503" '^HTTP/1.1 503 Connect failed' "$REFUSED"
for page in "$BLOCKED" "$CONNECT" "$ABSENT" "$REFUSED"; do
  expect_no "the page of ${page:0:12} names no proxy" '\| (Server|Via|Proxy-Status|Proxy-Connection):' "$page"
  expect "the page of ${page:0:12} expired in 2000" '\| Expires: Sat, 17 Jun 2000 12:00:00 GMT' "$page"
done
expect "a site's answer is passed on" '^HTTP/1.[01] 200 OK' "$PASSED_ON"
expect_no "a site's answer gets no Via" '\| Via:' "$PASSED_ON"
conclude
