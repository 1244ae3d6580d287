#!/usr/bin/env bash
# Package: dnsmasq-base 2.90-4~deb12u2 (over TCP)
#
# Behaviour: dnsmasq answers 100 queries of a TCP connection and closes it, however fast they come. A client that has more than one
# query outstanding may be writing then: its write fails (EPIPE), while answers lie unread in its own buffer, up to all 100 of them.
# Whoever reads on after the failed write gets each of the 100, and then the end of the stream.
#
# Why it surprises: neither dnsmasq(8) nor its option --max-tcp-connections tells of the limit, and nothing in the answers announces
# the end. RFC 7766, section 6.2.1.1, has clients send queries without waiting for the answers. A client that takes a failed write for
# the end of the connection, as is usual, loses answers that it already has, and will blame the names. What varies from run to run is
# how many queries were sent when the write failed, and how many answers had been read by then: 91 to 100 with 16 to 50 outstanding;
# with 150, all in two runs and none in a third.
#
# Seen on 2026-11-29 (the number that is sent varies):
#   one at a time:     sent 101, then EOF; read before 100, read after 0
#   without reading:   sent 2913, then BrokenPipeError; read before 0, read after 100
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${DNSMASQ[@]}"

SERVER="$(free_port)"
start "$SERVER" dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --log-facility=- --no-resolv --no-hosts \
  --bind-interfaces --listen-address=127.0.0.1 --port="$SERVER" --address=/shops.example/192.0.2.7

cat >"$STAGE/client.py" <<'PY'
"""Sends queries over one connection: `one` waits for each answer, `many` reads nothing until a write fails."""
import socket, struct, sys, time

def query(number):
    name = b"\x04many\x05shops\x07example\x00"
    message = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1)
    return struct.pack("!H", len(message)) + message

def whole_answers(received):
    count = 0
    while len(received) >= 2 and len(received) >= 2 + struct.unpack("!H", received[:2])[0]:
        received = received[2 + struct.unpack("!H", received[:2])[0]:]
        count += 1
    return count

connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
sent, received, before, end = 0, b"", 0, ""
deadline = time.monotonic() + 20
while not end and time.monotonic() < deadline and sent < 60000:
    try:
        connection.sendall(query(sent))
        sent += 1
    except OSError as error:
        end = type(error).__name__
        break
    while sys.argv[2] == "one" and whole_answers(received) < sent and not end:
        chunk = connection.recv(65536)
        received, end = received + chunk, "" if chunk else "EOF"
before = whole_answers(received)
while end != "EOF" and (chunk := connection.recv(65536)):
    received += chunk
print(f"sent {sent}, then {end}; read before {before}, read after {whole_answers(received) - before}")
PY
ONE="$(python3 "$STAGE/client.py" "$SERVER" one)"
MANY="$(python3 "$STAGE/client.py" "$SERVER" many)"
echo "one at a time:     $ONE"
echo "without reading:   $MANY"

expect "the 101st query of a connection is not answered" '^sent 101, then EOF; read before 100, read after 0$' "$ONE"
expect "a write fails while all 100 answers are unread" \
  'then (BrokenPipeError|ConnectionResetError); read before 0, read after 100$' "$MANY"
conclude
