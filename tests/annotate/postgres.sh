#!/usr/bin/env bash
# A PostgreSQL server for the tests, with a data folder and a port of its own.
#   find           prints the folder of PostgreSQL's programs; fails where there is none
#   start FOLDER   starts a server whose data lie in FOLDER, an empty folder, and prints SIGHTLINE_TEST_POSTGRES for it
#   stop FOLDER    stops it; does nothing where none runs
set -euo pipefail

find_programs() {
  local place
  for place in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) "$(dirname "$(command -v postgres || echo /)")"; do
    if [ -x "$place/initdb" ] && [ -x "$place/pg_ctl" ]; then
      echo "$place"
      return
    fi
  done
  return 1
}

# PostgreSQL refuses to run as root
as_server() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

case "${1:-}" in
  find)
    find_programs
    ;;
  start)
    programs=$(find_programs)
    if [ "$(id -u)" = 0 ]; then
      chown postgres "$2"
      chmod 711 "$2"
    fi
    port=$(python3 -c 'import socket; free = socket.socket(); free.bind(("127.0.0.1", 0)); print(free.getsockname()[1])')
    as_server "$programs/initdb" --pgdata "$2/data" --username tests --auth trust --encoding UTF8 --no-sync >"$2/log" 2>&1 || {
      cat "$2/log" >&2
      exit 1
    }
    as_server "$programs/pg_ctl" start --pgdata "$2/data" --log "$2/data/log" --wait \
      --options "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off" >/dev/null || {
      cat "$2/data/log" >&2
      exit 1
    }
    echo "postgresql+psycopg://tests@127.0.0.1:$port/postgres"
    ;;
  stop)
    if [ -e "$2/data/postmaster.pid" ]; then
      as_server "$(find_programs)/pg_ctl" stop --pgdata "$2/data" --mode immediate >/dev/null
    fi
    ;;
  *)
    echo "usage: $0 find | start FOLDER | stop FOLDER" >&2
    exit 2
    ;;
esac
