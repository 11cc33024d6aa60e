/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sign of life on standard error for what takes more than two seconds: one line, redrawn in place
 * on a terminal; elsewhere one line every ten seconds. */
#pragma once

#include <stdbool.h>

#include "base/clock.h"
#include "base/macro.h"

typedef struct Progress {
        nsec_t started;
        nsec_t last;
        bool drawn; /* a line stands on the terminal */
} Progress;

void progress_init(Progress *progress);

/* Says where things are, if it is time to. */
void progress_tick(Progress *progress, const char *format, ...) _printf_(2, 3);

/* Wipes the line away. */
void progress_done(Progress *progress);
