/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who comes first under a quota. */
#include <math.h>

#include "base/macro.h"
#include "monitor/ops.h"
#include "scheme/parts.h"

#define SCORE_ALIKE 0.5

/* DAMON_MAX_AGE_IN_LOG of mm/damon/ops-common.c */
#define AGE_LOG_MAX 32.0

/* 2^40 pages are more than any address space has */
#define SIZE_LOG_MAX 40.0

/* 0: idle for ever, 0.5: no history, 1: accessed for ever. */
static double age_part(const SnapshotRegion *region) {
        double a = fmin(log2(1 + (double) region_certain_age(region) / (double) NSEC_PER_SEC), AGE_LOG_MAX);

        if (region->rate <= 0)
                a = -a;
        return (a + AGE_LOG_MAX) / (2 * AGE_LOG_MAX);
}

static double size_part(const SnapshotRegion *region) {
        double pages = (double) (region->end - region->start) / (double) PAGE_SIZE_MIN;

        return pages > 1 ? fmin(log2(pages) / SIZE_LOG_MAX, 1) : 0;
}

double region_score(const QuotaConfig *quota, Preference preference, const SnapshotRegion *region) {
        double w_rate = quota->weight_rate, w_age = quota->weight_age, w_size = quota->weight_size;
        double weights = w_rate + w_age + w_size;
        double f = CLAMP(region->rate, 0.0, 1.0), g = age_part(region);

        if (preference == PREFER_NONE || weights <= 0)
                return SCORE_ALIKE;
        if (preference == PREFER_COLD) {
                f = 1 - f;
                g = 1 - g;
        }
        return (w_rate * f + w_age * g + w_size * size_part(region)) / weights;
}
