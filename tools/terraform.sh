#!/bin/bash
# `make terraform`: builds the OpenStack provider, its acceptance tests and, where neither terraform nor tofu is installed, OpenTofu
# with Go through its module proxy (some minutes, once), then runs tools/terraform/run.ts.
#
#   tools/terraform.sh [TESTS]     a regular expression of acceptance tests, without the module
set -euo pipefail
cd "$(dirname "$0")/.."
provider=github.com/terraform-provider-openstack/terraform-provider-openstack/v3
provider_version=v3.4.0
tofu=github.com/opentofu/opentofu
tofu_version=v1.10.6
cache=$PWD/.cache/terraform

# build NAME VERSION MODULE COMMAND...: in a module of its own that requires just that one
build() {
  local name=$1 version=$2 module=$3
  shift 3
  [ ! -x "$cache/$name" ] || [ "$(cat "$cache/$name.version" 2>/dev/null)" != "$version" ] || return 0
  command -v go >/dev/null || { echo "terraform: Go is needed to build $name" >&2; exit 1; }
  echo "terraform: building $name $version"
  mkdir -p "$cache/$name.build"
  (
    cd "$cache/$name.build"
    printf 'module build\n\ngo 1.24\n' >go.mod
    nice -n 10 go get -t "$module@$version"
    nice -n 10 "$@" -o "$cache/$name" "$module"
  )
  echo "$version" >"$cache/$name.version"
}

build terraform-provider-openstack $provider_version $provider go build
build openstack.test $provider_version $provider/openstack go test -c
terraform=$(command -v terraform || command -v tofu || true)
if [ -z "$terraform" ]; then
  build tofu $tofu_version $tofu/cmd/tofu go build
  terraform=$cache/tofu
fi
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/terraform/run.ts "$terraform" "$cache" "$@"
