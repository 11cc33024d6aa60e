/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running one phase: which pattern goes when, and in how many processes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "region.h"
#include "truth.h"

typedef struct Run {
        const Config *config;
        const Regions *regions;
        const Truth *truth;
        uint64_t batch; /* accesses before another full-speed pattern is picked */
        uint64_t seed;
        bool quiet;
} Run;

/*
 * Runs phase index for its time, or until a stop is requested. Returns 0, or -errno: of the log,
 * of fork(), or -ECHILD when a child failed.
 */
int phase_run(const Run *run, size_t index, unsigned repeat);

/* Touches due by elapsed_ns at rate_per_sec in all, of which done are done: the pacing formula. */
uint64_t phase_due(double rate_per_sec, uint64_t elapsed_ns, uint64_t done);
