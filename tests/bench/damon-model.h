/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's DAMON as a policy, to be compared with. */
#pragma once

#include "monitor/adapt.h"

/* The algorithm of Linux 6.12's mm/damon/core.c, its defects included; what differs is that regions follow the mapped
 * areas at once, as udamon's do, and that no check fails. Counts are kept as hits of samples; a region's rate is that of
 * the window before. */
extern const AdaptPolicy DAMON_MODEL;

/* Its default intervals, and bounds on the number of regions. */
extern const MonitorAttrs DAMON_MODEL_ATTRS;
