#!/bin/bash
# `make dashboard`: the dashboard in a browser, with a thousand servers on the fake driver and with real guests; pictures of it go to
# docs/dashboard.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/packages.sh ensure host guest browser
mkdir -p docs/dashboard
export XLOUD_SCREENSHOTS=${XLOUD_SCREENSHOTS-$PWD/docs/dashboard}
status=0
for file in test/functional/dashboard.test.ts test/dashboard/*.test.ts; do
  node --disable-warning=ExperimentalWarning tools/run-tests.ts "$file" || status=1
done
exit $status
