/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A simulated world for the whole monitoring loop: a pattern, a clock that only moves when told, and a
 * seed that replays it. */
#pragma once

#include "monitor/monitor.h"
#include "probe/sim.h"

typedef struct World World;

struct World {
        nsec_t now;
        nsec_t next;
        Source *source;
        Monitor *monitor;
        uint64_t target;

        SourceOps ops;         /* those of the source, with what follows put in between */
        const SourceOps *real; /* the source's own */
        Rng rng;

        nsec_t checking; /* CPU time that the simulation took to answer, which is not the monitor's */
        double miss; /* the probability that an access goes unseen, as those that hit the TLB do */
        uint64_t untrackable; /* no verdict about pages from this address on; 0: all have one */
        PageUse (*use)(const World *world, uint64_t addr); /* as physical memory; NULL: all is of programs */
        /* whether an area of the pattern is mapped now; NULL: all are, always */
        bool (*is_mapped)(const World *world, size_t area);
};

/* Aborts on failure: a test's world must exist. */
void world_init(World *world, const char *pattern, const MonitorAttrs *attrs, const AdaptPolicy *policy,
                uint64_t seed);
void world_deinit(World *world);

/* Lets time pass until the next aggregation and returns its snapshot, borrowed. */
const Snapshot *world_next_snapshot(World *world);

/* Lets time pass. */
void world_run(World *world, nsec_t duration);

/* The time since the world began. */
nsec_t world_age(const World *world);

/* What would truly be found accessed, in bytes: on average over the snapshot's window. */
double world_truth(const World *world, const Snapshot *snapshot);

/* How well the regions' rates separate hot (true share >= theta) from the rest, by bytes. A region is
 * called hot where its rate is >= theta: its moving average's under a policy that rests on that, else its window's. */
typedef struct Score {
        double precision;
        double recall;
        double f1;
        double wss_error; /* |estimate - truth| / truth */
} Score;

/* Against the truth at the moment that the regions speak of, the middle of the window, or the beginning of its last
 * interval where they rest on averages that end where rates change; or at its end. The working set is compared with its mean over the window. */
Score world_score(const World *world, const Snapshot *snapshot, double theta);
Score world_score_at_end(const World *world, const Snapshot *snapshot, double theta);

/* Six steps in one mapping, a new one every 2.5 s, their edges where no region begins by itself. */
extern const char WORLD_STAIRS[];

/* Two halves of one mapping in turns of 2.5 s. */
extern const char WORLD_ZIGZAG[];

/* What n snapshots of the built-in pattern say, as one number: the same for the same seed. */
uint64_t world_fingerprint(const MonitorAttrs *attrs, const AdaptPolicy *policy, unsigned n, uint64_t seed);
