# shellcheck shell=bash
# Invoices that others publish as test data, for the tests of the reader: fetched once per machine, never committed.

DOCUMENTS_DIR=${RECOUP_TEST_DOCUMENTS:-$CACHE_DIR/documents-1}
# Folder, Maven artifact, SHA-256 of the jar.
DOCUMENTS=(
  "ubl com.helger.ubl:ph-ubl-testfiles:10.1.0 f2f4e457ea8ebb8b228e28f481e50865c6a06fadb6445b96b193c72f8d0ac7cf"
  "cii com.helger.cii:ph-cii-testfiles:4.1.1 ea48dd3ef17eebd17f88c1378584dc648dfbfcb410d4c1068341ac9e56c378e7"
)

documents_there() { [[ -d $DOCUMENTS_DIR/ubl && -d $DOCUMENTS_DIR/cii ]]; }

# Without a project the plugin leaves its markers in a folder named after a variable, where it is called.
unpack_here() { # FOLDER ARTIFACT OUTPUT
  (cd "$1" && mvn -q -B -o dependency:unpack -Dartifact="$2" -DoutputDirectory="$3")
}

documents_obtain() {
  local temp row folder artifact sum
  ! documents_there || return 0
  [[ -z ${RECOUP_TEST_DOCUMENTS:-} ]] || die "RECOUP_TEST_DOCUMENTS=$DOCUMENTS_DIR has no folders ubl and cii"
  mkdir -p "$CACHE_DIR"
  temp=$(mktemp -d "$CACHE_DIR/documents.XXXXXX")
  step "fetching test invoices with Maven (300 kB, once per machine)"
  for row in "${DOCUMENTS[@]}"; do
    read -r folder artifact sum <<<"$row"
    mvn -q -B dependency:get -Dartifact="$artifact" -Dtransitive=false >&2 &&
      mvn -q -B -o dependency:copy -Dartifact="$artifact" -DoutputDirectory="$temp/jar-$folder" >&2 &&
      printf '%s  %s\n' "$sum" "$(echo "$temp/jar-$folder"/*.jar)" | sha256sum --check --status &&
      unpack_here "$temp" "$artifact" "$temp/all/$folder" >&2 || {
      rm -rf "$temp"
      die "Maven could not fetch $artifact, or it does not have the pinned SHA-256" \
        "check the network and the repositories in ~/.m2/settings.xml"
    }
  done
  mv -T "$temp/all" "$DOCUMENTS_DIR" 2>/dev/null || documents_there || die "cannot put the test invoices into $DOCUMENTS_DIR"
  rm -rf "$temp"
}
