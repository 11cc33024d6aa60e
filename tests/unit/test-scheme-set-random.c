/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scheme sets against a model that knows every page: random snapshots, schemes, results and changes. A failure
 * is replayed by its seed (the number of the loop). */
#include <math.h>

#include "test-scheme-set.h"

#define PAGES 300
#define N_SCHEMES 5
#define N_FILTERS 3
#define IDS_MAX 4096

/* What is known of a page that a scheme acted on. */
typedef struct PageState {
        nsec_t rest_until; /* at least */
        bool pretended;
} PageState;

/* What a scheme of this id has done. */
typedef struct History {
        PageState pages[WORLD_TARGETS][PAGES];
        nsec_t window_start;
        nsec_t reset_interval;
        uint64_t charged; /* in that window */
        SchemeStats sums;
} History;

typedef struct Model {
        World w;
        Rng rng;
        SchemeConfig configs[N_SCHEMES];
        FilterConfig filters[N_SCHEMES][N_FILTERS];
        size_t n;
        History *histories[IDS_MAX];
        uint64_t acted;
        uint64_t plans;
} Model;

static History *history_of(Model *m, uint64_t id) {
        ck_assert_uint_lt(id, IDS_MAX);
        if (!m->histories[id])
                m->histories[id] = calloc(1, sizeof(History));
        return m->histories[id];
}

static uint64_t below(Model *m, uint64_t bound) {
        return rng_below(&m->rng, bound);
}

/* For what is asked of every page: ck_assert() would be most of the work. */
static void must(bool holds, const char *what) {
        if (!holds)
                ck_abort_msg("%s", what);
}

/* ---- Random configurations ---- */

static SchemeConfig random_scheme(Model *m, size_t i) {
        static const Action actions[] = { ACTION_STAT, ACTION_PAGEOUT, ACTION_COLD, ACTION_WILLNEED, ACTION_LRU_PRIO };
        static const char *const names[] = { "a", "b", "c", "d", "e" };
        SchemeConfig config = scheme_of(names[i], actions[below(m, ELEMENTSOF(actions))]);

        config.enabled = below(m, 8) > 0;
        config.dry_run = below(m, 4) == 0;
        config.act_on_init = below(m, 2);
        config.pattern.size_min = below(m, 3) * PAGE;
        config.pattern.size_max = below(m, 2) ? 20 * PAGE : UINT64_MAX;
        config.pattern.rate_min = below(m, 2) ? 0 : 0.3;
        config.pattern.rate_max = below(m, 2) ? config.pattern.rate_min : 1;
        config.pattern.age_min = below(m, 3) * 20 * SEC;
        config.pattern.age_max = below(m, 4) ? NSEC_INFINITY : 80 * SEC;
        config.apply_interval = below(m, 3) ? 0 : 10 * SEC;
        if (below(m, 3)) {
                config.quota.size = (1 + below(m, 60)) * PAGE;
                config.quota.reset_interval = (1 + below(m, 20)) * SEC;
                config.quota.fail_charge = 0.25 * (double) below(m, 5);
        }
        config.filters = m->filters[i];
        config.n_filters = below(m, 2) ? below(m, N_FILTERS + 1) : 0;
        for (size_t k = 0; k < config.n_filters; k++) {
                uint64_t first = below(m, PAGES);

                m->filters[i][k] = (FilterConfig) {
                        .type = below(m, 3) ? FILTER_ADDR : FILTER_TARGET, .matching = below(m, 4) > 0,
                        .allow = below(m, 2), .min = first * PAGE, .max = (first + 1 + below(m, 100)) * PAGE,
                        .index = (uint32_t) below(m, 2),
                };
        }
        return config;
}

static void reconfigure(Model *m) {
        if (m->n > 0 && below(m, 2) == 0) { /* nothing but the order */
                SchemeConfig first = m->configs[0];

                memmove(m->configs, m->configs + 1, (m->n - 1) * sizeof(first));
                m->configs[m->n - 1] = first;
        } else {
                m->n = 1 + below(m, N_SCHEMES);
                for (size_t i = 0; i < m->n; i++)
                        m->configs[i] = random_scheme(m, i);
        }
        world_configure(&m->w, m->configs, m->n);
}

/* ---- Random snapshots ---- */

static void random_regions(Model *m) {
        static const double rates[] = { 0, 0, 0, 0.3, 0.5, 1 };
        World *w = &m->w;

        world_clear(w);
        for (size_t i = 0; i < w->n_targets; i++) {
                uint64_t at = 0;

                while ((at += below(m, 3) ? 0 : below(m, 20)) < PAGES - 1) {
                        uint64_t end = MIN(at + 1 + below(m, 40), (uint64_t) PAGES);
                        SnapshotRegion *region = world_add(w, i, at, end, rates[below(m, ELEMENTSOF(rates))],
                                                           below(m, 100) * SEC);

                        region->newest = below(m, 3) ? NSEC_INFINITY : below(m, 100) * SEC;
                        if (below(m, 10) == 0)
                                region->samples = region->hits = 0;
                        at = end;
                }
        }
}

static void random_targets(Model *m) {
        static const TargetState states[] = { TARGET_RUNNING, TARGET_RUNNING, TARGET_RUNNING, TARGET_ENDED, TARGET_DENIED };

        for (size_t i = 0; i < WORLD_TARGETS; i++) {
                SnapshotTarget *target = &m->w.targets[i];

                target->state = states[below(m, ELEMENTSOF(states))];
                m->w.target_facts[i].protected_always = below(m, 8) == 0;
                m->w.target_facts[i].index = (uint32_t) i % 2;
                if (below(m, 50) > 0)
                        continue;
                target->address_space++; /* exec: nothing of it rests */
                for (uint64_t id = 0; id < IDS_MAX; id++)
                        if (m->histories[id])
                                memset(m->histories[id]->pages[i], 0, sizeof(m->histories[id]->pages[i]));
        }
        m->w.targets[3].pid = 1;
}

/* ---- What must hold of a plan ---- */

/* The region around a page; NULL: none. */
static const SnapshotRegion *region_at(const Snapshot *snapshot, size_t target, uint64_t address) {
        const SnapshotTarget *t = &snapshot->targets[target];

        for (size_t i = t->first_region; i < t->first_region + t->n_regions; i++)
                if (snapshot->regions[i].start <= address && address < snapshot->regions[i].end)
                        return &snapshot->regions[i];
        return NULL;
}

static bool naively_matches(const AccessPattern *p, const SnapshotRegion *r) {
        uint64_t size = r->end - r->start;

        if (size < p->size_min || size > p->size_max || r->age < p->age_min || r->newest < p->age_min)
                return false;
        if (MIN(r->age, r->newest) > p->age_max)
                return false;
        if (r->samples == 0)
                return p->rate_min == 0 && p->rate_max == 1;
        return r->rate >= p->rate_min && r->rate <= p->rate_max;
}

/* Whether a page passes the filters (which all are core ones, of whole pages), and by a filter that allows. */
static bool naively_passes(const SchemeConfig *config, uint32_t index, uint64_t address, bool *decided) {
        *decided = false;
        for (size_t i = 0; i < config->n_filters; i++) {
                const FilterConfig *f = &config->filters[i];
                bool is = f->type == FILTER_TARGET ? f->index == index : address >= f->min && address < f->max;

                if (is == f->matching) {
                        *decided = f->allow;
                        return f->allow;
                }
        }
        return config->n_filters == 0 || !config->filters[config->n_filters - 1].allow;
}

static void check_page(Model *m, const PlanItem *item, const PlanScheme *scheme, uint64_t address) {
        const SchemeConfig *config = &scheme->spec->config;
        const PageState *page = &history_of(m, scheme->id)->pages[item->target][address / PAGE];
        const SnapshotRegion *region = region_at(m->w.snapshot, item->target, address);
        bool decided;

        must(region, "outside of all regions");
        must(naively_matches(&config->pattern, region), "does not match");
        must(naively_passes(config, m->w.target_facts[item->target].index, address, &decided), "is filtered");
        must(item->decided == decided, "decided or not");
        must(m->w.now >= page->rest_until, "rests");
}

static void check_item(Model *m, const Plan *plan, size_t i) {
        const PlanItem *item = &plan->items[i];
        const PlanScheme *scheme = &plan->schemes[item->scheme];
        const SchemeConfig *config = &scheme->spec->config;
        const SnapshotTarget *target = &m->w.snapshot->targets[item->target];

        ck_assert_uint_lt(item->start, item->end);
        ck_assert_uint_eq((item->start | item->end) % PAGE, 0);
        ck_assert_int_ne(config->action, ACTION_STAT);
        ck_assert(config->enabled);
        ck_assert_int_eq(target->state, TARGET_RUNNING);
        ck_assert(!m->w.target_facts[item->target].protected_always);
        ck_assert(target->pid != 1 || config->act_on_init);
        for (uint64_t address = item->start; address < item->end; address += PAGE)
                check_page(m, item, scheme, address);

        for (size_t k = 0; k < i; k++) {
                const PlanItem *before = &plan->items[k];
                bool overlap = before->target == item->target && before->start < item->end && item->start < before->end;

                must(before->scheme <= item->scheme, "order of schemes");
                must(!overlap || before->scheme != item->scheme, "planned twice");
                must(!overlap || plan->schemes[before->scheme].dry_run, "claimed by an earlier scheme");
        }
        if (i == 0 || plan->items[i - 1].scheme != item->scheme)
                return;
        if (quota_is_set(&config->quota))
                ck_assert(plan->items[i - 1].score >= item->score);
        else
                ck_assert(plan->items[i - 1].target < item->target ||
                          (plan->items[i - 1].target == item->target && plan->items[i - 1].end <= item->start));
}

/* Windows follow each other without overlap, and what they allow is what was not spent yet. */
static void check_quota(Model *m, const PlanScheme *scheme) {
        const QuotaConfig *quota = &scheme->spec->config.quota;
        History *history = history_of(m, scheme->id);
        const QuotaState *state;

        if (!quota_is_set(quota)) {
                ck_assert_uint_eq(scheme->bytes_max, UINT64_MAX);
                history->reset_interval = 0;
                return;
        }
        state = scheme_set_view(m->w.set, (size_t) scheme_set_find_id(m->w.set, scheme->id), m->w.now).quota;
        ck_assert_uint_le(state->window_start, m->w.now);
        ck_assert_uint_lt(m->w.now, state->window_start + quota->reset_interval);
        if (history->reset_interval == 0 || state->window_start != history->window_start) {
                if (history->reset_interval > 0)
                        ck_assert_uint_ge(state->window_start,
                                          history->window_start + MIN(history->reset_interval, quota->reset_interval));
                history->charged = 0;
        }
        history->window_start = state->window_start;
        history->reset_interval = quota->reset_interval;
        ck_assert_uint_ge(scheme->bytes_max, PAGE);
        ck_assert_uint_eq(scheme->bytes_max, quota->size - MIN(history->charged, quota->size));
        ck_assert_uint_le(scheme->deadline, state->window_start + quota->reset_interval);
}

static void check_plan(Model *m, const Plan *plan) {
        for (size_t i = 0; i < plan->n_schemes; i++)
                check_quota(m, &plan->schemes[i]);
        for (size_t i = 0; i < plan->n_items; i++)
                check_item(m, plan, i);
        for (size_t i = 0; i < plan->n_audits; i++) {
                ck_assert_int_eq(m->w.snapshot->targets[plan->audits[i].target].state, TARGET_RUNNING);
                ck_assert_uint_lt(plan->audits[i].start, plan->audits[i].end);
        }
}

/* ---- Random results ---- */

/* One item is worked on up to a random page; what happens on the way is random, too. */
static void random_item(Model *m, const Plan *plan, size_t i, PlanResult *result, uint64_t *left) {
        const PlanItem *item = &plan->items[i];
        uint64_t pages = (item->end - item->start) / PAGE, reached = below(m, 3) ? pages : below(m, pages + 1);
        bool dry_run = plan->schemes[item->scheme].dry_run;
        ItemResult *r = &result->items[i];

        *r = (ItemResult) { .stopped_at = item->start };
        for (uint64_t k = 0; k < reached; k++) {
                if (below(m, 4) == 0)
                        r->others[OUTCOME_NOTHING + below(m, OUTCOME_UNMAPPED - OUTCOME_NOTHING)] += PAGE;
                else if (*left < PAGE) {
                        result->schemes[item->scheme].bytes_ran_out = true;
                        break;
                } else {
                        *left -= *left == UINT64_MAX ? 0 : PAGE;
                        r->tried += PAGE;
                        r->applied += dry_run || below(m, 5) == 0 ? 0 : PAGE;
                }
                r->stopped_at += PAGE;
        }
        r->others[OUTCOME_UNREACHED] = item->end - r->stopped_at;
        r->time = below(m, 1000);
}

static PlanResult *random_result(Model *m, const Plan *plan) {
        PlanResult *result = plan_result_new(plan);
        uint64_t left = 0;

        if (below(m, 4) == 0) {
                plan_pretend(plan, result);
                return result;
        }
        for (size_t i = 0; i < plan->n_items; i++) {
                if (i == 0 || plan->items[i].scheme != plan->items[i - 1].scheme)
                        left = plan->schemes[plan->items[i].scheme].bytes_max;
                random_item(m, plan, i, result, &left);
        }
        for (size_t i = 0; i < plan->n_audits; i++)
                result->audits[i] = (AuditResult) {
                        below(m, 4) > 0, below(m, (plan->audits[i].end - plan->audits[i].start) / PAGE + 1) * PAGE,
                };
        result->cancelled = below(m, 10) == 0;
        return result;
}

/* ---- What it comes to ---- */

static void note_pages(Model *m, const Plan *plan, size_t i, const ItemResult *result, const SchemeConfig *now) {
        const PlanScheme *scheme = &plan->schemes[plan->items[i].scheme];
        History *history = history_of(m, scheme->id);
        nsec_t rest = MAX(MAX(now->pattern.age_min, now->apply_interval), SEC);

        if (scheme->spec->config.dry_run && !now->dry_run)
                return; /* it is serious now: what was pretended does not count */
        if (result->others[OUTCOME_SWAP_RATE] > (scheme->dry_run ? result->tried : result->applied))
                return; /* it only waits */
        for (uint64_t address = plan->items[i].start; address < result->stopped_at; address += PAGE)
                history->pages[plan->items[i].target][address / PAGE] = (PageState) { m->w.now + rest, scheme->dry_run };
}

static void note_result(Model *m, const Plan *plan, const PlanResult *result) {
        /* of what was not reached, only the last plan's counts: it is planned again */
        for (size_t i = 0; i < plan->n_schemes; i++)
                history_of(m, plan->schemes[i].id)->sums.others[OUTCOME_UNREACHED] = 0;
        for (size_t i = 0; i < plan->n_items; i++) {
                const PlanScheme *scheme = &plan->schemes[plan->items[i].scheme];
                const ItemResult *r = &result->items[i];
                int index = scheme_set_find_id(m->w.set, scheme->id);
                History *history = history_of(m, scheme->id);
                const SchemeConfig *now;
                uint64_t done = scheme->dry_run ? r->tried : r->applied;

                if (index < 0)
                        continue;
                now = &m->configs[index];
                if (quota_is_set(&now->quota))
                        history->charged += done + (uint64_t) ceil((double) (r->tried - done) * now->quota.fail_charge);
                history->sums.would += scheme->dry_run ? r->tried : 0;
                history->sums.tried += scheme->dry_run ? 0 : r->tried;
                history->sums.applied += r->applied;
                for (Outcome o = 0; o < _OUTCOME_MAX; o++)
                        history->sums.others[o] += r->others[o];
                history->sums.time += r->time;
                m->acted += r->tried;
                note_pages(m, plan, i, r, now);
        }
}

/* Becoming serious forgets what was pretended. */
static void forget_pretended(Model *m) {
        for (size_t i = 0; i < m->n; i++) {
                SchemeView view = scheme_set_view(m->w.set, i, m->w.now);
                History *history = history_of(m, view.id);

                if (!view.config->dry_run)
                        for (size_t k = 0; k < WORLD_TARGETS * PAGES; k++)
                                if (history->pages[k / PAGES][k % PAGES].pretended)
                                        history->pages[k / PAGES][k % PAGES] = (PageState) {};
        }
}

static void check_statistics(Model *m) {
        for (size_t i = 0; i < m->n; i++) {
                SchemeView view = scheme_set_view(m->w.set, i, m->w.now);
                const SchemeStats *sums = &history_of(m, view.id)->sums;

                ck_assert_uint_eq(view.stats->would, sums->would);
                ck_assert_uint_eq(view.stats->tried, sums->tried);
                ck_assert_uint_eq(view.stats->applied, sums->applied);
                ck_assert_uint_eq(view.stats->time, sums->time);
                for (Outcome o = 0; o < _OUTCOME_MAX; o++)
                        ck_assert_uint_eq(view.stats->others[o], sums->others[o]);
                ck_assert_uint_le(view.backed_off, view.resting);
        }
}

static void one_plan(Model *m) {
        Plan *plan = world_decide(&m->w);
        PlanResult *result;

        if (plan) {
                m->plans++;
                check_plan(m, plan);
                m->w.now += below(m, 3) ? 0 : below(m, SEC);
                if (below(m, 12) == 0) {
                        reconfigure(m);
                        forget_pretended(m);
                }
                result = random_result(m, plan);
                ck_assert_int_eq(scheme_set_settle(m->w.set, plan, result, m->w.now), 0);
                note_result(m, plan, result);
                plan_free(plan);
                plan_result_free(result);
        }
        check_statistics(m);
}

static void model_deinit(Model *m) {
        for (uint64_t i = 0; i < IDS_MAX; i++)
                free(m->histories[i]);
        world_deinit(&m->w);
}

START_TEST(rules_hold) {
        _cleanup_free_ Model *m = calloc(1, sizeof(*m));

        printf("seed %d\n", _i);
        rng_init(&m->rng, (uint64_t) _i);
        world_init(&m->w);
        m->w.n_targets = WORLD_TARGETS;
        reconfigure(m);
        for (int step = 0; step < 500; step++) {
                nsec_t next;

                random_targets(m);
                random_regions(m);
                m->w.now += AGGREGATE;
                world_snapshot(&m->w);
                if (below(m, 10) == 0) {
                        reconfigure(m);
                        forget_pretended(m);
                }
                one_plan(m);
                /* windows that open before the next snapshot */
                for (int i = 0; i < 4 && (next = scheme_set_next(m->w.set)) < m->w.snapshot->time + AGGREGATE; i++) {
                        m->w.now = MAX(m->w.now, next);
                        one_plan(m);
                }
        }
        ck_assert_uint_gt(m->plans, 100);
        ck_assert_uint_gt(m->acted, 1000 * PAGE);
        model_deinit(m);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-set-random");
        TCase *tests = tcase_create("scheme-set-random");

        tcase_set_timeout(tests, 60);
        tcase_add_loop_test(tests, rules_hold, 0, 15);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
