/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `run` says at the end. */
#pragma once

#include <jansson.h>

#include "base/clock.h"
#include "options.h"
#include "recording.h"

typedef struct RunSummary {
        const Arguments *args;
        Recording *recording;
        int status; /* of the command */
        nsec_t duration;
        json_t *warnings; /* array of texts; borrowed */
        json_t *schemes;  /* array as in GetSchemes; borrowed; NULL: none */
} RunSummary;

/* Draws heat map, working set, idle times and the hottest regions on standard error (or --report),
 * or prints the JSON document. An ExitStatus (told) or a negative error number. */
int run_summary(const RunSummary *summary);
