#!/bin/sh
# The first process of the container (docs/operations.md, "In a container"): starts a Docker of the container's own where none was
# given and there is one, then the server, and ends them the other way round. Collects whatever processes lose their parents.
# Called ./fnserver, as by Fn's client, it lets callers from the machine that Docker runs on in without a key, as Fn's server does.
set -eu

say() { printf 'polykiln: %s\n' "$*" >&2; }

stopping=
server=
engine=
stop() {
  stopping=yes
  [ -z "$server" ] || kill -TERM "$server" 2>/dev/null || :
}
trap stop TERM INT HUP

# Where a name is set, or a file that has the value, nothing is chosen here.
is_set() { eval "[ -n \"\${$1:-}\${$1_FILE:-}\" ]"; }
choose() { is_set "$1" || export "$1=$2"; }

# The right to make namespaces and mounts (CAP_SYS_ADMIN, bit 21): --privileged gives it.
may_isolate() {
  while read -r name value; do
    if [ "$name" = CapEff: ]; then return $(((0x$value >> 21 & 1) ^ 1)); fi
  done </proc/self/status
  return 1
}

# In version 2 of control groups a group with processes of its own hands no controllers on.
free_top_group() {
  top=/sys/fs/cgroup
  [ -w $top/cgroup.procs ] && [ -e $top/cgroup.type ] || return 0
  mkdir -p $top/server
  while read -r pid; do
    { echo "$pid" >$top/server/cgroup.procs; } 2>/dev/null || :
  done <$top/cgroup.procs
  for controller in $(cat $top/cgroup.controllers); do
    { echo "+$controller" >$top/cgroup.subtree_control; } 2>/dev/null || :
  done
}

run=/run/polykiln
engine_host=unix://$run/docker.sock

# Its own images and containers are with the data: the next container on these data finds them. Its network is asked for by naming one.
run_engine() {
  engine_stopping=
  trap 'engine_stopping=yes; kill -TERM "$daemon" 2>/dev/null || :' TERM
  network="--bridge none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false"
  ! has_network || network=
  while [ -z "$engine_stopping" ]; do
    # Of a container that was killed: whoever has those numbers now would be taken for them.
    rm -rf $run
    mkdir -p $run
    # shellcheck disable=SC2086
    setsid dockerd --data-root "$data/docker" --exec-root $run/docker --pidfile $run/docker.pid --host $engine_host \
      --log-level warn --shutdown-timeout 5 $network &
    daemon=$!
    until_ended "$daemon" || :
    [ -n "$engine_stopping" ] || { say "Docker ended and is started again"; sleep 1; }
  done
}

has_network() {
  is_set POLYKILN_DOCKER_NETWORK || is_set FN_DOCKER_NETWORKS
}

# The status of a process of ours. A signal ends the waiting, not the process.
until_ended() {
  while :; do
    status=0
    wait "$1" || status=$?
    kill -0 "$1" 2>/dev/null || return $status
  done
}

choose POLYKILN_DATA /app/data
choose POLYKILN_CACHE "${POLYKILN_DATA:-/app/data}/cache"
choose POLYKILN_LISTEN "0.0.0.0:${FN_PORT:-8080}"
# Docker waits 10 s before it kills.
choose POLYKILN_DRAIN_MS 8000
data=${POLYKILN_DATA:-/app/data}

if ! may_isolate; then
  say "code cannot be isolated in this container, and functions that are code fail: run it with --privileged"
else
  free_top_group
fi

if [ -n "${DOCKER_HOST:-}" ] || [ -S /var/run/docker.sock ]; then
  choose POLYKILN_IMAGES docker
  if ! is_set POLYKILN_IOFS_PATH && ! is_set FN_IOFS_PATH; then
    say "functions in the Docker outside need a folder for sockets that both see: -v polykiln-sockets:/iofs -e POLYKILN_IOFS_PATH=/iofs -e POLYKILN_IOFS_DOCKER_PATH=polykiln-sockets"
  fi
elif command -v dockerd >/dev/null && may_isolate && [ "${POLYKILN_IMAGES:-docker}" = docker ]; then
  choose POLYKILN_IMAGES docker
  # What version 1 of control groups froze cannot be killed, and with it this container could not.
  [ -e /sys/fs/cgroup/cgroup.controllers ] || is_set FN_FREEZE_IDLE_MSECS || choose POLYKILN_FREEZE_AFTER_MS 0
  export DOCKER_HOST=$engine_host
  run_engine &
  # Both start at a time: the server waits for it with the first calls of images.
  engine=$!
fi

# Functions with a network of Docker's come from that address, too.
if [ "$(basename "$0")" = fnserver ] && ! has_network; then
  gateway=$(ip -4 route show default | sed -n 's/^default via \([0-9.]*\).*/\1/p' | head -n 1)
  [ -z "$gateway" ] || choose POLYKILN_TRUSTED_PEERS "$gateway"
fi

status=0
if [ -z "$stopping" ]; then
  # What Node compiled when the image was made: it is of root.
  compiled=/app/compiled
  [ -w $compiled ] || compiled=
  # In a session of its own: a terminal would signal it besides us.
  NODE_COMPILE_CACHE=$compiled setsid node --disable-warning=ExperimentalWarning src/roles/main.ts start "$@" &
  server=$!
  [ -z "$stopping" ] || stop
  until_ended "$server" || status=$?
fi
if [ -n "$engine" ]; then
  kill -TERM "$engine" 2>/dev/null || :
  until_ended "$engine" || :
fi
exit "$status"
