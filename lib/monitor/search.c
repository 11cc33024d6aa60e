/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Searches of the policy `directed`. A spot, the block around a surprise, is asked until its rate is known. Then gaps
 * are opened beside it: the far half of a gap is asked, and an access there moves the boundary to it and the gap on,
 * four times as large. After improbable silence, the boundary lies within the gap: its middle is asked; an access moves
 * the near end there, silence the far end, until the gap is a small part of what it bounds. */
#include "monitor/search.h"

#include <errno.h>
#include <math.h>

#include "monitor/merge.h"

/* Probes that decide a gap: so many that memory of the rate p shows no access with a probability of exp(-MISS_LOG)
 * only, n = MISS_LOG / -ln(1 - p); p is taken half a standard error lower than it is known. */
#define MISS_LOG 4.6      /* 1 % */
#define MISS_LOG_CALM 9.2 /* 1 in 10,000, while little is under search */
#define MISS_LOWERED 0.5
#define NEED_MIN 3
#define NEED_MAX 128
#define NEED_SURELY_MAX 1024

#define SPOT_STAGE 8 /* probes of a spot at a time: if all of the first are hits, that is enough */

#define GIVE_UP_WINDOWS 2
#define GIVE_UP (10 * NSEC_PER_SEC) /* at least */

#define WHOLES_KEPT 0.9

#define GALLOP 4
#define REACH 16     /* how far beyond its size a search will get by itself */
#define EDGE_PART 64 /* a gap is closed at this part of what it bounds */
#define SLICE 8      /* the part of a gap, around its middle, that is asked to halve it */

#define LONE_RATE_MAX 0.02
#define LONE_CHANCE 1e-3
#define Z_SPOT 2.5 /* a spot beyond this is not like the memory around it */

double search_miss_log(const Region *region, double lowered) {
        double p = (region->rate * region->weight + 0.25) / (region->weight + 0.5);

        p -= lowered * sqrt(p * (1 - p) / (region->weight + 1));
        return -log1p(-MAX(p, 0.001));
}

uint32_t search_need(const AdaptContext *context, const Region *region) {
        const SearchState *d = context->state;
        double need = (d->busy ? MISS_LOG : MISS_LOG_CALM) / search_miss_log(region, MISS_LOWERED);

        return (uint32_t) CLAMP(ceil(need), (double) NEED_MIN, (double) NEED_MAX);
}

/* How many probes of a region under search come next: a hit may make the second half of them needless. */
size_t search_next_probes(const Region *region) {
        size_t left = region->need - MIN(region->probes, region->need);

        if (region->search == SEARCH_SPOT)
                return MIN(left, (size_t) SPOT_STAGE);
        return region->search <= SEARCH_WHOLE ? left : MIN(left, (size_t) (region->need + 1) / 2);
}

/* Where to ask: a cell everywhere, a gap in its far half or around its middle. */
void search_slice(const Region *region, uint64_t *ret_start, uint64_t *ret_end) {
        uint64_t pages = region_size(region) / PAGE_SIZE_MIN, first = 0, last = pages;

        if (region->search == SEARCH_OUTWARD && region->hot_left)
                first = pages / 2;
        else if (region->search == SEARCH_OUTWARD)
                last = (pages + 1) / 2;
        else if (region->search == SEARCH_INWARD) {
                first = pages / 2 - MIN(pages / 2, pages / SLICE / 2);
                last = pages / 2 + pages / SLICE / 2 + 1;
        }
        *ret_start = region->start + first * PAGE_SIZE_MIN;
        *ret_end = region->start + last * PAGE_SIZE_MIN;
}

uint32_t search_need_surely(const Region *region) {
        double need = MISS_LOG_CALM / search_miss_log(region, MISS_LOWERED);

        return (uint32_t) CLAMP(ceil(need), (double) NEED_MIN, (double) NEED_SURELY_MAX);
}

void search_ask(Region *region, RegionSearch search, uint32_t need) {
        region->search = search;
        region->need = need;
        region->probes = region->probe_hits = 0;
        region->edge = 0;
}

void search_recent(const Region *region, double *ret_hits, double *ret_n) {
        *ret_hits = *ret_n = 0;
        for (size_t i = 0; i < REGION_PARTS; i++) {
                *ret_hits += region->part_hits[i];
                *ret_n += region->part_samples[i];
        }
}

void search_set_recent(Region *region, double hits, double n) {
        for (size_t i = 0; i < REGION_PARTS; i++) {
                region->part_hits[i] = (float) (hits / REGION_PARTS);
                region->part_samples[i] = (float) (n / REGION_PARTS);
        }
}

void search_average_in(Region *region, double hits, double n) {
        double kept = MAX(region->weight * SEARCH_DECAY, MIN(region->weight, SEARCH_WEIGHT_KEPT));

        region->rate = (region->rate * kept + hits) / (kept + n);
        region->weight = kept + n;
}

int search_split(RegionList *list, size_t i, uint64_t addr) {
        Region whole = list->regions[i], *left;
        double share = (double) (addr - whole.start) / (double) region_size(&whole);
        double least = MIN(whole.weight, 1.0), hits, n;
        int r;

        if (addr <= whole.start || addr >= whole.end)
                return 0;
        r = region_list_split(list, i, addr);
        if (r < 0)
                return r;
        left = &list->regions[i];
        left[0].weight = MAX(whole.weight * share, least);
        left[1].weight = MAX(whole.weight * (1 - share), least);
        left[0].samples = (uint64_t) ((double) whole.samples * share);
        left[1].samples = whole.samples - left[0].samples;
        left[0].hits = MIN((uint64_t) ((double) whole.hits * share), left[0].samples);
        left[1].hits = MIN(whole.hits - left[0].hits, left[1].samples);
        if (region_is_idle(&whole)) {
                search_recent(&whole, &hits, &n);
                search_set_recent(&left[0], hits * share, n * share);
                search_set_recent(&left[1], hits * (1 - share), n * (1 - share));
        }
        return 0;
}

bool search_has_room(const AdaptContext *context, size_t n) {
        return adapt_count_regions(context) + n <= context->attrs->max_regions;
}

/* The region that holds the address, or n. */
static size_t find_region(const RegionList *list, uint64_t addr) {
        size_t low = 0, high = list->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (list->regions[middle].end <= addr)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < list->n && list->regions[low].start <= addr ? low : list->n;
}

/* The region beside i, on that side, where it touches; else NULL. */
static Region *beside(const RegionList *list, size_t i, bool right) {
        Region *region = &list->regions[i];

        if (right)
                return i + 1 < list->n && region_touches(region, region + 1) ? region + 1 : NULL;
        return i > 0 && region_touches(region - 1, region) ? region - 1 : NULL;
}

SearchWorth search_worth(const RegionList *list, size_t i) {
        const Region *region = &list->regions[i], *hot;
        SearchWorth result = { .region = i, .probes = search_next_probes(region), .worth = INFINITY };

        if (result.probes == 0 || region->search == SEARCH_SPOT)
                return result;
        hot = region->search <= SEARCH_WHOLE ? region : beside(list, i, !region->hot_left);
        if (hot)
                result.worth = (region->search == SEARCH_WHOLE ? 1 : hot->rate) * (double) region_size(region) /
                               (double) result.probes;
        return result;
}

/* A search that is under way beside region i will get to addr by itself. */
static bool is_near_search(RegionList *list, size_t i, uint64_t addr) {
        const Region *left = beside(list, i, false), *right = beside(list, i, true);

        return (left && left->need > 0 && addr - left->end < REACH * region_size(left)) ||
               (right && right->need > 0 && right->start - addr < REACH * region_size(right));
}

int search_follow(const AdaptContext *context, RegionList *list, uint64_t addr) {
        uint64_t start = addr / SEARCH_SPOT_SIZE * SEARCH_SPOT_SIZE;
        size_t i = find_region(list, addr);
        double hits, n;
        int r;

        if (i == list->n || list->regions[i].need > 0 || !region_is_idle(&list->regions[i]) ||
            is_near_search(list, i, addr) || !search_has_room(context, 2))
                return 0;
        search_recent(&list->regions[i], &hits, &n);
        if (start > list->regions[i].start) {
                r = search_split(list, i++, start);
                if (r < 0)
                        return r;
        }
        r = search_split(list, i, start + SEARCH_SPOT_SIZE);
        if (r < 0)
                return r;
        search_ask(&list->regions[i], SEARCH_SPOT, SEARCH_SPOT_NEED);
        search_set_recent(&list->regions[i], hits, n); /* of all of it: does the spot stand out? */
        list->regions[i].last_hit = context->now;
        return 0;
}

bool search_is_lately(const AdaptContext *context, const Region *region) {
        return context->now - MIN(region->met, context->now) <= context->attrs->aggregate;
}

bool search_is_dense(double hits, double n) {
        if (hits >= SEARCH_PLAIN_HITS && hits >= SEARCH_PLAIN_SHARE * n)
                return true;
        return hits >= SEARCH_DENSE_HITS && hits >= SEARCH_DENSE_SHARE * n;
}

nsec_t search_met(const AdaptContext *context, const Region *region) {
        return region->met > 0 && search_is_lately(context, region) ? region->met : context->now;
}

/* A cell has been asked enough. */
static void decide(const AdaptContext *context, Region *region) {
        double n = region->probes, hits = region->probe_hits, rate = hits / n;

        search_ask(region, SEARCH_CELL, 0);
        if (region_is_idle(region) && hits == 0)
                region->weight += n;
        else if (hits == 0)
                merge_restart_history(region, 0, n, region->met > 0 ? region->met : region->last_hit);
        else if (region_is_idle(region))
                merge_restart_history(region, rate, n, search_met(context, region));
        else if (region->weight > 0 && merge_distance(rate, n, region->rate, region->weight) > SEARCH_Z_CERTAIN)
                merge_restart_history(region, rate, n, context->now);
        else
                search_average_in(region, hits, n);
}

/* Others have been more important for so long that what is to be decided is little. */
static bool is_given_up(const AdaptContext *context, const Region *region) {
        nsec_t waited = context->now - MIN(region->asked, context->now);

        return region->need > 0 && waited > MAX(GIVE_UP_WINDOWS * context->attrs->aggregate, GIVE_UP);
}

static bool is_decided(const Region *region) {
        if (region->need == 0)
                return false;
        if (region->probes >= region->need || (region->probe_hits > 0 && region->search > SEARCH_SPOT))
                return true;
        if (region->search == SEARCH_SPOT && region->probes >= SPOT_STAGE && region->probe_hits == region->probes)
                return true;
        /* a cell of a few pages has no more to tell than these */
        return region->probes >= 2 * region_size(region) / PAGE_SIZE_MIN;
}

/* The boundary between regions i - 1 and i moves to addr. */
static void move_boundary(RegionList *list, size_t i, uint64_t addr) {
        list->regions[i - 1].end = list->regions[i].start = addr;
        for (size_t k = i - 1; k <= i; k++) {
                memset(list->regions[k].part_samples, 0, sizeof(list->regions[k].part_samples));
                memset(list->regions[k].part_hits, 0, sizeof(list->regions[k].part_hits));
        }
}

static void remove_region(RegionList *list, size_t i) {
        memmove(&list->regions[i], &list->regions[i + 1], (list->n - i - 1) * sizeof(*list->regions));
        list->n--;
}

/* Opens a gap on one side of region i, which is accessed: where idle memory is. */
static int open_gap(const AdaptContext *context, RegionList *list, size_t i, bool right, uint64_t size) {
        const Region *hot = &list->regions[i], *idle = beside(list, i, right);
        size_t gap = right ? i + 1 : i - 1;
        const SearchState *d = context->state;
        uint32_t need = search_need(context, hot);
        int r;

        if (need > MAX(d->dear, (double) NEED_MIN) || !search_has_room(context, 1) ||
            !idle || idle->need > 0 || !region_is_idle(idle))
                return 0;
        if (size < region_size(idle)) {
                r = search_split(list, gap, right ? idle->start + size : idle->end - size);
                if (r < 0)
                        return r;
                gap += !right;
        }
        list->regions[gap].hot_left = right;
        search_ask(&list->regions[gap], SEARCH_OUTWARD, need);
        return 0;
}

int search_open_gaps(const AdaptContext *context, RegionList *list, size_t i, uint64_t size) {
        int r;

        r = open_gap(context, list, i, true, size);
        if (r < 0)
                return r;
        return open_gap(context, list, i, false, size);
}

/* What was found explains accesses to the idle memory beside it. */
static void forget_lone(RegionList *list, size_t i) {
        for (int right = 0; right <= 1; right++) {
                Region *side = beside(list, i, right);

                if (!side || !region_is_idle(side))
                        continue;
                side->lone_samples = side->lone_hits = 0;
                side->hits = 0;
        }
}

/* The far half of gap i was accessed: the boundary moves there, and the gap on. */
static int step_outward(const AdaptContext *context, RegionList *list, size_t i) {
        Region gap = list->regions[i];
        Region *far = beside(list, i, gap.hot_left);
        size_t hot = gap.hot_left ? i - 1 : i;

        move_boundary(list, gap.hot_left ? i : i + 1, gap.edge);
        list->regions[i].need = 0;
        forget_lone(list, i);
        if (far && far->need == 0 && region_is_idle(far)) {
                /* what is left of the gap is idle like what is beyond it */
                move_boundary(list, gap.hot_left ? i + 1 : i, gap.edge);
                remove_region(list, i);
        } else if (region_size(&list->regions[i]) == 0) {
                remove_region(list, i);
        } else {
                hot += !gap.hot_left;
        }
        return open_gap(context, list, hot, gap.hot_left, GALLOP * region_size(&gap));
}

/* Gap i is as small as it needs to be: the boundary is taken to be in its middle. */
static void close_gap(RegionList *list, size_t i) {
        Region *gap = &list->regions[i];
        uint64_t middle = gap->start + region_size(gap) / 2 / PAGE_SIZE_MIN * PAGE_SIZE_MIN;

        search_ask(gap, SEARCH_CELL, 0);
        if (middle > gap->start)
                move_boundary(list, gap->hot_left ? i : i + 1, middle);
}

/* The middle of gap i was asked. */
static int step_inward(const AdaptContext *context, RegionList *list, size_t i, const Region *hot) {
        Region *gap = &list->regions[i];
        uint64_t start, end, far;
        uint32_t need = search_need(context, hot), hits = gap->probe_hits;
        uint64_t enough = MAX(region_size(hot) / EDGE_PART, PAGE_SIZE_MIN);
        int r;

        if (hits > 0) {
                move_boundary(list, gap->hot_left ? i : i + 1, gap->edge);
        } else {
                search_slice(gap, &start, &end);
                far = gap->hot_left ? end : start;
                search_ask(gap, SEARCH_CELL, 0);
                if (far <= gap->start || far >= gap->end)
                        return 0;
                r = search_split(list, i, far);
                if (r < 0)
                        return r;
                i += !list->regions[i].hot_left;
        }
        if (region_size(&list->regions[i]) == 0)
                remove_region(list, i);
        else if (region_size(&list->regions[i]) <= enough)
                close_gap(list, i);
        else
                search_ask(&list->regions[i], SEARCH_INWARD, need);
        return 0;
}

/* Idle remains between two pieces of what was found are noise of their boundaries. */
static void fill_slivers(RegionList *list) {
        for (size_t i = list->n; i > 0; i--) {
                const Region *region = &list->regions[i - 1];
                const Region *left = beside(list, i - 1, false), *right = beside(list, i - 1, true);

                if (region->need > 0 || !region_is_idle(region) || !left || !right)
                        continue;
                if (region_is_idle(left) || region_is_idle(right) ||
                    region_size(region) * EDGE_PART > region_size(left) + region_size(right))
                        continue;
                move_boundary(list, i - 1, region->end);
                remove_region(list, i - 1);
        }
}

/* What a spot says about the idle memory around it. Was that accessed densely, and the spot no more than the rest, it
 * is accessed as a whole; else the spot explains the hits, unless its own are lone ones. */
static void judge_neighbours(const AdaptContext *context, RegionList *list, size_t i, bool lone) {
        const Region *spot = &list->regions[i];
        double hits, n, more_hits = 0, more = 0;
        bool whole;

        search_recent(spot, &hits, &n);
        for (int right = 0; right <= 1; right++) {
                const Region *side = beside(list, i, right);
                double side_hits, side_n;

                if (!side || side->need > 0 || !region_is_idle(side))
                        continue;
                search_recent(side, &side_hits, &side_n);
                more_hits += side_hits;
                more += side_n;
        }
        if (more > n) {
                /* seen since then */
                hits = more_hits;
                n = more;
        }
        whole = search_is_dense(hits, n) &&
                spot->rate - hits / n <= Z_SPOT * merge_difference_error(spot->rate, spot->weight, hits / n, n);
        for (int right = 0; right <= 1; right++) {
                Region *side = beside(list, i, right);

                if (!side || side->need > 0 || !region_is_idle(side))
                        continue;
                if (whole)
                        merge_restart_history(side, hits / n, n / 2, search_met(context, side));
                else if (!lone)
                        search_set_recent(side, 0, n / 2);
        }
}

void search_count_whole(SearchState *d, bool whole) {
        d->wholes = WHOLES_KEPT * d->wholes + (1 - WHOLES_KEPT) * whole;
}

/* All of region i was asked, after a surprise in it. */
static int conclude_whole(const AdaptContext *context, RegionList *list, size_t i) {
        Region *region = &list->regions[i];
        double hits, n, found = region->probe_hits;
        uint64_t surprise = region->surprise;
        SearchState *d = context->state;
        bool whole;

        search_recent(region, &hits, &n);
        hits += found;
        n += region->probes;
        whole = hits >= SEARCH_PLAIN_SHARE * n;
        search_count_whole(d, whole);
        search_ask(region, SEARCH_CELL, 0);
        search_set_recent(region, hits, n);
        if (!whole && found > 0)
                return 0; /* accessed elsewhere, too: more samples will tell */
        region->surprise = 0;
        if (!whole)
                return search_follow(context, list, surprise);
        merge_restart_history(region, hits / n, n, search_met(context, region));
        d->quiet = 0;
        return 0;
}

/* What was found in a spot is what lone accesses, known to be beside it, make likely. */
static bool is_lone(const RegionList *list, size_t i) {
        const Region *spot = &list->regions[i];
        double rate = 0;

        for (int right = 0; right <= 1; right++) {
                const Region *side = beside(list, i, right);

                if (side && region_is_idle(side))
                        rate = MAX(rate, region_known_rate(side));
        }
        return spot->probe_hits > 0 && rate > 0 && rate < LONE_RATE_MAX &&
               merge_tail(spot->probe_hits, spot->probes, rate) > LONE_CHANCE;
}

static int conclude_cell(const AdaptContext *context, RegionList *list, size_t i) {
        Region *region = &list->regions[i];
        bool was_idle = region_is_idle(region), was_spot = region->search == SEARCH_SPOT;
        SearchState *d = context->state;

        if (was_spot && was_idle && is_lone(list, i)) {
                /* nothing stands out there; how often that happens is counted */
                search_ask(region, SEARCH_CELL, 0);
                judge_neighbours(context, list, i, true);
                return 0;
        }
        decide(context, region);
        if (was_spot)
                judge_neighbours(context, list, i, false);
        if (!was_idle || region_is_idle(region))
                return 0;
        d->quiet = 0;
        forget_lone(list, i);
        return search_open_gaps(context, list, i, GALLOP * region_size(region));
}

/* What region i was asked for has been answered. */
static int conclude(const AdaptContext *context, RegionList *list, size_t i) {
        Region *region = &list->regions[i];
        const Region *hot;

        if (region->search == SEARCH_WHOLE)
                return conclude_whole(context, list, i);
        if (region->search <= SEARCH_SPOT)
                return conclude_cell(context, list, i);
        hot = beside(list, i, !region->hot_left);
        if (!hot || region_is_idle(hot)) {
                search_ask(region, SEARCH_CELL, 0);
                return 0;
        }
        if (region->search == SEARCH_INWARD)
                return step_inward(context, list, i, hot);
        if (region->probe_hits > 0)
                return step_outward(context, list, i);
        search_ask(region, SEARCH_INWARD, search_need(context, hot));
        return 0;
}

int search_conclude(const AdaptContext *context, RegionList *list, double *ret_pending) {
        double pending = 0;
        int n = 0, r;

        for (size_t i = list->n; i > 0; i--) {
                Region *region = &list->regions[MIN(i, list->n) - 1];

                if (is_given_up(context, region)) {
                        search_ask(region, SEARCH_CELL, 0);
                } else if (is_decided(region)) {
                        r = conclude(context, list, (size_t) (region - list->regions));
                        if (r < 0)
                                return r;
                        n++;
                } else {
                        pending += region->need - MIN(region->probes, region->need);
                }
        }
        if (n > 0) {
                fill_slivers(list);
                merge_alike_regions(context, list, 0);
        }
        *ret_pending = pending;
        return n;
}
