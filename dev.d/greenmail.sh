# shellcheck shell=bash
# GreenMail, a mail server for tests, in any directory: DIR/{log,ports,pid}. It speaks SMTP and IMAP, forgets everything when it ends,
# and lets anybody in: loopback only.

GREENMAIL_VERSION=2.1.13
GREENMAIL_ARTIFACT=com.icegreen:greenmail-standalone:$GREENMAIL_VERSION
GREENMAIL_SHA256=21b361e46e8ffe83afe7915a2b01231c4a163c8d0fa5de607e32ed19732d908d
GREENMAIL_JAR=$CACHE_DIR/greenmail-standalone-$GREENMAIL_VERSION.jar

# Downloads (by Maven's own configuration) and verifies the jar once per machine.
greenmail_obtain() {
  local temp
  [[ ! -s $GREENMAIL_JAR ]] || return 0
  mkdir -p "$CACHE_DIR"
  temp=$(mktemp -d "$CACHE_DIR/greenmail.XXXXXX")
  step "fetching GreenMail $GREENMAIL_VERSION with Maven (11 MB, once per machine)"
  mvn -q -B dependency:get -Dartifact="$GREENMAIL_ARTIFACT" -Dtransitive=false >&2 &&
    mvn -q -B -o dependency:copy -Dartifact="$GREENMAIL_ARTIFACT" -DoutputDirectory="$temp" >&2 &&
    printf '%s  %s\n' "$GREENMAIL_SHA256" "$(echo "$temp"/*.jar)" | sha256sum --check --status || {
    rm -rf "$temp"
    die "Maven could not fetch $GREENMAIL_ARTIFACT, or it does not have the pinned SHA-256" \
      "check the network and the repositories in ~/.m2/settings.xml"
  }
  mv "$temp"/*.jar "$GREENMAIL_JAR"
  rm -rf "$temp"
}

greenmail_settled() { # DIR: died or answers
  if pid_gone "$1/pid"; then GREENMAIL_DIED=1; return 0; fi
  curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$(kv_get "$1/ports" API_PORT)/api/service/readiness" 2>/dev/null
}

greenmail_start() { # DIR
  local dir smtp imap api GREENMAIL_DIED=
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  have java || die "no Java runtime" "run './dev up' (it installs one), or: apt-get install default-jre-headless"
  greenmail_obtain
  if pid_of "$dir/pid" >/dev/null; then return 0; fi
  smtp=$(port_remember "$dir/ports" SMTP_PORT 13025)
  imap=$(port_remember "$dir/ports" IMAP_PORT 13143)
  api=$(port_remember "$dir/ports" API_PORT 18025)
  # Any user is made when it is first written to; its password is not asked for.
  (cd "$dir" && exec setsid java -Xmx128m -XX:+UseSerialGC \
    -Dgreenmail.smtp.hostname=127.0.0.1 -Dgreenmail.smtp.port="$smtp" \
    -Dgreenmail.imap.hostname=127.0.0.1 -Dgreenmail.imap.port="$imap" \
    -Dgreenmail.api.hostname=127.0.0.1 -Dgreenmail.api.port="$api" \
    -Dgreenmail.auth.disabled -jar "$GREENMAIL_JAR") \
    </dev/null >>"$dir/log" 2>&1 8>&- 9>&- &
  disown
  pid_save "$dir/pid" $! || die "GreenMail ended at once" "see $dir/log"
  wait_for 60 greenmail_settled "$dir" && [[ -z $GREENMAIL_DIED ]] ||
    die "GreenMail in $dir does not answer" "see $dir/log"
  port_release "$smtp" "$imap" "$api"
}

greenmail_stop() { pid_stop "$1/pid" TERM 10; }

greenmail_env() { # DIR
  printf 'GREENMAIL_SMTP=127.0.0.1:%s\n' "$(kv_get "$1/ports" SMTP_PORT)"
  printf 'GREENMAIL_IMAP=127.0.0.1:%s\n' "$(kv_get "$1/ports" IMAP_PORT)"
  printf 'GREENMAIL_API=http://127.0.0.1:%s\n' "$(kv_get "$1/ports" API_PORT)"
}

# The mail server of a stack is one of its stand-ins: whatever keeps it from coming up, the stack does.
mail_up() {
  local dir=$DEV_DIR/greenmail
  ! pid_of "$dir/pid" >/dev/null || return 0
  step "starting a mail server (GreenMail)"
  (greenmail_start "$dir") || {
    greenmail_stop "$dir"
    say "NOTE: there is no mail server: the demo leaves out the case that goes on by mail"
  }
}

# Where it is, for the demo; nothing where there is none.
mail_env() {
  ! pid_of "$DEV_DIR/greenmail/pid" >/dev/null || greenmail_env "$DEV_DIR/greenmail"
}
