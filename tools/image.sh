#!/bin/bash
# `make image`: packaging/Containerfile, with whatever builds images here. DEBIAN=IMAGE: instead of Debian's own; TAG=NAME.
set -euo pipefail
cd "$(dirname "$0")/.."
ls dist/packages/xloud-compute-*.tar.gz >/dev/null 2>&1 || { echo 'image: make packages first' >&2; exit 2; }
for engine in podman buildah docker; do
  if command -v $engine >/dev/null; then
    exec $engine build ${ISOLATION:+--isolation "$ISOLATION"} ${DEBIAN:+--build-arg "DEBIAN=$DEBIAN"} -f packaging/Containerfile -t "${TAG:-xloud}" .
  fi
done
echo 'image: podman, buildah or docker is wanted' >&2
exit 3
