/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `sim`: a pattern instead of a kernel, for demonstrations, tests and scale.
 *
 * A pattern is text, one statement a line, `#` begins a comment:
 *
 *     area NAME SIZE               a mapping; areas follow each other with gaps
 *     phase DURATION               begins a phase; the phases repeat for ever
 *     touch NAME OFFSET SIZE SHARE   in this phase, a check of a page in that part of the area
 *                                  finds an access with this probability ("100%", "30%")
 *
 * Where several touches cover a page, the highest share counts. */
#pragma once

#include "base/clock.h"
#include "monitor/ops.h"

/* pattern NULL: the built-in one. 0, or -EINVAL with "line N: …", -ENOMEM. */
int sim_source_new(const char *pattern, Source **ret, char **ret_error);

/* Replaces the clock (CLOCK_MONOTONIC) and the seed, for tests that replay. The pattern's time begins
 * at the clock's first reading. */
void sim_source_set_clock(Source *source, nsec_t (*clock)(void *userdata), void *userdata);
void sim_source_set_seed(Source *source, uint64_t seed);

/* The truth at a time since the pattern began: expected bytes that one check would find accessed. */
uint64_t sim_source_truth(const Source *source, nsec_t since_start);

/* The probability with which addr is found accessed then. */
double sim_source_share(const Source *source, uint64_t addr, nsec_t since_start);

extern const char SIM_PATTERN_DEFAULT[];
