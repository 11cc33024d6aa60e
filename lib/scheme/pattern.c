/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a region is what a scheme's pattern means. */
#include <math.h>

#include "base/macro.h"
#include "scheme/parts.h"

nsec_t region_certain_age(const SnapshotRegion *region) {
        return MIN(region->age, region->newest);
}

static bool rate_matches(const AccessPattern *pattern, const SnapshotRegion *region) {
        if (region->samples == 0)
                return pattern->rate_min <= 0 && pattern->rate_max >= 1;
        /* the average forgets slowly and may be rounded: idle means that nothing was seen */
        if (pattern->rate_max <= 0 && region->hits > 0)
                return false;
        return region->rate >= pattern->rate_min && region->rate <= pattern->rate_max;
}

/* By bisection: nothing here is so frequent that a faster way would be worth its lines. */
static double normal_quantile(double p) {
        double low = 0, high = 10;

        for (unsigned i = 0; i < 40; i++) {
                double middle = (low + high) / 2;

                if (0.5 * erfc(-middle / sqrt(2)) < p)
                        low = middle;
                else
                        high = middle;
        }
        return (low + high) / 2;
}

static bool is_sure(const AccessPattern *pattern, const SnapshotRegion *region) {
        double n = region->weight, p = region->rate, z, middle, half;

        if (pattern->confidence <= 0)
                return true;
        if (n < 1)
                return false;
        z = normal_quantile(pattern->confidence);
        middle = (p + z * z / (2 * n)) / (1 + z * z / n);
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
        return middle - half >= pattern->rate_min - CONFIDENCE_SLACK &&
               middle + half <= pattern->rate_max + CONFIDENCE_SLACK;
}

bool pattern_matches(const AccessPattern *pattern, const SnapshotRegion *region) {
        uint64_t size = region->end - region->start;
        nsec_t age = region_certain_age(region);

        return size >= pattern->size_min && size <= pattern->size_max && age >= pattern->age_min &&
               age <= pattern->age_max && rate_matches(pattern, region) && is_sure(pattern, region);
}
