# shellcheck shell=bash
# Scratch databases with every migration applied, and the offline metadata (.sqlx) made from them.
# Each service's queries are checked against its own database: see the sqlx.toml of the crates.

SERVICES=(tracking commission evidence claims orders notify)
SQLX_CRATES=(service-kit "${SERVICES[@]}")

schema_files() { # SERVICE: the kit's own tables come first in every service database
  find "$ROOT/migrations/kit" "$ROOT/migrations/$1" -maxdepth 1 -name '*.sql' 2>/dev/null |
    awk -F/ '{ print ($(NF-1) == "kit" ? 0 : 1), $NF, $0 }' | LC_ALL=C sort | cut -d' ' -f3-
}

schema_roles() { # DIR: the services' own roles, as weak as in real use
  local service password
  for service in "${SERVICES[@]}"; do
    password=$(secret "$1/${service}_password")
    pg_sql "$1" postgres <<SQL
DO \$\$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${service}_user') THEN
    CREATE ROLE ${service}_user LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
  END IF;
END \$\$;
ALTER ROLE ${service}_user PASSWORD '$password';
SQL
  done
}

# (Re)creates SERVICEdb when its migrations are not the ones it was made from.
schema_apply() { # DIR SERVICE
  local dir=$1 service=$2 files sum
  mapfile -t files < <(schema_files "$service")
  sum=$(cat /dev/null "${files[@]}" | sha256sum | cut -c1-32)
  [[ $(kv_get "$dir/schema" "$service") != "$sum" ]] || return 0
  kv_set "$dir/schema" "$service" stale
  pg_sql "$dir" postgres -c "DROP DATABASE IF EXISTS ${service}db WITH (FORCE)" -c "CREATE DATABASE ${service}db" 2>&1 |
    { grep -v 'does not exist, skipping' >&2 || true; }
  local file
  for file in "${files[@]}"; do
    pg_sql "$dir" "${service}db" -1 -f "$file" >&2 || {
      say "dev: migration ${file#"$ROOT/"} fails; ${service}db is incomplete"
      return 1
    }
  done
  kv_set "$dir/schema" "$service" "$sum"
}

schema_up() { # DIR: a cluster with the roles and all service databases
  local service failed=0
  mkdir -p "$1"
  exec 9>"$1/lock"
  flock 9
  postgres_start "$1" "${2:-}"
  schema_roles "$1"
  for service in "${SERVICES[@]}"; do schema_apply "$1" "$service" || failed=1; done
  exec 9>&-
  return "$failed"
}

# The variables the sqlx macros read (see sqlx.toml): as the owner, so that plans never depend on rights.
schema_env() { # DIR
  local service
  printf 'KIT_SCHEMA_URL=%s\n' "$(postgres_url "$1" trackingdb)"
  for service in "${SERVICES[@]}"; do printf '%s_SCHEMA_URL=%s\n' "${service^^}" "$(postgres_url "$1" "${service}db")"; done
}

# For development: a long-lived cluster, printed as `export` lines for `eval`.
cmd_devdb() {
  local dir=$DEV_DIR/devdb port service upper failed=0
  if [[ ${1:-} == --stop ]]; then
    postgres_stop "$dir"
    return 0
  fi
  mkdir -p "$DEV_DIR"
  schema_up "$dir" 5442 || failed=1
  port=$(kv_get "$dir/port" PORT)
  postgres_env "$dir" | sed 's/^/export /'
  schema_env "$dir" | sed 's/^/export /'
  for service in "${SERVICES[@]}"; do
    upper=${service^^}
    printf 'export %s_ADMIN_DATABASE_URL=%s\n' "$upper" "$(postgres_url "$dir")"
    printf 'export %s_DB_PASSWORD=%s\n' "$upper" "$(cat "$dir/${service}_password")"
    printf 'export %s_DATABASE_URL=postgres://%s_user:%s@127.0.0.1:%s/%sdb\n' \
      "$upper" "$service" "$(cat "$dir/${service}_password")" "$port" "$service"
  done
  return "$failed"
}

# Writes .sqlx anew. With crates named only theirs, and nothing old is removed: for when the others do not compile yet.
gen_sqlx() { # [CRATE...]
  local crate packages=()
  (($# > 0)) || {
    gen_sqlx_by cargo check --workspace --all-targets --locked
    return
  }
  for crate in "$@"; do packages+=(-p "$crate"); done
  ONLY="$*" gen_sqlx_by cargo check --all-targets "${packages[@]}"
}

# Compiles against the scratch databases, by any command of cargo that expands macros; those check each query and write .sqlx.
# With ONLY, those crates are looked at, and the queries of others stay.
gen_sqlx_by() { # COMMAND...
  local dir=$DEV_DIR/gen out crate
  step "checking the queries against the migrations: ${*:1:2}"
  mkdir -p "$dir"
  out=$(mktemp -d "$dir/sqlx.XXXXXX")
  # shellcheck disable=SC2064  # the directories are meant as they are now
  trap "postgres_stop '$dir'; rm -rf '$out'" EXIT
  schema_up "$dir" 5452 || die "the migrations do not apply" "see the error above"
  # Cargo does not know that the macros read a database: make it look again.
  for crate in ${ONLY:-${SQLX_CRATES[@]}}; do
    find "$ROOT/$crate" -name '*.rs' -not -path '*/target/*' -exec touch {} +
  done
  (
    cd "$ROOT"
    unset SQLX_OFFLINE
    while IFS= read -r line; do export "${line?}"; done < <(schema_env "$dir")
    SQLX_OFFLINE_DIR=$out "$@"
  ) || die "the code is not clean, or a query does not fit the migrations" "see the compiler's messages above"
  mkdir -p "$ROOT/.sqlx"
  [[ -n ${ONLY:-} ]] || rm -f "$ROOT"/.sqlx/query-*.json
  find "$out" -name 'query-*.json' -exec mv -t "$ROOT/.sqlx" {} +
  rm -rf "$out"
  postgres_stop "$dir"
  trap - EXIT
}
