#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The interface text, read by an independent varlink implementation.
set -eu
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cp "$2" "$directory/interface.varlink"
"$1" "$directory/interface.varlink"
ls "$directory"/*.go
