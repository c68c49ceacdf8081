#!/bin/bash
# `make clients`: clients' own functional tests, and a walk through libcloud's driver, against `xloud serve` on the fake driver.
#
#   tools/clients.sh [SUITE [SERVICE...]]
#
# SUITE: sdk, novaclient, osc, gophercloud or libcloud; all of them, one after another, without a word. SERVICE: what a suite has in parts.
set -euo pipefail
cd "$(dirname "$0")/.."
gophercloud=github.com/gophercloud/gophercloud/v2
gophercloud_version=v2.14.0

# The module's own files, with which its tests are built; and the Go that builds them.
take_gophercloud() {
  local files place=$PWD/.cache/gophercloud
  . tools/terraform/go.sh
  take_go
  [ "$(cat "$place.version" 2>/dev/null)" != $gophercloud_version ] || return 0
  files=$(fetch $gophercloud $gophercloud_version)
  rm -rf "$place"
  cp -r "$files" "$place"
  chmod -R u+w "$place"
  echo $gophercloud_version >"$place.version"
}

suites=(sdk novaclient osc gophercloud libcloud)
if [ $# -gt 0 ]; then
  suites=("$1")
  shift
fi
tools/packages.sh ensure volumes
status=0
for suite in "${suites[@]}"; do
  case $suite in
    gophercloud) take_gophercloud ;;
    sdk | novaclient | osc | libcloud) tools/venv.sh "$suite" ;;
  esac
  nice -n 10 node --disable-warning=ExperimentalWarning tools/clients/run.ts "$suite" "$@" || status=1
done
exit $status
