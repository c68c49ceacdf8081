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
tofu=github.com/opentofu/opentofu
tofu_version=v1.10.6
go_version=v0.0.1-go1.26.8
cache=$PWD/.cache/terraform

# fetch MODULE VERSION: prints the folder of a module's files (whose name has no capitals)
fetch() {
  cd "$cache"
  nice -n 10 go mod download "$1@$2"
  echo "$(go env GOMODCACHE)/$1@$2"
}

# build NAME MODULE VERSION PACKAGE COMMAND...: of a module's own files with its own go.mod: what that replaces a dependent cannot know
build() {
  local name=$1 module=$2 version=$3 package=$4 go files
  shift 4
  [ ! -x "$cache/$name" ] || [ "$(cat "$cache/$name.version" 2>/dev/null)" != "$version" ] || return 0
  echo "terraform: building $name $version"
  command -v go >/dev/null || tools/packages.sh ensure go
  mkdir -p "$cache"
  printf 'module build\n\ngo 1.19\n' >"$cache/go.mod"
  go=$(fetch golang.org/toolchain "$go_version.linux-$(dpkg --print-architecture)")
  # a module's files are not executable
  chmod -R u+x "$go/bin" "$go/pkg/tool"
  export GOROOT=$go GOTOOLCHAIN=local GOFLAGS=-buildvcs=false PATH=$go/bin:$PATH
  rm -rf "$cache/build"
  files=$(fetch "$module" "$version")
  cp -r "$files" "$cache/build"
  chmod -R u+w "$cache/build"
  (cd "$cache/build" && nice -n 10 "$@" -o "$cache/$name" "$package")
  rm -rf "$cache/build"
  echo "$version" >"$cache/$name.version"
}

tools/packages.sh ensure front volumes
build terraform-provider-openstack $provider $provider_version . go build
build openstack.test $provider $provider_version ./openstack go test -c
terraform=$(command -v terraform || command -v tofu || true)
if [ -z "$terraform" ]; then
  build tofu $tofu $tofu_version ./cmd/tofu go build
  terraform=$cache/tofu
fi
echo "terraform: provider $provider_version, $("$terraform" version 2>/dev/null | head -n 1)"
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/terraform/run.ts "$terraform" "$cache" "$@"
