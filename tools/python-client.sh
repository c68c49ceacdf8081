#!/bin/bash
# `make python-client`: clients/python-xloudclient with Debian's openstack client and with the newest: its own tests, then every command on
# the fake driver (docs/openstack-client.md).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure openstack venv
package=clients/python-xloudclient

# with what Debian has, beside it
if [ ! -x .cache/venv/xloudclient-debian/bin/pip ]; then
  /usr/bin/python3 -m venv --clear --system-site-packages .cache/venv/xloudclient-debian
fi
tools/venv.sh xloudclient-newest

for client in debian newest; do
  python=.cache/venv/xloudclient-$client/bin/python
  # from a copy: building leaves files beside the sources
  copy=$(mktemp -d)
  cp -r "$package" "$copy/"
  "$python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$copy/python-xloudclient"
  rm -rf "$copy"
  echo "python-xloudclient with the $client client: $("$python" -m openstackclient.shell --version)"
  (cd "$package" && PYTHONDONTWRITEBYTECODE=1 "$OLDPWD/$python" -m unittest discover --quiet --start-directory tests --top-level-directory .)
done
exec nice -n 10 node --disable-warning=ExperimentalWarning tools/run-tests.ts tools/python-client/commands.test.ts
