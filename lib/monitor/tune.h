/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Automatic intervals. */
#pragma once

#include "monitor/attrs.h"

/* The intervals that bring the share of accesses found (0 to 1, in the last window, size-weighted)
 * nearer to the goal. DAMON's feedback (damon_feed_loop_next_input() in mm/damon/core.c, Linux 6.15):
 * too few accesses lengthen the interval up to twofold a step, too many shorten it to half at most.
 * Returns whether *attrs changed; the ratio of aggregation to sampling interval stays. */
bool tune_intervals(MonitorAttrs *attrs, double access_share, nsec_t source_minimum);
