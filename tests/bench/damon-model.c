/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's DAMON as a policy: one sample per region, merging within a tenth of the highest count, random splits. */
#include "damon-model.h"

#include <errno.h>

#include "monitor/merge.h"

const MonitorAttrs DAMON_MODEL_ATTRS = {
        .sample = 5 * NSEC_PER_MSEC,
        .aggregate = 100 * NSEC_PER_MSEC,
        .update = 60 * NSEC_PER_SEC,
        .min_regions = 10,
        .max_regions = 1000,
};

typedef struct DamonState {
        size_t last_count; /* of regions, when they were split last */
} DamonState;

static void *new_state(void) {
        return calloc(1, sizeof(DamonState));
}

static int draw(AdaptContext *context, Target *target) {
        int r = target_reserve_samples(target, target->list.n);

        if (r < 0)
                return r;
        for (size_t i = 0; i < target->list.n; i++) {
                const Region *region = &target->list.regions[i];
                /* the random offset comes from 32 bits: of the size, what exceeds a multiple of 4 GiB is reached */
                uint32_t span = (uint32_t) region_size(region);
                uint64_t offset = rng_below(context->rng, span > 0 ? span : UINT64_C(1) << 32);

                target->samples[i] = (Sample) {
                        .addr = (region->start + offset) / PAGE_SIZE_MIN * PAGE_SIZE_MIN,
                        .region = (uint32_t) i,
                };
        }
        target->n_samples = target->list.n;
        return 0;
}

static uint64_t most_hits(const AdaptContext *context) {
        uint64_t most = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                for (size_t k = 0; k < context->targets[i]->list.n; k++)
                        most = MAX(most, context->targets[i]->list.regions[k].hits);
        return most;
}

static uint64_t distance(uint64_t a, uint64_t b) {
        return a > b ? a - b : b - a;
}

/* Truncated means, weighted by size. */
static void absorb(Region *left, const Region *right) {
        uint64_t a = region_size(left), b = region_size(right);
        double share = (double) a / (double) (a + b);

        left->hits = (uint64_t) ((double) left->hits * share + (double) right->hits * (1 - share));
        left->since = (nsec_t) ((double) left->since * share + (double) right->since * (1 - share));
        left->end = right->end;
}

static void merge_list(RegionList *list, uint64_t threshold, uint64_t limit) {
        size_t kept = 0;

        for (size_t i = 1; i < list->n; i++) {
                Region *last = &list->regions[kept], *next = &list->regions[i];

                if (region_touches(last, next) && distance(last->hits, next->hits) <= threshold &&
                    region_size(last) + region_size(next) <= limit)
                        absorb(last, next);
                else
                        list->regions[++kept] = *next;
        }
        list->n = MIN(list->n, kept + 1);
}

static void age(const AdaptContext *context, uint64_t threshold) {
        for (size_t i = 0; i < context->n_targets; i++)
                for (size_t k = 0; k < context->targets[i]->list.n; k++) {
                        Region *region = &context->targets[i]->list.regions[k];
                        uint64_t before = (uint64_t) (region->rate * (double) region->samples + 0.5);

                        if (distance(region->hits, before) > threshold)
                                region->since = context->now;
                }
}

static int merge(AdaptContext *context) {
        uint64_t threshold = most_hits(context) / 10, limit = adapt_size_limit(context);
        uint64_t most = context->attrs->aggregate / context->attrs->sample;

        age(context, threshold);
        for (;;) {
                for (size_t i = 0; i < context->n_targets; i++)
                        merge_list(&context->targets[i]->list, threshold, limit);
                if (adapt_count_regions(context) <= context->attrs->max_regions || threshold >= most)
                        return 0;
                threshold = MAX(threshold * 2, UINT64_C(1));
        }
}

static int cut(AdaptContext *context, RegionList *list, size_t i) {
        uint64_t size = region_size(&list->regions[i]), tenths = 1 + rng_below(context->rng, 9);
        uint64_t left = size / 10 * tenths / PAGE_SIZE_MIN * PAGE_SIZE_MIN;

        if (size <= 2 * PAGE_SIZE_MIN || left == 0 || left >= size)
                return 0;
        return region_list_split(list, i, list->regions[i].start + left);
}

static void reset(RegionList *list) {
        for (size_t i = 0; i < list->n; i++) {
                Region *region = &list->regions[i];

                region->rate = region->samples > 0 ? (double) region->hits / (double) region->samples : 0;
                region->samples = region->hits = region->untrackable = 0;
        }
}

static int split(AdaptContext *context) {
        size_t n = adapt_count_regions(context);
        DamonState *state = context->state;
        unsigned pieces = n == state->last_count && n < context->attrs->max_regions / 3 ? 3 : 2;
        int r;

        for (size_t i = 0; i < context->n_targets; i++) {
                RegionList *list = &context->targets[i]->list;

                reset(list);
                for (size_t k = list->n; n <= context->attrs->max_regions / 2 && k > 0; k--)
                        for (unsigned piece = 1; piece < pieces; piece++) {
                                r = cut(context, list, k - 1);
                                if (r < 0)
                                        return r;
                        }
        }
        state->last_count = n;
        return 0;
}

const AdaptPolicy DAMON_MODEL = {
        .name = "damon",
        .draw = draw,
        .merge = merge,
        .bound = merge_bound, /* in the kernel only when it begins */
        .split = split,
        .new_state = new_state,
        .free_state = free,
};
