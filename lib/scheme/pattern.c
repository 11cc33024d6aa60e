/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a region is what a scheme's pattern means. */
#include "base/macro.h"
#include "base/stat.h"
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

static bool is_sure(const AccessPattern *pattern, const SnapshotRegion *region) {
        return pattern->confidence <= 0 ||
               rate_confidence(region->rate, region->sure, pattern->rate_min - RATE_SLACK,
                               pattern->rate_max + RATE_SLACK) >= pattern->confidence;
}

bool pattern_matches(const AccessPattern *pattern, const SnapshotRegion *region) {
        uint64_t size = region->end - region->start;
        nsec_t age = region_certain_age(region);

        return size >= pattern->size_min && size <= pattern->size_max && age >= pattern->age_min &&
               age <= pattern->age_max && rate_matches(pattern, region) && is_sure(pattern, region);
}
