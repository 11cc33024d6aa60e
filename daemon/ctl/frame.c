/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames: memory, lookups and the few numbers derived from a region. */
#include "frame.h"

#include <errno.h>
#include <math.h>

#include "base/stat.h"

Frame *frame_new(void) {
        return calloc(1, sizeof(Frame));
}

Frame *frame_free(Frame *frame) {
        if (!frame)
                return NULL;

        for (size_t i = 0; i < frame->n_targets; i++) {
                free(frame->targets[i].command);
                free(frame->targets[i].state);
        }
        for (size_t i = 0; i < frame->n_mappings; i++)
                free(frame->mappings[i]);
        free(frame->targets);
        free(frame->regions);
        free(frame->mappings);
        free(frame->monitor);
        free(frame->source);
        free(frame->granularity);
        free(frame);
        return NULL;
}

int frame_find_target(const Frame *frame, uint64_t id) {
        for (size_t i = 0; i < frame->n_targets; i++)
                if (frame->targets[i].id == id)
                        return (int) i;
        return -ENOENT;
}

int frame_add_target(Frame *frame, const FrameTarget *target) {
        _cleanup_free_ char *command = strdup(target->command);
        _cleanup_free_ char *state = strdup(target->state);
        FrameTarget *targets;

        if (!command || !state)
                return -ENOMEM;
        targets = reallocarray(frame->targets, frame->n_targets + 1, sizeof(*targets));
        if (!targets)
                return -ENOMEM;

        frame->targets = targets;
        targets[frame->n_targets] = *target;
        targets[frame->n_targets].command = TAKE_PTR(command);
        targets[frame->n_targets].state = TAKE_PTR(state);
        frame->n_targets++;
        return 0;
}

int frame_add_region(Frame *frame, const FrameRegion *region) {
        assert(region->start < region->end);
        assert(region->target < frame->n_targets);

        if (frame->n_regions == frame->regions_allocated) {
                size_t n = MAX(frame->regions_allocated * 2, (size_t) 64);
                FrameRegion *regions = reallocarray(frame->regions, n, sizeof(*regions));

                if (!regions)
                        return -ENOMEM;
                frame->regions = regions;
                frame->regions_allocated = n;
        }
        frame->regions[frame->n_regions++] = *region;
        return 0;
}

int frame_add_mapping(Frame *frame, const char *name, uint32_t *ret) {
        char **mappings;
        char *copy;

        /* from the end: neighbours mostly share their mapping */
        for (size_t i = frame->n_mappings; i-- > 0;)
                if (streq(frame->mappings[i], name)) {
                        *ret = (uint32_t) i;
                        return 0;
                }

        mappings = reallocarray(frame->mappings, frame->n_mappings + 1, sizeof(*mappings));
        if (!mappings)
                return -ENOMEM;
        frame->mappings = mappings;
        copy = strdup(name);
        if (!copy)
                return -ENOMEM;
        *ret = (uint32_t) frame->n_mappings;
        mappings[frame->n_mappings++] = copy;
        return 0;
}

uint64_t frame_resident(const Frame *frame) {
        uint64_t sum = FRAME_UNKNOWN;

        for (size_t i = 0; i < frame->n_targets; i++) {
                uint64_t bytes = frame->targets[i].resident_bytes;

                if (bytes != FRAME_UNKNOWN)
                        sum = sum == FRAME_UNKNOWN ? bytes : sum + bytes;
        }
        return sum;
}

double frame_region_error(const FrameRegion *region) {
        double n = (double) region->samples;
        double p = ((double) region->hits + 1) / (n + 2);

        return sqrt(p * (1 - p) / (n + 3));
}

double frame_region_confidence(const FrameRegion *region) {
        if (region->rate_samples < 0)
                return -1;
        return rate_confidence(region->rate, region->rate_samples, region->rate - RATE_SLACK,
                               region->rate + RATE_SLACK);
}

uint64_t frame_region_idle(const FrameRegion *region, uint64_t window_ns) {
        if (region->hits > 0)
                return 0;
        if (region->rate < FRAME_IDLE_RATE)
                return region->age_ns;
        /* not in this window, but its average remembers an access shortly before */
        return MIN(region->age_ns, window_ns);
}
