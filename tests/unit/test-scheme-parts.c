/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the parts of schemes: configuration, pattern, score, watermarks. */
#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/rng.h"
#include "scheme/parts.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define SEC NSEC_PER_SEC

/* ---- Configuration ---- */

/* One of everything. */
static void fill_config(SchemeConfig *config) {
        scheme_config_init(config);
        config->name = strdup("cold");
        config->action = ACTION_MIGRATE_COLD;
        config->quota = (QuotaConfig) {
                .time = 10 * NSEC_PER_MSEC,
                .size = 64 * MIB,
                .reset_interval = SEC,
                .fail_charge = 0.25,
                .weight_age = 1,
                .goals = calloc(2, sizeof(GoalConfig)),
                .n_goals = 2,
        };
        config->quota.goals[0] = (GoalConfig) { .metric = GOAL_SOME_MEM_PSI, .target = 1e7, .cgroup = strdup("/a") };
        config->quota.goals[1] = (GoalConfig) { .metric = GOAL_NODE_MEM_FREE, .target = 0.5, .node = 1 };
        config->watermarks = (WatermarkConfig) { WATERMARK_FREE_MEM_RATE, 5 * SEC, 0.5, 0.4, 0.2 };
        config->filters = calloc(3, sizeof(FilterConfig));
        config->n_filters = 3;
        config->filters[0] = (FilterConfig) { .type = FILTER_ADDR, .matching = true, .min = 4096, .max = 8192 };
        config->filters[1] = (FilterConfig) { .type = FILTER_MEMCG, .matching = true, .cgroup = strdup("/b") };
        config->filters[2] = (FilterConfig) { .type = FILTER_HUGEPAGE_SIZE, .allow = true, .min = 0, .max = 4096 };
        config->destinations = calloc(2, sizeof(Destination));
        config->n_destinations = 2;
        config->destinations[0] = (Destination) { .node = 0, .weight = 1 };
        config->destinations[1] = (Destination) { .node = 1, .weight = 3 };
}

START_TEST(names) {
        static const char *const actions[] = { "stat", "pageout", "cold", "willneed", "hugepage", "collapse", "nohugepage",
                                               "lru_prio", "lru_deprio", "migrate_hot", "migrate_cold" };
        static const char preferences[] = "-cchhhchchc"; /* as in scheme.h: none, cold, hot */

        ck_assert_uint_eq(ELEMENTSOF(actions), _ACTION_MAX);
        for (int i = 0; i < _ACTION_MAX; i++) {
                Preference preference = action_preference(i);

                ck_assert_str_eq(action_name(i), actions[i]);
                ck_assert_int_eq(preference, preferences[i] == '-'   ? PREFER_NONE
                                             : preferences[i] == 'c' ? PREFER_COLD
                                                                     : PREFER_HOT);
        }
        for (int i = 0; i < _GOAL_METRIC_MAX; i++)
                ck_assert_ptr_nonnull(goal_metric_name(i));
        for (int i = 0; i < _FILTER_TYPE_MAX; i++)
                ck_assert_ptr_nonnull(filter_type_name(i));
        ck_assert_str_eq(goal_metric_name(GOAL_SOME_MEM_PSI), "some_mem_psi_us");
        ck_assert_str_eq(goal_metric_name(GOAL_RSS_TO_WSS), "rss_to_wss");
        ck_assert_str_eq(filter_type_name(FILTER_ADDR), "addr");
        ck_assert_str_eq(filter_type_name(FILTER_NODE), "node");
}
END_TEST

START_TEST(config_defaults) {
        SchemeConfig config;

        scheme_config_init(&config);
        ck_assert_ptr_null(config.name);
        ck_assert(config.enabled);
        ck_assert(!config.dry_run);
        ck_assert(!config.act_on_init);
        ck_assert(!quota_is_set(&config.quota));
        ck_assert_uint_eq(config.swap_out_max, SCHEME_SWAP_OUT_DEFAULT);
        ck_assert(pattern_matches(&config.pattern, &(SnapshotRegion) { .end = UINT64_MAX - 4095, .age = 1, .newest = 1 }));
        ck_assert(pattern_matches(&config.pattern, &(SnapshotRegion) { .end = 4096, .samples = 1, .hits = 1, .rate = 1 }));
        scheme_config_deinit(&config);
        scheme_config_deinit(&config);
}
END_TEST

/* A copy is equal, owns all it points to, and every single field counts. */
START_TEST(config_equality) {
        SchemeConfig a, b;

        fill_config(&a);
        ck_assert_int_eq(scheme_config_copy(&a, &b), 0);
        ck_assert_ptr_ne(a.name, b.name);
        ck_assert_ptr_ne(a.filters[1].cgroup, b.filters[1].cgroup);
        ck_assert_ptr_ne(a.quota.goals[0].cgroup, b.quota.goals[0].cgroup);
        ck_assert(scheme_config_equal(&a, &b));
        b.line = 7;
        b.column = 7;
        ck_assert(scheme_config_equal(&a, &b));

#define DIFFERS(field, change)                                                                                         \
        do {                                                                                                           \
                __typeof__(b.field) _was = b.field;                                                                    \
                b.field = (change);                                                                                    \
                ck_assert_msg(!scheme_config_equal(&a, &b), "%s does not count", #field);                              \
                ck_assert(!scheme_config_equal(&b, &a));                                                               \
                b.field = _was;                                                                                        \
        } while (0)
        char other[] = "/other";

        DIFFERS(name, other);
        DIFFERS(name, NULL);
        DIFFERS(action, ACTION_STAT);
        DIFFERS(enabled, false);
        DIFFERS(dry_run, true);
        DIFFERS(act_on_init, true);
        DIFFERS(pattern.size_min, 1);
        DIFFERS(pattern.size_max, 1);
        DIFFERS(pattern.rate_min, 0.5);
        DIFFERS(pattern.rate_max, 0.5);
        DIFFERS(pattern.confidence, 0.95);
        DIFFERS(pattern.age_min, 1);
        DIFFERS(pattern.age_max, 1);
        DIFFERS(apply_interval, 1);
        DIFFERS(quota.time, 1);
        DIFFERS(quota.size, 1);
        DIFFERS(quota.reset_interval, 1);
        DIFFERS(quota.fail_charge, 1);
        DIFFERS(quota.weight_size, 9);
        DIFFERS(quota.weight_rate, 9);
        DIFFERS(quota.weight_age, 9);
        DIFFERS(quota.tuner, TUNER_TEMPORAL);
        DIFFERS(quota.n_goals, 1);
        DIFFERS(quota.goals[0].metric, GOAL_RSS);
        DIFFERS(quota.goals[0].target, 1);
        DIFFERS(quota.goals[0].current, 1);
        DIFFERS(quota.goals[0].cgroup, other);
        DIFFERS(quota.goals[0].cgroup, NULL);
        DIFFERS(quota.goals[1].cgroup, other);
        DIFFERS(quota.goals[1].node, 0);
        DIFFERS(swap_out_max, 1);
        DIFFERS(watermarks.metric, WATERMARK_NONE);
        DIFFERS(watermarks.interval, 1);
        DIFFERS(watermarks.high, 1);
        DIFFERS(watermarks.mid, 1);
        DIFFERS(watermarks.low, 0.1);
        DIFFERS(n_filters, 1);
        DIFFERS(filters[0].type, FILTER_ANON);
        DIFFERS(filters[0].matching, false);
        DIFFERS(filters[0].allow, true);
        DIFFERS(filters[0].min, 1);
        DIFFERS(filters[0].max, 1);
        DIFFERS(filters[0].index, 1);
        DIFFERS(filters[1].cgroup, other);
        DIFFERS(n_destinations, 1);
        DIFFERS(destinations[1].node, 5);
        DIFFERS(destinations[1].weight, 5);
        ck_assert(scheme_config_equal(&a, &b));

        scheme_config_deinit(&b);
        scheme_config_deinit(&a);
}
END_TEST

START_TEST(config_copy_of_nothing) {
        SchemeConfig a, b;

        scheme_config_init(&a);
        ck_assert_int_eq(scheme_config_copy(&a, &b), 0);
        ck_assert(scheme_config_equal(&a, &b));
        ck_assert_ptr_null(b.filters);
        scheme_config_deinit(&b);
}
END_TEST

/* ---- Rules ---- */

/* What one rule is tried with: a valid configuration, one thing of it changed. */
typedef struct Rule {
        void (*change)(SchemeConfig *config);
        const char *error; /* beginning of the text; NULL: valid */
} Rule;

static void set_string(char **s, const char *value) {
        free(*s);
        *s = value ? strdup(value) : NULL;
}

static void drop_goals(SchemeConfig *c) {
        free(c->quota.goals[0].cgroup);
        free(c->quota.goals);
        c->quota.goals = NULL;
        c->quota.n_goals = 0;
}

#define CHANGE(name, statement)                                                                                        \
        static void name(SchemeConfig *c) {                                                                            \
                statement;                                                                                             \
        }

CHANGE(nothing, (void) c)
CHANGE(no_name, set_string(&c->name, NULL))
CHANGE(empty_name, set_string(&c->name, ""))
CHANGE(bad_action, c->action = _ACTION_MAX)
CHANGE(short_apply, c->apply_interval = 999)
CHANGE(long_apply, c->apply_interval = 25 * 60 * NSEC_PER_MINUTE)
CHANGE(good_apply, c->apply_interval = NSEC_PER_MSEC)
CHANGE(size_order, (c->pattern.size_min = 8192, c->pattern.size_max = 4096))
CHANGE(rate_order, (c->pattern.rate_min = 0.5, c->pattern.rate_max = 0.25))
CHANGE(rate_high, c->pattern.rate_max = 1.5)
CHANGE(rate_low, c->pattern.rate_min = -0.5)
CHANGE(rate_nan, c->pattern.rate_min = NAN)
CHANGE(age_order, (c->pattern.age_min = 2 * SEC, c->pattern.age_max = SEC))
CHANGE(confidence_low, c->pattern.confidence = 0.2)
CHANGE(confidence_one, c->pattern.confidence = 1)
CHANGE(bounds_equal, (c->pattern.size_min = c->pattern.size_max = 4096, c->pattern.rate_max = 0))
CHANGE(size_alone, (drop_goals(c), c->quota.time = 0, c->quota.reset_interval = 0))
CHANGE(time_alone, (drop_goals(c), c->quota.size = 0, c->quota.reset_interval = 0))
CHANGE(interval_alone, (drop_goals(c), c->quota.size = 0, c->quota.time = 0))
CHANGE(goal_alone, (c->quota.size = 0, c->quota.time = 0))
CHANGE(goal_and_time, c->quota.size = 0)
CHANGE(no_quota, (drop_goals(c), c->quota = (QuotaConfig) {}))
CHANGE(endless_interval, c->quota.reset_interval = NSEC_INFINITY)
CHANGE(tiny_interval, (c->quota.reset_interval = 10, c->quota.time = 0))
CHANGE(tiny_size, c->quota.size = 4095)
CHANGE(long_time, c->quota.time = SEC + 1)
CHANGE(all_time, c->quota.time = SEC)
CHANGE(bad_tuner, c->quota.tuner = 7)
CHANGE(temporal, c->quota.tuner = TUNER_TEMPORAL)
CHANGE(temporal_alone, (drop_goals(c), c->quota.tuner = TUNER_TEMPORAL))
CHANGE(fail_charge_high, c->quota.fail_charge = 1.01)
CHANGE(fail_charge_nan, c->quota.fail_charge = NAN)
CHANGE(no_weights, c->quota.weight_age = 0)
CHANGE(bad_metric, c->quota.goals[0].metric = _GOAL_METRIC_MAX)
CHANGE(target_zero, c->quota.goals[0].target = 0)
CHANGE(target_negative, c->quota.goals[1].target = -1)
CHANGE(target_nan, c->quota.goals[1].target = NAN)
CHANGE(target_infinite, c->quota.goals[1].target = INFINITY)
CHANGE(target_share, c->quota.goals[1].target = 1.1)
CHANGE(target_stall, c->quota.goals[0].target = 1.1e9)
CHANGE(current_negative, c->quota.goals[0].current = -1)
CHANGE(memcg_goal_without, c->quota.goals[1].metric = GOAL_NODE_MEMCG_USED)
CHANGE(rss_of_cgroup, c->quota.goals[0].metric = GOAL_RSS)
CHANGE(rss_of_node, c->quota.goals[1].metric = GOAL_RSS)
CHANGE(goal_relative, set_string(&c->quota.goals[0].cgroup, "system.slice"))
CHANGE(goal_upwards, set_string(&c->quota.goals[0].cgroup, "/a/../../b"))
CHANGE(goal_upwards_end, set_string(&c->quota.goals[0].cgroup, "/a/.."))
CHANGE(goal_dots, set_string(&c->quota.goals[0].cgroup, "/a..b/...c/..d"))
CHANGE(watermark_no_interval, c->watermarks.interval = 0)
CHANGE(watermark_short, c->watermarks.interval = 1)
CHANGE(watermark_low, c->watermarks.low = 0.45)
CHANGE(watermark_mid, c->watermarks.mid = 0.55)
CHANGE(watermark_high, c->watermarks.high = 1.01)
CHANGE(watermark_nan, c->watermarks.mid = NAN)
CHANGE(watermark_no_metric, c->watermarks.metric = WATERMARK_NONE)
CHANGE(watermark_bad_metric, c->watermarks.metric = 9)
CHANGE(watermark_none, c->watermarks = (WatermarkConfig) {})
CHANGE(watermark_equal, c->watermarks.high = c->watermarks.mid = c->watermarks.low = 0.5)
CHANGE(filter_bad_type, c->filters[0].type = _FILTER_TYPE_MAX)
CHANGE(filter_empty, c->filters[0].max = 4096)
CHANGE(filter_no_cgroup, set_string(&c->filters[1].cgroup, NULL))
CHANGE(filter_cgroup, set_string(&c->filters[1].cgroup, "b"))
CHANGE(filter_cgroup_empty, set_string(&c->filters[1].cgroup, ""))
CHANGE(filter_stray_cgroup, c->filters[1].type = FILTER_YOUNG)
CHANGE(filter_size_order, c->filters[2].min = 8192)
CHANGE(filter_size_equal, c->filters[2].min = 4096)
CHANGE(no_destination, c->n_destinations = 0)
CHANGE(stray_destination, c->action = ACTION_PAGEOUT)
CHANGE(no_weight, c->destinations[1].weight = 0)
CHANGE(same_node, c->destinations[1].node = 0)

static const Rule rules[] = {
        { nothing, NULL },
        { no_name, "a scheme needs a name" },
        { empty_name, "a scheme needs a name" },
        { bad_action, "11 is no action" },
        { short_apply, "the apply_interval must lie between 1ms and 1d, not " },
        { long_apply, "the apply_interval must lie between 1ms and 1d, not " },
        { good_apply, NULL },
        { size_order, "access_pattern: sz: the minimum (8KiB) is above the maximum (4KiB)" },
        { rate_order, "access_pattern: access_rate: the minimum (50%) is above the maximum (25%)" },
        { rate_high, "access_pattern: access_rate must lie between 0% and 100%" },
        { confidence_low, "access_pattern: confidence must lie between 50% and 99.99%" },
        { confidence_one, "access_pattern: confidence must lie between 50% and 99.99%" },
        { rate_low, "access_pattern: access_rate must lie between 0% and 100%" },
        { rate_nan, "access_pattern: access_rate must lie between 0% and 100%" },
        { age_order, "access_pattern: age: the minimum (2s) is above the maximum (1s)" },
        { bounds_equal, NULL },
        { size_alone, "quotas: a quota of size (sz) needs a reset_interval" },
        { time_alone, "quotas: a quota of time needs a reset_interval" },
        { interval_alone, "quotas: reset_interval without a quota of size (sz) or time limits nothing" },
        { goal_alone, "quotas: goals need a quota of size (sz) or time" },
        { goal_and_time, NULL },
        { no_quota, NULL },
        { endless_interval, "the reset_interval of quotas must lie between 1ms and 1d, not max" },
        { tiny_interval, "the reset_interval of quotas must lie between 1ms and 1d, not " },
        { tiny_size, "quotas: a sz of 4095B allows nothing: a page has 4KiB" },
        { long_time, "quotas: a time of 1s limits nothing: it is longer than reset_interval (1s)" },
        { all_time, NULL },
        { bad_tuner, "quotas: 7 is no tuner" },
        { temporal, NULL },
        { temporal_alone, "quotas: the temporal tuner needs a goal" },
        { fail_charge_high, "quotas: fail_charge must lie between" },
        { fail_charge_nan, "quotas: fail_charge must lie between" },
        { no_weights, NULL },
        { bad_metric, "14 is no metric of a goal" },
        { target_zero, "the target of goal some_mem_psi_us must be above 0" },
        { target_negative, "the target of goal node_mem_free_bp must be above 0" },
        { target_nan, "the target of goal node_mem_free_bp must be above 0" },
        { target_infinite, "the target of goal node_mem_free_bp must be above 0" },
        { target_share, "the target of goal node_mem_free_bp is a share, it cannot be above 100%" },
        { target_stall, "the target of goal some_mem_psi_us is stall time per reset_interval" },
        { current_negative, "the current value of goal some_mem_psi_us must not be negative" },
        { memcg_goal_without, "goal node_memcg_used_bp needs a cgroup" },
        { rss_of_cgroup, "goal rss is not measured by cgroup" },
        { rss_of_node, "goal rss is not measured by NUMA node" },
        { goal_relative, "the cgroup 'system.slice' of goal some_mem_psi_us must begin with '/'" },
        { goal_upwards, "the cgroup '/a/../../b' of goal some_mem_psi_us must not contain '..'" },
        { goal_upwards_end, "the cgroup '/a/..' of goal some_mem_psi_us must not contain '..'" },
        { goal_dots, NULL },
        { watermark_no_interval, "watermarks: an interval is needed" },
        { watermark_short, "the interval of watermarks must lie between" },
        { watermark_low, "watermarks: low <= mid <= high must hold" },
        { watermark_mid, "watermarks: low <= mid <= high must hold" },
        { watermark_high, "watermarks: high, mid and low must lie between 0% and 100%" },
        { watermark_nan, "watermarks: high, mid and low must lie between 0% and 100%" },
        { watermark_no_metric, "watermarks: high, mid and low need a metric" },
        { watermark_bad_metric, "watermarks: 9 is no metric" },
        { watermark_none, NULL },
        { watermark_equal, NULL },
        { filter_bad_type, "12 is no type of filter" },
        { filter_empty, "the range of an addr filter is empty: 0x1000 to 0x1000" },
        { filter_no_cgroup, "a memcg filter needs a cgroup" },
        { filter_cgroup, "the cgroup 'b' of a memcg filter must begin with '/'" },
        { filter_cgroup_empty, "the cgroup '' of a memcg filter must begin with '/'" },
        { filter_stray_cgroup, "a filter of type young has no cgroup" },
        { filter_size_order, "a hugepage_size filter has a minimum (8KiB) above its maximum (4KiB)" },
        { filter_size_equal, NULL },
        { no_destination, "action migrate_cold needs a destination" },
        { stray_destination, "action pageout has no destinations" },
        { no_weight, "the weight of destination 1 must be above 0" },
        { same_node, "node 0 is a destination twice" },
};

START_TEST(config_rules) {
        _cleanup_free_ char *error = NULL;
        SchemeConfig config;
        int r;

        fill_config(&config);
        rules[_i].change(&config);
        r = scheme_config_validate(&config, &error);
        ck_assert_int_eq(scheme_config_validate(&config, NULL), r);
        if (rules[_i].error) {
                ck_assert_int_eq(r, -EINVAL);
                ck_assert_msg(strncmp(error, rules[_i].error, strlen(rules[_i].error)) == 0,
                              "'%s' does not begin with '%s'", error, rules[_i].error);
        } else
                ck_assert_msg(r == 0, "%d: %s", _i, error ?: "");
        scheme_config_deinit(&config);
}
END_TEST

/* ---- Pattern ---- */

START_TEST(pattern_closed_intervals) {
        static const AccessPattern pattern = { 8192, 16384, 0.25, 0.5, 2 * SEC, 4 * SEC };
        static const SnapshotRegion good = { .end = 8192, .samples = 4, .hits = 1, .rate = 0.25, .age = 2 * SEC, .newest = 9 * SEC };
        SnapshotRegion r = good;

        ck_assert(pattern_matches(&pattern, &r));
        r = (SnapshotRegion) { .start = 4096, .end = 20480, .samples = 4, .rate = 0.5, .age = 4 * SEC, .newest = 4 * SEC };
        ck_assert(pattern_matches(&pattern, &r)); /* the far ends, too; the average counts, not the last window */
        r.end += 4096;
        ck_assert(!pattern_matches(&pattern, &r));
        r = good;
        r.end -= 4096;
        ck_assert(!pattern_matches(&pattern, &r));
        r = good;
        r.rate = 0.2499;
        ck_assert(!pattern_matches(&pattern, &r));
        r.rate = 0.5001;
        ck_assert(!pattern_matches(&pattern, &r));
        r = good;
        r.age--;
        ck_assert(!pattern_matches(&pattern, &r));
        r.age = 4 * SEC + 1;
        ck_assert(!pattern_matches(&pattern, &r));
        /* a region is no older than the youngest memory in it */
        r.newest = 3 * SEC;
        ck_assert(pattern_matches(&pattern, &r));
        ck_assert_uint_eq(region_certain_age(&r), 3 * SEC);
        r.newest = SEC;
        ck_assert(!pattern_matches(&pattern, &r));
}
END_TEST

START_TEST(pattern_idle_and_unknown) {
        AccessPattern idle = { 0, UINT64_MAX, 0, 0, 0, NSEC_INFINITY }, any = { 0, UINT64_MAX, 0, 1, 0, NSEC_INFINITY };
        SnapshotRegion r = { .end = 4096, .samples = 20, .age = SEC, .newest = SEC };

        ck_assert(pattern_matches(&idle, &r));
        r.hits = 1; /* an average that has not noticed yet */
        ck_assert(!pattern_matches(&idle, &r));
        ck_assert(pattern_matches(&any, &r));
        r = (SnapshotRegion) { .end = 4096, .untrackable = 20, .age = SEC, .newest = SEC };
        ck_assert(!pattern_matches(&idle, &r));
        ck_assert(pattern_matches(&any, &r));
        any.rate_max = 0.99;
        ck_assert(!pattern_matches(&any, &r));
}
END_TEST

/* Wilson's upper bound for 0 of n at one-sided 95 % is 2.706 / (n + 2.706): 5 % at 51.4 samples. */
START_TEST(pattern_confidence) {
        AccessPattern idle = { 0, UINT64_MAX, 0, 0, 0, NSEC_INFINITY, 0.95 };
        AccessPattern hot = { 0, UINT64_MAX, 0.5, 1, 0, NSEC_INFINITY, 0.95 };
        SnapshotRegion r = { .end = 4096, .samples = 20, .age = SEC, .newest = SEC };

        r.sure = 0;
        ck_assert(!pattern_matches(&idle, &r));
        r.sure = 51;
        ck_assert(!pattern_matches(&idle, &r));
        r.sure = 52;
        ck_assert(pattern_matches(&idle, &r));
        idle.confidence = 0.99; /* 5.412: 102.8 */
        ck_assert(!pattern_matches(&idle, &r));
        r.sure = 103;
        ck_assert(pattern_matches(&idle, &r));

        /* half of few samples may be much less than half */
        r.rate = 0.5;
        r.sure = 20;
        ck_assert(!pattern_matches(&hot, &r));
        r.sure = 1000;
        ck_assert(pattern_matches(&hot, &r));
        r.rate = 0.9;
        r.sure = 10;
        ck_assert(pattern_matches(&hot, &r));
}
END_TEST

/* ---- Score ---- */

static SnapshotRegion region_of(uint64_t size, double rate, nsec_t age) {
        return (SnapshotRegion) { .start = MIB, .end = MIB + size, .samples = 9, .rate = rate, .age = age, .newest = age };
}

START_TEST(score_formula) {
        QuotaConfig quota = { .weight_rate = 3, .weight_age = 2, .weight_size = 1 };
        SnapshotRegion r = region_of(4 * MIB, 0.25, 3 * SEC); /* a = 2, s = 10 / 40 */
        double g = (2.0 + 32) / 64;

        ck_assert_double_eq_tol(region_score(&quota, PREFER_HOT, &r), (3 * 0.25 + 2 * g + 0.25) / 6, 1e-12);
        ck_assert_double_eq_tol(region_score(&quota, PREFER_COLD, &r), (3 * 0.75 + 2 * (1 - g) + 0.25) / 6, 1e-12);
        ck_assert_double_eq(region_score(&quota, PREFER_NONE, &r), 0.5);
        r = region_of(4096, 0, 7 * SEC); /* a = -3 */
        ck_assert_double_eq_tol(region_score(&quota, PREFER_COLD, &r), (3 + 2 * (1 - 29.0 / 64)) / 6, 1e-12);
        quota = (QuotaConfig) { .fail_charge = 1 };
        ck_assert_double_eq(region_score(&quota, PREFER_COLD, &r), 0.5);
        ck_assert_double_eq(region_score(&quota, PREFER_HOT, &r), 0.5);
}
END_TEST

/* Within [0, 1] whatever the region; the longer idle, the colder, without a step; hot and cold are opposites. */
START_TEST(score_properties) {
        uint64_t seed = 1000 + (uint64_t) _i;
        QuotaConfig age = { .weight_age = 1 }, rate = { .weight_rate = 5 }, all;
        nsec_t times[] = { 0, NSEC_PER_MSEC, SEC, SEC + NSEC_PER_MSEC, 120 * SEC, 121 * SEC, 3600 * SEC, 86400 * SEC };
        Rng rng;

        for (size_t i = 1; i < ELEMENTSOF(times); i++) {
                SnapshotRegion a = region_of(MIB, 0, times[i - 1]), b = region_of(MIB, 0, times[i]);

                ck_assert_double_lt(region_score(&age, PREFER_COLD, &a), region_score(&age, PREFER_COLD, &b));
                a.rate = b.rate = 0.5;
                ck_assert_double_gt(region_score(&age, PREFER_COLD, &a), region_score(&age, PREFER_COLD, &b));
        }

        rng_init(&rng, seed);
        for (unsigned i = 0; i < 2000; i++) {
                SnapshotRegion r = region_of(rng_next(&rng) >> rng_below(&rng, 64), rng_unit(&rng), rng_next(&rng) >> rng_below(&rng, 64));
                double hot, cold;

                all = (QuotaConfig) {
                        .weight_age = (uint32_t) rng_next(&rng),
                        .weight_rate = (uint32_t) rng_next(&rng),
                        .weight_size = (uint32_t) rng_below(&rng, 2),
                };
                r.end = MAX(r.end, r.start);
                hot = region_score(&all, PREFER_HOT, &r);
                cold = region_score(&all, PREFER_COLD, &r);
                ck_assert_msg(hot >= 0 && hot <= 1 && cold >= 0 && cold <= 1, "seed %lu: %g %g", (unsigned long) seed, hot, cold);
                ck_assert_double_eq_tol(region_score(&rate, PREFER_HOT, &r) + region_score(&rate, PREFER_COLD, &r), 1, 1e-12);
        }
}
END_TEST

/* ---- Watermarks ---- */

START_TEST(watermark_hysteresis) {
        static const WatermarkConfig config = { WATERMARK_FREE_MEM_RATE, 5 * SEC, 0.5, 0.4, 0.2 };
        static const struct {
                double value;
                bool active;
        } steps[] = {
                { 0.45, true }, /* it starts active: between mid and high it stays */
                { 0.5, true },  { 0.51, false }, { 0.45, false }, { 0.4, false }, { 0.39, true }, { 0.49, true },
                { 0.2, true },  { 0.19, false }, { 0.2, true },   { 0, false },   { 0.45, false }, { 0.3, true },
                { -1, false },  { 0.45, false }, { 0.3, true },   { NAN, false },
        };
        WatermarkState state = WATERMARK_STATE_INITIAL;

        for (size_t i = 0; i < ELEMENTSOF(steps); i++) {
                watermark_update(&config, &state, steps[i].value, i * SEC);
                ck_assert_msg(state.active == steps[i].active, "step %zu", i);
                ck_assert_uint_eq(state.next, (i + 5) * SEC);
                ck_assert_double_eq(state.last, steps[i].value >= 0 ? steps[i].value : -1);
        }
        watermark_update(&config, &state, 0.3, NSEC_INFINITY - 1);
        ck_assert_uint_eq(state.next, NSEC_INFINITY);
        watermark_update(&(WatermarkConfig) {}, &state, -1, 7);
        ck_assert(state.active);
        ck_assert_uint_eq(state.next, NSEC_INFINITY);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-parts");
        TCase *tests = tcase_create("parts");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, names);
        tcase_add_test(tests, config_defaults);
        tcase_add_test(tests, config_equality);
        tcase_add_test(tests, config_copy_of_nothing);
        tcase_add_loop_test(tests, config_rules, 0, (int) ELEMENTSOF(rules));
        tcase_add_test(tests, pattern_closed_intervals);
        tcase_add_test(tests, pattern_idle_and_unknown);
        tcase_add_test(tests, pattern_confidence);
        tcase_add_test(tests, score_formula);
        tcase_add_loop_test(tests, score_properties, 0, 5);
        tcase_add_test(tests, watermark_hysteresis);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
