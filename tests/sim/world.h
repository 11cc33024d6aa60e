/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A simulated world for the whole monitoring loop: a pattern, a clock that only moves when told, and a
 * seed that replays it. */
#pragma once

#include "monitor/monitor.h"
#include "probe/sim.h"

typedef struct World {
        nsec_t now;
        nsec_t next;
        Source *source;
        Monitor *monitor;
        uint64_t target;
} World;

/* Aborts on failure: a test's world must exist. */
void world_init(World *world, const char *pattern, const MonitorAttrs *attrs, const AdaptPolicy *policy,
                uint64_t seed);
void world_deinit(World *world);

/* Lets time pass until the next aggregation and returns its snapshot, borrowed. */
const Snapshot *world_next_snapshot(World *world);

/* Lets time pass. */
void world_run(World *world, nsec_t duration);

/* What would truly be found accessed in the middle of the snapshot's window, in bytes. */
uint64_t world_truth(const World *world, const Snapshot *snapshot);

/* How well the regions' rates separate hot (true share >= theta) from the rest, by bytes. A region is
 * called hot where its window's rate is >= theta. */
typedef struct Score {
        double precision;
        double recall;
        double f1;
        double wss_error; /* |estimate - truth| / truth */
} Score;

Score world_score(const World *world, const Snapshot *snapshot, double theta);
