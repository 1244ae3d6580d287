#!/usr/bin/env bash
# Packages: squid and squid-common 5.7-2+deb12u6, squid-langpack 20220130-1
#
# Behaviour: for a host that does not exist (the DNS server that squid asks says NXDOMAIN) a plain request gets 502 with
# `X-Squid-Error: ERR_READ_ERROR 0`, and CONNECT gets 500 with `X-Squid-Error: ERR_CANNOT_FORWARD 0`. Squid gives the page for names
# that can't be resolved, ERR_DNS_FAIL, to neither.
#
# Why it surprises: ERR_DNS_FAIL ("Unable to determine IP address from host name") is among the pages of squid-langpack for just this
# case. "Read Error" says that the site broke off its answer, and asks to try again; so a name that is free is taken for a site with
# trouble. The project knows it, for ERR_CANNOT_FORWARD, as its bug 5294 (pull request 1453).
#
# Squid asks for names on port 53 only. So it runs, with the DNS server, in a network namespace of its own.
#
# Seen on 2026-11-29:
#   GET http://absent.example/ HTTP/1.1 | HTTP/1.1 502 Bad Gateway | X-Squid-Error: ERR_READ_ERROR 0
#   CONNECT absent.example:443 HTTP/1.1 | HTTP/1.1 500 Internal Server Error | X-Squid-Error: ERR_CANNOT_FORWARD 0
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${SQUID[@]}"

NAMESPACE=(unshare --user --map-current-user --keep-caps --net)
[ "$(id -u)" != 0 ] || NAMESPACE=(unshare --net)

cat >"$STAGE/squid.conf" <<CONF
http_access allow all
http_port 127.0.0.1:31280
dns_nameservers 127.0.0.1
hosts_file none
visible_hostname squid.test
cache deny all
cache_mem 8 MB
pid_filename none
cache_log /dev/null
access_log none
netdb_filename none
coredump_dir $STAGE
pinger_enable off
mime_table $STAGE/usr/share/squid/mime.conf
icon_directory $STAGE/usr/share/squid/icons
error_directory $STAGE/usr/share/squid-langpack/templates
shutdown_lifetime 0 seconds
CONF

cat >"$STAGE/ask.py" <<'PY'
"""Starts a DNS server that says of every name that it doesn't exist, and the given command, a proxy. Sends that two requests."""
import fcntl, socket, struct, subprocess, sys, threading, time

def raise_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS

def deny_names(server):
    # RFC 2308, section 5: the SOA record says for how long the name is known not to exist.
    soa = b"\0" + struct.pack("!HHIH", 6, 1, 60, 22) + b"\0\0" + struct.pack("!5I", 1, 3600, 600, 86400, 60)
    while True:
        query, client = server.recvfrom(4096)
        question = query[12:query.index(b"\0", 12) + 5]
        head = query[:2] + struct.pack("!5H", 0x8583, 1, 0, 1, 0)  # QR, AA, RD, RA, NXDOMAIN
        asked.add(question[:-4])
        server.sendto(head + question + soa, client)

def connection(deadline):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", 31280), 15)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                sys.exit("squid does not listen")
            time.sleep(0.05)

raise_loopback()
asked = set()
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
threading.Thread(target=deny_names, args=(server,), daemon=True).start()
proxy = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    deadline = time.monotonic() + 20
    connection(deadline).close()
    for first in ["GET http://absent.example/ HTTP/1.1", "CONNECT absent.example:443 HTTP/1.1"]:
        with connection(deadline) as proxied:
            proxied.sendall(f"{first}\r\nHost: absent.example\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: proxied.recv(65536), b"")).decode()
        head = answer.split("\r\n\r\n")[0].split("\r\n")
        print(" | ".join([first, head[0], *(line for line in head if line.startswith("X-Squid-Error"))]))
    if b"\x06absent\x07example\0" not in asked:
        sys.exit("squid did not ask for the name")
finally:
    proxy.terminate()
    proxy.wait()
PY
SEEN="$("${NAMESPACE[@]}" python3 "$STAGE/ask.py" "${PINNED[@]}" squid -N -n "finding$$" -f "$STAGE/squid.conf")" || cannot "see above"
echo "$SEEN"

expect "a request gets 502 and a read error" '^GET .* \| HTTP/1.1 502 .*\| X-Squid-Error: ERR_READ_ERROR 0$' "$SEEN"
expect "CONNECT gets 500 and a forwarding error" '^CONNECT .* \| HTTP/1.1 500 .*\| X-Squid-Error: ERR_CANNOT_FORWARD 0$' "$SEEN"
expect_no "neither gets the page for names" 'ERR_DNS_FAIL' "$SEEN"
conclude
