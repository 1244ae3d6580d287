#!/usr/bin/env bash
# Package: dnsmasq-base 2.90-4~deb12u2 (with --stop-dns-rebind)
#
# Behaviour: addresses of the networks for documentation (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32) are taken out
# of an upstream's answer like those of 10.0.0.0/8: NOERROR, nothing in it, EDE 15 "Blocked". Other networks that are not of the
# public Internet pass: 100.64.0.0/10 (shared by the customers of a provider, RFC 6598), 198.18.0.0/15 (RFC 2544), 240.0.0.0/4.
#
# Why it surprises: dnsmasq(8) says "addresses from upstream nameservers which are in the private ranges", and lists for IPv6 the
# mapped, link-local and site-local ones. The networks for documentation are no private ranges (RFC 1918, RFC 5737); no machine can
# be behind them, whereas machines of one's own net can be behind 100.64.0.0/10. Whoever tries a resolver with the addresses that
# RFC 5737 has for examples finds nothing, and takes the name for one without an address.
#
# Seen on 2026-11-29:
#   10.1.2.3      NOERROR EDE: 15 (Blocked)
#   192.0.2.1     NOERROR EDE: 15 (Blocked)
#   198.51.100.1  NOERROR EDE: 15 (Blocked)
#   203.0.113.1   NOERROR EDE: 15 (Blocked)
#   2001:db8::1   NOERROR EDE: 15 (Blocked)
#   100.64.0.1    NOERROR 100.64.0.1
#   198.18.0.1    NOERROR 198.18.0.1
#   240.0.0.1     NOERROR 240.0.0.1
#   192.88.99.1   NOERROR 192.88.99.1
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${DNSMASQ[@]}" "${DIG[@]}"

TAKEN_OUT=(10.1.2.3 192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1)
PASSED_ON=(100.64.0.1 198.18.0.1 240.0.0.1 192.88.99.1)

UPSTREAM="$(free_port)"
RESOLVER="$(free_port)"
OPTIONS=(
  --keep-in-foreground --conf-file=/dev/null --pid-file= --log-facility=- --no-resolv --no-hosts
  --bind-interfaces --listen-address=127.0.0.1
)
NAMES=()
for address in "${TAKEN_OUT[@]}" "${PASSED_ON[@]}"; do
  NAMES+=("--address=/name-${address//[.:]/-}.example/$address")
done
start "$UPSTREAM" dnsmasq "${OPTIONS[@]}" --port="$UPSTREAM" "${NAMES[@]}"
start "$RESOLVER" dnsmasq "${OPTIONS[@]}" --port="$RESOLVER" --server="127.0.0.1#$UPSTREAM" --stop-dns-rebind

# Prints what the server at a port says of the name of an address, in a line.
summary() {
  local type=A answer
  case "$2" in *:*) type=AAAA ;; esac
  answer="$(ask "$1" "name-${2//[.:]/-}.example" "$type")"
  sed -nE 's/.*status: ([A-Z]*).*/\1/p; s/^; (EDE: .*)/\1/p; s/^name.*	IN	A+	(.*)/\1/p' <<<"$answer" | paste -sd ' '
}

for address in "${TAKEN_OUT[@]}" "${PASSED_ON[@]}"; do
  printf '%-13s %s\n' "$address" "$(summary "$RESOLVER" "$address")"
done
for address in "${TAKEN_OUT[@]}"; do
  expect "the upstream itself says $address" "^NOERROR $address\$" "$(summary "$UPSTREAM" "$address")"
  expect "$address is taken out" '^NOERROR EDE: 15 \(Blocked\)$' "$(summary "$RESOLVER" "$address")"
done
for address in "${PASSED_ON[@]}"; do
  expect "$address is passed on" "^NOERROR $address\$" "$(summary "$RESOLVER" "$address")"
done
conclude
