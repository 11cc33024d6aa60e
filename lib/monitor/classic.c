/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy `classic`: DAMON's adaptive regions, with its known defects left out (Linux 6.12,
 * mm/damon/core.c; udamon(7) has the formulas).
 *
 * As in DAMON, every region gets one sample per sampling interval, neighbours that are accessed alike
 * merge at each aggregation, and every region is then cut at a random place to see whether its parts
 * differ. What differs from DAMON:
 *  - Sampling noise is told from change. A flat 10 % of the highest rate is one standard deviation at
 *    20 samples, so it splits, merges and rejuvenates at random. Rates are averaged over several
 *    windows, and two rates differ only where they do so by more than their standard errors.
 *  - An age ends with a clear change at once, and with a doubtful one only when the next window says so
 *    again. One access makes an idle region one that is not idle (its rate is not 0 any more); it is idle
 *    again since its last access.
 *  - Regions of very different age stay apart, so that no part is called more than about twice as old as
 *    it is.
 *  - min_regions is kept by cutting; the split budget reaches up to max_regions, and where it does not
 *    reach all regions it goes to the large and uncertain ones.
 *  - All offsets are drawn in 64 bits. */
#include <errno.h>
#include <math.h>

#include "monitor/merge.h"

/* How much of what was known is kept from window to window: the moving average has a memory of
 * 1 / (1 - DECAY) windows. */
#define DECAY 0.7

/* Standard errors beyond which a window is strange, and a change is certain. With 20 samples per window 1.2 % of
 * windows are strange by chance, and 6 in 100,000 look like a certain change. */
#define Z_STRANGE 2.5
#define Z_CERTAIN 4.0

/* DAMON's own threshold: a tenth of the highest rate. */
#define FLAT_SHARE 0.1

static int classic_draw_pages(AdaptContext *context, Target *target) {
        int r;

        r = target_reserve_samples(target, target->list.n);
        if (r < 0)
                return r;

        for (size_t i = 0; i < target->list.n; i++) {
                const Region *region = &target->list.regions[i];

                target->samples[i] = (Sample) {
                        .addr = adapt_sample_page(context, region),
                        .region = (uint32_t) i,
                };
        }
        target->n_samples = target->list.n;
        return 0;
}

static int classic_draw(AdaptContext *context, Target *target) {
        if (context->granularity == GRANULARITY_MAPPING)
                return merge_draw_mappings(target);
        return classic_draw_pages(context, target);
}

static double highest_rate(const AdaptContext *context) {
        double highest = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                for (size_t k = 0; k < context->targets[i]->list.n; k++) {
                        const Region *region = &context->targets[i]->list.regions[k];

                        if (region->samples > 0)
                                highest = MAX(highest, (double) region->hits / (double) region->samples);
                }
        return highest;
}

static void average_in(Region *region, double n) {
        double weight = region->weight * DECAY + n;

        region->rate = (region->rate * region->weight * DECAY + (double) region->hits) / weight;
        region->weight = weight;
}

/* Moves the average of one region on by the window, and decides whether its age ends. */
static void age_region(Region *region, double flat, nsec_t window_start, nsec_t now) {
        double n = (double) region->samples, rate, distance, error;

        if (region->samples == 0)
                return;
        if (region->hits > 0)
                region->last_hit = now;

        rate = (double) region->hits / n;
        if (region->weight < 1) {
                /* the first window of a new region: it is as old as the region */
                region->rate = rate;
                region->weight = n;
                return;
        }

        distance = fabs(rate - region->rate);
        error = merge_difference_error(rate, n, region->rate, region->weight);

        if (distance > MAX(flat, Z_CERTAIN * error) ||
            (distance > MAX(flat, Z_STRANGE * error) && ++region->strange >= 2)) {
                merge_restart_history(region, rate, n, window_start);
                return;
        }
        if (distance <= MAX(flat, Z_STRANGE * error))
                region->strange = 0;

        average_in(region, n);
        /* what is left of the last access has faded to less than half a hit: it is idle, since that access */
        if (region->hits == 0 && region->rate > 0 && region->rate * region->weight < 0.5)
                merge_restart_history(region, 0, region->weight, region->last_hit);
}

static int classic_merge(AdaptContext *context) {
        double flat = FLAT_SHARE * highest_rate(context);

        for (size_t i = 0; i < context->n_targets; i++)
                for (size_t k = 0; k < context->targets[i]->list.n; k++)
                        age_region(&context->targets[i]->list.regions[k], flat, context->window_start,
                                   context->now);
        if (context->granularity != GRANULARITY_MAPPING)
                merge_regions(context, flat);
        return 0;
}

/* A random place in the middle four fifths, as DAMON cuts. */
static uint64_t cut_place(const Region *region, Rng *rng) {
        uint64_t pages = region_size(region) / PAGE_SIZE_MIN;
        uint64_t tenths = 1 + rng_below(rng, 9);
        uint64_t left = CLAMP(pages / 10 * tenths + pages % 10 * tenths / 10, UINT64_C(1), pages - 1);

        return region->start + left * PAGE_SIZE_MIN;
}

/* How much a cut may teach: bytes whose state is not known for certain. */
static double uncertainty(const Region *region) {
        double p = (region->rate * region->weight + 0.5) / (region->weight + 1);

        return (double) region_size(region) * page_use_trackable(region->apart_share) * p * (1 - p);
}

static int compare_doubles_down(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return (x < y) - (x > y);
}

/* The uncertainty that a region must have to be among the `budget` first. */
static int cut_threshold(const AdaptContext *context, size_t budget, double *ret) {
        _cleanup_free_ double *values = NULL;
        size_t n = 0;

        values = malloc(MAX(adapt_count_regions(context), (size_t) 1) * sizeof(*values));
        if (!values)
                return -ENOMEM;

        for (size_t i = 0; i < context->n_targets; i++)
                for (size_t k = 0; k < context->targets[i]->list.n; k++)
                        if (region_size(&context->targets[i]->list.regions[k]) >= 2 * PAGE_SIZE_MIN)
                                values[n++] = uncertainty(&context->targets[i]->list.regions[k]);

        if (n <= budget) {
                *ret = -1;
                return 0;
        }
        qsort(values, n, sizeof(*values), compare_doubles_down);
        *ret = values[budget];
        return 0;
}

static int cut_target(AdaptContext *context, RegionList *list, double threshold, size_t *budget) {
        int r;

        for (size_t i = 0; i < list->n && *budget > 0; i++) {
                if (region_size(&list->regions[i]) < 2 * PAGE_SIZE_MIN || uncertainty(&list->regions[i]) <= threshold)
                        continue;
                r = region_list_split(list, i, cut_place(&list->regions[i], context->rng));
                if (r < 0)
                        return r;
                i++;
                (*budget)--;
        }
        return 0;
}

static int classic_split(AdaptContext *context) {
        size_t n, budget;
        double threshold;
        int r;

        merge_reset_windows(context);
        if (context->granularity == GRANULARITY_MAPPING)
                return 0;

        n = adapt_count_regions(context);
        if (n >= context->attrs->max_regions)
                return 0;

        budget = context->attrs->max_regions - n;
        r = cut_threshold(context, budget, &threshold);
        for (size_t i = 0; r == 0 && i < context->n_targets; i++)
                r = cut_target(context, &context->targets[i]->list, threshold, &budget);
        return r;
}

const AdaptPolicy ADAPT_CLASSIC = {
        .name = "classic",
        .draw = classic_draw,
        .merge = classic_merge,
        .bound = merge_bound,
        .split = classic_split,
};
