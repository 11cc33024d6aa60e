/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deciding: from a snapshot to a plan. */
#include <errno.h>
#include <math.h>

#include "base/macro.h"
#include "monitor/ops.h"
#include "scheme/set-internal.h"

/* Ranges in one plan; what does not fit waits for the next. */
#define ITEMS_MAX 8000

/* Audits read pagemap: 8 bytes for each page. */
#define AUDITS_MAX 64
#define AUDIT_BYTES_MAX (UINT64_C(128) << 20)

/* The most common one; where huge pages are larger, borders may cut them. */
#define HUGE_PAGE_SIZE (UINT64_C(2) << 20)

/* Scores that differ less say little: a fifth of an idle time. */
#define SCORE_ALIKE (1.0 / 512)

/* Swap is not filled to the brim: the machine may need the last of it more urgently than we do. */
#define SWAP_RESERVE (UINT64_C(4) << 20)

/* As long as this a snapshot is recent, however short a time memory had to be idle. */
#define STALE_MIN (10 * NSEC_PER_SEC)

/* Twice what batches are made to last. */
#define BATCH_TIME_MAX (4 * NSEC_PER_MSEC)

/* All that deciding is about. */
typedef struct Decision {
        SchemeSet *set;
        const Snapshot *snapshot;
        const TargetFacts *targets;
        const SchemeFacts *facts;
        nsec_t now;

        PlanItem *items; /* target: index into the snapshot */
        size_t n_items;
        size_t items_allocated;
        PlanScheme schemes[SCHEMES_MAX];
        size_t n_schemes;
        PlanAudit *audits; /* likewise */
        size_t n_audits;
        Ledger claimed; /* by schemes earlier in the list, in this pass */
        uint64_t swap_room; /* bytes, over all schemes; UINT64_MAX: nobody asked */
} Decision;

/* ---- Facts ---- */

typedef struct GoalReader {
        const Decision *decision;
        Running *running;
} GoalReader;

static uint64_t resident(const Snapshot *snapshot) {
        uint64_t bytes = 0;

        for (size_t i = 0; i < snapshot->n_targets; i++)
                bytes += snapshot->targets[i].resident;
        return bytes;
}

/* (goal_read_t) */
static int read_goal(void *userdata, const GoalConfig *goal, GoalReading *ret) {
        const GoalReader *reader = userdata;
        const Snapshot *snapshot = reader->decision->snapshot;
        Running *running = reader->running;
        double rss = (double) resident(snapshot);

        switch (goal->metric) {
        case GOAL_USER_INPUT:
                ret->value = running->inputs[goal - running->spec->config.quota.goals];
                return 0;
        case GOAL_REFAULT_RATE:
                running_fade(running, reader->decision->now);
                ret->value = running->recent_applied > 0 ? running->recent_back / running->recent_applied : 0;
                return 0;
        case GOAL_RSS:
                ret->value = rss;
                return rss > 0 ? 0 : -ENODATA;
        case GOAL_RSS_TO_WSS:
                if (rss <= 0 || snapshot->working_set.bytes == 0)
                        return -ENODATA;
                ret->value = rss / (double) snapshot->working_set.bytes;
                return 0;
        default:
                return reader->decision->facts->goal(reader->decision->facts->userdata, goal, ret);
        }
}

static void look_at_watermark(const Decision *d, Running *running) {
        const WatermarkConfig *config = &running->spec->config.watermarks;
        double value;

        if (config->metric == WATERMARK_NONE || d->now < running->watermark.next)
                return;
        if (d->facts->watermark(d->facts->userdata, config->metric, &value) < 0)
                value = -1;
        watermark_update(config, &running->watermark, value, d->now);
}

/* Bytes that may be handed to swap: what there is room for, and no faster than the scheme allows: what a second of
 * quiet saves up is all that goes at once, however seldom the scheme applies. */
static uint64_t swap_allowance(Decision *d, Running *running) {
        double rate = (double) running->spec->config.swap_out_max;
        uint64_t free;

        d->swap_room = 0;
        if (d->facts->swap_free(d->facts->userdata, &free) < 0 || free <= SWAP_RESERVE)
                return 0;
        d->swap_room = free - SWAP_RESERVE;

        if (running->swap_time == 0)
                running->swap_tokens = rate;
        else
                running->swap_tokens += rate * (double) (d->now - running->swap_time) / (double) SWAP_BURST;
        running->swap_tokens = MIN(running->swap_tokens, rate);
        running->swap_time = d->now;
        if (running->swap_tokens < 1)
                return 1; /* there is room, but not yet: less than a page */
        return running->swap_tokens >= 0x1p63 ? d->swap_room : MIN((uint64_t) running->swap_tokens, d->swap_room);
}

/* ---- Candidates ---- */

typedef struct Collector {
        Decision *decision;
        Running *running;
        nsec_t patience; /* idle for less, memory of the target is left alone */
        PlanItem item;   /* what all pieces of a range have in common */
} Collector;

static bool is_for_blocks(Action action) {
        return action == ACTION_HUGEPAGE || action == ACTION_COLLAPSE || action == ACTION_NOHUGEPAGE;
}

/* Whether the order of two candidates may be given up for the sake of a huge page. */
static bool may_join(const Collector *c, const PlanItem *last, uint64_t start) {
        const SchemeConfig *config = &c->running->spec->config;

        if (last->end != start || last->scheme != c->item.scheme || last->target != c->item.target ||
            last->decided != c->item.decided)
                return false;
        return !quota_is_set(&config->quota) || is_for_blocks(config->action) ||
               fabs(last->score - c->item.score) <= SCORE_ALIKE;
}

/* The border between two candidates moves up to that of a huge page: cut in two, it would be an edge of both, and
 * left alone. Less than a huge page goes along with what is before it. Returns where the piece begins now: at its
 * end where nothing is left. */
static uint64_t move_border(const Collector *c, uint64_t start, uint64_t end) {
        Decision *d = c->decision;
        PlanItem *last = d->n_items > 0 ? &d->items[d->n_items - 1] : NULL;
        uint64_t border = (start + HUGE_PAGE_SIZE - 1) / HUGE_PAGE_SIZE * HUGE_PAGE_SIZE;

        if (!last || !may_join(c, last, start))
                return start;
        return last->end = MIN(border, end);
}

/* A free piece of a candidate (ledger_piece_t). */
static int take_piece(void *userdata, uint64_t start, uint64_t end) {
        Collector *c = userdata;
        Decision *d = c->decision;
        PlanItem *items;

        start = move_border(c, start, end);
        if (start == end)
                return 0;

        if (d->n_items == d->items_allocated) {
                size_t allocated = d->items_allocated * 2 + 64;

                items = reallocarray(d->items, allocated, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                d->items = items;
                d->items_allocated = allocated;
        }
        if (d->n_items < ITEMS_MAX) {
                d->items[d->n_items] = c->item;
                d->items[d->n_items].start = start;
                d->items[d->n_items++].end = end;
        }
        return 0;
}

/* A piece that does not rest, less what an earlier scheme has claimed (ledger_piece_t). */
static int take_rested(void *userdata, uint64_t start, uint64_t end) {
        const Collector *c = userdata;
        const Decision *d = c->decision;

        if (c->running->spec->config.action == ACTION_STAT)
                return take_piece(userdata, start, end);
        return ledger_visit_free(&d->claimed, d->snapshot->targets[c->item.target].id, start, end, 0, take_piece,
                                 userdata);
}

static int collect_region(Collector *c, const SnapshotTarget *target, const SnapshotRegion *region) {
        const SchemeConfig *config = &c->running->spec->config;
        _cleanup_free_ CorePiece *pieces = NULL;
        size_t n_pieces;
        int r;

        r = filters_cut(config->filters, config->n_filters, c->decision->targets[c->item.target].index, region->start,
                        region->end, &pieces, &n_pieces);
        if (r < 0)
                return r;

        if (n_pieces > 0)
                c->running->stats.matched_regions++;
        for (size_t i = 0; i < n_pieces; i++) {
                /* of physical memory an estimate: what is free is nothing that matches */
                c->running->stats.matched += (uint64_t) ((double) (pieces[i].end - pieces[i].start) *
                                                                 page_use_trackable(region->apart) +
                                                         0.5);
                if (config->action == ACTION_STAT)
                        continue;
                if (region_certain_age(region) < c->patience) {
                        c->running->held_back += pieces[i].end - pieces[i].start;
                        continue;
                }
                c->item.decided = pieces[i].decided;
                r = ledger_visit_free(&c->running->ledger, target->id, pieces[i].start, pieces[i].end,
                                      c->decision->now, take_rested, c);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool may_act_on(const Decision *d, const Running *running, size_t target) {
        const SnapshotTarget *t = &d->snapshot->targets[target];

        if (t->state != TARGET_RUNNING || d->targets[target].protected_always)
                return false;
        return t->pid != 1 || running->spec->config.act_on_init;
}

static nsec_t patience_with(const Decision *d, const Running *running, uint64_t target) {
        if (!running_is_patient(running))
                return 0;
        return (nsec_t) ((double) ledger_patience(&running->ledger, target, d->now) * running->ease);
}

static int collect(Decision *d, Running *running) {
        const SchemeConfig *config = &running->spec->config;
        Collector c = { .decision = d, .running = running, .item = { .scheme = (uint32_t) d->n_schemes } };
        Preference preference = action_preference(config->action);
        int r;

        running->stats.matched_regions = running->stats.matched = running->held_back = 0;
        running->stats.hot = d->snapshot->working_set.touched;
        for (size_t i = 0; i < d->snapshot->n_targets; i++) {
                const SnapshotTarget *target = &d->snapshot->targets[i];

                if (config->action != ACTION_STAT && !may_act_on(d, running, i))
                        continue;
                c.item.target = (uint32_t) i;
                c.patience = patience_with(d, running, target->id);
                for (size_t k = target->first_region; k < target->first_region + target->n_regions; k++) {
                        const SnapshotRegion *region = &d->snapshot->regions[k];

                        if (!pattern_matches(&config->pattern, region))
                                continue;
                        c.item.score = region_score(&config->quota, preference, region);
                        r = collect_region(&c, target, region);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Best first; among equals by address, so that a plan is the same for the same snapshot. */
static int compare_items(const void *a, const void *b) {
        const PlanItem *x = a, *y = b;

        if (x->score != y->score)
                return x->score < y->score ? 1 : -1;
        if (x->target != y->target)
                return x->target < y->target ? -1 : 1;
        return (x->start > y->start) - (x->start < y->start);
}

/* What an acting scheme plans, no later one plans in the same pass; also what it may not get to, for nobody knows
 * how far what it may do will reach. */
static int claim(Decision *d, size_t first) {
        for (size_t i = first; i < d->n_items; i++) {
                const PlanItem *item = &d->items[i];
                LedgerEntry entry = {
                        .target = d->snapshot->targets[item->target].id,
                        .start = item->start,
                        .end = item->end,
                        .acted = 1,
                        .rest = NSEC_PER_SEC,
                };
                int r;

                r = ledger_add(&d->claimed, &entry, NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- One scheme ---- */

static nsec_t apply_interval(const Decision *d, const Running *running) {
        return MAX(running->spec->config.apply_interval, d->snapshot->aggregate);
}

/* Whether what the snapshot says may still be acted on without a new one: that memory was not used says less and less
 * the longer ago that was, compared with how long it had to be unused. */
static bool is_recent(const Decision *d, const Running *running) {
        nsec_t age = d->now - MIN(d->snapshot->time, d->now);

        return !running_backs_off(running) || age <= MAX(running->spec->config.pattern.age_min, STALE_MIN);
}

static bool is_due(const Decision *d, const Running *running) {
        /* snapshots come with some jitter */
        nsec_t tolerance = d->snapshot->sample / 2 + NSEC_PER_MSEC;
        bool opened = running->continuing && d->now >= running->quota.window_start && running->quota.charged == 0 &&
                      running->quota.charged_time == 0;

        if ((opened || (running->swap_again > 0 && d->now >= running->swap_again)) && is_recent(d, running))
                return true;
        return d->snapshot->sequence != d->set->sequence && d->now + tolerance >= running->next_apply;
}

static bool is_simulated(const Decision *d) {
        return d->snapshot->n_targets > 0 && d->snapshot->targets[0].pid == 0 && !d->targets[0].physical;
}

/* A batch that begins by then has ended before the next window opens, as long as it keeps to its time. */
static nsec_t last_begin(const Running *running) {
        const QuotaConfig *quota = &running->spec->config.quota;
        nsec_t end = quota_window_end(&running->quota, quota);

        return end == NSEC_INFINITY ? end : end - MIN(BATCH_TIME_MAX, quota->reset_interval / 8);
}

static void limit_scheme(Decision *d, Running *running, PlanScheme *to) {
        const SchemeConfig *config = &running->spec->config;
        nsec_t interval = apply_interval(d, running);

        *to = (PlanScheme) {
                .id = running->id,
                .spec = scheme_spec_ref(running->spec),
                .dry_run = config->dry_run || is_simulated(d),
                .bytes_max = quota_bytes_left(&running->quota, &config->quota),
                .time_max = quota_time_left(&running->quota, &config->quota),
                .swap_max = config->action == ACTION_PAGEOUT ? swap_allowance(d, running) : UINT64_MAX,
                /* nothing that the next window would see, nor long past the snapshot that it rests on */
                .deadline = MIN(last_begin(running), d->now + interval),
        };
}

static int decide_scheme(Decision *d, Running *running) {
        const SchemeConfig *config = &running->spec->config;
        size_t first = d->n_items;
        PlanScheme *to = &d->schemes[d->n_schemes];
        int r;

        running->stats.passes++;
        running->continuing = false;
        running->swap_again = 0;
        running->next_apply = d->now + apply_interval(d, running);
        r = collect(d, running);
        if (r < 0 || d->n_items == first)
                return r;

        running->quota.wanted = true;
        if (quota_is_set(&config->quota))
                qsort(&d->items[first], d->n_items - first, sizeof(*d->items), compare_items);
        limit_scheme(d, running, to);
        if (to->bytes_max < PAGE_SIZE_MIN || to->time_max == 0) {
                /* nothing left in this window: they wait for the next */
                running->quota.full = true;
                running->continuing = true;
                to->spec = scheme_spec_unref(to->spec);
                d->n_items = first;
                return 0;
        }
        d->n_schemes++;
        return running_acts(running) ? claim(d, first) : 0;
}

static void advance_quota(Decision *d, Running *running) {
        GoalReader reader = { .decision = d, .running = running };
        nsec_t window = running->quota.window_start;
        uint64_t charged = running->quota.charged;

        quota_advance(&running->quota, &running->spec->config.quota, d->now, read_goal, &reader);
        if (window > 0 && running->quota.window_start > window)
                running_adapt_ease(running, charged, running->quota.window_start - window);
}

static int decide_all(Decision *d) {
        int r;

        for (size_t i = 0; i < d->set->n && d->n_schemes < SCHEMES_MAX; i++) {
                Running *running = d->set->schemes[i];

                look_at_watermark(d, running);
                if (!running->spec->config.enabled || !running->watermark.active)
                        continue;
                advance_quota(d, running);
                if (!is_due(d, running)) {
                        /* too long ago: the next snapshot will say */
                        if (running->swap_again <= d->now)
                                running->swap_again = 0;
                        continue;
                }
                r = decide_scheme(d, running);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- What became of it ---- */

static size_t snapshot_target(const Snapshot *snapshot, const LedgerEntry *entry) {
        size_t i = 0;

        while (i < snapshot->n_targets && (snapshot->targets[i].id != entry->target ||
                                           snapshot->targets[i].state != TARGET_RUNNING))
                i++;
        return i;
}

static bool is_physical(const Decision *d) {
        return d->snapshot->n_targets > 0 && d->targets[0].physical;
}

/* Of physical memory the actor remembers what it took, and is only asked; else these are ranges of targets. */
static size_t next_audits(Decision *d, Running *running, LedgerEntry entries[static AUDITS_MAX]) {
        if (!is_physical(d))
                return ledger_next_audits(&running->ledger, entries, AUDITS_MAX, AUDIT_BYTES_MAX);
        entries[0] = (LedgerEntry) {};
        return running->stats.applied > 0 ? 1 : 0;
}

/* Pages that pageout took are looked for again, some at a time. */
static int plan_audits(Decision *d) {
        for (size_t i = 0; i < d->set->n; i++) {
                Running *running = d->set->schemes[i];
                LedgerEntry entries[AUDITS_MAX];
                PlanAudit *audits;
                size_t n;

                if (running->spec->config.action != ACTION_PAGEOUT || !running_acts(running))
                        continue;
                n = next_audits(d, running, entries);
                if (n == 0)
                        continue;
                audits = reallocarray(d->audits, d->n_audits + n, sizeof(*audits));
                if (!audits)
                        return -ENOMEM;
                d->audits = audits;
                for (size_t k = 0; k < n; k++) {
                        size_t target = is_physical(d) ? 0 : snapshot_target(d->snapshot, &entries[k]);

                        if (target < d->snapshot->n_targets &&
                            (d->snapshot->targets[target].pid > 0 || is_physical(d)))
                                d->audits[d->n_audits++] = (PlanAudit) { (uint32_t) target, entries[k].start,
                                                                        entries[k].end, running->id };
                }
        }
        return 0;
}

static bool leaves_its_place(Action action) {
        return action == ACTION_PAGEOUT || action == ACTION_MIGRATE_HOT || action == ACTION_MIGRATE_COLD;
}

static void observe(Decision *d) {
        for (size_t i = 0; i < d->set->n; i++) {
                Running *running = d->set->schemes[i];
                uint64_t bytes = 0;

                /* what has left its place in physical memory is not what is accessed there from now on */
                if (!leaves_its_place(running->spec->config.action) || !is_physical(d))
                        bytes = ledger_observe(&running->ledger, d->snapshot, running_backs_off(running));
                running->stats.returned += bytes;
                /* pageout knows it from pagemap, exactly */
                if (running->spec->config.action != ACTION_PAGEOUT || !running_acts(running))
                        running->recent_back += (double) bytes;
                ledger_expire(&running->ledger, d->snapshot, d->now);
        }
}

/* ---- The plan ---- */

static int make_plan(Decision *d, Plan **ret) {
        Plan *plan;

        plan = plan_new(d->snapshot->n_targets, d->n_schemes, d->n_items, d->n_audits);
        if (!plan)
                return -ENOMEM;

        plan->sequence = ++d->set->plans;
        plan->swap_room = d->swap_room;
        plan->swap_reserve = SWAP_RESERVE;
        for (size_t i = 0; i < plan->n_targets; i++) {
                const SnapshotTarget *from = &d->snapshot->targets[i];

                plan->targets[i] = (PlanTarget) {
                        .id = from->id,
                        .pid = from->pid,
                        .physical = d->targets[i].physical,
                        .start_time = d->targets[i].start_time,
                        .address_space = from->address_space,
                        .map = address_map_ref(from->map),
                };
        }
        for (size_t i = 0; i < plan->n_schemes; i++)
                plan->schemes[i] = TAKE_GENERIC(d->schemes[i], (PlanScheme) {});
        if (d->n_items > 0)
                memcpy(plan->items, d->items, d->n_items * sizeof(*d->items));
        if (d->n_audits > 0)
                memcpy(plan->audits, d->audits, d->n_audits * sizeof(*d->audits));
        *ret = plan;
        return 0;
}

static void decision_deinit(Decision *d) {
        for (size_t i = 0; i < d->n_schemes; i++)
                scheme_spec_unref(d->schemes[i].spec);
        ledger_deinit(&d->claimed);
        free(d->items);
        free(d->audits);
}

int scheme_set_decide(SchemeSet *set, const Snapshot *snapshot, const TargetFacts *targets, const SchemeFacts *facts,
                      nsec_t now, Plan **ret) {
        _cleanup_(decision_deinit) Decision d = {
                .set = set, .snapshot = snapshot, .targets = targets, .facts = facts, .now = now,
                .swap_room = UINT64_MAX,
        };
        bool fresh = snapshot->sequence != set->sequence;
        int r = 0;

        *ret = NULL;
        if (fresh) {
                observe(&d);
                r = plan_audits(&d);
        }
        if (r == 0)
                r = decide_all(&d);
        set->sequence = snapshot->sequence;
        if (r < 0 || (d.n_items == 0 && d.n_audits == 0))
                return r;
        return make_plan(&d, ret);
}

nsec_t scheme_set_next(const SchemeSet *set) {
        nsec_t next = NSEC_INFINITY;

        for (size_t i = 0; i < set->n; i++) {
                const Running *running = set->schemes[i];
                const SchemeConfig *config = &running->spec->config;

                if (!config->enabled)
                        continue;
                if (config->watermarks.metric != WATERMARK_NONE)
                        next = MIN(next, running->watermark.next);
                if (running->continuing && running->watermark.active)
                        next = MIN(next, quota_window_end(&running->quota, &config->quota));
                if (running->swap_again > 0 && running->watermark.active)
                        next = MIN(next, running->swap_again);
        }
        return next;
}
