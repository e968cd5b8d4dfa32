# shellcheck shell=bash
# Lint, generated files, tests and benchmarks.

cmd_lint() {
  cd "$ROOT" || exit
  step "cargo fmt --check"
  cargo fmt --all --check || die "the code is not formatted" "run: cargo fmt --all"
  step "cargo clippy"
  SQLX_OFFLINE=true cargo clippy --workspace --all-targets --locked -- -D warnings ||
    die "clippy found something" "see above"
}

# OpenAPI, EVENTS.md, AsyncAPI, written by the binary itself. Built with the features the tests use.
gen_docs() {
  step "generating docs from the code"
  (
    cd "$ROOT"
    SQLX_OFFLINE=true cargo build --workspace --locked --bin recoup
    "${CARGO_TARGET_DIR:-$ROOT/target}/debug/recoup" gen
  ) >&2 || die "generating failed" "see above"
}

gen_sums() { (cd "$ROOT" && mkdir -p docs .sqlx && find docs .sqlx -type f -exec sha256sum {} + | LC_ALL=C sort -k2); }

cmd_gen() {
  local before after
  case ${1:-} in
    --sqlx) gen_sqlx "${@:2}" ;;
    --docs) gen_docs ;;
    '') gen_sqlx && gen_docs ;;
    --check)
      before=$(gen_sums)
      gen_sqlx
      gen_docs
      after=$(gen_sums)
      if [[ $before != "$after" ]]; then
        diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | sed -n 's/^[<>] [0-9a-f]*  /  /p' | sort -u >&2
        die "generated files were stale (listed above)" "they are right now: commit them"
      fi
      ;;
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
  cmd_lint
  cmd_gen --check
  # shellcheck disable=SC2064  # the directory is meant as it is now
  trap "stop_below '$dir'" EXIT
  trap 'exit 130' INT TERM HUP
  stop_below "$dir"
  pg_wipe "$dir/pg"
  rm -rf "$dir"
  mkdir -p "$dir/scratch"
  step "starting Postgres, Pulsar and GreenMail for the tests"
  postgres_start "$dir/pg" 15432
  schema_roles "$dir/pg"
  broker_start "$dir/pulsar" 16650 18080
  greenmail_start "$dir/greenmail"
  while IFS= read -r line; do export "${line?}"; done < <(postgres_env "$dir/pg"; broker_env "$dir/pulsar"; greenmail_env "$dir/greenmail")
  export RECOUP_TEST_DIR=$dir/scratch RECOUP_TEST_DOCUMENTS=$DOCUMENTS_DIR SQLX_OFFLINE=true
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
