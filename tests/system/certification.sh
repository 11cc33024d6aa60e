#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Our varlink code against an independent implementation, as service and as client: certification.sh PROGRAM.
set -euo pipefail

program=$1
if ! command -v varlink-go-certification >/dev/null; then
        echo "varlink-go-certification is not installed (package varlink-go)"
        exit 77
fi

work=$(mktemp -d)
server=
# shellcheck disable=SC2317 # reached through the trap
clean_up() {
        [[ -z $server ]] || kill "$server" 2>/dev/null || true
        rm -rf "$work"
}
trap clean_up EXIT

wait_for_socket() {
        local i
        for ((i = 0; i < 100; i++)); do
                [[ ! -S $1 ]] || return 0
                sleep 0.1
        done
        echo "no socket $1"
        return 1
}

"$program" --listen "$work/ours" &
server=$!
wait_for_socket "$work/ours"
varlink-go-certification --varlink="unix:$work/ours" --client
echo "ok: their client, our service"
kill "$server"
wait "$server" || true

varlink-go-certification --varlink="unix:$work/theirs" &
server=$!
wait_for_socket "$work/theirs"
"$program" --client "$work/theirs"
echo "ok: our client, their service"
