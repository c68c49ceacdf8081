#!/bin/bash
# Why: what a change costs, and how large the house is, is counted, not felt (docs/decisions/0048-what-a-change-costs.md).
#
# tools/count.sh change COMMIT...   files and lines that commits added and took away, by kind
# tools/count.sh files              files of every folder of src/ops and src/domain
# tools/count.sh functions [LINES]  functions of src with more lines, the longest first; default 80
# tools/count.sh said WORD          the files that say a word, and how often, by kind
set -euo pipefail
cd "$(dirname "$0")/.."

# What a file is. A line in a list is what is left of a change of a source file that adds two lines at most and takes away one.
readonly KIND='
  function kind(path, added, removed) {
    if (path ~ /^docs\/(openapi\.json|xloud\.yaml\.sample|microversions\.md|actions\.md|policy\.yaml\.sample|api\/)/ || path == "package-lock.json") return "derived"
    if (path ~ /^(docs|releasenotes)\// || path ~ /\.md$/) return "words"
    if (path ~ /^(test|bench)\//) return "tests"
    if (path ~ /^migrations\//) return "migration"
    if (path ~ /^src\// && added <= 2 && removed <= 1) return "lists"
    if (path ~ /^src\//) return "source"
    return "tools"
  }'

change() {
  local commit
  for commit in "$@"; do
    git show --format='%h %s' --no-patch "$commit"
    git show --format= --numstat --no-renames "$commit" | awk -F'\t' "$KIND"'
      { k = kind($3, $1, $2); files[k]++; plus[k] += $1; minus[k] += $2; n++; p += $1; m += $2 }
      END {
        count = split("source lists migration tests tools words derived", order, " ")
        for (i = 1; i <= count; i++) { k = order[i]; if (files[k]) printf "  %-10s%3d files  +%d -%d\n", k, files[k], plus[k], minus[k] }
        printf "  %-10s%3d files  +%d -%d\n", "all", n, p, m
      }'
  done
}

files() {
  git ls-files 'src/ops/*.ts' 'src/domain/*.ts' | xargs wc -l | awk '$2 != "total" {
    folder = $2; sub(/\/[^\/]*$/, "", folder); n[folder]++; lines[folder] += $1
  } END { for (folder in n) printf "%3d files %6d lines  %s\n", n[folder], lines[folder], folder }' | sort -k5
}

functions() {
  local rules
  rules=$(mktemp --suffix=.json)
  # shellcheck disable=SC2064
  trap "rm -f '$rules'" EXIT
  echo '{"categories":{"correctness":"off"},"rules":{"max-lines-per-function":["error",{"max":'"${1:-80}"',"skipBlankLines":true,"skipComments":true}]}}' >"$rules"
  # the linter ends with 1 where it finds any
  { oxlint --config "$rules" --format unix src || true; } |
    sed -nE 's/^([^:]+:[0-9]+):.*function `?([^` ]*)`? has too many lines \(([0-9]+)\).*/\3 \2 \1/p' | sort -rn
}

said() {
  git grep --count --word-regexp -F -e "$1" -- src test migrations docs | awk -F: "$KIND"'
    { k = kind($1, 9, 9); n[k]++; times[k] += $2 } END { for (k in n) printf "%-10s%3d files %4d times\n", k, n[k], times[k] }' | sort
}

case "${1:-}" in
  change | files | functions | said) "$@" ;;
  *) sed -n '2,8p' "$0" >&2; exit 2 ;;
esac
