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

/* What a region taught is true of a part of it as well, but less surely so: the next window of the
 * part's own must be able to overrule it. */
#define SPLIT_WEIGHT 0.25

int region_list_split(RegionList *list, size_t i, uint64_t addr) {
        Region *left, *right;
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

        left->samples = left->hits = left->untrackable = 0;
        left->need = left->probes = left->probe_hits = 0;
        memset(left->part_samples, 0, sizeof(left->part_samples));
        memset(left->part_hits, 0, sizeof(left->part_hits));
        left->weight *= SPLIT_WEIGHT;
        *right = *left;
        left->end = addr;
        right->start = addr;
        return 0;
}

/* In doubles a time since boot would lose its nanoseconds; their difference does not. */
static nsec_t weighted_time(nsec_t left, nsec_t right, double share_left) {
        if (left >= right)
                return right + (nsec_t) ((double) (left - right) * share_left);
        return left + (nsec_t) ((double) (right - left) * (1 - share_left));
}

void region_absorb(Region *left, const Region *right) {
        double size_left = (double) region_size(left), size_right = (double) region_size(right);
        double share = size_left / (size_left + size_right);

        assert(left->end == right->start);

        left->end = right->end;
        left->samples += right->samples;
        left->hits += right->hits;
        left->untrackable += right->untrackable;
        left->rate = left->rate * share + right->rate * (1 - share);
        left->before = left->before * share + right->before * (1 - share);
        left->weight += right->weight;
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
