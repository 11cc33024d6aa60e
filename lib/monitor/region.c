/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of regions. */
#include "monitor/region.h"

#include <errno.h>

#include "base/macro.h"

void region_list_deinit(RegionList *list) {
        free(list->regions);
        *list = (RegionList) {};
}

int region_list_reserve(RegionList *list, size_t n) {
        Region *regions;
        size_t allocated;

        if (n <= list->allocated)
                return 0;

        allocated = MAX(n, list->allocated + list->allocated / 2 + 16);
        regions = reallocarray(list->regions, allocated, sizeof(*regions));
        if (!regions)
                return -ENOMEM;

        list->regions = regions;
        list->allocated = allocated;
        return 0;
}

int region_list_append(RegionList *list, uint64_t start, uint64_t end, nsec_t now) {
        int r;

        assert(start < end);
        assert(list->n == 0 || list->regions[list->n - 1].end <= start);

        r = region_list_reserve(list, list->n + 1);
        if (r < 0)
                return r;

        list->regions[list->n++] = (Region) { .start = start, .end = end, .since = now, .born = now, .last_hit = now };
        return 0;
}

void region_reset_window(Region *region) {
        region->samples = region->hits = region->untrackable = 0;
        memset(region->apart, 0, sizeof(region->apart));
}

/* Samples that these averages remember, and what a window leaves of them: what frames are used for changes slowly. */
#define APART_WEIGHT_MAX 200.0
#define APART_DECAY 0.8

void region_learn_apart(Region *region) {
        double n = (double) region->samples, weight;

        for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                n += (double) region->apart[use];
        if (n <= 0)
                return;

        weight = MIN(region->apart_weight * APART_DECAY, APART_WEIGHT_MAX);
        for (PageUse use = USE_FREE; use < _USE_MAX; use++)
                region->apart_share[use] = (region->apart_share[use] * weight + (double) region->apart[use]) /
                                           (weight + n);
        region->apart_weight = weight + n;
}

/* What a region taught is true of a part of it as well, but less surely so: the next window of the
 * part's own must be able to overrule it. */
#define SPLIT_WEIGHT 0.25

int region_list_split(RegionList *list, size_t i, uint64_t addr) {
        Region *left, *right;
        double share;
        int r;

        assert(i < list->n);
        assert(addr > list->regions[i].start && addr < list->regions[i].end);

        r = region_list_reserve(list, list->n + 1);
        if (r < 0)
                return r;

        left = &list->regions[i];
        right = left + 1;
        memmove(right + 1, right, (list->n - i - 1) * sizeof(*right));
        list->n++;

        region_reset_window(left);
        left->apart_weight *= SPLIT_WEIGHT;
        left->need = left->probes = left->probe_hits = 0;
        memset(left->part_samples, 0, sizeof(left->part_samples));
        memset(left->part_hits, 0, sizeof(left->part_hits));
        left->weight *= SPLIT_WEIGHT;
        share = (double) (addr - left->start) / (double) region_size(left);
        *right = *left;
        left->end = addr;
        left->clear *= share;
        left->lone_samples *= share;
        left->lone_hits *= share;
        right->start = addr;
        right->clear *= 1 - share;
        right->lone_samples *= 1 - share;
        right->lone_hits *= 1 - share;
        return 0;
}

/* In doubles a time since boot would lose its nanoseconds; their difference does not. */
static nsec_t weighted_time(nsec_t left, nsec_t right, double share_left) {
        if (left >= right)
                return right + (nsec_t) ((double) (left - right) * share_left);
        return left + (nsec_t) ((double) (right - left) * (1 - share_left));
}

/* What there is to be seen of; hardly anything, where that is nothing. */
static double trackable_size(const Region *region) {
        return (double) region_size(region) * MAX(page_use_trackable(region->apart_share), 1e-6);
}

static void absorb_apart(Region *left, const Region *right) {
        double share = (double) region_size(left) / (double) (region_size(left) + region_size(right));

        for (PageUse use = USE_FREE; use < _USE_MAX; use++) {
                left->apart[use] += right->apart[use];
                left->apart_share[use] = left->apart_share[use] * share + right->apart_share[use] * (1 - share);
        }
        left->apart_weight += right->apart_weight;
}

void region_absorb(Region *left, const Region *right) {
        double size_left = trackable_size(left), size_right = trackable_size(right);
        double share = size_left / (size_left + size_right);

        assert(left->end == right->start);

        absorb_apart(left, right);
        left->end = right->end;
        left->samples += right->samples;
        left->hits += right->hits;
        left->untrackable += right->untrackable;
        left->rate = left->rate * share + right->rate * (1 - share);
        left->before = left->before * share + right->before * (1 - share);
        left->weight += right->weight;
        left->lone_samples += right->lone_samples;
        left->lone_hits += right->lone_hits;
        /* as if all had been looked at as little as the less known of the two */
        left->clear = MIN(left->clear / share, right->clear / (1 - share));
        left->since = weighted_time(left->since, right->since, share);
        left->born = MAX(left->born, right->born);
        left->last_hit = MAX(left->last_hit, right->last_hit);
        left->strange = MAX(left->strange, right->strange);
        memset(left->part_samples, 0, sizeof(left->part_samples));
        memset(left->part_hits, 0, sizeof(left->part_hits));
}

uint64_t region_list_bytes(const RegionList *list) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < list->n; i++)
                bytes += region_size(&list->regions[i]);
        return bytes;
}

/* Appends what the old regions from *i on have of one range, and new regions for the rest of it. */
static int fit_range(const RegionList *old, size_t *i, const Range *range, RegionList *fitted, nsec_t now) {
        uint64_t at = range->start;
        int r;

        while (*i < old->n && old->regions[*i].end <= range->start)
                (*i)++;

        for (size_t k = *i; k < old->n && old->regions[k].start < range->end; k++) {
                Region part = old->regions[k];

                part.start = MAX(part.start, range->start);
                part.end = MIN(part.end, range->end);

                if (at < part.start) {
                        r = region_list_append(fitted, at, part.start, now);
                        if (r < 0)
                                return r;
                }
                r = region_list_append(fitted, part.start, part.end, now);
                if (r < 0)
                        return r;
                fitted->regions[fitted->n - 1] = part;
                at = part.end;
        }

        return at < range->end ? region_list_append(fitted, at, range->end, now) : 0;
}

static bool fits_already(const RegionList *list, const Range *ranges, size_t n_ranges) {
        size_t k = 0;

        for (size_t i = 0; i < n_ranges; i++) {
                uint64_t at = ranges[i].start;

                for (; k < list->n && at < ranges[i].end && list->regions[k].start == at; k++)
                        at = list->regions[k].end;
                if (at != ranges[i].end)
                        return false;
        }
        return k == list->n;
}

int region_list_fit(RegionList *list, const Range *ranges, size_t n_ranges, nsec_t now) {
        _cleanup_(region_list_deinit) RegionList fitted = {};
        size_t i = 0;
        int r;

        if (fits_already(list, ranges, n_ranges))
                return 0;

        for (size_t k = 0; k < n_ranges; k++) {
                r = fit_range(list, &i, &ranges[k], &fitted, now);
                if (r < 0)
                        return r;
        }

        region_list_deinit(list);
        *list = fitted;
        fitted = (RegionList) {};
        return 0;
}
