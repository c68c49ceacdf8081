#!/bin/bash
# `make terraform`: builds the OpenStack provider, its acceptance tests and, where neither terraform nor tofu is installed, OpenTofu
# through Go's module proxy (some minutes, once), then runs tools/terraform/run.ts. The Go that builds comes through the proxy too, in
# one release everywhere: whatever Go is installed (where none is, Debian's) only fetches it.
#
#   tools/terraform.sh [TESTS]     a regular expression of acceptance tests, without the module
set -euo pipefail
cd "$(dirname "$0")/.."
provider=github.com/terraform-provider-openstack/terraform-provider-openstack/v3
provider_version=v3.4.0
. tools/terraform/go.sh

tools/packages.sh ensure front volumes
build terraform-provider-openstack $provider $provider_version . go build
build openstack.test $provider $provider_version ./openstack go test -c
take_terraform
echo "terraform: provider $provider_version, $("$terraform" version 2>/dev/null | head -n 1)"
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/terraform/run.ts "$terraform" "$cache" "$@"
