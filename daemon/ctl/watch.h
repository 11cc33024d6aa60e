/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --watch: a verb again and again. */
#pragma once

#include "options.h"

#define WATCH_INTERVAL (2 * NSEC_PER_SEC)

/* Runs the verb every args->watch until it fails or a signal comes. On a terminal each run takes the place of the one
 * before; elsewhere they follow each other, with an empty line between them (--json: none). The terminal is as it
 * was afterwards, whatever ends it. Returns what the verb returned last. */
int watch(int (*verb)(const Arguments *args), const Arguments *args);
