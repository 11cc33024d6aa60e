/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy `directed`: samples go where they change the answer (udamon(7) has the formulas and the limits).
 *
 * A budget of samples per second is divided among searches, what is known to be accessed, and exploration (draw.h).
 *
 * An access in memory that is taken to be idle is a surprise, and followed at once (search.h). Where surprises are
 * dense, and the spot around one is accessed no more than the rest, the region is accessed as a whole; it is cut where
 * its quarters turn out to differ by several standard errors. What is known to be accessed and has not been for
 * improbably long is a suspect, and asked at once.
 *
 * Nothing is split at random, and rates are averaged over as many samples as tell a change from noise. */
#include <errno.h>
#include <math.h>

#include "monitor/draw.h"
#include "monitor/merge.h"
#include "monitor/search.h"

/* After a run of misses as improbable as exp(-SUSPECT_LOG), memory is a suspect. */
#define SUSPECT_LOG 5.3 /* 0.5 % */

/* … and of so many as exp(-SILENT_LOG), idle without being asked. */
#define SILENT_LOG 16.0 /* 1 in 9 million */
#define SILENT_MISSES 3

/* What makes up so much of all that is accessed is asked again when accesses begin elsewhere, if so few probes tell. */
#define VERIFY_PARTS 16
#define VERIFY_MAX 8

/* The share of surprises that turned out to be of all of their region from which on that is asked of each: three probes
 * may spare a search of some seventy. */
#define WHOLES_LEAST 0.05
#define WHOLES_FIRST 0.06 /* taken to be so at first */

#define SURPRISES_MAX 256
#define SUDDEN_HITS 2
#define PATIENCE_TICKS 5
#define PENDING_TICKS 4 /* no more is under search at a time than so many ticks can decide */

#define LONE_MOST 2.0     /* lone accesses that a window may have, and … */
#define LONE_MORE 3.0     /* … times the usual number */
#define LONE_KEPT 2048.0  /* the samples that lone accesses are counted over at least */
#define RECENT_KEPT 400.0 /* the samples that the quarters remember at least, however many windows they take */
#define WINDOW_SAMPLES 16 /* with fewer, a window is judged with those before it */
#define PART_SAMPLES_MIN 12.0
#define PARTS_DISTANCE 30.0 /* chi squared beyond which four quarters differ: by chance once in 700,000 */

static void *directed_new_state(void) {
        SearchState *d = calloc(1, sizeof(*d));

        if (d)
                d->wholes = WHOLES_FIRST;
        return d;
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
               rate - hits / n > SEARCH_Z_CERTAIN * merge_difference_error(rate, tick->n, hits / n, n);
}

/* Whether the region may be accessed as a whole, as it was before, or is new; and the next ticks will bring enough
 * samples to tell. */
static bool will_tell(const AdaptContext *context, const Region *region) {
        const SearchState *d = context->state;

        return (region->before > 0 || region->weight < WINDOW_SAMPLES) &&
               PATIENCE_TICKS * d->expected * (double) region_size(region) >= SEARCH_PLAIN_HITS;
}

/* Idle memory was accessed. Whether that is to be followed now. */
static bool is_surprise(const AdaptContext *context, Region *region, const Verdicts *tick) {
        double hits, n;

        search_recent(region, &hits, &n);
        if (search_is_dense(tick->hits, tick->n) || is_sudden(tick, hits - tick->hits, n - tick->n)) {
                search_set_recent(region, tick->hits, tick->n); /* what was before is over */
                search_recent(region, &hits, &n);
        }
        if (n < SEARCH_PLAIN_HITS && (tick->n >= 2 || will_tell(context, region)))
                return false;
        return tick->n < 2 || search_is_dense(hits, n) || hits <= SEARCH_DENSE_SHARE * (n + region->weight);
}

/* Memory that ceased to be accessed when region i did, and lies beside it, will be accessed with it, too. */
static bool is_sibling(const AdaptContext *context, const Region *region, const Region *other) {
        nsec_t first = MIN(region->since, other->since), last = MAX(region->since, other->since);

        if (other->need > 0)
                return false;
        if (!region_is_idle(other)) /* it has been recognized just before */
                return other->before == 0 &&
                       context->now - MIN(other->since, context->now) <= context->attrs->aggregate;
        return other->before > 0 && last - first <= context->attrs->aggregate;
}

/* Adds what was seen in siblings on one side of region i since accesses began: limits on the size of regions would hide
 * from each of them what they share. */
static void add_siblings(const AdaptContext *context, const RegionList *list, size_t i, bool right,
                         double *hits, double *n) {
        const Region *region = &list->regions[i];

        for (size_t k = right ? i + 1 : i - 1; region->before > 0 && k < list->n; k += right ? 1 : (size_t) -1) {
                const Region *other = &list->regions[k];
                double more_hits, more;

                if (!(right ? region_touches(other - 1, other) : region_touches(other, other + 1)) ||
                    !is_sibling(context, region, other))
                        return;
                if (region_is_idle(other) && !search_is_lately(context, other))
                        continue;
                search_recent(other, &more_hits, &more);
                *hits += more_hits;
                *n += more;
        }
}

/* Idle memory that may be accessed as a whole: all that was seen so far says so, but the next tick will not say enough.
 * Where it never was before, asking must have been worth while elsewhere. */
static bool may_be_whole(const AdaptContext *context, const Region *region) {
        const SearchState *d = context->state;
        double hits, n;

        search_recent(region, &hits, &n);
        if (hits < SEARCH_PLAIN_SHARE * n || d->expected * (double) region_size(region) >= SEARCH_PLAIN_HITS)
                return false;
        if (region->before > 0)
                return true;
        return region->weight >= WINDOW_SAMPLES &&
               (d->wholes >= WHOLES_LEAST || rng_unit(context->rng) < WHOLES_LEAST);
}

/* Nearly every sample since the first surprise found an access: there is nothing to search. */
static bool is_plain(const AdaptContext *context, RegionList *list, size_t i) {
        Region *region = &list->regions[i];
        SearchState *d = context->state;
        double hits, n, all_hits, all;

        search_recent(region, &hits, &n);
        if (hits < SEARCH_PLAIN_SHARE * n)
                return false;
        all_hits = hits;
        all = n;
        add_siblings(context, list, i, true, &all_hits, &all);
        add_siblings(context, list, i, false, &all_hits, &all);
        if (all_hits < SEARCH_PLAIN_HITS || all_hits < SEARCH_PLAIN_SHARE * all)
                return false;
        merge_restart_history(region, hits / n, n, search_met(context, region));
        region->probes = 0;
        region->surprise = 0;
        d->changed = true;
        search_count_whole(d, true);
        d->quiet = 0;
        return true;
}

/* A change is seen between two samples: in the middle, on average. */
static nsec_t between(const Region *region, nsec_t now) {
        return region->asked > 0 && region->asked < now ? now - (now - region->asked) / 2 : now;
}

/* When accesses ended: between the beginnings of the last interval with an access and the first without. Never more
 * than an interval too early: what is called idle for so long is to have been. */
static nsec_t ended(const AdaptContext *context, const Region *region) {
        nsec_t sample = context->attrs->sample;

        return MAX(between(region, context->now), context->now - sample) - sample;
}

/* Idle memory was asked. */
static void note_surprise(const AdaptContext *context, Region *region, const Verdicts *tick) {
        if (tick->hits == 0)
                return;
        if (!search_is_lately(context, region)) {
                region->met = between(region, context->now);
                region->surprise = tick->first_hit;
                search_set_recent(region, tick->hits, tick->n); /* what was before is over, perhaps */
        }
        if (region->surprise == 0)
                region->surprise = tick->first_hit;
}

/* Idle memory was asked. Whether there is a surprise to be followed now. */
static bool learn_idle(const AdaptContext *context, RegionList *list, size_t i, const Verdicts *tick) {
        Region *region = &list->regions[i];

        if (region->surprise == 0 || is_plain(context, list, i))
                return false;
        if (may_be_whole(context, region)) {
                search_ask(region, SEARCH_WHOLE, SEARCH_PLAIN_HITS - 1);
                ((SearchState *) context->state)->changed = true;
                return false;
        }
        return is_surprise(context, region, tick);
}

/* Misses in a row are counted in `probes` where nothing is asked. */
static void watch_for_silence(const AdaptContext *context, Region *region, const Verdicts *tick) {
        const SearchState *d = context->state;
        uint32_t need = search_need_surely(region);
        double misses;

        if (tick->hits == 0 && tick->n > 0 && region->probes == 0)
                region->met = ended(context, region);
        region->probes = tick->hits > 0 ? 0 : region->probes + tick->n;
        misses = search_miss_log(region, 0) * region->probes;
        if (region->probes >= SILENT_MISSES && misses > SILENT_LOG)
                merge_restart_history(region, 0, region->probes, region->met);
        else if (misses > SUSPECT_LOG && need <= MAX(d->dear, (double) VERIFY_MAX))
                search_ask(region, SEARCH_CELL, need);
}

/* What the samples say of the one region that those from k on are of. Returns how many they are. */
static size_t read_verdicts(const Target *target, size_t k, Verdicts *ret) {
        size_t first = k;

        *ret = (Verdicts) {};
        for (; k < target->n_checked && target->samples[k].region == target->samples[first].region; k++) {
                const Sample *sample = &target->samples[k];

                if (sample->trials == 0)
                        continue;
                ret->n++;
                ret->hits += sample->hits > 0;
                if (sample->hits > 0 && ret->first_hit == 0)
                        ret->first_hit = sample->addr;
        }
        return k - first;
}

static void count_sample(Region *region, const Sample *sample) {
        size_t part = (size_t) ((sample->addr - region->start) / (region_size(region) / REGION_PARTS + 1));

        if (sample->trials == 0) {
                /* nothing to be learned here: a cell of such pages must not wait for ever */
                region->need -= region->need > region->probes;
                return;
        }
        if (region->need > 0) {
                region->probes++;
                region->probe_hits += sample->hits > 0;
        } else {
                region->part_samples[part]++;
                region->part_hits[part] += sample->hits > 0;
        }
        if (sample->hits == 0)
                return;
        if (region->hot_left)
                region->edge = sample->addr + PAGE_SIZE_MIN;
        else if (region->edge == 0)
                region->edge = sample->addr;
}

/* Where accesses begin, they end elsewhere, as a rule: what is known to be accessed is asked whether it still is, where
 * few probes can tell. */
static void verify_accessed(const AdaptContext *context, RegionList *list) {
        nsec_t sample = context->attrs->sample;
        double accessed = 0;

        for (size_t i = 0; i < list->n; i++)
                accessed += list->regions[i].rate * (double) region_size(&list->regions[i]);
        for (size_t i = 0; i < list->n; i++) {
                Region *region = &list->regions[i];
                uint32_t need = search_need_surely(region);

                if (region->need > 0 || need > VERIFY_MAX ||
                    region->rate * (double) region_size(region) < accessed / VERIFY_PARTS)
                        continue;
                if (region->probes == 0)
                        /* when it ended, if it did: since the last interval in which it was accessed began */
                        region->met = MAX((region->last_hit + context->now - sample) / 2, context->now - sample);
                search_ask(region, SEARCH_CELL, need);
        }
}

/* Takes in what the samples say. Returns the number of surprises to be followed. */
static size_t tally(const AdaptContext *context, Target *target, uint64_t *surprises) {
        RegionList *list = &target->list;
        SearchState *d = context->state;
        Verdicts tick;
        size_t n = 0;

        for (size_t k = 0; k < target->n_checked; k++)
                count_sample(&list->regions[target->samples[k].region], &target->samples[k]);
        for (size_t k = 0; k < target->n_checked;) {
                Region *region = &list->regions[target->samples[k].region];

                k += read_verdicts(target, k, &tick);
                if (tick.n == 0)
                        continue;
                if (region->need == 0 && region_is_idle(region))
                        note_surprise(context, region, &tick);
                else if (region->need == 0)
                        watch_for_silence(context, region, &tick);
                region->asked = context->now;
                if (tick.hits > 0)
                        region->last_hit = context->now;
        }
        for (size_t k = 0; k < target->n_checked && n < SURPRISES_MAX;) {
                size_t i = target->samples[k].region;
                Region *region = &list->regions[i];

                k += read_verdicts(target, k, &tick);
                if (region->need > 0 || tick.n == 0 || !region_is_idle(region) || !learn_idle(context, list, i, &tick))
                        continue;
                surprises[n++] = region->surprise;
                region->surprise = 0;
        }
        if (d->changed)
                verify_accessed(context, list);
        d->changed = false;
        return n;
}

/* ---- Parts ---- */

static uint64_t whole_pages(uint64_t bytes) {
        return MAX(bytes / PAGE_SIZE_MIN, UINT64_C(1)) * PAGE_SIZE_MIN;
}

/* Whether the quarters of a region that is accessed differ: the sum of their squared distances from the mean of all,
 * in standard errors. */
static bool parts_differ(const Region *region) {
        double hits, n, rate, sum = 0;

        search_recent(region, &hits, &n);
        rate = (hits + 0.5) / (n + 1);
        for (size_t i = 0; i < REGION_PARTS; i++) {
                double distance = region->part_hits[i] - rate * region->part_samples[i];

                if (region->part_samples[i] < PART_SAMPLES_MIN)
                        return false;
                sum += distance * distance / (region->part_samples[i] * rate * (1 - rate));
        }
        return sum > PARTS_DISTANCE;
}

/* Cuts region i into its quarters, each with the rate of its own. */
static int cut_parts(const AdaptContext *context, RegionList *list, size_t i) {
        Region whole = list->regions[i];
        uint64_t part_size = whole_pages(region_size(&whole) / REGION_PARTS + 1);
        SearchState *d = context->state;
        double rate;
        int r;

        for (size_t k = 0; k < REGION_PARTS; k++, i++) {
                Region *region;

                if (k + 1 < REGION_PARTS) {
                        r = search_split(list, i, whole.start + (k + 1) * part_size);
                        if (r < 0)
                                return r;
                }
                region = &list->regions[i];
                rate = whole.part_hits[k] / whole.part_samples[k];
                /* it is known better, not changed: its age goes on; but what has no access is idle for no longer than
                 * is certain */
                merge_restart_history(region, rate, whole.part_samples[k], rate > 0 ? whole.since : context->now);
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
        double pending, most = PENDING_TICKS * draw_budget(context, target);
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
        double n = (double) region->samples, hits = (double) region->hits, distance, recent_hits, recent_n;

        search_recent(region, &recent_hits, &recent_n);
        for (size_t i = 0; recent_n > RECENT_KEPT && i < REGION_PARTS; i++) {
                region->part_hits[i] *= (float) SEARCH_DECAY;
                region->part_samples[i] *= (float) SEARCH_DECAY;
        }
        if (region->samples == 0)
                return;
        if (region_is_idle(region) && context->granularity != GRANULARITY_MAPPING) {
                double kept = MAX(LONE_KEPT / MAX(region->lone_samples, LONE_KEPT), SEARCH_DECAY);
                double usual = region->lone_hits / MAX(region->lone_samples, 1.0) * n;

                /* many at once are a beginning, and no lone ones */
                region->lone_hits = region->lone_hits * kept + MIN(hits, LONE_MOST + LONE_MORE * usual);
                region->lone_samples = region->lone_samples * kept + n;
                hits = 0; /* accesses that were not followed, or in vain */
        }
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
        distance = merge_distance(recent_hits / recent_n, recent_n, region->rate, region->weight);
        if ((region_is_idle(region) && hits > 0) || distance > SEARCH_Z_CERTAIN ||
            (distance > SEARCH_Z_STRANGE && ++region->strange >= 2)) {
                merge_restart_history(region, recent_hits / recent_n, recent_n, context->window_start);
                return;
        }
        if (distance <= SEARCH_Z_STRANGE)
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
        .draw = draw_samples,
        .learn = directed_learn,
        .merge = directed_merge,
        .bound = merge_bound,
        .split = directed_split,
        .new_state = directed_new_state,
        .free_state = free,
};
