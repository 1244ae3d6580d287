#!/usr/bin/env bash
# Packages: bind9 1:9.18.49-1~deb12u3, nsd 4.6.1-1, knot 3.2.6-1 (with default options, each serving the same zone)
#
# Behaviour: a zone has a chain of 20 aliases (CNAME) that ends at an address. Asked for the first name,
# - nsd gives the whole chain and the address;
# - knot gives the first 5 aliases with NOERROR, and nothing that tells that the zone has more;
# - named gives the first 12 aliases with AA, but with SERVFAIL and EDE 0 "max. restarts reached". It answers 11 aliases in whole.
#
# Why it surprises: RFC 1034, section 4.3.2, has a server go on with the target of an alias while that is in its own zone, without a
# limit. SERVFAIL reads as a fault of the server, and resolvers may remember it as one (RFC 2308, section 7.1), though the aliases in
# it are right, authoritative, and enough to ask on. Knot's answer reads as one without the address. BIND's manual has the option
# max-query-restarts (11) without saying what the answer is then; knot.conf(5) has none.
#
# Seen on 2026-11-29 (for 20 aliases):
#   named: SERVFAIL aa, 12 aliases, 0 addresses, EDE: 0 (Other): (max. restarts reached)
#   nsd:   NOERROR aa, 20 aliases, 1 addresses
#   knot:  NOERROR aa, 5 aliases, 0 addresses
set -euo pipefail
source "$(dirname "$0")/stage.sh"
source "$(dirname "$0")/pins.sh"
unpack "${NAMED[@]}" "${NSD[@]}" "${KNOT[@]}" "${DIG[@]}"

NAMED_AT="$(free_port)"
NSD_AT="$(free_port)"
KNOT_AT="$(free_port)"
{
  printf '%s\n' '$ORIGIN shops.example.' '$TTL 60' '@ SOA ns root 1 3600 600 86400 60' '@ NS ns' 'ns A 127.0.0.1'
  for link in {1..20}; do
    echo "chain-$link CNAME chain-$((link + 1))"
  done
  echo 'chain-21 A 192.0.2.21'
} >"$STAGE/zone"

cat >"$STAGE/named.conf" <<CONF
options {
  directory "$STAGE"; managed-keys-directory "$STAGE"; pid-file none; session-keyfile none; lock-file none;
  listen-on port $NAMED_AT { 127.0.0.1; }; listen-on-v6 { none; };
  recursion no; dnssec-validation no;
};
controls { };
zone "shops.example" { type primary; file "$STAGE/zone"; };
CONF
cat >"$STAGE/nsd.conf" <<CONF
server:
  ip-address: 127.0.0.1@$NSD_AT
  username: ""
  chroot: ""
  database: ""
  zonesdir: "$STAGE"
  pidfile: "$STAGE/nsd.pid"
  xfrdfile: "$STAGE/xfrd"
  xfrdir: "$STAGE"
  zonelistfile: "$STAGE/zonelist"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: shops.example
  zonefile: zone
CONF
cat >"$STAGE/knot.conf" <<CONF
server:
  rundir: "$STAGE"
  listen: 127.0.0.1@$KNOT_AT
database:
  storage: "$STAGE"
zone:
  - domain: shops.example
    file: "$STAGE/zone"
    zonefile-sync: -1
    journal-content: none
CONF
start "$NAMED_AT" named -g -n 1 -c "$STAGE/named.conf"
start "$NSD_AT" nsd -d -c "$STAGE/nsd.conf"
start "$KNOT_AT" knotd -c "$STAGE/knot.conf"

# Prints what a server says of a name, in a line.
summary() {
  local answer status flags aliases addresses note
  answer="$(ask "$1" +norecurse "$2.shops.example" A)"
  status="$(sed -n 's/.*status: \([A-Z]*\).*/\1/p' <<<"$answer")"
  flags="$(sed -n 's/^;; flags: [a-z ]*\baa\b.*/ aa/p' <<<"$answer")"
  aliases="$(grep -c '	CNAME	' <<<"$answer" || true)"
  addresses="$(grep -c '	A	192' <<<"$answer" || true)"
  note="$(sed -n 's/^; \(EDE: .*\)/, \1/p' <<<"$answer")"
  echo "$status$flags, $aliases aliases, $addresses addresses$note"
}

# A zone may be loaded a moment after the server listens.
deadline=$((SECONDS + 20))
for port in "$NAMED_AT" "$NSD_AT" "$KNOT_AT"; do
  until [ "$(summary "$port" chain-21)" = "NOERROR aa, 0 aliases, 1 addresses" ]; do
    [ "$SECONDS" -lt "$deadline" ] || cannot "a server does not serve its zone: $(summary "$port" chain-21)"
    sleep 0.1
  done
done

SEEN_NAMED="$(summary "$NAMED_AT" chain-1)"
SEEN_NSD="$(summary "$NSD_AT" chain-1)"
SEEN_KNOT="$(summary "$KNOT_AT" chain-1)"
echo "named: $SEEN_NAMED"
echo "nsd:   $SEEN_NSD"
echo "knot:  $SEEN_KNOT"

expect "named fails, with authority, the first aliases, and a note" \
  "^SERVFAIL aa, 12 aliases, 0 addresses, EDE: 0 \(Other\): \(max\. restarts reached\)$" "$SEEN_NAMED"
expect "named fails at 12 aliases" "^SERVFAIL aa, 12 aliases, 0 addresses" "$(summary "$NAMED_AT" chain-9)"
expect "named answers 11 aliases" "^NOERROR aa, 11 aliases, 1 addresses$" "$(summary "$NAMED_AT" chain-10)"
expect "nsd answers 20 aliases" "^NOERROR aa, 20 aliases, 1 addresses$" "$SEEN_NSD"
expect "knot ends after 5 aliases, without a note" "^NOERROR aa, 5 aliases, 0 addresses$" "$SEEN_KNOT"
expect "knot answers 5 aliases" "^NOERROR aa, 5 aliases, 1 addresses$" "$(summary "$KNOT_AT" chain-16)"
conclude
