# shellcheck shell=bash
# Lint, generated files, tests and benchmarks.

CLIPPY=(cargo clippy --workspace --all-targets --locked -- -D warnings)

lint_format() {
  step "cargo fmt --check"
  (cd "$ROOT" && cargo fmt --all --check) || die "the code is not formatted" "run: cargo fmt --all"
}

cmd_lint() {
  lint_format
  step "cargo clippy"
  (cd "$ROOT" && SQLX_OFFLINE=true "${CLIPPY[@]}") || die "clippy found something" "see above"
}

# OpenAPI, EVENTS.md, AsyncAPI, written by the binary itself. Everything is built, tests as well: alone, the binary would be built with
# other features of its crates, and nothing of that would serve the tests.
gen_docs() {
  step "generating docs from the code"
  (
    cd "$ROOT"
    SQLX_OFFLINE=true cargo build --workspace --all-targets --locked
    "${CARGO_TARGET_DIR:-$ROOT/target}/debug/recoup" gen
  ) >&2 || die "generating failed" "see above"
}

gen_sums() { (cd "$ROOT" && mkdir -p docs .sqlx && find docs .sqlx -type f -exec sha256sum {} + | LC_ALL=C sort -k2); }

# Generates everything, the queries while CHECK compiles the workspace, and fails when something was not as committed.
gen_check() { # CHECK...
  local before after
  before=$(gen_sums)
  gen_sqlx_by "$@"
  gen_docs
  after=$(gen_sums)
  if [[ $before != "$after" ]]; then
    diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | sed -n 's/^[<>] [0-9a-f]*  /  /p' | sort -u >&2
    die "generated files were stale (listed above)" "they are right now: commit them"
  fi
}

cmd_gen() {
  case ${1:-} in
    --sqlx) gen_sqlx "${@:2}" ;;
    --docs) gen_docs ;;
    '') gen_sqlx && gen_docs ;;
    --check) gen_check cargo check --workspace --all-targets --locked ;;
    *) die "unknown option $1" "usage: ./dev gen [--check | --sqlx [CRATE...] | --docs]" ;;
  esac
}

# Stops whatever has a pid file below DIR (its data is not kept), then whatever a failing test left behind: it has DIR in its environment.
stop_below() { # DIR
  local file
  while IFS= read -r file; do
    if [[ -d ${file%/*}/data/base ]]; then postgres_kill "${file%/*}"; else pid_stop "$file" KILL 20; fi
  done < <(find "$1" -name pid -type f 2>/dev/null)
  for file in /proc/[0-9]*/environ; do
    grep -qzsFx "RECOUP_TEST_DIR=$1/scratch" "$file" || continue
    file=${file#/proc/}
    say "killing process ${file%/environ}, left behind by a test"
    kill -KILL "${file%/environ}" 2>/dev/null || true
  done
}

# A Redis for tests to start. Debian's server package would start one of its own, and the tools hold the same program: it is the server when
# it is called so.
redis_obtain() { # DIR
  local program
  have redis-server || have redis-check-rdb || (install_missing redis-tools) || true
  program=$(command -v redis-server || command -v redis-check-rdb) || {
    say "NOTE: no Redis can be had here: the tests that need one are skipped"
    return 0
  }
  ln -sf "$program" "$1/redis-server"
  export REDIS_SERVER=$1/redis-server
}

cmd_test() {
  local dir=$DEV_DIR/test line extra=()
  case ${1:-} in
    '') ;;
    --soak) export RECOUP_SOAK=1 ;;
    *) die "unknown option $1" "usage: ./dev test [--soak]" ;;
  esac
  { documents_there && [[ -s $GREENMAIL_JAR ]]; } || have mvn || extra=(maven)
  install_missing "${extra[@]}"
  pulsar_obtain
  documents_obtain
  greenmail_obtain
  mkdir -p "$dir"
  exec 8>"$DEV_DIR/test.lock"
  flock -n 8 || die "another './dev test' runs here" "wait for it, or set RECOUP_DEV_DIR to another directory"
  lint_format
  step "what ./dev promises of its verbs"
  "$ROOT/dev.d/verbs_test" 8>&-
  # One look at the code does for both: the macros that check the queries do so for clippy as well.
  gen_check "${CLIPPY[@]}"
  # shellcheck disable=SC2064  # the directory is meant as it is now
  trap "stop_below '$dir'" EXIT
  trap 'exit 130' INT TERM HUP
  stop_below "$dir"
  pg_wipe "$dir/pg"
  rm -rf "$dir"
  mkdir -p "$dir/scratch"
  redis_obtain "$dir"
  step "starting Postgres, Pulsar and GreenMail for the tests"
  postgres_start "$dir/pg" 15432
  schema_roles "$dir/pg"
  broker_start "$dir/pulsar" 16650 18080
  greenmail_start "$dir/greenmail"
  while IFS= read -r line; do export "${line?}"; done < <(postgres_env "$dir/pg"; broker_env "$dir/pulsar"; greenmail_env "$dir/greenmail")
  export RECOUP_TEST_DIR=$dir/scratch RECOUP_TEST_DOCUMENTS=$DOCUMENTS_DIR SQLX_OFFLINE=true
  if [[ -n ${RECOUP_SOAK:-} ]]; then
    # First, so that hours of strikes begin at once; what follows repeats each a few times only.
    step "faults and damaged files, many times each"
    (cd "$ROOT" && cargo test --locked -p e2e --test faults && cargo test --locked -p evidence --test it mutations::) 8>&-
    unset RECOUP_SOAK
  fi
  step "cargo test"
  (cd "$ROOT" && cargo test --workspace --locked --no-fail-fast) 8>&-
  independent
}

# The sandbox, asked by clients that others wrote.
independent() {
  local status=0
  step "independent clients"
  mkdir -p "$CACHE_DIR"
  "$ROOT/sandbox/tests/independent/run" "${CARGO_TARGET_DIR:-$ROOT/target}/debug/recoup" "$CACHE_DIR" || status=$?
  case $status in
    0) ;;
    3) say "NOTE: SKIPPED, since there is no Python with venv: nobody but ourselves has asked the sandbox" ;;
    *) die "an independent client does not understand the sandbox" "see above" ;;
  esac
  ((status == 0)) || return 0
  # What was built for the tests before is run again; nothing is compiled.
  (cd "$ROOT" && "$ROOT/sandbox/tests/independent/stripes" "$CACHE_DIR" cargo test --workspace --locked --test it -- --ignored) 8>&- || status=$?
  case $status in
    0) ;;
    3) say "NOTE: there is no Go to build stripe-mock with: our client of Stripe was shown to localstripe alone" ;;
    *) die "our client of Stripe does not understand a Stripe that others wrote" "see above" ;;
  esac
}

# A stack of its own, on fresh data, so that numbers do not depend on what was done before.
cmd_bench() {
  local busy=
  case ${1:-} in
    documents | matching | detection) # these need no stack
      install_missing
      build_release
      RECOUP_CACHE=$CACHE_DIR "$(binary)" bench "$@"
      return
      ;;
  esac
  pid_of "$DEV_DIR/run/recoup.pid" >/dev/null && busy=1
  DEV_DIR=$DEV_DIR/bench
  ENV_FILE=$DEV_DIR/env
  install_missing
  trap cmd_down EXIT
  trap 'exit 130' INT TERM HUP
  cmd_down --wipe
  build_release
  infra_up 5462 6670 8090
  env_write 10 # its ports are ten above the usual ones
  env_load
  "$(binary)" provision >&2
  "$(binary)" migrate >&2
  [[ -z $busy ]] || say "note: the stack of './dev up' runs beside this and takes memory and time (./dev down stops it)"
  "$(binary)" bench "$@"
}
