# shellcheck shell=bash
# A Postgres cluster of our own in any directory: DIR/{data,log,port,password,pid}.
# Loopback only, passwords always asked for, default durability.

pg_bin() {
  local dir best=
  for dir in /usr/lib/postgresql/*/bin; do
    [[ -x $dir/initdb ]] || continue
    local version=${dir#/usr/lib/postgresql/}
    version=${version%/bin}
    ((${version%%.*} >= 15)) && best=$dir
  done
  if [[ -z $best ]] && have pg_config && [[ -x $(pg_config --bindir)/initdb ]]; then
    best=$(pg_config --bindir)
  fi
  [[ -n $best ]] || die "PostgreSQL 15 or newer is not installed" "run './dev up' (it installs it), or: apt-get install postgresql"
  printf '%s' "$best"
}

# Postgres refuses to run as root: step down to the packaged user there.
PG_USER=()
((EUID != 0)) || PG_USER=(setpriv --reuid=postgres --regid=postgres --init-groups --)
pg_as() { "${PG_USER[@]}" "$@"; }

# Makes DIR/data. Where the postgres user cannot reach DIR, the data goes to /var/tmp with a link.
pg_place() { # DIR
  local dir=$1 data=$1/data other
  [[ -e $data ]] && return 0
  mkdir -p "$dir"
  rm -f "$data" # a link whose target was cleared away
  mkdir "$data"
  if ((EUID == 0)); then
    chown postgres:postgres "$data"
    if ! pg_as test -w "$data" 2>/dev/null; then
      rmdir "$data"
      other=/var/tmp/recoup-$(printf '%s' "$dir" | sha256sum | cut -c1-16)
      rm -rf "$other"
      mkdir "$other"
      chown postgres:postgres "$other"
      ln -s "$other" "$data"
    fi
  fi
  chmod 700 "$(readlink -f "$data")"
}

pg_init() { # DIR
  local dir=$1 bin=$2 data
  [[ -s $dir/data/PG_VERSION && -f $dir/initialised ]] && return 0
  pg_wipe "$dir"
  pg_place "$dir"
  data=$(readlink -f "$dir/data")
  secret "$dir/password" >/dev/null
  # The password goes through a pipe: no copy of it that the postgres user would have to read.
  # shellcheck disable=SC2016  # expanded by the inner shell
  pg_as bash -c '"$1/initdb" -D "$2" -U postgres -E UTF8 --locale=C.UTF-8 --no-sync \
    --auth=scram-sha-256 --pwfile=<(cat)' initdb "$bin" "$data" <"$dir/password" >"$dir/log" 2>&1 ||
    die "initdb failed in $data" "see $dir/log"
  pg_as tee -a "$data/postgresql.conf" >/dev/null <<'CONF'

# Recoup: durability stays at Postgres' defaults (fsync, synchronous_commit on).
# Connections keep their plans. Those made for empty tables read a tenant's whole table by any index that begins with the tenant, until
# ANALYZE has seen the tables grow: on a fresh stack that shall take seconds, not the minute of the default.
autovacuum_naptime = 5s
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
max_locks_per_transaction = 256
shared_buffers = 256MB
wal_compression = on
max_wal_size = 4GB
min_wal_size = 256MB
checkpoint_timeout = 15min
random_page_cost = 1.1
timezone = 'UTC'
log_timezone = 'UTC'
CONF
  touch "$dir/initialised"
}

pg_ready() { # BIN PORT
  "$1/pg_isready" -q -h 127.0.0.1 -p "$2" -t 1
}

pg_alive_and_ready() { # DIR BIN PORT: also ends the wait (with failure marked) when the server died
  if pid_gone "$1/pid"; then PG_DIED=1; return 0; fi
  pg_ready "$2" "$3"
}

postgres_start() { # DIR [PORT]
  local dir=$1 bin port data PG_DIED=
  bin=$(pg_bin)
  mkdir -p "$dir"
  pid_of "$dir/pid" >/dev/null && { pg_ready "$bin" "$(kv_get "$dir/port" PORT)" && return 0; }
  pg_init "$dir" "$bin"
  [[ -z ${2:-} ]] || kv_get "$dir/port" PORT >/dev/null || kv_set "$dir/port" PORT "$2"
  pg_live_orphans_gone "$dir"
  port=$(port_remember "$dir/port" PORT 5432)
  data=$(readlink -f "$dir/data")
  # Nobody works in there (just checked), but a zombie not yet reaped would look alive to Postgres.
  rm -f "$data/postmaster.pid"
  # `exec`: the pid must be the server's, not a waiting shell's.
  (cd / && exec setsid "${PG_USER[@]}" "$bin/postgres" -D "$data" -p "$port") \
    </dev/null >>"$dir/log" 2>&1 8>&- 9>&- &
  disown
  pid_save "$dir/pid" $! || die "Postgres ended at once" "see $dir/log"
  wait_for 60 pg_alive_and_ready "$dir" "$bin" "$port" && [[ -z $PG_DIED ]] ||
    die "Postgres in $dir does not answer on port $port" "see $dir/log"
  port_release "$port"
}

# After a kill -9 of the postmaster its backends hold the shared memory until they notice.
pg_live_orphans_gone() { # DIR
  local pid dir data
  data=$(readlink -f "$1/data")
  wait_for 20 pg_no_process_in "$data" || for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [[ ! $dir/cwd -ef $data ]] || kill -KILL "$pid"
  done
}

pg_no_process_in() { # DATA: backends keep the data directory as their working directory
  local dir
  for dir in /proc/[0-9]*; do
    [[ ! $dir/cwd -ef $1 ]] || return 1
  done
}

postgres_stop() { pid_stop "$1/pid" INT 30; } # fast shutdown

# Everything at once, as a power cut would: the postmaster first, or it would start recovery itself.
postgres_kill() { # DIR
  local pid children
  pid=$(pid_of "$1/pid") || return 0
  kill -STOP "$pid"
  children=$(children_of "$pid")
  # shellcheck disable=SC2086
  kill -KILL "$pid" $children 2>/dev/null || true
  wait_for 10 pid_gone "$1/pid" || die "cannot kill Postgres ($pid)"
  wait_for 10 pg_no_process_in "$(readlink -f "$1/data")" || die "backends of Postgres ($pid) remain"
  rm -f "$1/pid"
}

pg_wipe() { # DIR
  local target
  target=$(readlink -f "$1/data" 2>/dev/null) || target=
  [[ -z $target || ! -d $target ]] || rm -rf "$target"
  rm -rf "$1/data" "$1/initialised"
}

postgres_url() { # DIR [DATABASE]
  printf 'postgres://postgres:%s@127.0.0.1:%s/%s' "$(cat "$1/password")" "$(kv_get "$1/port" PORT)" "${2:-postgres}"
}

postgres_env() { # DIR
  printf 'DATABASE_URL=%s\n' "$(postgres_url "$1")"
}

# psql on a database of the cluster in DIR, quiet and stopping at the first error.
pg_sql() { # DIR DATABASE [psql arguments]
  local dir=$1 database=$2 bin
  shift 2
  bin=$(pg_bin)
  "$bin/psql" -X -q -v ON_ERROR_STOP=1 -d "$(postgres_url "$dir" "$database")" "$@"
}
