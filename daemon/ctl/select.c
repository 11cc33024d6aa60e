/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters and orders of regions. */
#include "select.h"

#include <errno.h>

static bool passes(const Arguments *args, const FrameRegion *region) {
        double rate = frame_region_rate(region);
        bool any_rate = args->rate.min <= 0 && args->rate.max >= 1;

        if (frame_region_bytes(region) < args->min_size)
                return false;
        if (region->age_ns < args->age.min || region->age_ns > args->age.max)
                return false;
        /* nothing is known of a blind region: no range but the whole one holds it */
        return any_rate ||
               (!frame_region_blind(region) && rate >= args->rate.min && rate <= args->rate.max);
}

/* Order of the frame: target, then address. */
static int by_address(const void *a, const void *b) {
        const FrameRegion *x = *(const FrameRegion *const *) a,
                          *y = *(const FrameRegion *const *) b;

        return x < y ? -1 : x > y;
}

static int by_rate(const void *a, const void *b) {
        const FrameRegion *x = *(const FrameRegion *const *) a,
                          *y = *(const FrameRegion *const *) b;
        double p = frame_region_blind(x) ? -1 : frame_region_rate(x);
        double q = frame_region_blind(y) ? -1 : frame_region_rate(y);

        return p > q ? -1 : p < q ? 1 : by_address(a, b);
}

static int by_age(const void *a, const void *b) {
        const FrameRegion *x = *(const FrameRegion *const *) a,
                          *y = *(const FrameRegion *const *) b;

        return x->age_ns > y->age_ns ? -1 : x->age_ns < y->age_ns ? 1 : by_address(a, b);
}

static int by_size(const void *a, const void *b) {
        uint64_t p = frame_region_bytes(*(const FrameRegion *const *) a);
        uint64_t q = frame_region_bytes(*(const FrameRegion *const *) b);

        return p > q ? -1 : p < q ? 1 : by_address(a, b);
}

static int by_heat(const void *a, const void *b) {
        const FrameRegion *x = *(const FrameRegion *const *) a,
                          *y = *(const FrameRegion *const *) b;
        double p = frame_region_rate(x) * (double) frame_region_bytes(x);
        double q = frame_region_rate(y) * (double) frame_region_bytes(y);

        return p > q ? -1 : p < q ? 1 : by_address(a, b);
}

int selection_init(Selection *selection, const Arguments *args, const Frame *frame) {
        static int (*const orders[])(const void *, const void *) = {
                [SORT_ADDRESS] = by_address,
                [SORT_RATE] = by_rate,
                [SORT_AGE] = by_age,
                [SORT_SIZE] = by_size,
                [SORT_HEAT] = by_heat,
        };

        *selection =
                (Selection){.regions = calloc(frame->n_regions + 1, sizeof(*selection->regions))};
        if (!selection->regions)
                return -ENOMEM;

        for (size_t i = 0; i < frame->n_regions; i++) {
                if (!passes(args, &frame->regions[i]))
                        continue;
                selection->regions[selection->n_matching++] = &frame->regions[i];
                selection->matching_bytes += frame_region_bytes(&frame->regions[i]);
        }
        qsort(selection->regions, selection->n_matching, sizeof(*selection->regions),
              orders[args->sort]);
        selection->n = args->has_top ? MIN(selection->n_matching, (size_t) args->top)
                                     : selection->n_matching;
        for (size_t i = 0; i < selection->n; i++)
                selection->shown_bytes += frame_region_bytes(selection->regions[i]);
        return 0;
}

void selection_deinit(Selection *selection) {
        free(selection->regions);
        *selection = (Selection) {};
}
