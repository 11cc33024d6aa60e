/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For how long memory has been idle. */
#include "idle.h"

#include <errno.h>

void idle_times_deinit(IdleTimes *idle) {
        free(idle->values);
}

/* Not every region is asked in every window where samples go where they change the answer: then what its average says
 * still holds. */
static bool was_not_asked(const Frame *frame, const FrameRegion *region) {
        return region->samples == 0 && region->untrackable == 0 && region->age_ns > frame->point.window_ns;
}

int idle_times_init(IdleTimes *idle, const Frame *frame) {
        *idle = (IdleTimes) { .values = calloc(frame->n_regions + 1, sizeof(*idle->values)) };
        if (!idle->values)
                return -ENOMEM;

        for (size_t i = 0; i < frame->n_regions; i++) {
                const FrameRegion *region = &frame->regions[i];
                uint64_t bytes = frame_region_memory(region);

                if (bytes == 0)
                        continue;
                if (frame_region_blind(region) && !was_not_asked(frame, region)) {
                        idle->blind_bytes += bytes;
                        idle->blind_regions++;
                        continue;
                }
                idle->values[idle->n++] = (WeightedValue) {
                        (double) frame_region_idle(region, frame->point.window_ns), bytes,
                };
                idle->bytes += bytes;
                if (region->samples < SAMPLES_CONFIDENT)
                        idle->few_bytes += bytes;
        }
        weighted_sort(idle->values, idle->n);
        return 0;
}

uint64_t idle_times_at_least(const IdleTimes *idle, nsec_t t) {
        uint64_t bytes = 0;

        for (size_t i = idle->n; i-- > 0 && idle->values[i].value >= (double) t;)
                bytes += idle->values[i].weight;
        return bytes;
}
