#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# units.sh UNIT_DIR BIN_DIR...: systemd accepts the units without a word, and finds them at least as closed as promised.
set -uo pipefail

units=$(realpath "$1")
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

complain() {
        echo "$*"
        status=1
}

# verify wants the programs where the units say they are.
for unit in "$units"/*.service "$units"/*.socket "$units"/*.timer; do
        sed -E 's|^(Exec[A-Za-z]*=[-+]*)/[^ ]*/(udamond)|\1/bin/true \2|; s|/[^ ]*/udamonctl|/bin/true|' "$unit" \
                >"$work/$(basename "$unit")"
done
said=$(systemd-analyze verify --man=no --recursive-errors=no "$work"/* 2>&1) || complain "verify fails"
# what it says of this machine's own units is none of ours
said=$(grep -F -e "$work" -e udamon <<<"$said")
[ -z "$said" ] || complain "$said"

threshold() { # UNIT SCORE: ten times the exposure level
        local said
        said=$(systemd-analyze security --offline=true --threshold="$2" --no-pager "$units/$1" 2>&1) ||
                complain "$said"
        grep Overall <<<"$said"
}
threshold udamond.service 15
threshold udamond-observe.service 13
threshold udamon-metrics.service 15
exit $status
