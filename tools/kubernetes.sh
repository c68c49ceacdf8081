#!/bin/bash
# Gives the folder of a Kubernetes API server for tests: kube-apiserver built from its published modules, etcd and kubectl from packages.
# The build takes a quarter of an hour of a processor, once for each version: it is kept outside the checkout.
#
# usage: tools/kubernetes.sh path    the folder, or status 1 and the reason where the server was not built
#        tools/kubernetes.sh build   builds it where it is missing
set -euo pipefail
cd "$(dirname "$0")/.."
version=1.34.3
minor=${version#1.} && minor=${minor%.*}
kept=${XDG_CACHE_HOME:-$HOME/.cache}/xloud-compute/kubernetes-$version
server=$kept/kube-apiserver

# Of these the server's module names no version that could be had.
parts='api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider cluster-bootstrap code-generator
component-base component-helpers controller-manager cri-api cri-client csi-translation-lib dynamic-resource-allocation endpointslice
externaljwt kms kube-aggregator kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils
pod-security-admission sample-apiserver sample-cli-plugin sample-controller'

build() {
  command -v go >/dev/null || { echo 'kubernetes: there is no go command to build the API server with' >&2; exit 1; }
  local work=$kept/build
  mkdir -p "$work"
  {
    echo 'module kube-apiserver-for-tests'
    echo 'go 1.24.0'
    echo "require k8s.io/kubernetes v$version"
    for part in $parts; do echo "replace k8s.io/$part => k8s.io/$part v0.${version#1.}"; done
  } >"$work/go.mod"
  printf 'package main\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver/app"\n\nfunc main() {}\n' >"$work/main.go"
  (
    cd "$work"
    go mod tidy -e >tidy.log 2>&1 || { tail -20 tidy.log >&2; exit 1; }
    echo "kubernetes: building kube-apiserver $version, which takes a quarter of an hour of a processor"
    CGO_ENABLED=0 nice -n "${XLOUD_NICE:-0}" go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor" -o "$server.new" k8s.io/kubernetes/cmd/kube-apiserver
  )
  mv "$server.new" "$server"
  rm -rf "$work"
}

case ${1:-} in
  path)
    [ -x "$server" ] || { echo 'kube-apiserver was not built: tools/kubernetes.sh build' >&2; exit 1; }
    echo "$kept"
    ;;
  build)
    tools/packages.sh ensure kubernetes
    # one of another packager cannot stand beside Debian's
    command -v kubectl >/dev/null || tools/packages.sh ensure kubectl
    [ -x "$server" ] || build
    echo "kubernetes: $server"
    ;;
  *)
    echo 'usage: tools/kubernetes.sh path|build' >&2
    exit 2
    ;;
esac
