# shellcheck shell=bash
# What a fresh Debian-like machine lacks, by its own package manager; nothing that is there already.

java_major() {
  local line
  line=$(java -version 2>&1) || return 1
  [[ $line == *' version "'* ]] || return 1
  line=${line#*' version "'}
  printf '%s' "${line%%[.\"-]*}"
}

apt_has() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[^\(]* ]]; }

install_missing() { # [PACKAGES that this verb needs besides]
  local missing=("$@") java package
  have openssl || missing+=(openssl)
  have curl || missing+=(curl)
  have git || missing+=(git)
  have cc || missing+=(gcc libc6-dev)
  have protoc || missing+=(protobuf-compiler)
  # Reading documents: text and pages of PDFs; recognition of scans, in the languages of the large markets.
  have pdftotext || missing+=(poppler-utils)
  have tesseract || missing+=(tesseract-ocr tesseract-ocr-{deu,fra,ita,nld,spa})
  (pg_bin) >/dev/null 2>&1 || missing+=(postgresql)
  java=$(java_major) || java=0
  ((java >= 17)) || missing+=(java)
  [[ -x $PULSAR_DIST/bin/pulsar ]] || have mvn || missing+=(maven)
  have cargo || [[ ! -x $HOME/.cargo/bin/cargo ]] || PATH=$HOME/.cargo/bin:$PATH
  have cargo || die "cargo is not installed" "install Rust with rustup (rust-toolchain.toml names the version), then run this again"
  ((${#missing[@]} > 0)) || return 0
  have apt-get || die "these are missing, and there is no apt-get: ${missing[*]}" \
    "install them with your package manager (java: a JDK 17 or newer; postgresql: 15 or newer), then run this again"
  step "installing ${missing[*]}"
  as_root apt-get update -q >&2 || say "apt-get update failed; going on with the lists that are there"
  if [[ " ${missing[*]} " == *" java "* ]]; then
    for package in openjdk-17-jdk-headless openjdk-21-jdk-headless default-jdk-headless; do
      apt_has "$package" && break
    done
    missing=("${missing[@]/#java/$package}")
  fi
  # The package would start a cluster of its own on 5432; ours are separate.
  if [[ " ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
    as_root mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold "${missing[@]}" >&2 </dev/null ||
    die "apt-get could not install: ${missing[*]}" "read its message above; then run this again"
  (pg_bin) >/dev/null || die "the packaged PostgreSQL is older than 15" "install postgresql-15 or newer"
  java=$(java_major) || java=0
  ((java >= 17)) || die "the default Java is older than 17" "install a JDK 17 or newer and make it the default (update-alternatives --config java)"
}

BINARY_PROFILE=release
binary() { printf '%s/%s/recoup' "${CARGO_TARGET_DIR:-$ROOT/target}" "$BINARY_PROFILE"; }

build_release() {
  step "building the release binary (the first time takes some minutes)"
  (cd "$ROOT" && SQLX_OFFLINE=true cargo build --release --locked --bin recoup) >&2 9>&- ||
    die "the build failed" "see the compiler's messages above; protoc and a C compiler are needed besides Rust"
}

need_binary() { [[ -x $(binary) ]] || build_release; }
