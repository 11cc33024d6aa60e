/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the samples of the policy `directed` go. The budget is divided, in this order: searches; a sample per interval
 * for what is known to be accessed and too small to get one otherwise; and exploration, evenly over all bytes, which
 * always keeps a share.
 *
 * Exploration walks through the memory by the golden ratio (a Weyl sequence): any N steps in a row leave no gap of more
 * than about 2 / N of the whole, so that everything of that size has been asked once by then, where N random places
 * leave out 14 % of it. It goes on at the full rate until it has found nothing new for long, then at a floor rate. */
#include "monitor/draw.h"

#include <errno.h>

#include "monitor/merge.h"
#include "monitor/search.h"

#define BUDGET_DEFAULT 2600 /* samples per second */

/* Samples of an interval are taken in one go: with long intervals the budget is not used up, rather than that everybody
 * else waits for it. */
#define TICK_MAX 8192

/* Shares of the budget. */
#define SEARCH_SHARE 0.75 /* at most, of what exploration leaves */
#define LITTLE_SHARE 0.25 /* at most, for searches about a small part of what is accessed */
#define KNOWN_SHARE 0.25  /* at most */
#define EXPLORE_SHARE 0.1 /* at least, whatever there is to search and to know; and of a small budget … */
#define EXPLORE_SMALL 0.25 /* … so much, up to this: */
#define EXPLORE_SAMPLES 64 /* samples a window */
#define FLOOR_SHARE 0.1   /* explored when nothing new is to be expected */

#define DEAR_SHARE 0.5 /* of a second: a search does not begin where each step needs more probes */

/* Samples without anything new after which the floor is reached: the first for what is accessed, whose parts may
 * differ, the second for what is idle. Hot memory that is one part in 10,000 of the whole has been met by then, at a
 * rate of 30 %, with a probability of 83 % (1 - 0.7^5); one part in 3,000 with 99.8 %. */
#define QUIET_KNOWN 5000
#define QUIET_IDLE 50000

#define KNOWN_PARTS 64    /* what is a smaller part of what is accessed is asked less often */
#define WISH_MAX 16.0     /* samples a tick for what is accessed at 50 %, until its rate is known */

typedef struct Shares {
        uint32_t *probes; /* of each region that is under search, in this tick; NULL: as many as it wants */
        size_t explore;  /* samples over all bytes */
        double known;    /* share of its wish that a small known region gets */
        double expected; /* samples per byte that exploration brings */
        double part;     /* bytes: a known region that is smaller gets less */
        double least;    /* … but so many samples a tick */
} Shares;

static double target_share(const AdaptContext *context, const Target *target) {
        uint64_t total = 0;

        for (size_t i = 0; i < context->n_targets; i++)
                if (context->targets[i]->state == TARGET_RUNNING)
                        total += region_list_bytes(&context->targets[i]->list);
        return total > 0 ? (double) region_list_bytes(&target->list) / (double) total : 0;
}

double draw_budget(const AdaptContext *context, const Target *target) {
        uint32_t rate = context->attrs->samples_per_sec > 0 ? context->attrs->samples_per_sec : BUDGET_DEFAULT;
        double tick = (double) rate * (double) context->attrs->sample / (double) NSEC_PER_SEC;

        return MIN(tick, (double) TICK_MAX) * target_share(context, target);
}

/* How many samples a region lacks in a tick: what is accessed, or new, is to have one, and more as long as its rate is
 * uncertain, most where the variance p (1 - p) is highest. What is a small part of all that is accessed gets less. */
static double lacks(const Region *region, const Shares *shares) {
        double wish = 1;

        if (region->need > 0 || (region_is_idle(region) && region->weight >= 1) || region_is_bare(region))
                return 0;
        if (region->weight < SEARCH_WEIGHT_KEPT)
                wish += WISH_MAX * 4 * region->rate * (1 - region->rate);
        if (region->weight >= 1 && (double) region_size(region) < shares->part)
                wish = MAX(wish * (double) region_size(region) / shares->part, shares->least);
        return MAX(wish - shares->expected * (double) region_size(region), 0.0);
}

static int compare_worth(const void *a, const void *b) {
        const SearchWorth *x = a, *y = b;

        return (x->worth < y->worth) - (x->worth > y->worth);
}

/* Where not all searches can go on at once, those do whose probes decide about the most bytes. */
static int limit_searches(const Target *target, size_t searches, Shares *shares) {
        _cleanup_free_ SearchWorth *list = malloc(MAX(target->list.n, (size_t) 1) * sizeof(*list));
        size_t n = 0;

        shares->probes = calloc(MAX(target->list.n, (size_t) 1), sizeof(*shares->probes));
        if (!list || !shares->probes)
                return -ENOMEM;
        for (size_t i = 0; i < target->list.n; i++)
                if (target->list.regions[i].need > 0)
                        list[n++] = search_worth(&target->list, i);
        qsort(list, n, sizeof(*list), compare_worth);
        for (size_t k = 0; k < n && searches > 0; k++) {
                size_t probes = MIN(list[k].probes, searches);

                shares->probes[list[k].region] = (uint32_t) probes;
                searches -= probes;
        }
        return 0;
}

static size_t round_by_chance(Rng *rng, double x) {
        return (size_t) (x + rng_unit(rng));
}

/* What there is to be asked. */
typedef struct Demand {
        double searches; /* probes that come next */
        double little;   /* … of searches about a small part of what is accessed */
        double idle;     /* bytes */
        double accessed; /* bytes, times rate */
} Demand;

static Demand demand_of(const RegionList *list) {
        Demand demand = {};

        for (size_t i = 0; i < list->n; i++) {
                const Region *region = &list->regions[i];

                demand.accessed += region->rate * (double) region_size(region);
                if (region->need == 0 && region_is_idle(region))
                        demand.idle += (double) region_size(region);
        }
        for (size_t i = 0; i < list->n; i++) {
                SearchWorth search;

                if (list->regions[i].need == 0)
                        continue;
                search = search_worth(list, i);
                if (search.worth * (double) search.probes < demand.accessed / KNOWN_PARTS)
                        demand.little += (double) search.probes;
                else
                        demand.searches += (double) search.probes;
        }
        return demand;
}

static int divide(const AdaptContext *context, const Target *target, Shares *ret) {
        SearchState *d = context->state;
        Demand demand = demand_of(&target->list);
        double budget = draw_budget(context, target), bytes = (double) region_list_bytes(&target->list);
        double window, least, most, searches, known, explore, lacking = 0;

        window = (double) context->attrs->aggregate / (double) context->attrs->sample;
        least = MAX(budget * EXPLORE_SHARE, MIN(budget * EXPLORE_SMALL, EXPLORE_SAMPLES / window));
        d->dear = budget * (double) NSEC_PER_SEC / (double) context->attrs->sample * DEAR_SHARE;
        most = (budget - least) * SEARCH_SHARE;
        searches = MIN(demand.searches, most);
        searches += MIN(demand.little, MIN(budget * LITTLE_SHARE, most - searches));
        explore = budget - searches;
        if (d->quiet > QUIET_KNOWN + QUIET_IDLE * demand.idle / bytes)
                explore = MIN(explore, budget * FLOOR_SHARE);

        *ret = (Shares) {
                .expected = explore / bytes,
                .part = demand.accessed / KNOWN_PARTS,
                .least = 1 / window,
        };
        for (size_t i = 0; i < target->list.n; i++)
                lacking += lacks(&target->list.regions[i], ret);
        known = MIN(lacking, MIN(budget * KNOWN_SHARE, budget - searches - least));
        explore = MIN(explore, budget - searches - known);

        d->quiet += explore;
        d->expected = budget / bytes;
        ret->explore = round_by_chance(context->rng, explore);
        ret->expected = explore / bytes;
        ret->known = lacking > 0 ? known / lacking : 0;
        if (searches >= demand.searches + demand.little)
                return 0;
        return limit_searches(target, round_by_chance(context->rng, searches), ret);
}

static int compare_samples(const void *a, const void *b) {
        uint64_t x = ((const Sample *) a)->addr, y = ((const Sample *) b)->addr;

        return (x > y) - (x < y);
}

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio */

static uint64_t scale(uint64_t x, uint64_t range) {
        return (uint64_t) (((unsigned __int128) x * range) >> 64);
}

/* A page of the block that lies around offset, if that is in the region: the one that stands for it. */
static uint64_t page_around(const AdaptContext *context, const Region *region, uint64_t addr) {
        uint64_t block = SAMPLE_BLOCK * PAGE_SIZE_MIN, start = addr / block * block;
        Region part = { .start = MAX(start, region->start), .end = MIN(start + block, region->end) };

        return adapt_sample_page(context, &part);
}

/* The next n places of the walk, as offsets into all regions laid end to end, turned into addresses. */
static void draw_exploration(const AdaptContext *context, Target *target, size_t n) {
        uint64_t bytes = region_list_bytes(&target->list), before = 0;
        size_t kept = 0;

        target->n_samples = 0;
        if (n == 0)
                return;
        for (size_t k = 0; k < n; k++)
                target->samples[k].addr = scale(target->walk += GOLDEN, bytes);
        qsort(target->samples, n, sizeof(*target->samples), compare_samples);

        for (size_t i = 0, k = 0; k < n; k++) {
                uint64_t offset = target->samples[k].addr;
                const Region *region;

                for (; offset - before >= region_size(&target->list.regions[i]); i++)
                        before += region_size(&target->list.regions[i]);
                region = &target->list.regions[i];
                if (region->need > 0)
                        continue;
                target->samples[kept++] = (Sample) {
                        .addr = page_around(context, region, region->start + offset - before),
                        .region = (uint32_t) i,
                };
        }
        target->n_samples = kept;
}

/* n pages of what is under search, one from each of n equal parts; of large parts, one that stands for others. */
static void draw_probes(const AdaptContext *context, Target *target, size_t i, size_t n) {
        const Region *region = &target->list.regions[i];
        uint64_t start, end, pages;

        search_slice(region, &start, &end);
        pages = (end - start) / PAGE_SIZE_MIN;
        n = MIN(n, (size_t) pages);
        for (size_t k = 0; k < n; k++) {
                uint64_t first = pages / n * k + pages % n * k / n;
                uint64_t last = pages / n * (k + 1) + pages % n * (k + 1) / n;
                uint64_t addr = start + (first + rng_below(context->rng, last - first)) * PAGE_SIZE_MIN;

                target->samples[target->n_samples++] = (Sample) {
                        .addr = last - first >= 4 * SAMPLE_BLOCK ? page_around(context, region, addr) : addr,
                        .region = (uint32_t) i,
                };
        }
}

static int draw_region(const AdaptContext *context, Target *target, size_t i, const Shares *shares) {
        const Region *region = &target->list.regions[i];
        size_t n;
        int r;

        if (region->need > 0)
                n = shares->probes ? shares->probes[i] : search_next_probes(region);
        else
                n = round_by_chance(context->rng, shares->known * lacks(region, shares));
        r = target_reserve_samples(target, target->n_samples + n);
        if (r < 0)
                return r;
        if (region->need > 0)
                draw_probes(context, target, i, n);
        for (size_t k = 0; k < n && region->need == 0; k++)
                target->samples[target->n_samples++] = (Sample) {
                        .addr = adapt_sample_page(context, region),
                        .region = (uint32_t) i,
                };
        return 0;
}

/* In address order, each page once. */
static void sort_samples(Target *target) {
        size_t kept = 0;

        if (target->n_samples == 0)
                return;
        qsort(target->samples, target->n_samples, sizeof(*target->samples), compare_samples);
        for (size_t k = 0; k < target->n_samples; k++)
                if (kept == 0 || target->samples[kept - 1].addr != target->samples[k].addr)
                        target->samples[kept++] = target->samples[k];
        target->n_samples = kept;
}

static void shares_deinit(Shares *shares) {
        free(shares->probes);
}

int draw_samples(AdaptContext *context, Target *target) {
        _cleanup_(shares_deinit) Shares shares = {};
        int r;

        if (context->granularity == GRANULARITY_MAPPING)
                return merge_draw_mappings(target);

        r = divide(context, target, &shares);
        if (r == 0)
                r = target_reserve_samples(target, shares.explore);
        if (r < 0)
                return r;
        draw_exploration(context, target, shares.explore);
        for (size_t i = 0; i < target->list.n; i++) {
                r = draw_region(context, target, i, &shares);
                if (r < 0)
                        return r;
        }
        sort_samples(target);
        return 0;
}
