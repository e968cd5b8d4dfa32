# Puts settings over a vendor's properties file: awk -f merge.awk OVERRIDES... VENDOR
# Each key stays single, because BookKeeper reads a repeated key as a list.
{ line = $0; key = line; sub(/[ \t]*=.*/, "", key) }
FILENAME != ARGV[ARGC - 1] {
  if (line !~ /^[ \t]*(#|$)/) { if (!(key in over)) order[++n] = key; over[key] = line }
  next
}
line !~ /^[ \t]*#/ && key in over { if (!(key in done)) print over[key]; done[key] = 1; next }
{ print line }
END { for (i = 1; i <= n; i++) if (!(order[i] in done)) print over[order[i]] }
