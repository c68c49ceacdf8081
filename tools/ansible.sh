#!/bin/bash
# `make ansible`: playbooks of the collection openstack.cloud and of clients/ansible-collection-xloud against `xloud serve` on the fake
# driver, each twice: the second time nothing is changed.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/venv.sh ansible
venv=$PWD/.cache/venv/ansible
export ANSIBLE_COLLECTIONS_PATH=$PWD/.cache/ansible
# from copies: building leaves files beside the sources
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r clients/python-xloudclient clients/ansible-collection-xloud "$copy/"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --force-reinstall "$copy/python-xloudclient"
"$venv/bin/ansible-galaxy" collection build --force --output-path "$copy" "$copy/ansible-collection-xloud" >/dev/null
"$venv/bin/ansible-galaxy" collection install --offline --force --no-deps "$copy"/xloud-compute-*.tar.gz >/dev/null
"$venv/bin/ansible-doc" --type module xloud.compute.server_adjustment >/dev/null
node --disable-warning=ExperimentalWarning tools/ansible/run.ts "$venv" "$ANSIBLE_COLLECTIONS_PATH"
