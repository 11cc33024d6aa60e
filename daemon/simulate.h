/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What-if: what schemes would have done over recorded snapshots. */
#pragma once

#include <stdio.h>

#include "scheme/scheme.h"

/* Reads snapshots from `in`, one per line, each a JSON object of the interface's type Snapshot (in one part), and
 * writes to `out`, one JSON object per line:
 *
 *   {"time_ns", "sequence", "schemes": [{"name", "matched_regions", "matched_bytes", "would_regions",
 *    "would_bytes", "returned_bytes"}]}      for each snapshot: what each scheme would have done now, and how much
 *                                            of what it would have done before was seen accessed since
 *   {"end": true, "monitor", "schemes": [Scheme …]}      at the end, of the interface's type Scheme
 *
 * All bytes of a region count as resident, no page-level filter is asked, and nothing is known of the machine's
 * pressure, free memory and swap: goals leave quotas where they start, watermarks count as met. 0, -EBADMSG (a
 * line is no such object; told on standard error) or -errno. */
int simulate(const SchemeConfig *schemes, size_t n, FILE *in, FILE *out);
