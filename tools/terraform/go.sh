# Sourced by scripts that build programs in Go. `cache` is where they go, `tofu_version` which OpenTofu is taken where no terraform is.
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

# take_go: puts Go's release into this shell's PATH
take_go() {
  local go
  command -v go >/dev/null || tools/packages.sh ensure go
  mkdir -p "$cache"
  printf 'module build\n\ngo 1.19\n' >"$cache/go.mod"
  go=$(fetch golang.org/toolchain "$go_version.linux-$(dpkg --print-architecture)")
  # a module's files are not executable
  chmod -R u+x "$go/bin" "$go/pkg/tool"
  export GOROOT=$go GOTOOLCHAIN=local GOFLAGS=-buildvcs=false PATH=$go/bin:$PATH
}

# build NAME MODULE VERSION PACKAGE COMMAND...: of a module's own files with its own go.mod: what that replaces a dependent cannot know
build() {
  local name=$1 module=$2 version=$3 package=$4 files
  shift 4
  [ ! -x "$cache/$name" ] || [ "$(cat "$cache/$name.version" 2>/dev/null)" != "$version" ] || return 0
  echo "terraform: building $name $version"
  take_go
  rm -rf "$cache/build"
  files=$(fetch "$module" "$version")
  cp -r "$files" "$cache/build"
  chmod -R u+w "$cache/build"
  (cd "$cache/build" && nice -n 10 "$@" -o "$cache/$name" "$package")
  rm -rf "$cache/build"
  echo "$version" >"$cache/$name.version"
}

# take_terraform: sets `terraform` to one that is installed, else to OpenTofu, which is built
take_terraform() {
  terraform=$(command -v terraform || command -v tofu || true)
  if [ -z "$terraform" ]; then
    build tofu $tofu $tofu_version ./cmd/tofu go build
    terraform=$cache/tofu
  fi
}
