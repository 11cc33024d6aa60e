/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How often a monitor may look, so that the daemon keeps to its share of a CPU. Pure. */
#pragma once

#include <stdbool.h>

#include "monitor/attrs.h"

/* Intervals that have changed stay for a window, so that it can end and what they cost shows; or for so long, if that
 * is shorter. */
#define PACE_HOLD_MAX (20 * NSEC_PER_SEC)

typedef struct Pace {
        nsec_t cpu;       /* that its steps took since the last look */
        uint64_t samples; /* that were checked since then */
        double budget;    /* samples per second; 0: not set yet */
        double stretch;   /* of the intervals, where there is no budget; 1 and more */
        double share;     /* of a CPU, that its steps used up to the last look */
        nsec_t held;      /* for how long the intervals in force have been */
} Pace;

#define PACE_INITIAL ((Pace) { .stretch = 1, .held = PACE_HOLD_MAX })

/* One step took so much. */
void pace_spent(Pace *pace, nsec_t cpu, uint64_t samples);

/* Looks at what was spent in the time `elapsed`. `ratio` is what the whole daemon used of what it may use: above 1
 * all its monitors slow down by it, below 1 they may go faster.
 *
 * With a budget (the policy takes as many samples per second as it is told) that is what changes, up to what was
 * asked for, and upward only while it is used; the sampling interval grows where fewer than PACE_BATCH samples would
 * be taken at a time. Otherwise all intervals are stretched alike, and never below what was asked for. Returns
 * whether *attrs, those in force, had to change; *ret_restart: not only in samples_per_sec. */
bool pace_adjust(Pace *pace, const MonitorAttrs *asked, bool budget, double ratio, nsec_t elapsed,
                 MonitorAttrs *attrs, bool *ret_restart);

/* A wake-up costs as much as several samples. */
#define PACE_BATCH 8
#define PACE_SAMPLES_MAX 20000
