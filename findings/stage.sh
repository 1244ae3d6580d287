# The stage of a finding, sourced by each script: a temporary folder with pinned packages in it, and servers that run there.
# At the end of the script, whatever its end is, the servers are stopped and the folder is removed.
#
# If root runs a script, its programs run as the user 65534: none of them needs more.

STAGE="$(mktemp -d)"
SERVERS=()
CHECKS_FAILED=0
CONCLUDED=""
LIBRARIES="$STAGE/usr/lib/$(uname -m)-linux-gnu"
AS_USER=()
trap leave EXIT
trap 'exit 130' INT TERM
if [ "$(id -u)" = 0 ]; then
  AS_USER=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chown 65534:65534 "$STAGE"
fi
PINNED=(
  "${AS_USER[@]}" env LD_LIBRARY_PATH="$LIBRARIES:$STAGE/lib/$(uname -m)-linux-gnu"
  PATH="$STAGE/usr/sbin:$STAGE/usr/bin:$PATH"
)


# Stops the servers and removes the folder. A script that a command ended before its conclusion has shown nothing: that is 2.
leave() {
  local status=$? server
  if [ -z "$CONCLUDED" ] && [ "$status" -lt 2 ]; then
    status=2
  fi
  for server in "${SERVERS[@]}"; do
    kill "$server" 2>/dev/null || true
  done
  for server in "${SERVERS[@]}"; do
    wait "$server" 2>/dev/null || true
  done
  rm -rf "$STAGE"
  exit "$status"
}

# Says that the finding could not be tried, and ends the script.
cannot() {
  echo "cannot be tried: $*" >&2
  exit 2
}

# Unpacks packages, each NAME=VERSION, into the folder. Nothing is installed on the system.
unpack() {
  local package
  mkdir "$STAGE/packages"
  (
    cd "$STAGE/packages" || exit
    printf '%s\n' "$@" | sort -u | xargs apt-get -q -o APT::Sandbox::User=root download
  ) >"$STAGE/download.log" 2>&1 || cannot "a package is not to be had in its pinned version: $(grep '^E:' "$STAGE/download.log")"
  for package in "$STAGE"/packages/*.deb; do
    dpkg -x "$package" "$STAGE"
  done
  # The archives carry the permissions of their root folder.
  chmod 700 "$STAGE"
  [ "$(id -u)" != 0 ] || chown 65534:65534 "$STAGE"
}

# Runs a program of the packages.
pinned() {
  "${PINNED[@]}" "$@"
}

# Starts a program of the packages as a server, and waits until it listens on the port: start PORT COMMAND...
start() {
  local port="$1" log="$STAGE/server-$1.log" deadline
  shift
  (exec "${PINNED[@]}" "$@") >"$log" 2>&1 &
  SERVERS+=($!)
  deadline=$((SECONDS + 20))
  until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "${SERVERS[-1]}" 2>/dev/null; then
      cannot "$1 does not listen on port $port: $(tail -5 "$log")"
    fi
    sleep 0.05
  done
}

# Prints a port of 127.0.0.1 that nothing uses.
free_port() {
  python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Asks a server for a name: ask PORT ARGUMENTS-OF-DIG...
ask() {
  local port="$1"
  shift
  pinned dig -r @127.0.0.1 -p "$port" +tries=1 +time=15 +nostats +nocmd "$@"
}

# Says whether a text holds what the finding says of it: expect WHAT REGULAR-EXPRESSION TEXT
expect() {
  if grep -Eq -- "$2" <<<"$3"; then
    echo "as stated: $1"
  else
    echo "CHANGED:   $1"
    CHECKS_FAILED=$((CHECKS_FAILED + 1))
  fi
}

# Says whether a text lacks what the finding says it lacks: expect_no WHAT REGULAR-EXPRESSION TEXT
expect_no() {
  if ! grep -Eq -- "$2" <<<"$3"; then
    echo "as stated: $1"
  else
    echo "CHANGED:   $1"
    CHECKS_FAILED=$((CHECKS_FAILED + 1))
  fi
}

# Ends the script: with 0 if every expectation held, else with 1.
conclude() {
  CONCLUDED=yes
  [ "$CHECKS_FAILED" = 0 ] || exit 1
}
