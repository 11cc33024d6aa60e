/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What adaptation policies have in common. */
#include "monitor/merge.h"

#include <errno.h>
#include <math.h>

double merge_difference_error(double rate1, double n1, double rate2, double n2) {
        double p = (rate1 * n1 + rate2 * n2 + 0.5) / (n1 + n2 + 1);

        return sqrt(p * (1 - p) * (1 / n1 + 1 / n2));
}

static double angle(double rate, double n) {
        return asin(sqrt((rate * n + 0.375) / (n + 0.75)));
}

double merge_distance(double rate1, double n1, double rate2, double n2) {
        return 2 * fabs(angle(rate1, n1) - angle(rate2, n2)) / sqrt(1 / n1 + 1 / n2);
}

double merge_tail(double hits, double n, double rate) {
        double below = 0, term = pow(1 - rate, n);

        for (double k = 0; k < hits; k++) {
                below += term;
                term *= (n - k) / (k + 1) * rate / (1 - rate);
        }
        return MAX(1 - below, 0.0);
}

void merge_restart_history(Region *region, double rate, double n, nsec_t since) {
        if (since > region->since || region->rate != rate)
                region->before = region->rate;
        region->rate = rate;
        region->weight = n;
        region->since = since;
        region->strange = 0;
        region->lone_samples = region->lone_hits = 0;
}

static bool ages_are_near(const Region *a, const Region *b, const AdaptContext *context) {
        nsec_t x = context->now - MIN(a->since, context->now), y = context->now - MIN(b->since, context->now);

        /* differences of a few windows are noise */
        return MAX(x, y) <= 2 * MIN(x, y) + 3 * context->attrs->aggregate;
}

/* Idle regions in which lone accesses are not equally frequent are not the same. */
#define LONE_Z 4

static bool alike(const Region *a, const Region *b, double flat, const AdaptContext *context) {
        double error;

        if (a->weight < 1 || b->weight < 1)
                return a->weight < 1 && b->weight < 1;
        if ((a->rate == 0) != (b->rate == 0))
                return false;
        if (a->rate == 0 && a->lone_samples >= 1 && b->lone_samples >= 1 &&
            merge_distance(a->lone_hits / a->lone_samples, a->lone_samples, b->lone_hits / b->lone_samples,
                           b->lone_samples) > LONE_Z)
                return false;
        if (!ages_are_near(a, b, context))
                return false;

        error = merge_difference_error(a->rate, a->weight, b->rate, b->weight);
        return fabs(a->rate - b->rate) <= MAX(flat, MERGE_Z * error);
}

typedef struct MergePass {
        double flat;
        uint64_t size_limit;
        bool forced; /* too many regions: nothing but distance and size counts */
} MergePass;

static bool may_merge(const Region *a, const Region *b, const MergePass *pass, const AdaptContext *context) {
        if (a->end != b->start || region_size(a) + region_size(b) > pass->size_limit)
                return false;
        if (a->need > 0 || b->need > 0)
                return false; /* under search */
        if (pass->forced)
                return fabs(a->rate - b->rate) <= pass->flat;
        return alike(a, b, pass->flat, context);
}

static void merge_list(RegionList *list, const MergePass *pass, const AdaptContext *context) {
        size_t kept = 0;

        for (size_t i = 1; i < list->n; i++) {
                Region *last = &list->regions[kept], *next = &list->regions[i];

                if (may_merge(last, next, pass, context))
                        region_absorb(last, next);
                else
                        list->regions[++kept] = *next;
        }
        list->n = MIN(list->n, kept + 1);
}

static void merge_all(const MergePass *pass, const AdaptContext *context) {
        for (size_t i = 0; i < context->n_targets; i++)
                merge_list(&context->targets[i]->list, pass, context);
}

void merge_alike_regions(const AdaptContext *context, RegionList *list, double flat) {
        MergePass pass = { .flat = flat, .size_limit = adapt_size_limit(context) };

        merge_list(list, &pass, context);
}

void merge_regions(const AdaptContext *context, double flat) {
        MergePass pass = { .flat = flat, .size_limit = adapt_size_limit(context) };

        merge_all(&pass, context);

        pass.forced = true;
        pass.size_limit = MAX(pass.size_limit, adapt_size_least(context));
        for (pass.flat = MAX(flat, 0.05); adapt_count_regions(context) > context->attrs->max_regions; pass.flat *= 2) {
                merge_all(&pass, context);
                if (pass.flat >= 1)
                        break;
        }
}

/* Cuts region i into equal pieces of about the limit. */
static int cut_region(RegionList *list, size_t i, uint64_t limit) {
        uint64_t pages = region_size(&list->regions[i]) / PAGE_SIZE_MIN, most = MAX(limit / PAGE_SIZE_MIN, UINT64_C(1));
        uint64_t pieces = (pages + most / 2) / most;
        int r;

        for (; pieces > 1; pieces--, i++) {
                uint64_t piece = region_size(&list->regions[i]) / PAGE_SIZE_MIN / pieces * PAGE_SIZE_MIN;

                r = region_list_split(list, i, list->regions[i].start + piece);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* So that min_regions holds, and max_region_size. */
int merge_bound(AdaptContext *context) {
        uint64_t limit = adapt_size_limit(context);
        int r;

        if (context->granularity == GRANULARITY_MAPPING)
                return 0;

        for (size_t i = 0; i < context->n_targets; i++) {
                RegionList *list = &context->targets[i]->list;

                for (size_t k = 0; k < list->n; k++)
                        if (region_size(&list->regions[k]) > limit + limit / 2) {
                                r = cut_region(list, k, limit);
                                if (r < 0)
                                        return r;
                        }
        }
        return 0;
}

int merge_draw_mappings(Target *target) {
        const AddressMap *map = target->map;
        size_t n = 0;
        int r;

        r = target_reserve_samples(target, map ? map->n_mappings : 0);
        if (r < 0)
                return r;

        for (size_t i = 0, k = 0; map && i < map->n_mappings; i++) {
                while (k < target->list.n && target->list.regions[k].end <= map->mappings[i].start)
                        k++;
                if (k == target->list.n)
                        break;
                if (target->list.regions[k].start <= map->mappings[i].start)
                        target->samples[n++] = (Sample) {
                                .addr = map->mappings[i].start,
                                .region = (uint32_t) k,
                        };
        }
        target->n_samples = n;
        return 0;
}

void merge_reset_windows(AdaptContext *context) {
        for (size_t i = 0; i < context->n_targets; i++) {
                RegionList *list = &context->targets[i]->list;

                for (size_t k = 0; k < list->n; k++)
                        region_reset_window(&list->regions[k]);
        }
}
