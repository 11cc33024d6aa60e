#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every manual page is clean roff.
set -eu
for page in "$2"/*.[1-8]; do
        "$1" -T lint -W warning "$page"
done
