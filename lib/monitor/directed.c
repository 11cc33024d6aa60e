/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy `directed`: samples go where they change the answer (udamon(7) has the formulas and the limits).
 *
 * A budget of samples per second is divided, in this order: searches; what is known to be accessed, one sample
 * per region and interval; and exploration of what is idle, evenly over its bytes. Exploration goes on at the full
 * rate until it has found nothing new for long, then at a floor rate.
 *
 * An access in memory that is taken to be idle is a surprise, and followed at once: the block around it becomes a
 * cell of its own and is asked until its rate is known. From there the search gallops outward on both sides, with
 * cells of four times the size each, until one is idle, and then bisects the boundary until it is known to a small
 * part of what was found. The number of probes that decides a cell is what makes it improbable (2 %) to see no
 * access in memory that has the rate of its neighbour. Cells are not merged before they are decided.
 *
 * Nothing is split at random. What is known is cut when it changed by several standard errors, or when its parts
 * turn out to differ by several standard errors. */
#include <errno.h>
#include <math.h>

#include "monitor/merge.h"

#define BUDGET_DEFAULT 2600 /* samples per second */

/* Shares of the budget. */
#define SEARCH_SHARE 0.75 /* at most, of a tick */
#define KNOWN_SHARE 0.25  /* at most */
#define FLOOR_SHARE 0.1   /* of what is left, for exploring when nothing new is to be expected */

/* Samples without a surprise after which the floor is reached. Hot memory that is one part in 10,000 of the whole
 * has been met by then, at a rate of 30 %, with a probability of 78 %; one part in 3,000 with 99 %. */
#define QUIET_SAMPLES 50000

#define SPOT_SIZE (16 * PAGE_SIZE_MIN)
#define SPOT_NEED 12
#define GALLOP 4
#define NEED_MIN 3
#define NEED_MAX 64
#define MISS_LOG 3.9 /* -ln(0.02) */

#define CUTS 8 /* cells of what has changed */

/* A boundary is good enough at this part of what it bounds; when nothing else is to be done, at a page. */
#define EDGE_PART 64

#define DECAY 0.7
#define Z_STRANGE 3.5 /* two windows in a row */
#define Z_CERTAIN 5.0
#define Z_PARTS 5.0
#define PART_SAMPLES_MIN 12.0

#define SURPRISES_MAX 64
#define PENDING_TICKS 4 /* no more is under search at a time than so many ticks can decide */
#define REACH 256       /* how far beyond its size a search will get by itself */

/* An idle region in whose window so many samples, and this share of them, found an access is warm as a whole, or
 * cut up by its parts: more surprises than can be followed one by one. */
#define WARM_HITS 3
#define WARM_SHARE 0.05

typedef struct Directed {
        double quiet;   /* samples explored since the last surprise */
        double pending; /* probes that cells under search still need */
        double pending_max;
} Directed;

static void *directed_new_state(void) {
        return calloc(1, sizeof(Directed));
}

static bool is_idle(const Region *region) {
        return region->rate == 0;
}

/* The probes that tell idle memory from memory of this rate. */
static uint32_t need_for(double rate) {
        double need = rate >= 1 ? NEED_MIN : ceil(-MISS_LOG / log1p(-rate));

        return (uint32_t) CLAMP(need, (double) NEED_MIN, (double) NEED_MAX);
}

/* ---- Drawing ---- */

typedef struct Shares {
        double searches;   /* samples of this tick for each */
        double known;
        double idle_bytes; /* bytes for each sample explored; 0: none */
        double idle_at;    /* bytes until the next one */
        double last_call;  /* probability that a region without a sample in this window gets one now */
} Shares;

static double target_share(const AdaptContext *context, const Target *target) {
        uint64_t total = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                if (context->targets[i]->state == TARGET_RUNNING)
                        total += region_list_bytes(&context->targets[i]->list);
        return total > 0 ? (double) region_list_bytes(&target->list) / (double) total : 0;
}

static double tick_budget(const AdaptContext *context, const Target *target) {
        uint32_t rate = context->attrs->samples_per_sec > 0 ? context->attrs->samples_per_sec : BUDGET_DEFAULT;

        return (double) rate * (double) context->attrs->sample / (double) NSEC_PER_SEC * target_share(context, target);
}

static bool wants_one(const Region *region) {
        return region->need == 0 && (!is_idle(region) || region->weight < 1);
}

static Shares divide(const AdaptContext *context, const Target *target) {
        Directed *d = context->state;
        double budget = tick_budget(context, target), wanted = 0, known = 0, idle = 0, explore;
        nsec_t end = context->window_start + context->attrs->aggregate;
        nsec_t ticks = end > context->now ? (end - context->now) / context->attrs->sample : 0;
        Shares shares = {};

        for (size_t i = 0; i < target->list.n; i++) {
                const Region *region = &target->list.regions[i];

                if (region->need > 0)
                        wanted += region->need - MIN(region->probes, region->need);
                else if (wants_one(region))
                        known++;
                else
                        idle += (double) region_size(region);
        }
        shares.searches = MIN(wanted, budget * SEARCH_SHARE);
        shares.known = known > 0 ? MIN(1.0, budget * KNOWN_SHARE / known) : 0;
        explore = budget - shares.searches - known * shares.known;
        if (d->quiet > QUIET_SAMPLES)
                explore *= FLOOR_SHARE;
        if (explore > 0 && idle > 0) {
                shares.idle_bytes = idle / explore;
                shares.idle_at = shares.idle_bytes * rng_unit(context->rng);
                d->quiet += explore;
        }
        shares.last_call = 1.0 / (double) MAX(ticks, (nsec_t) 1);
        return shares;
}

static size_t explore(Shares *shares, const Region *region) {
        double size = (double) region_size(region);
        size_t n = 0;

        if (shares->idle_bytes <= 0)
                return 0;
        if (size > shares->idle_at) {
                n = 1 + (size_t) ((size - shares->idle_at) / shares->idle_bytes);
                shares->idle_at += (double) n * shares->idle_bytes;
        }
        shares->idle_at -= size;
        return n;
}

static size_t count_for(const AdaptContext *context, Shares *shares, const Region *region) {
        size_t n;

        if (region->need > 0) {
                n = region->need - MIN(region->probes, region->need);
                n = MIN(n, (size_t) ceil(shares->searches));
                shares->searches -= MIN((double) n, shares->searches);
                return MIN(n, (size_t) (region_size(region) / PAGE_SIZE_MIN));
        }
        if (wants_one(region))
                return rng_unit(context->rng) < shares->known;
        n = explore(shares, region);
        if (n == 0 && region->samples == 0)
                n = rng_unit(context->rng) < shares->last_call;
        return n;
}

/* n pages, one from each of n equal parts. */
static void draw_region(const AdaptContext *context, Target *target, size_t i, size_t n) {
        const Region *region = &target->list.regions[i];
        uint64_t pages = region_size(region) / PAGE_SIZE_MIN;

        for (size_t k = 0; k < n; k++) {
                uint64_t first = pages / n * k + pages % n * k / n, last = pages / n * (k + 1) + pages % n * (k + 1) / n;
                Region part = { .start = region->start + first * PAGE_SIZE_MIN,
                                .end = region->start + MAX(last, first + 1) * PAGE_SIZE_MIN };
                uint64_t addr = region->need > 0
                                        ? part.start + rng_below(context->rng, MAX(last - first, UINT64_C(1))) * PAGE_SIZE_MIN
                                        : adapt_sample_page(context, &part);

                target->samples[target->n_samples++] = (Sample) { .addr = addr, .region = (uint32_t) i };
        }
}

static int directed_draw(AdaptContext *context, Target *target) {
        Shares shares;
        int r;

        if (context->granularity == GRANULARITY_MAPPING)
                return merge_draw_mappings(target);

        shares = divide(context, target);
        target->n_samples = 0;
        for (size_t i = 0; i < target->list.n; i++) {
                size_t n = count_for(context, &shares, &target->list.regions[i]);

                n = MIN(n, (size_t) (region_size(&target->list.regions[i]) / PAGE_SIZE_MIN));
                r = target_reserve_samples(target, target->n_samples + n);
                if (r < 0)
                        return r;
                draw_region(context, target, i, n);
        }
        return 0;
}

/* ---- Learning ---- */

static void restart_history(Region *region, double rate, double n, nsec_t since) {
        region->rate = rate;
        region->weight = n;
        region->since = since;
        region->strange = 0;
}

/* Both parts know what the whole knew, each for its share of the samples. */
static int split_at(RegionList *list, size_t i, uint64_t addr) {
        Region whole = list->regions[i], *left;
        double share = (double) (addr - whole.start) / (double) region_size(&whole);
        int r;

        if (addr <= whole.start || addr >= whole.end)
                return 0;
        r = region_list_split(list, i, addr);
        if (r < 0)
                return r;
        left = &list->regions[i];
        left[0].weight = whole.weight * share;
        left[1].weight = whole.weight * (1 - share);
        left[0].samples = (uint64_t) ((double) whole.samples * share);
        left[1].samples = whole.samples - left[0].samples;
        left[0].hits = MIN((uint64_t) ((double) whole.hits * share), left[0].samples);
        left[1].hits = MIN(whole.hits - left[0].hits, left[1].samples);
        left[1].gallop = false;
        left[1].uncertainty = 0;
        return 0;
}

static bool has_room(const AdaptContext *context, size_t n) {
        return adapt_count_regions(context) + n <= context->attrs->max_regions;
}

/* Cuts [start, end) out of region i as a cell that needs so many probes. *ret is its index. */
static int make_cell(RegionList *list, size_t i, uint64_t start, uint64_t end, uint32_t need, size_t *ret) {
        int r;

        start = MAX(start, list->regions[i].start);
        end = MIN(end, list->regions[i].end);
        if (start > list->regions[i].start) {
                r = split_at(list, i, start);
                if (r < 0)
                        return r;
                i++;
        }
        r = split_at(list, i, end);
        if (r < 0)
                return r;
        list->regions[i].need = need;
        list->regions[i].probes = list->regions[i].probe_hits = 0;
        *ret = i;
        return 0;
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

/* A search that is under way beside it will get there by itself. */
static bool is_near_search(const RegionList *list, size_t i, uint64_t addr) {
        const Region *left = i > 0 ? &list->regions[i - 1] : NULL, *right = i + 1 < list->n ? &list->regions[i + 1] : NULL;

        return (left && left->need > 0 && addr - left->end < REACH * region_size(left)) ||
               (right && right->need > 0 && right->start - addr < REACH * region_size(right));
}

/* A surprise: the block around it is asked first. */
static int follow(const AdaptContext *context, RegionList *list, uint64_t addr) {
        uint64_t start = addr / SPOT_SIZE * SPOT_SIZE;
        size_t i = find_region(list, addr), cell;
        Directed *d = context->state;
        int r;

        if (i == list->n || list->regions[i].need > 0 || !is_idle(&list->regions[i]) ||
            is_near_search(list, i, addr) || !has_room(context, 2) || d->pending > d->pending_max)
                return 0;
        list->regions[i].hits = 0;
        r = make_cell(list, i, start, start + SPOT_SIZE, SPOT_NEED, &cell);
        if (r < 0)
                return r;
        d->pending += SPOT_NEED;
        list->regions[cell].samples = list->regions[cell].hits = 1;
        list->regions[cell].last_hit = context->now;
        /* outward from here, on both sides */
        list->regions[cell].gallop = true;
        list->regions[cell].uncertainty = GALLOP * SPOT_SIZE;
        if (cell + 1 < list->n && list->regions[cell + 1].start == list->regions[cell].end) {
                list->regions[cell + 1].gallop = true;
                list->regions[cell + 1].uncertainty = GALLOP * SPOT_SIZE;
        }
        return 0;
}

static size_t tally(const Target *target, uint64_t *surprises) {
        size_t n = 0;

        for (size_t i = 0; i < target->n_checked; i++) {
                const Sample *sample = &target->samples[i];
                Region *region = &target->list.regions[sample->region];
                size_t part = (size_t) ((sample->addr - region->start) / (region_size(region) / REGION_PARTS + 1));

                if (sample->trials == 0)
                        continue;
                region->part_samples[part]++;
                region->part_hits[part] += sample->hits > 0;
                if (region->need > 0) {
                        region->probes++;
                        region->probe_hits += sample->hits > 0;
                } else if (sample->hits > 0 && is_idle(region) && n < SURPRISES_MAX)
                        surprises[n++] = sample->addr;
        }
        return n;
}

/* A cell has been asked enough. */
static void decide(const AdaptContext *context, Region *region) {
        bool was_idle = is_idle(region);

        if (region->probe_hits == 0) {
                restart_history(region, 0, region->probes, was_idle ? region->since : context->now);
        } else {
                double rate = (double) region->probe_hits / (double) region->probes;

                restart_history(region, rate, region->probes, was_idle ? context->now : region->since);
                region->last_hit = context->now;
        }
        region->need = 0;
}

static bool decide_cells(AdaptContext *context, RegionList *list) {
        Directed *d = context->state;
        bool decided = false;

        for (size_t i = 0; i < list->n; i++) {
                Region *region = &list->regions[i];

                if (region->need == 0)
                        continue;
                /* a cell of a few pages has no more to tell than these */
                if (region->probes < region->need && region->probes < 2 * region_size(region) / PAGE_SIZE_MIN) {
                        d->pending += region->need - region->probes;
                        continue;
                }
                decide(context, region);
                if (!is_idle(region))
                        d->quiet = 0;
                decided = true;
        }
        return decided;
}

static uint64_t whole_pages(uint64_t bytes) {
        return MAX(bytes / PAGE_SIZE_MIN, UINT64_C(1)) * PAGE_SIZE_MIN;
}

/* One step outward: the next cell on the idle side of the boundary between i - 1 and i. */
static int gallop(RegionList *list, size_t i, bool hot_left, uint32_t need) {
        uint64_t at = list->regions[i].start, size = list->regions[i].uncertainty;
        size_t cell, side = hot_left ? i : i - 1;
        uint64_t from = at - list->regions[side].start, start = hot_left ? at : at - MIN(size, from);
        int r;

        size = MIN(size, region_size(&list->regions[side]));
        r = make_cell(list, side, start, start + size, need, &cell);
        if (r < 0)
                return r;
        /* where it turns out idle, the boundary is this one, and known to the size of the cell */
        if (hot_left) {
                list->regions[cell].gallop = false;
                list->regions[cell].uncertainty = size;
                if (cell + 1 < list->n && list->regions[cell + 1].start == list->regions[cell].end) {
                        list->regions[cell + 1].gallop = true;
                        list->regions[cell + 1].uncertainty = size * GALLOP;
                }
        } else {
                list->regions[cell].gallop = true;
                list->regions[cell].uncertainty = size * GALLOP;
                list->regions[cell + 1].gallop = false;
                list->regions[cell + 1].uncertainty = size;
        }
        return 0;
}

/* One step inward: a cell of half the uncertainty on either side of the boundary. */
static int bisect(RegionList *list, size_t i, uint32_t need) {
        uint64_t at = list->regions[i].start, half = whole_pages(list->regions[i].uncertainty / 2);
        uint64_t rest = half <= PAGE_SIZE_MIN ? 0 : half;
        size_t left, right;
        int r;

        r = make_cell(list, i, at, at + half, need, &right);
        if (r < 0)
                return r;
        if (right + 1 < list->n && list->regions[right + 1].start == list->regions[right].end)
                list->regions[right + 1].uncertainty = rest;
        list->regions[right].uncertainty = rest;
        r = make_cell(list, right - 1, at - MIN(half, at - list->regions[right - 1].start), at, need, &left);
        if (r < 0)
                return r;
        list->regions[left].uncertainty = rest;
        list->regions[left].gallop = list->regions[left + 1].gallop = false;
        return 0;
}

/* The boundary at the start of region i, if it is one and worth a look. */
static int refine(const AdaptContext *context, RegionList *list, size_t i) {
        const Directed *d = context->state;
        const Region *left = &list->regions[i - 1], *right = &list->regions[i], *hot;
        uint64_t enough;

        if (left->end != right->start || left->need > 0 || right->need > 0 || is_idle(left) == is_idle(right))
                return 0;
        hot = is_idle(left) ? right : left;
        enough = d->pending == 0 ? PAGE_SIZE_MIN : MAX(region_size(hot) / EDGE_PART, PAGE_SIZE_MIN);
        if (right->uncertainty < enough || !has_room(context, 3))
                return 0;
        if (right->gallop)
                return gallop(list, i, hot == left, need_for(hot->rate));
        return bisect(list, i, need_for(hot->rate));
}

static int directed_learn(AdaptContext *context, Target *target) {
        uint64_t surprises[SURPRISES_MAX];
        RegionList *list = &target->list;
        Directed *d = context->state;
        size_t n;
        int r;

        if (context->granularity == GRANULARITY_MAPPING)
                return 0;

        n = tally(target, surprises);
        d->pending = 0;
        d->pending_max = PENDING_TICKS * tick_budget(context, target);
        if (decide_cells(context, list))
                merge_alike_regions(context, list, 0);
        for (size_t i = 0; i < n; i++) {
                r = follow(context, list, surprises[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = list->n; i > 1; i--) {
                r = refine(context, list, i - 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- The end of a window ---- */

static void average_in(Region *region, double n) {
        double weight = region->weight * DECAY + n;

        region->rate = (region->rate * region->weight * DECAY + (double) region->hits) / weight;
        region->weight = weight;
}

/* Whether the region has changed: not alike what it was, in a way that more samples must explain. */
static bool age_region(const AdaptContext *context, Region *region) {
        double n = (double) region->samples, rate, distance, error;

        if (region->samples == 0)
                return false;
        if (region->hits > 0)
                region->last_hit = context->now;
        rate = (double) region->hits / n;
        if (is_idle(region) && region->hits > 0 && (region->hits < WARM_HITS || rate < WARM_SHARE)) {
                /* single accesses here and there: they are followed one by one */
                region->weight += n;
                return false;
        }
        if (region->weight < 1) {
                region->rate = rate;
                region->weight = n;
                return false;
        }

        distance = fabs(rate - region->rate);
        error = merge_difference_error(rate, n, region->rate, region->weight);
        if (distance > Z_CERTAIN * error || (distance > Z_STRANGE * error && ++region->strange >= 2)) {
                bool mixed = region->hits > 0 && !is_idle(region);

                restart_history(region, rate, n, context->window_start);
                return mixed;
        }
        if (distance <= Z_STRANGE * error)
                region->strange = 0;
        average_in(region, n);
        if (region->hits == 0 && region->rate > 0 && region->rate * region->weight < 0.5)
                restart_history(region, 0, region->weight, region->last_hit);
        return false;
}

/* Whether its quarters differ; their sums fade like the rest. */
static bool parts_differ(Region *region) {
        double low = 1, high = 0, n_low = 0, n_high = 0;
        bool enough = true;

        for (size_t i = 0; i < REGION_PARTS; i++) {
                double n = region->part_samples[i], rate = n > 0 ? region->part_hits[i] / n : 0;

                enough = enough && n >= PART_SAMPLES_MIN;
                if (rate <= low) {
                        low = rate;
                        n_low = n;
                }
                if (rate >= high) {
                        high = rate;
                        n_high = n;
                }
                region->part_samples[i] *= (float) DECAY;
                region->part_hits[i] *= (float) DECAY;
        }
        return enough && high - low > Z_PARTS * merge_difference_error(low, n_low, high, n_high);
}

/* Cuts what has changed, or is not one thing, into cells. */
static int dissect(const AdaptContext *context, RegionList *list, size_t i) {
        uint64_t piece = region_size(&list->regions[i]) / CUTS / PAGE_SIZE_MIN * PAGE_SIZE_MIN;
        uint32_t need = 2 * need_for(list->regions[i].rate);
        int r;

        if (piece == 0 || !has_room(context, CUTS))
                return 0;
        for (size_t k = 0; k < CUTS; k++, i++) {
                if (k + 1 < CUTS) {
                        r = split_at(list, i, list->regions[i].start + piece);
                        if (r < 0)
                                return r;
                }
                list->regions[i].need = MIN(need, (uint32_t) NEED_MAX);
                list->regions[i].probes = list->regions[i].probe_hits = 0;
                list->regions[i].uncertainty = piece;
                list->regions[i].gallop = false;
        }
        return 0;
}

static int directed_merge(AdaptContext *context) {
        int r;

        for (size_t i = 0; i < context->n_targets; i++) {
                RegionList *list = &context->targets[i]->list;

                for (size_t k = list->n; k > 0; k--) {
                        Region *region = &list->regions[k - 1];
                        bool changed;

                        if (region->need > 0)
                                continue;
                        changed = age_region(context, region);
                        if (context->granularity == GRANULARITY_MAPPING || is_idle(region) ||
                            !(parts_differ(region) || changed))
                                continue;
                        r = dissect(context, list, k - 1);
                        if (r < 0)
                                return r;
                }
        }
        if (context->granularity != GRANULARITY_MAPPING)
                merge_regions(context, 0);
        return 0;
}

static int directed_split(AdaptContext *context) {
        merge_reset_windows(context);
        return 0;
}

const AdaptPolicy ADAPT_DIRECTED = {
        .name = "directed",
        .draw = directed_draw,
        .learn = directed_learn,
        .merge = directed_merge,
        .bound = merge_bound,
        .split = directed_split,
        .new_state = directed_new_state,
        .free_state = free,
};
