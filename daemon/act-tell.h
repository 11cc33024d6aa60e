/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells what the schemes of a monitor decided and did, as events: seen in their counters, so that many small plans make
 * one event, and nothing is told that did not happen. */
#pragma once

#include "scheme/set.h"

/* At most one event of a kind and scheme in this time. */
#define ACT_TELL_INTERVAL (10 * NSEC_PER_SEC)

/* What was told of one scheme. */
typedef struct SchemeTold {
        uint64_t id;
        SchemeState state;
        SchemeStats stats; /* as of the last event about acting */
        uint64_t refaulted; /* as of the last event about backing off */
        uint64_t backed_off;
        uint64_t effective;
        nsec_t acted; /* when it was told; 0: never */
        nsec_t backing;
        nsec_t tuned;
} SchemeTold;

typedef struct ActTold {
        SchemeTold *schemes;
        size_t n;
} ActTold;

void act_told_deinit(ActTold *told);

/* Looks at all schemes of the monitor, and tells what is new. `all`: what else would wait for its time, too. `now` is
 * CLOCK_MONOTONIC. */
void act_tell(ActTold *told, const char *monitor, const SchemeSet *set, nsec_t now, bool all);
