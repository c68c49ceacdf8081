#!/bin/bash
# `make terraform-provider`: builds clients/terraform-provider-xloud, looks it over, and runs its tests against a cloud on the fake driver.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/terraform/go.sh

take_terraform
take_go
(
  cd clients/terraform-provider-xloud
  unformatted=$(gofmt -l .)
  [ -z "$unformatted" ] || { echo "gofmt would change: $unformatted" >&2; exit 1; }
  nice -n 10 go vet ./...
  nice -n 10 go build -o "$cache/terraform-provider-xloud" .
)
echo "terraform-provider-xloud: built; its tests by $("$terraform" version 2>/dev/null | head -n 1)"
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/terraform/own.ts "$terraform"
