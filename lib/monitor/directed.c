/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy `directed`: samples go where they change the answer (udamon(7) has the formulas and the limits).
 *
 * A budget of samples per second is divided, in this order: searches; a sample per interval for what is known to be
 * accessed and too small to get one otherwise; and exploration, evenly over all bytes. Exploration walks through the
 * memory by the golden ratio (a Weyl sequence): any N steps in a row leave no gap of more than about 2 / N of the
 * whole, so that everything of that size has been asked once by then, where N random places leave out 14 % of it.
 * Exploration goes on at the full rate until it has found nothing new for long, then at a floor rate.
 *
 * An access in memory that is taken to be idle is a surprise, and followed at once (search.h). Where surprises are
 * dense, and the spot around one is accessed no more than the rest, the region is accessed as a whole; it is cut where
 * its quarters turn out to differ by several standard errors. What is known to be accessed and has not been for
 * improbably long is a suspect, and asked at once.
 *
 * Nothing is split at random, and rates are averaged over as many samples as tell a change from noise. */
#include <errno.h>
#include <math.h>

#include "monitor/merge.h"
#include "monitor/search.h"

#define BUDGET_DEFAULT 2600 /* samples per second */

/* Shares of the budget. */
#define SEARCH_SHARE 0.75 /* at most, of a tick */
#define KNOWN_SHARE 0.25  /* at most */
#define FLOOR_SHARE 0.1   /* explored when nothing new is to be expected */

/* Samples without anything new after which the floor is reached: the first for what is accessed, whose parts may
 * differ, the second for what is idle. Hot memory that is one part in 10,000 of the whole has been met by then, at a
 * rate of 30 %, with a probability of 83 % (1 - 0.7^5); one part in 3,000 with 99.8 %. */
#define QUIET_KNOWN 5000
#define QUIET_IDLE 50000

/* After a run of misses as improbable as exp(-SUSPECT_LOG), memory is a suspect. */
#define SUSPECT_LOG 5.3 /* 0.5 % */
#define SUSPECT_TIMES 1 /* so many times the probes decide */

#define SURPRISES_MAX 256
#define SUDDEN_HITS 2
#define PENDING_TICKS 4 /* no more is under search at a time than so many ticks can decide */

#define RECENT_KEPT 200.0 /* the samples that the quarters remember at least, however many windows they take */
#define WISH_MAX 16.0     /* samples a tick for what is accessed at 50 %, until its rate is known */
#define WINDOW_SAMPLES 16 /* with fewer, a window is judged with those before it */
#define Z_CERTAIN 5.0     /* standard errors beyond which a change is certain */
#define Z_PARTS 5.0       /* … and quarters differ, of which each has so many samples at least: */
#define PART_SAMPLES_MIN 12.0

static void *directed_new_state(void) {
        return calloc(1, sizeof(SearchState));
}

/* ---- Drawing ---- */

typedef struct Shares {
        size_t searches; /* probes for cells in this tick */
        size_t explore;  /* samples over all bytes */
        double known;    /* share of its wish that a small known region gets */
        double expected; /* samples per byte that exploration brings */
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

/* How many samples a region lacks in a tick: what is accessed, or new, is to have one, and more as long as its rate is
 * uncertain, most where the variance p (1 - p) is highest. */
static double lacks(const Region *region, double expected) {
        double wish = 1;

        if (region->need > 0 || (region_is_idle(region) && region->weight >= 1) || region_is_bare(region))
                return 0;
        if (region->weight < SEARCH_WEIGHT_KEPT)
                wish += WISH_MAX * 4 * region->rate * (1 - region->rate);
        return MAX(wish - expected * (double) region_size(region), 0.0);
}

static size_t round_by_chance(Rng *rng, double x) {
        return (size_t) (x + rng_unit(rng));
}

static Shares divide(const AdaptContext *context, const Target *target) {
        SearchState *d = context->state;
        double budget = tick_budget(context, target), wanted = 0, idle = 0, lacking = 0, searches, known, explore;
        double bytes = (double) region_list_bytes(&target->list);
        Shares shares = {};

        for (size_t i = 0; i < target->list.n; i++) {
                const Region *region = &target->list.regions[i];

                wanted += region->need > 0 ? (double) search_next_probes(region) : 0;
                if (region->need == 0 && region_is_idle(region))
                        idle += (double) region_size(region);
        }
        searches = MIN(wanted, budget * SEARCH_SHARE);
        explore = budget - searches;
        if (d->quiet > QUIET_KNOWN + QUIET_IDLE * idle / bytes)
                explore = MIN(explore, budget * FLOOR_SHARE);

        for (size_t i = 0; i < target->list.n; i++)
                lacking += lacks(&target->list.regions[i], explore / bytes);
        known = MIN(lacking, MIN(budget * KNOWN_SHARE, budget - searches));
        explore = MIN(explore, budget - searches - known);

        d->quiet += explore;
        shares.searches = round_by_chance(context->rng, searches);
        shares.explore = round_by_chance(context->rng, explore);
        shares.expected = explore / bytes;
        shares.known = lacking > 0 ? known / lacking : 0;
        return shares;
}

static int compare_samples(const void *a, const void *b) {
        uint64_t x = ((const Sample *) a)->addr, y = ((const Sample *) b)->addr;

        return (x > y) - (x < y);
}

#define GOLDEN UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio */

static uint64_t scale(uint64_t x, uint64_t range) {
        return (uint64_t) (((unsigned __int128) x * range) >> 64);
}

/* The next n places of the walk, as offsets into all regions laid end to end, turned into addresses. */
static void draw_exploration(const AdaptContext *context, Target *target, size_t n) {
        uint64_t bytes = region_list_bytes(&target->list), before = 0, block = SAMPLE_BLOCK * PAGE_SIZE_MIN;
        size_t kept = 0;

        target->n_samples = 0;
        if (n == 0)
                return;
        for (size_t k = 0; k < n; k++)
                target->samples[k].addr = scale(target->walk += GOLDEN, bytes);
        qsort(target->samples, n, sizeof(*target->samples), compare_samples);

        for (size_t i = 0, k = 0; k < n; k++) {
                uint64_t offset = target->samples[k].addr, at;
                const Region *region;
                Region part;

                for (; offset - before >= region_size(&target->list.regions[i]); i++)
                        before += region_size(&target->list.regions[i]);
                region = &target->list.regions[i];
                if (region->need > 0)
                        continue;
                at = (region->start + offset - before) / block * block;
                part = (Region) { .start = MAX(at, region->start), .end = MIN(at + block, region->end) };
                target->samples[kept++] = (Sample) {
                        .addr = adapt_sample_page(context, &part),
                        .region = (uint32_t) i,
                };
        }
        target->n_samples = kept;
}

/* n pages of what is under search, one from each of n equal parts. */
static void draw_probes(const AdaptContext *context, Target *target, size_t i, size_t n) {
        uint64_t start, end, pages;

        search_slice(&target->list.regions[i], &start, &end);
        pages = (end - start) / PAGE_SIZE_MIN;
        n = MIN(n, (size_t) pages);
        for (size_t k = 0; k < n; k++) {
                uint64_t first = pages / n * k + pages % n * k / n;
                uint64_t last = pages / n * (k + 1) + pages % n * (k + 1) / n;

                target->samples[target->n_samples++] = (Sample) {
                        .addr = start + (first + rng_below(context->rng, last - first)) * PAGE_SIZE_MIN,
                        .region = (uint32_t) i,
                };
        }
}

static int draw_region(const AdaptContext *context, Target *target, size_t i, Shares *shares) {
        const Region *region = &target->list.regions[i];
        size_t n;
        int r;

        if (region->need > 0) {
                n = MIN(search_next_probes(region), shares->searches);
                shares->searches -= n;
        } else {
                n = round_by_chance(context->rng, shares->known * lacks(region, shares->expected));
        }
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

static int directed_draw(AdaptContext *context, Target *target) {
        Shares shares;
        int r;

        if (context->granularity == GRANULARITY_MAPPING)
                return merge_draw_mappings(target);

        shares = divide(context, target);
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

/* ---- Learning ---- */

/* What one tick's samples said about one region. */
typedef struct Verdicts {
        uint32_t n;
        uint32_t hits;
        uint64_t first_hit; /* an address; 0: none */
} Verdicts;

/* Several accesses at once, where there were hardly any. */
static bool is_sudden(const Verdicts *tick, double hits, double n) {
        double rate = (double) tick->hits / tick->n;

        return tick->hits >= SUDDEN_HITS && n > tick->n &&
               rate - hits / n > Z_CERTAIN * merge_difference_error(rate, tick->n, hits / n, n);
}

/* Idle memory was accessed. Whether that is to be followed now: with few samples, the next ticks will tell better
 * whether it was accessed as a whole. */
static bool is_surprise(Region *region, const Verdicts *tick) {
        double hits, n;

        search_recent(region, &hits, &n);
        if (search_is_dense(tick->hits, tick->n) || is_sudden(tick, hits - tick->hits, n - tick->n)) {
                search_set_recent(region, tick->hits, tick->n); /* what was before is over */
                search_recent(region, &hits, &n);
        }
        if (tick->n >= 2 && n < SEARCH_PLAIN_HITS)
                return false; /* the next ticks will tell */
        return tick->n < 2 || search_is_dense(hits, n) || hits <= SEARCH_DENSE_SHARE * (n + region->weight);
}

/* A change is seen between two samples: in the middle, on average. */
static nsec_t between(const Region *region, nsec_t now) {
        return region->asked > 0 && region->asked < now ? now - (now - region->asked) / 2 : now;
}

/* Misses in a row are counted in `probes` where nothing is asked. */
static void watch_for_silence(const AdaptContext *context, Region *region, const Verdicts *tick) {
        if (tick->hits == 0 && tick->n > 0 && region->probes == 0)
                region->met = between(region, context->now);
        region->probes = tick->hits > 0 ? 0 : region->probes + tick->n;
        if (search_miss_log(region, 0) * region->probes > SUSPECT_LOG && region->rate >= SEARCH_DENSE_SHARE)
                search_ask(region, SEARCH_CELL, SUSPECT_TIMES * search_need(context, region));
}

/* Counts one region's samples, which lie side by side from k on. *ret is what they say; returns how many. */
static size_t tally_region(Region *region, const Target *target, size_t k, Verdicts *ret) {
        uint64_t part_size = region_size(region) / REGION_PARTS + 1;
        size_t first = k;

        *ret = (Verdicts) {};
        for (; k < target->n_checked && target->samples[k].region == target->samples[first].region; k++) {
                const Sample *sample = &target->samples[k];
                size_t part = (size_t) ((sample->addr - region->start) / part_size);

                if (sample->trials == 0) {
                        /* nothing to be learned here: a cell of such pages must not wait for ever */
                        region->need -= region->need > region->probes;
                        continue;
                }
                ret->n++;
                if (region->need == 0)
                        region->part_samples[part]++;
                if (sample->hits == 0)
                        continue;
                ret->hits++;
                if (region->need == 0)
                        region->part_hits[part]++;
                if (region->hot_left)
                        region->edge = sample->addr + PAGE_SIZE_MIN;
                else if (region->edge == 0)
                        region->edge = sample->addr;
                if (ret->first_hit == 0)
                        ret->first_hit = sample->addr;
        }
        return k - first;
}

/* Takes in what the samples say. Returns the number of surprises to be followed. */
static size_t tally(const AdaptContext *context, Target *target, uint64_t *surprises) {
        size_t n = 0;

        for (size_t k = 0; k < target->n_checked;) {
                Region *region = &target->list.regions[target->samples[k].region];
                Verdicts tick;

                k += tally_region(region, target, k, &tick);
                if (region->need > 0) {
                        region->probes += tick.n;
                        region->probe_hits += tick.hits;
                } else if (!region_is_idle(region)) {
                        watch_for_silence(context, region, &tick);
                } else if (tick.hits > 0) {
                        if (!search_is_lately(context, region)) {
                                region->met = between(region, context->now);
                                search_set_recent(region, tick.hits, tick.n); /* what was before is over, perhaps */
                        }
                        if (n < SURPRISES_MAX && is_surprise(region, &tick))
                                surprises[n++] = tick.first_hit;
                }
                if (tick.n > 0)
                        region->asked = context->now;
                if (tick.hits > 0)
                        region->last_hit = context->now;
        }
        return n;
}

/* ---- Parts ---- */

static uint64_t whole_pages(uint64_t bytes) {
        return MAX(bytes / PAGE_SIZE_MIN, UINT64_C(1)) * PAGE_SIZE_MIN;
}

/* Whether the quarters of a region that is accessed differ. */
static bool parts_differ(const Region *region) {
        double low = 1, high = 0, n_low = 0, n_high = 0;

        for (size_t i = 0; i < REGION_PARTS; i++) {
                double n = region->part_samples[i], rate = n > 0 ? region->part_hits[i] / n : 0;

                if (n < PART_SAMPLES_MIN)
                        return false;
                if (rate <= low) {
                        low = rate;
                        n_low = n;
                }
                if (rate >= high) {
                        high = rate;
                        n_high = n;
                }
        }
        return high - low > Z_PARTS * merge_difference_error(low, n_low, high, n_high);
}

/* Cuts region i into its quarters, each with the rate of its own. */
static int cut_parts(const AdaptContext *context, RegionList *list, size_t i) {
        Region whole = list->regions[i];
        uint64_t part_size = whole_pages(region_size(&whole) / REGION_PARTS + 1);
        SearchState *d = context->state;
        int r;

        for (size_t k = 0; k < REGION_PARTS; k++, i++) {
                Region *region;

                if (k + 1 < REGION_PARTS) {
                        r = search_split(list, i, whole.start + (k + 1) * part_size);
                        if (r < 0)
                                return r;
                }
                region = &list->regions[i];
                merge_restart_history(region, whole.part_hits[k] / whole.part_samples[k], whole.part_samples[k],
                                      context->now);
        }
        d->quiet = 0;
        for (size_t k = i; k > i - REGION_PARTS; k--) {
                if (region_is_idle(&list->regions[k - 1]))
                        continue;
                r = search_open_gaps(context, list, k - 1, SEARCH_SPOT_SIZE);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int cut_where_parts_differ(const AdaptContext *context, RegionList *list) {
        int r;

        for (size_t i = list->n; i > 0; i--) {
                const Region *region = &list->regions[i - 1];

                if (region->need > 0 || region_is_idle(region) ||
                    region_size(region) < 4 * REGION_PARTS * PAGE_SIZE_MIN ||
                    !parts_differ(region) || !search_has_room(context, REGION_PARTS))
                        continue;
                r = cut_parts(context, list, i - 1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int directed_learn(AdaptContext *context, Target *target) {
        uint64_t surprises[SURPRISES_MAX];
        RegionList *list = &target->list;
        double pending, most = PENDING_TICKS * tick_budget(context, target);
        SearchState *d = context->state;
        size_t n;
        int r;

        if (context->granularity == GRANULARITY_MAPPING)
                return 0;

        n = tally(context, target, surprises);
        r = search_conclude(context, list, &pending);
        if (r < 0)
                return r;
        d->busy = 4 * PENDING_TICKS * pending > most;
        for (size_t i = 0; i < n && pending < most; i++, pending += SEARCH_SPOT_NEED) {
                r = search_follow(context, list, surprises[i]);
                if (r < 0)
                        return r;
        }
        return cut_where_parts_differ(context, list);
}

/* ---- The end of a window ---- */

/* Moves the average of one region on by the window, and decides whether its age ends. */
static void age_region(const AdaptContext *context, Region *region) {
        double n = (double) region->samples, hits = (double) region->hits, distance, error, recent_hits, recent_n;

        search_recent(region, &recent_hits, &recent_n);
        for (size_t i = 0; recent_n > RECENT_KEPT && i < REGION_PARTS; i++) {
                region->part_hits[i] *= (float) SEARCH_DECAY;
                region->part_samples[i] *= (float) SEARCH_DECAY;
        }
        if (region->samples == 0)
                return;
        if (region_is_idle(region) && hits > 0 && context->granularity != GRANULARITY_MAPPING)
                hits = 0; /* lone accesses, not followed or in vain */
        if (hits > 0)
                region->last_hit = context->now;
        if (region->weight < 1) {
                region->rate = hits / n;
                region->weight = n;
                return;
        }

        if (region->since > context->window_start)
                return; /* the window's counts are partly of what was before */

        if (n >= WINDOW_SAMPLES || recent_n < n || region_is_idle(region)) {
                recent_hits = hits;
                recent_n = n;
        }
        distance = fabs(recent_hits / recent_n - region->rate);
        error = merge_difference_error(recent_hits / recent_n, recent_n, region->rate, region->weight);
        if ((region_is_idle(region) && hits > 0) || distance > Z_CERTAIN * error ||
            (distance > SEARCH_Z_STRANGE * error && ++region->strange >= 2)) {
                merge_restart_history(region, recent_hits / recent_n, recent_n, context->window_start);
                return;
        }
        if (distance <= SEARCH_Z_STRANGE * error)
                region->strange = 0;
        search_average_in(region, hits, n);
        if (hits == 0 && region->rate > 0 && region->rate * region->weight < 0.5)
                merge_restart_history(region, 0, region->weight, region->last_hit);
}

static int directed_merge(AdaptContext *context) {
        for (size_t i = 0; i < context->n_targets; i++) {
                RegionList *list = &context->targets[i]->list;

                for (size_t k = 0; k < list->n; k++)
                        if (list->regions[k].need == 0)
                                age_region(context, &list->regions[k]);
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
        .budget = true,
        .by_average = true,
        .draw = directed_draw,
        .learn = directed_learn,
        .merge = directed_merge,
        .bound = merge_bound,
        .split = directed_split,
        .new_state = directed_new_state,
        .free_state = free,
};
