/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files made by DAMO: what they become, and every word of what is said about the rest. And the files of conf/:
 * each loads as it is. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/macro.h"
#include "config/config.h"
#include "config/damo-value.h"

#define SEC NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC
#define MIB (UINT64_C(1) << 20)

/* ---- Helpers ---- */

static char *errors_text(const ConfigErrors *errors) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(out);
        for (size_t i = 0; i < errors->n; i++)
                fprintf(out, "%u:%u: %s\n", errors->errors[i].line, errors->errors[i].column, errors->errors[i].text);
        if (errors->n_more > 0)
                fprintf(out, "+%zu\n", errors->n_more);
        ck_assert_int_eq(fclose(out), 0);
        return text;
}

static Config *parse_good(const char *text) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *found = NULL;
        Config *config = NULL;
        int r = config_parse(text, strlen(text), &config, &errors);

        found = errors_text(&errors);
        ck_assert_msg(r == 0, "%s\n%s", text, found);
        return config;
}

static void assert_errors(const char *text, const char *expected) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *found = NULL;
        Config *config = NULL;
        int r = config_parse(text, strlen(text), &config, &errors);

        found = errors_text(&errors);
        ck_assert_msg(r == -EINVAL, "%s: %d", text, r);
        ck_assert_ptr_null(config);
        ck_assert_msg(streq(found, expected), "%s\nfound:\n%sexpected:\n%s", text, found, expected);
}

/* A context with this in it, behind "{" on line 1. */
#define CONTEXT(rest) "kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 1}],\n" rest "}]}]"
#define SCHEME(rest) CONTEXT("schemes: [{\n" rest "}]")

static Config *scheme_good(const char *rest) {
        _cleanup_free_ char *text = NULL;
        Config *config;

        ck_assert_int_gt(asprintf(&text, SCHEME("%s"), rest), 0);
        config = parse_good(text);
        ck_assert_uint_eq(config->n_monitors, 1);
        ck_assert_uint_eq(config->monitors[0].n_schemes, 1);
        return config;
}

/* The text begins on line 3. */
static void scheme_bad(const char *rest, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_gt(asprintf(&text, SCHEME("%s"), rest), 0);
        assert_errors(text, expected);
}

/* The text begins on line 2. */
static void context_bad(const char *rest, const char *expected) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_gt(asprintf(&text, CONTEXT("%s"), rest), 0);
        assert_errors(text, expected);
}

/* ---- Values ---- */

START_TEST(sizes) {
        static const struct {
                const char *text;
                int r;
                uint64_t value;
        } cases[] = {
                { "0", 0, 0 },
                { "4096", 0, 4096 },
                { "4,294,967,296", 0, UINT64_C(4294967296) },
                { "0 B", 0, 0 },
                { "4.000 KiB", 0, 4096 },
                { "1024.000 MiB", 0, UINT64_C(1) << 30 },
                { "100MB", 0, 100 * MIB },
                { "100 MB", 0, 100 * MIB },
                { "5 GB", 0, UINT64_C(5) << 30 },
                { "4K", 0, 4096 },
                { "1,024 K", 0, MIB },
                { "min", 0, 0 },
                { "max", 0, UINT64_MAX },
                { "18,446,744,073,709,551,615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "4 k", -EINVAL, 0 },
                { ",4", -EINVAL, 0 },
                { "4,", -EINVAL, 0 },
                { "1.2.3", -EINVAL, 0 },
                { ".", -EINVAL, 0 },
                { "1e3", -EINVAL, 0 },
                { "0x1000", -EINVAL, 0 },
                { "nan", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t value = 7;

                ck_assert_msg(damo_size_parse(cases[i].text, &value) == cases[i].r, "%s", cases[i].text);
                ck_assert_msg(value == (cases[i].r == 0 ? cases[i].value : 7), "%s", cases[i].text);
        }
}
END_TEST

START_TEST(times) {
        static const struct {
                const char *text, *unit;
                int r;
                nsec_t value;
        } cases[] = {
                { "5 ms", "us", 0, 5 * MSEC },
                { "5000", "us", 0, 5 * MSEC },
                { "5,000", "us", 0, 5 * MSEC },
                { "5", "ms", 0, 5 * MSEC },
                { "0.5", "ms", 0, MSEC / 2 },
                { "0 ns", "us", 0, 0 },
                { "0", "us", 0, 0 },
                { "1 m 30 s", "us", 0, 90 * SEC },
                { "1m30s", "us", 0, 90 * SEC },
                { "1 h 50 m 48.200 s", "us", 0, 6648 * SEC + 200 * MSEC },
                { "1 d 2 h 3 m 4 s 5 ms 6 us 7 ns", "us", 0, 93784 * SEC + 5006007 },
                { "1,234 ms", "us", 0, 1234 * MSEC },
                { "min", "us", 0, 0 },
                { "max", "us", 0, NSEC_INFINITY },
                { "18446744073709551615", "us", 0, NSEC_INFINITY },
                { "18446744073709551615000", "us", 0, NSEC_INFINITY },
                { "5 fortnights", "us", -EINVAL, 0 },
                { "5 ms 3", "us", -EINVAL, 0 },
                { "-5 ms", "us", -EINVAL, 0 },
                { "ms", "us", -EINVAL, 0 },
                { "5 %", "us", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                nsec_t value = 7;

                ck_assert_msg(damo_time_parse(cases[i].text, cases[i].unit, &value) == cases[i].r, "%s", cases[i].text);
                ck_assert_msg(value == (cases[i].r == 0 ? cases[i].value : 7), "%s: %llu", cases[i].text,
                              (unsigned long long) value);
        }
}
END_TEST

START_TEST(shares) {
        static const struct {
                const char *text, *unit;
                int r;
                double value;
        } cases[] = {
                { "4 %", "%", 0, 0.04 },
                { "4%", "permil", 0, 0.04 },
                { "4", "%", 0, 0.04 },
                { "40", "permil", 0, 0.04 },
                { "400", "bp", 0, 0.04 },
                { "300.000000", "permil", 0, 0.3 },
                { "0.5 %", "bp", 0, 0.005 },
                { "9,970", "bp", 0, 0.997 },
                { "min", "%", 0, 0 },
                { "100 %", "%", 0, 1 },
                { "max", "%", 0, DAMO_SHARE_MAX },
                { "101 %", "%", 0, DAMO_SHARE_MAX },
                { "18,446,744,073,709,551,615 %", "%", 0, DAMO_SHARE_MAX },
                { "184467440737095516160 %", "%", 0, DAMO_SHARE_MAX },
                { "5 samples", "%", -EINVAL, 0 },
                { "%", "%", -EINVAL, 0 },
                { "-1 %", "%", -EINVAL, 0 },
                { "4 %%", "%", -EINVAL, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                double value = 7;

                ck_assert_msg(damo_share_parse(cases[i].text, cases[i].unit, &value) == cases[i].r, "%s", cases[i].text);
                ck_assert_msg(fabs(value - (cases[i].r == 0 ? cases[i].value : 7)) < 1e-12, "%s: %f", cases[i].text, value);
        }
}
END_TEST

START_TEST(other_values) {
        char longest[1024];
        double number;
        uint64_t n;
        bool truth;

        ck_assert(damo_count_parse("1,000", &n) == 0 && n == 1000);
        ck_assert(damo_count_parse("max", &n) == 0 && n == UINT64_MAX);
        ck_assert(damo_count_parse("min", &n) == 0 && n == 0);
        ck_assert_int_eq(damo_count_parse("1.5", &n), -EINVAL);
        ck_assert_int_eq(damo_count_parse("1 000", &n), -EINVAL);
        ck_assert_int_eq(damo_count_parse("18446744073709551616", &n), -ERANGE);

        ck_assert(damo_counted_parse("12 samples", "samples", &n) == 0 && n == 12);
        ck_assert(damo_counted_parse("1,200 aggr_intervals", "aggr_intervals", &n) == 0 && n == 1200);
        ck_assert(damo_counted_parse("max samples", "samples", &n) == 0 && n == UINT64_MAX);
        ck_assert_int_eq(damo_counted_parse("12samples", "samples", &n), -EINVAL);
        ck_assert_int_eq(damo_counted_parse(" samples", "samples", &n), -EINVAL);
        ck_assert_int_eq(damo_counted_parse("samples", "samples", &n), -EINVAL);
        ck_assert_int_eq(damo_counted_parse("12 %", "samples", &n), -EINVAL);

        ck_assert(damo_number_parse("10,000", &number) == 0 && number == 10000);
        ck_assert(damo_number_parse("0.5", &number) == 0 && number == 0.5);
        ck_assert_int_eq(damo_number_parse("max", &number), -ERANGE);
        ck_assert_int_eq(damo_number_parse("inf", &number), -EINVAL);
        ck_assert_int_eq(damo_number_parse("1.2.3", &number), -EINVAL);
        ck_assert_int_eq(damo_number_parse("-1", &number), -EINVAL);
        ck_assert_int_eq(damo_number_parse("", &number), -EINVAL);

        ck_assert(damo_bool_parse("true", &truth) == 0 && truth);
        ck_assert(damo_bool_parse("Yes", &truth) == 0 && truth);
        ck_assert(damo_bool_parse("N", &truth) == 0 && !truth);
        ck_assert_int_eq(damo_bool_parse("1", &truth), -EINVAL);
        ck_assert_int_eq(damo_bool_parse("", &truth), -EINVAL);

        /* nothing is written beyond its buffer */
        for (size_t length = 1; length < sizeof(longest); length++) {
                nsec_t time;

                memset(longest, '9', length);
                longest[length] = 0;
                ck_assert_int_eq(damo_size_parse(longest, &n), length < 20 ? 0 : -ERANGE);
                ck_assert_int_eq(damo_count_parse(longest, &n), length < 20 ? 0 : -ERANGE);
                (void) damo_time_parse(longest, "us", &time);
                (void) damo_number_parse(longest, &number);
                (void) damo_share_parse(longest, "permil", &number);
                (void) damo_counted_parse(longest, "samples", &n);
        }
}
END_TEST

/* ---- The full shape ---- */

static const char full_yaml[] =
        "kdamonds:\n"
        "- refresh_ms: 0\n"
        "  state: null\n"
        "  pid: null\n"
        "  contexts:\n"
        "  - ops: vaddr\n"
        "    addr_unit: 1 B\n"
        "    targets:\n"
        "    - pid: 1234\n"
        "      obsolete: false\n"
        "      regions: []\n"
        "    - pid: '1,235'\n"
        "    intervals:\n"
        "      sample_us: 5 ms\n"
        "      aggr_us: 100 ms\n"
        "      ops_update_us: 1 s\n"
        "      intervals_goal: {access_bp: 0 %, aggrs: '0', min_sample_us: 0 ns, max_sample_us: 0 ns}\n"
        "    nr_regions:\n"
        "      min: '10'\n"
        "      max: 1,000\n"
        "    probes: []\n"
        "    sample_control:\n"
        "      primitives_enabled: {page_table: true, page_fault: false}\n"
        "      sample_filters: []\n"
        "    pause: false\n"
        "    schemes:\n"
        "    - action: pageout\n"
        "      dests: []\n"
        "      target_nid: null\n"
        "      access_pattern:\n"
        "        sz_bytes:    {min: 0 B, max: max}\n"
        "        nr_accesses: {min: 0 %, max: 0 %}\n"
        "        age:         {min: 5 s, max: max}\n"
        "      apply_interval_us: 0 ns\n"
        "      quotas:\n"
        "        time_ms: 100 ms\n"
        "        sz_bytes: 1024.000 MiB\n"
        "        reset_interval_ms: 1 s\n"
        "        fail_charge_num: '0'\n"
        "        fail_charge_denom: '0'\n"
        "        goals:\n"
        "        - metric: some_mem_psi_us\n"
        "          nid: null\n"
        "          memcg_path: null\n"
        "          target_value: 10,000\n"
        "          current_value: '0'\n"
        "        goal_tuner: consist\n"
        "        effective_sz_bytes: 0 B\n"
        "        weights: {sz_permil: 0 %, nr_accesses_permil: 30 %, age_permil: 70 %}\n"
        "      watermarks: {metric: free_mem_rate, interval_us: 5 s, high_permil: 50 %, mid_permil: 40 %, low_permil: 20 %}\n"
        "      filters:\n"
        "      - {filter_type: anon, matching: true, allow: true, memcg_path: null, address_range: null,\n"
        "         damon_target_idx: null, hugepage_size: null}\n"
        "      stats: {nr_tried: '1,234', sz_tried: 5.000 GiB, max_nr_snapshots: '0', nr_snapshots: 7}\n"
        "      tried_regions: [{start: 1, end: 2}]\n";

/* As json.dumps(indent=4) writes it: the same in other clothes. */
static const char full_json[] =
        "{\n"
        "    \"kdamonds\": [\n"
        "        {\n"
        "            \"state\": \"on\",\n"
        "            \"pid\": 4242,\n"
        "            \"refresh_ms\": \"0\",\n"
        "            \"contexts\": [\n"
        "                {\n"
        "                    \"schemes\": [\n"
        "                        {\n"
        "                            \"action\": \"pageout\",\n"
        "                            \"dests\": [],\n"
        "                            \"access_pattern\": {\n"
        "                                \"sz_bytes\": {\"min\": 0, \"max\": 18446744073709551615},\n"
        "                                \"nr_accesses\": {\"min\": \"0 samples\", \"max\": \"0 samples\"},\n"
        "                                \"age\": {\"min\": \"50 aggr_intervals\", \"max\": \"max aggr_intervals\"}\n"
        "                            },\n"
        "                            \"apply_interval_us\": null,\n"
        "                            \"quotas\": {\n"
        "                                \"time_ms\": 100, \"sz_bytes\": 1073741824, \"reset_interval_ms\": 1000,\n"
        "                                \"fail_charge_num\": 0, \"fail_charge_denom\": 0,\n"
        "                                \"goals\": [{\"metric\": \"some_mem_psi_us\", \"target_value\": \"10 ms\", \"current_value\": 99}],\n"
        "                                \"weights\": {\"sz_permil\": 0, \"nr_accesses_permil\": 300.000000, \"age_permil\": 700}\n"
        "                            },\n"
        "                            \"watermarks\": {\n"
        "                                \"metric\": \"free_mem_rate\", \"interval_us\": 5000000,\n"
        "                                \"high_permil\": 500, \"mid_permil\": 400, \"low_permil\": 200\n"
        "                            },\n"
        "                            \"core_filters\": [],\n"
        "                            \"ops_filters\": [{\"type\": \"anon\", \"matching\": \"yes\", \"filter_pass\": \"Y\"}],\n"
        "                            \"filters\": []\n"
        "                        }\n"
        "                    ],\n"
        "                    \"nr_regions\": {\"min\": 10, \"max\": 1000},\n"
        "                    \"intervals\": {\"sample_us\": 5000, \"aggr_us\": 100000, \"ops_update_us\": 1000000},\n"
        "                    \"ops_attrs\": {\"use_reports\": false, \"write_only\": false, \"cpus\": \"all\", \"tids\": \"\"},\n"
        "                    \"targets\": [{\"pid\": 1234, \"regions\": []}, {\"pid\": 1235}],\n"
        "                    \"ops\": \"vaddr\"\n"
        "                }\n"
        "            ]\n"
        "        }\n"
        "    ]\n"
        "}\n";

static void check_full_scheme(const SchemeConfig *scheme) {
        ck_assert_str_eq(scheme->name, "pageout-0");
        ck_assert_int_eq(scheme->action, ACTION_PAGEOUT);
        ck_assert(scheme->enabled && !scheme->dry_run && !scheme->act_on_init);
        ck_assert_uint_eq(scheme->pattern.size_min, 0);
        ck_assert_uint_eq(scheme->pattern.size_max, UINT64_MAX);
        ck_assert_double_eq(scheme->pattern.rate_min, 0);
        ck_assert_double_eq(scheme->pattern.rate_max, 0);
        ck_assert_uint_eq(scheme->pattern.age_min, 5 * SEC);
        ck_assert_uint_eq(scheme->pattern.age_max, NSEC_INFINITY);
        ck_assert_uint_eq(scheme->apply_interval, 0);
        ck_assert_uint_eq(scheme->quota.time, 100 * MSEC);
        ck_assert_uint_eq(scheme->quota.size, 1024 * MIB);
        ck_assert_uint_eq(scheme->quota.reset_interval, SEC);
        ck_assert_double_eq(scheme->quota.fail_charge, 1);
        ck_assert_uint_eq(scheme->quota.weight_size, 0);
        ck_assert_uint_eq(scheme->quota.weight_rate, 300);
        ck_assert_uint_eq(scheme->quota.weight_age, 700);
        ck_assert_int_eq(scheme->quota.tuner, TUNER_CONSIST);
        ck_assert_uint_eq(scheme->quota.n_goals, 1);
        ck_assert_int_eq(scheme->quota.goals[0].metric, GOAL_SOME_MEM_PSI);
        ck_assert_double_eq(scheme->quota.goals[0].target, 10e6);
        ck_assert_double_eq(scheme->quota.goals[0].current, 0);
        ck_assert_ptr_null(scheme->quota.goals[0].cgroup);
        ck_assert_uint_eq(scheme->swap_out_max, SCHEME_SWAP_OUT_DEFAULT);
        ck_assert_int_eq(scheme->watermarks.metric, WATERMARK_FREE_MEM_RATE);
        ck_assert_uint_eq(scheme->watermarks.interval, 5 * SEC);
        ck_assert_double_eq(scheme->watermarks.high, 0.5);
        ck_assert_double_eq(scheme->watermarks.mid, 0.4);
        ck_assert_double_eq(scheme->watermarks.low, 0.2);
        ck_assert_uint_eq(scheme->n_filters, 1);
        ck_assert_int_eq(scheme->filters[0].type, FILTER_ANON);
        ck_assert(scheme->filters[0].matching && scheme->filters[0].allow);
        ck_assert_ptr_null(scheme->filters[0].cgroup);
        ck_assert_uint_eq(scheme->n_destinations, 0);
}

static void check_full(const Config *config) {
        const MonitorConfig *monitor = &config->monitors[0];

        ck_assert_uint_eq(config->n_monitors, 1);
        ck_assert_str_eq(monitor->name, "damo-0");
        ck_assert_str_eq(monitor->source, "auto");
        ck_assert_str_eq(monitor->policy, "directed");
        ck_assert_uint_eq(monitor->n_targets, 2);
        ck_assert_int_eq(monitor->targets[0].pid, 1234);
        ck_assert_int_eq(monitor->targets[1].pid, 1235);
        ck_assert_ptr_null(monitor->targets[0].command);
        ck_assert(!monitor->targets[0].children && !monitor->targets[1].children);
        ck_assert_uint_eq(monitor->attrs.sample, 5 * MSEC);
        ck_assert_uint_eq(monitor->attrs.aggregate, 100 * MSEC);
        ck_assert_uint_eq(monitor->attrs.update, SEC);
        ck_assert(!monitor->attrs.goal.enabled);
        ck_assert_uint_eq(monitor->attrs.min_regions, 10);
        ck_assert_uint_eq(monitor->attrs.max_regions, 1000);
        ck_assert_uint_eq(monitor->n_schemes, 1);
        check_full_scheme(&monitor->schemes[0]);
}

START_TEST(full_shape_yaml) {
        _cleanup_(config_freep) Config *config = parse_good(full_yaml);

        check_full(config);
        ck_assert_uint_eq(config->monitors[0].schemes[0].line, 27);
        ck_assert_uint_eq(config->monitors[0].schemes[0].column, 15);
}
END_TEST

START_TEST(full_shape_json) {
        _cleanup_(config_freep) Config *config = parse_good(full_json);

        check_full(config);
}
END_TEST

/* Only what DAMO itself demands. */
START_TEST(smallest_file) {
        _cleanup_(config_freep) Config *config = parse_good("{\"kdamonds\":[{\"contexts\":[{\"ops\":\"vaddr\","
                                                            "\"targets\":[{\"pid\":1}]}]}]}");

        ck_assert_uint_eq(config->n_monitors, 1);
        ck_assert_uint_eq(config->monitors[0].attrs.sample, 5 * MSEC);
        ck_assert_uint_eq(config->monitors[0].attrs.aggregate, 100 * MSEC);
        ck_assert_uint_eq(config->monitors[0].attrs.max_regions, 1000);
        ck_assert_uint_eq(config->monitors[0].n_schemes, 0);
}
END_TEST

START_TEST(several_contexts) {
        _cleanup_(config_freep) Config *config = parse_good(
                "kdamonds:\n"
                "- contexts:\n"
                "  - {ops: vaddr, targets: [{pid: 1}], schemes: []}\n"
                "  - {ops: vaddr, targets: [{pid: 2}], schemes: [{}, {action: cold}]}\n"
                "- contexts:\n"
                "  - {ops: vaddr, targets: [{pid: 3}], schemes: null}\n");
        const SchemeConfig *stat = config->monitors[1].schemes;

        ck_assert_uint_eq(config->n_monitors, 3);
        ck_assert_str_eq(config->monitors[1].name, "damo-1");
        ck_assert_str_eq(config->monitors[2].name, "damo-2");
        ck_assert_int_eq(config->monitors[2].targets[0].pid, 3);
        ck_assert_uint_eq(config->monitors[1].n_schemes, 2);
        ck_assert_str_eq(stat->name, "stat-0");
        ck_assert_str_eq(config->monitors[1].schemes[1].name, "cold-1");

        /* DAMO's default scheme counts all memory */
        ck_assert_int_eq(stat->action, ACTION_STAT);
        ck_assert_double_eq(stat->pattern.rate_max, 1);
        ck_assert_uint_eq(stat->pattern.age_max, NSEC_INFINITY);
        ck_assert(!quota_is_set(&stat->quota));
        ck_assert_int_eq(stat->watermarks.metric, WATERMARK_NONE);
}
END_TEST

START_TEST(intervals_are_read) {
        _cleanup_(config_freep) Config *config = parse_good(CONTEXT(
                "intervals: {intervals_goal: {access_bp: 4 %, aggrs: 3, min_sample_us: 5 ms, max_sample_us: 10 s},\n"
                "ops_update_us: 1 m, sample_us: '5,000', aggr_us: 0.1 s}, nr_regions: {min: 20}"));
        const MonitorAttrs *attrs = &config->monitors[0].attrs;

        ck_assert_uint_eq(attrs->sample, 5 * MSEC);
        ck_assert_uint_eq(attrs->aggregate, 100 * MSEC);
        ck_assert_uint_eq(attrs->update, 60 * SEC);
        ck_assert(attrs->goal.enabled);
        ck_assert_double_eq_tol(attrs->goal.access_share, 0.04, 1e-12);
        ck_assert_uint_eq(attrs->goal.aggregations, 3);
        ck_assert_uint_eq(attrs->goal.sample_min, 5 * MSEC);
        ck_assert_uint_eq(attrs->goal.sample_max, 10 * SEC);
        ck_assert_uint_eq(attrs->min_regions, 20);
        ck_assert_uint_eq(attrs->max_regions, 1000);
}
END_TEST

/* ---- Schemes ---- */

static AccessPattern pattern(const char *text) {
        _cleanup_free_ char *rest = NULL;
        _cleanup_(config_freep) Config *config = NULL;

        ck_assert_int_gt(asprintf(&rest, "access_pattern: {%s}", text), 0);
        config = scheme_good(rest);
        return config->monitors[0].schemes[0].pattern;
}

START_TEST(patterns) {
        AccessPattern p = pattern("sz_bytes: {min: 2 MB, max: '4,194,304'}, nr_accesses: {min: 5, max: max}, age: {min: 7000000, max: 2 m}");

        ck_assert_uint_eq(p.size_min, 2 * MIB);
        ck_assert_uint_eq(p.size_max, 4 * MIB);
        ck_assert_double_eq_tol(p.rate_min, 0.05, 1e-12);
        ck_assert_double_eq(p.rate_max, 1);
        ck_assert_uint_eq(p.age_min, 7 * SEC);
        ck_assert_uint_eq(p.age_max, 120 * SEC);

        /* 20 samples per aggregation */
        p = pattern("nr_accesses: {min: 1 samples, max: 20 samples}, age: {min: 10 aggr_intervals, max: 20 aggr_intervals}");
        ck_assert_double_eq_tol(p.rate_min, 0.05, 1e-12);
        ck_assert_double_eq(p.rate_max, 1);
        ck_assert_uint_eq(p.age_min, SEC);
        ck_assert_uint_eq(p.age_max, 2 * SEC);

        /* as DAMO writes "max" */
        p = pattern("sz_bytes: {min: min, max: 16.000 P}, nr_accesses: {min: min, max: '18,446,744,073,709,551,615 %'}, "
                    "age: {min: min, max: '18,446,744,073,709,551,615 aggr_intervals'}");
        ck_assert_uint_eq(p.size_max, UINT64_C(16) << 50);
        ck_assert_double_eq(p.rate_max, 1);
        ck_assert_uint_eq(p.age_max, NSEC_INFINITY);
        ck_assert_double_eq(pattern("nr_accesses: {min: 0 samples, max: '4,294,967,295 samples'}").rate_max, 1);
        ck_assert_uint_eq(pattern("age: {min: 0, max: '18446744073709551615'}").age_max, NSEC_INFINITY);
}
END_TEST

/* Samples and aggregations are counted in the context's own intervals, wherever those stand. */
START_TEST(patterns_follow_intervals) {
        _cleanup_(config_freep) Config *config = parse_good(CONTEXT(
                "schemes: [{access_pattern: {nr_accesses: {min: 10 samples, max: 50 samples}, age: {min: 3 aggr_intervals, max: max}}}],\n"
                "intervals: {sample_us: 10 ms, aggr_us: 1 s, ops_update_us: 1 s}"));
        const AccessPattern *p = &config->monitors[0].schemes[0].pattern;

        ck_assert_double_eq_tol(p->rate_min, 0.1, 1e-12);
        ck_assert_double_eq_tol(p->rate_max, 0.5, 1e-12);
        ck_assert_uint_eq(p->age_min, 3 * SEC);
}
END_TEST

/* A region with just that many accesses is within the bounds, although neither is a finite decimal. */
START_TEST(patterns_are_closed) {
        _cleanup_(config_freep) Config *config = parse_good(CONTEXT(
                "intervals: {sample_us: 10 ms, aggr_us: 70 ms},\n"
                "schemes: [{access_pattern: {nr_accesses: {min: 1 samples, max: 1 samples}}},\n"
                "{access_pattern: {nr_accesses: {min: 2 samples, max: 2 samples}}}]"));

        for (size_t i = 0; i < 2; i++) {
                const AccessPattern *p = &config->monitors[0].schemes[i].pattern;
                double rate = (double) (i + 1) / 7;

                ck_assert_double_le(p->rate_min, rate);
                ck_assert_double_ge(p->rate_max, rate);
                ck_assert_double_lt(p->rate_max - p->rate_min, 1e-8);
        }
}
END_TEST

START_TEST(actions) {
        for (int i = 0; i < _ACTION_MAX; i++) {
                _cleanup_(config_freep) Config *config = NULL;
                _cleanup_free_ char *rest = NULL, *name = NULL;

                ck_assert_int_gt(asprintf(&rest, "action: %s%s", action_name((Action) i),
                                          i >= ACTION_MIGRATE_HOT ? ", target_nid: 1" : ""), 0);
                ck_assert_int_gt(asprintf(&name, "%s-0", action_name((Action) i)), 0);
                config = scheme_good(rest);
                ck_assert_int_eq(config->monitors[0].schemes[0].action, i);
                ck_assert_str_eq(config->monitors[0].schemes[0].name, name);
        }
}
END_TEST

START_TEST(destinations) {
        _cleanup_(config_freep) Config *one = scheme_good("action: migrate_cold, target_nid: '1'");
        _cleanup_(config_freep) Config *two = scheme_good("action: migrate_hot, target_nid: null, "
                                                          "dests: [{id: 0, weight: 7}, {id: 2, weight: 0}, {id: 1, weight: 3}]");
        _cleanup_(config_freep) Config *both = scheme_good("action: migrate_hot, target_nid: 5, dests: [{id: 0, weight: 1}]");
        _cleanup_(config_freep) Config *none = scheme_good("action: cold, target_nid: -1, dests: []");
        const SchemeConfig *scheme = one->monitors[0].schemes;

        ck_assert_uint_eq(scheme->n_destinations, 1);
        ck_assert_uint_eq(scheme->destinations[0].node, 1);
        ck_assert_uint_eq(scheme->destinations[0].weight, 1);

        scheme = two->monitors[0].schemes;
        ck_assert_uint_eq(scheme->n_destinations, 2);
        ck_assert_uint_eq(scheme->destinations[0].weight, 7);
        ck_assert_uint_eq(scheme->destinations[1].node, 1);
        ck_assert_uint_eq(scheme->destinations[1].weight, 3);

        ck_assert_uint_eq(both->monitors[0].schemes[0].n_destinations, 1);
        ck_assert_uint_eq(both->monitors[0].schemes[0].destinations[0].node, 0);
        ck_assert_uint_eq(none->monitors[0].schemes[0].n_destinations, 0);
}
END_TEST

START_TEST(bad_destinations) {
        scheme_bad("action: cold, target_nid: 1", "3:15: 'target_nid' is for migrate_hot and migrate_cold only\n");
        scheme_bad("action: cold, dests: [{id: 1, weight: 1}]", "3:15: 'dests' is for migrate_hot and migrate_cold only\n");
        scheme_bad("action: migrate_hot, dests: [{id: 1, weight: 0}]", "3:22: dests: none of them has a weight\n");
        scheme_bad("action: migrate_hot, dests: [{id: 1}]", "3:30: 'weight' is missing in a destination\n");
        scheme_bad("action: migrate_hot, dests: [{id: 1, wieght: 1}]",
                   "3:38: unknown key 'wieght' in a destination (did you mean 'weight'?)\n");
        scheme_bad("action: migrate_hot, dests: {id: 1, weight: 1}", "3:29: dests: must be a list\n");
        scheme_bad("action: migrate_hot, dests: [1]", "3:30: what stands in a destination must be a mapping (id: ...)\n");
        scheme_bad("action: migrate_hot, target_nid: two", "3:34: target_nid: 'two' is not a whole number\n");
        scheme_bad("action: migrate_hot, target_nid: 1024", "3:34: target_nid: '1024' is out of range\n");
        scheme_bad("action: migrate_hot", "2:11: action migrate_hot needs a destination\n");
        scheme_bad("action: migrate_hot, dests: [{id: 1, weight: 1}, {id: 1, weight: 1}]", "2:11: node 1 is a destination twice\n");
}
END_TEST

/* ---- Quotas ---- */

static Config *quota_good(const char *text) {
        _cleanup_free_ char *rest = NULL;

        ck_assert_int_gt(asprintf(&rest, "quotas: {%s}", text), 0);
        return scheme_good(rest);
}

#define QUOTA(config) (&(config)->monitors[0].schemes[0].quota)

START_TEST(unset_quotas) {
        static const char *const texts[] = {
                "time_ms: 0, sz_bytes: 0, reset_interval_ms: max, weights: {sz_permil: 0 %, nr_accesses_permil: 0 %, age_permil: 0 %}",
                "time_ms: 0 ns, sz_bytes: 0 B, reset_interval_ms: 18446744073709551615",
                "time_ms: max, sz_bytes: max, reset_interval_ms: 1 s",
                "time_ms: 0, sz_bytes: 0, reset_interval_ms: 0, goal_tuner: temporal",
                "time_ms: null, sz_bytes: null, reset_interval_ms: null, weights: null, goals: null",
                "goals: [], weights: {age_permil: 100 %}, effective_sz_bytes: 3.000 MiB",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_freep) Config *config = quota_good(texts[i]);

                ck_assert_msg(!quota_is_set(QUOTA(config)), "%s", texts[i]);
                ck_assert_uint_eq(QUOTA(config)->reset_interval, 0);
        }
}
END_TEST

START_TEST(set_quotas) {
        _cleanup_(config_freep) Config *size = quota_good("sz_bytes: 100 MB, reset_interval_ms: 1000");
        _cleanup_(config_freep) Config *time = quota_good("time_ms: 10, reset_interval_ms: 1 s, goal_tuner: temporal, "
                                                          "fail_charge_num: 1, fail_charge_denom: 4096, weights: {age_permil: 1}");

        ck_assert_uint_eq(QUOTA(size)->size, 100 * MIB);
        ck_assert_uint_eq(QUOTA(size)->time, 0);
        ck_assert_uint_eq(QUOTA(size)->reset_interval, SEC);
        ck_assert_double_eq(QUOTA(size)->fail_charge, 1);
        ck_assert_uint_eq(QUOTA(size)->weight_rate, 0); /* DAMO's default, not ours */
        ck_assert_uint_eq(QUOTA(size)->weight_age, 0);

        ck_assert_uint_eq(QUOTA(time)->time, 10 * MSEC);
        ck_assert_uint_eq(QUOTA(time)->size, 0);
        ck_assert_double_eq_tol(QUOTA(time)->fail_charge, 1.0 / 4096, 1e-9);
        ck_assert_uint_eq(QUOTA(time)->weight_age, 1);
        ck_assert_int_eq(QUOTA(time)->tuner, TUNER_CONSIST); /* there is nothing to tune */
}
END_TEST

START_TEST(goals) {
        _cleanup_(config_freep) Config *config = quota_good(
                "sz_bytes: 1 GB, reset_interval_ms: 1 s, goal_tuner: temporal, goals: [\n"
                "{metric: user_input, target_value: '10,000', current_value: 5.5},\n"
                "{metric: some_mem_psi_us, target_value: 10 ms, current_value: 3},\n"
                "{metric: node_mem_used_bp, nid: 0, target_value: 99.7 %},\n"
                "{metric: node_mem_free_bp, nid: '1', target_value: 50},\n"
                "{metric: node_memcg_used_bp, nid: 1, memcg_path: /workload, target_value: 30 %},\n"
                "{metric: node_memcg_free_bp, nid: 1, memcg_path: /a/b, target_value: 30 %},\n"
                "{metric: active_mem_bp, nid: null, target_value: 5010},\n"
                "{metric: inactive_mem_bp, target_value: 50.1 %},\n"
                "{target_value_bp: 10000, current_value_bp: 300}]");
        static const struct {
                GoalMetric metric;
                double target, current;
                uint32_t node;
                const char *cgroup;
        } expected[] = {
                { GOAL_USER_INPUT, 10000, 5.5, 0, NULL },
                { GOAL_SOME_MEM_PSI, 10e6, 0, 0, NULL },
                { GOAL_NODE_MEM_USED, 0.997, 0, 0, NULL },
                { GOAL_NODE_MEM_FREE, 0.005, 0, 1, NULL },
                { GOAL_NODE_MEMCG_USED, 0.3, 0, 1, "/workload" },
                { GOAL_NODE_MEMCG_FREE, 0.3, 0, 1, "/a/b" },
                { GOAL_ACTIVE_MEM, 0.501, 0, 0, NULL },
                { GOAL_INACTIVE_MEM, 0.501, 0, 0, NULL },
                { GOAL_USER_INPUT, 10000, 300, 0, NULL },
        };
        const QuotaConfig *quota = QUOTA(config);

        ck_assert_int_eq(quota->tuner, TUNER_TEMPORAL);
        ck_assert_uint_eq(quota->n_goals, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                const GoalConfig *goal = &quota->goals[i];

                ck_assert_msg(goal->metric == expected[i].metric, "%zu", i);
                ck_assert_double_eq_tol(goal->target, expected[i].target, 1e-9);
                ck_assert_double_eq(goal->current, expected[i].current);
                ck_assert_uint_eq(goal->node, expected[i].node);
                ck_assert(!goal->cgroup == !expected[i].cgroup);
                if (goal->cgroup)
                        ck_assert_str_eq(goal->cgroup, expected[i].cgroup);
        }
}
END_TEST

static void quota_bad(const char *text, const char *expected) {
        _cleanup_free_ char *rest = NULL;

        ck_assert_int_gt(asprintf(&rest, "quotas: {\n%s}", text), 0);
        scheme_bad(rest, expected);
}

#define NO_WINDOW "a quota or goal needs a finite 'reset_interval_ms': without it, the quota would be spent once and never again\n"

START_TEST(bad_quotas) {
        /* DAMO drops these without a word */
        quota_bad("time_ms: 0, sz_bytes: 100M, reset_interval_ms: max", "4:29: " NO_WINDOW);
        quota_bad("sz_bytes: 100M", "3:1: " NO_WINDOW);
        quota_bad("time_ms: 100, reset_interval_ms: 0", "4:15: " NO_WINDOW);
        quota_bad("goals: [{metric: user_input, target_value: 1}]", "3:1: " NO_WINDOW);

        quota_bad("reset_interval_ms: 1 s, goals: [{metric: user_input, target_value: 1}]",
                  "2:11: quotas: goals need a quota of size (sz) or time to work within\n");
        quota_bad("sz: 100M", "4:1: unknown key 'sz' in 'quotas' (did you mean 'sz_bytes'?)\n");
        quota_bad("sz_byte: 100M", "4:1: unknown key 'sz_byte' in 'quotas' (did you mean 'sz_bytes'?)\n");
        quota_bad("age_permil: 1", "4:1: unknown key 'age_permil' in 'quotas' (it belongs in 'weights')\n");
        quota_bad("sz_bytes: lots", "4:11: sz_bytes: 'lots' is not a size (like 4096, 128 MiB or max)\n");
        quota_bad("time_ms: 5 parsecs", "4:10: time_ms: '5 parsecs' is not a time (like 5 ms, 1 m 30 s or max)\n");
        quota_bad("weights: {age_permil: 1001}", "4:23: age_permil: '1001' is out of range\n");
        quota_bad("weights: [1, 2, 3]", "4:10: what stands in 'weights' must be a mapping (sz_permil: ...)\n");
        quota_bad("goal_tuner: pid", "4:13: goal_tuner: 'pid' is not consist or temporal\n");
        quota_bad("sz_bytes: 1M, reset_interval_ms: 1, fail_charge_num: 2, fail_charge_denom: 1",
                  "4:37: 'fail_charge_num' exceeds 'fail_charge_denom': what failed cannot count for more than what was done\n");
        quota_bad("fail_charge_num: -1", "4:18: fail_charge_num: '-1' is not a whole number\n");
        quota_bad("sz_bytes: {min: 1}", "4:11: sz_bytes: must be a single value\n");
        scheme_bad("quotas: 100M", "3:9: what stands in 'quotas' must be a mapping (time_ms: ...)\n");
}
END_TEST

static void goal_bad(const char *text, const char *expected) {
        _cleanup_free_ char *rest = NULL;

        ck_assert_int_gt(asprintf(&rest, "sz_bytes: 1M, reset_interval_ms: 1 s, goals: [{\n%s}]", text), 0);
        quota_bad(rest, expected);
}

START_TEST(bad_goals) {
        goal_bad("target_value: 1", "4:47: 'metric' is missing in a goal\n");
        goal_bad("metric: user_input", "4:47: 'target_value' is missing in a goal\n");
        goal_bad("metric: some_cpu_psi_us, target_value: 1", "5:9: metric: 'some_cpu_psi_us' is not a metric of DAMON's goals\n");
        goal_bad("metric: node_eligible_mem_bp, nid: 1, target_value: 50",
                 "5:9: metric: 'node_eligible_mem_bp' needs physical memory to be watched\n");
        goal_bad("metric: hugepage_mem_bp, target_value: 50", "5:9: metric: 'hugepage_mem_bp' cannot be learned by this version\n");
        goal_bad("metric: node_mem_used_bp, nid: null, target_value: 50", "4:47: a goal by 'node_mem_used_bp' needs the node, 'nid'\n");
        goal_bad("metric: node_memcg_used_bp, nid: 0, target_value: 50",
                 "4:47: a goal by 'node_memcg_used_bp' needs the cgroup, 'memcg_path'\n");
        goal_bad("metric: node_memcg_used_bp, nid: 0, memcg_path: workload, target_value: 50",
                 "5:49: memcg_path: 'workload' must begin with '/' (did you mean '/workload'?)\n");
        goal_bad("metric: node_memcg_used_bp, nid: 0, memcg_path: \"/a/../\\e[31m\", target_value: 50",
                 "5:49: memcg_path: '/a/../?[31m' has a part that is empty, '.' or '..'\n");
        goal_bad("metric: active_mem_bp, memcg_path: /a, target_value: 50",
                 "5:24: 'memcg_path' means nothing to a goal by 'active_mem_bp'\n");
        goal_bad("metric: active_mem_bp, target_value: 10001", "5:38: target_value: '10001' is out of range\n");
        goal_bad("metric: some_mem_psi_us, target_value: max", "5:40: target_value: 'max' is out of range\n");
        goal_bad("metric: some_mem_psi_us, target_value: 5 %",
                 "5:40: target_value: '5 %' is not a target (a number, with or without its unit)\n");
        goal_bad("metric: some_mem_psi_us, target_value: 0", "2:11: the target of goal some_mem_psi_us must be above 0\n");
        goal_bad("metric: user_input, target_value: 1, current_value: x", "5:53: current_value: 'x' is not a number\n");
        goal_bad("metric: user_input, traget_value: 1", "5:21: unknown key 'traget_value' in a goal (did you mean 'target_value'?)\n");
}
END_TEST

/* ---- Watermarks ---- */

START_TEST(watermarks) {
        _cleanup_(config_freep) Config *none = scheme_good(
                "watermarks: {metric: none, interval_us: 0 ns, high_permil: 0 %, mid_permil: 0 %, low_permil: 0 %}");
        _cleanup_(config_freep) Config *odd = scheme_good("watermarks: {metric: none, interval_us: 5 s, high_permil: 9}");
        _cleanup_(config_freep) Config *raw = scheme_good(
                "watermarks: {metric: free_mem_rate, interval_us: 5000000, high_permil: 1000, mid_permil: 999, low_permil: 0}");
        const WatermarkConfig *w = &raw->monitors[0].schemes[0].watermarks;

        ck_assert_int_eq(none->monitors[0].schemes[0].watermarks.metric, WATERMARK_NONE);
        ck_assert_int_eq(odd->monitors[0].schemes[0].watermarks.metric, WATERMARK_NONE);
        ck_assert_int_eq(w->metric, WATERMARK_FREE_MEM_RATE);
        ck_assert_uint_eq(w->interval, 5 * SEC);
        ck_assert_double_eq(w->high, 1);
        ck_assert_double_eq_tol(w->mid, 0.999, 1e-12);
        ck_assert_double_eq(w->low, 0);

        scheme_bad("watermarks: {interval_us: 5 s}", "3:1: 'metric' is missing in 'watermarks'\n");
        scheme_bad("watermarks: {metric: psi}", "3:22: metric: 'psi' is not none or free_mem_rate\n");
        scheme_bad("watermarks: {metric: free_mem_rate, high_permil: 1001}", "3:50: high_permil: '1001' is out of range\n");
        scheme_bad("watermarks: {metric: free_mem_rate, high: 50%}",
                   "3:37: unknown key 'high' in 'watermarks' (did you mean 'high_permil'?)\n");
        scheme_bad("watermarks: {metric: free_mem_rate, interval_us: 5 s, high_permil: 20 %, mid_permil: 40 %, low_permil: 50 %}",
                   "2:11: watermarks: low <= mid <= high must hold\n");
}
END_TEST

/* ---- Filters ---- */

START_TEST(filters) {
        _cleanup_(config_freep) Config *config = scheme_good(
                "filters: [{filter_type: unmapped, matching: n, memcg_path: ''}],\n"
                "ops_filters: [{type: young, matching: true, allow: true},\n"
                "  {filter_type: memcg, matching: true, allow: false, memcg_path: /system.slice/db.service},\n"
                "  {filter_type: hugepage_size, matching: true, hugepage_size: [2.000 MiB, max]},\n"
                "  {filter_type: hugepage_size, matching: true, hugepage_size: {min: '4,096', max: 64K}},\n"
                "  {filter_type: active, matching: false, allow: true}],\n"
                "core_filters: [{filter_type: addr, matching: true, allow: true, address_range: {start: '4,096', end: 1 G}},\n"
                "  {filter_type: target, matching: false, damon_target_idx: '0'}]");
        static const struct {
                FilterType type;
                bool matching, allow;
                uint64_t min, max;
        } expected[] = {
                { FILTER_ADDR, true, true, 4096, UINT64_C(1) << 30 },
                { FILTER_TARGET, false, false, 0, 0 },
                { FILTER_YOUNG, true, true, 0, 0 },
                { FILTER_MEMCG, true, false, 0, 0 },
                { FILTER_HUGEPAGE_SIZE, true, false, 2 * MIB, UINT64_MAX },
                { FILTER_HUGEPAGE_SIZE, true, false, 4096, 65536 },
                { FILTER_ACTIVE, false, true, 0, 0 },
                { FILTER_UNMAPPED, false, false, 0, 0 },
        };
        const SchemeConfig *scheme = config->monitors[0].schemes;

        ck_assert_uint_eq(scheme->n_filters, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                const FilterConfig *filter = &scheme->filters[i];

                ck_assert_msg(filter->type == expected[i].type, "%zu", i);
                ck_assert(filter->matching == expected[i].matching && filter->allow == expected[i].allow);
                ck_assert_uint_eq(filter->min, expected[i].min);
                ck_assert_uint_eq(filter->max, expected[i].max);
                if (filter->type == FILTER_MEMCG)
                        ck_assert_str_eq(filter->cgroup, "/system.slice/db.service");
                else
                        ck_assert_ptr_null(filter->cgroup);
        }
}
END_TEST

static void filter_bad(const char *text, const char *expected) {
        _cleanup_free_ char *rest = NULL;

        ck_assert_int_gt(asprintf(&rest, "filters: [{\n%s}]", text), 0);
        scheme_bad(rest, expected);
}

START_TEST(bad_filters) {
        filter_bad("matching: true", "3:11: 'filter_type' is missing in a filter\n");
        filter_bad("filter_type: anon", "3:11: 'matching' is missing in a filter\n");
        filter_bad("filter_type: anon, matchin: true", "4:20: unknown key 'matchin' in a filter (did you mean 'matching'?)\n");
        filter_bad("filter_type: file, matching: true", "4:14: filter_type: 'file' is not a type of DAMON's filters\n");
        filter_bad("filter_type: anon, type: anon, matching: true", "4:20: 'filter_type' and 'type' are the same: give one of them\n");
        filter_bad("filter_type: anon, matching: maybe", "4:30: matching: 'maybe' is not true or false\n");
        filter_bad("filter_type: memcg, matching: true, memcg_path: ''", "3:11: a filter of type 'memcg' needs 'memcg_path'\n");
        filter_bad("filter_type: memcg, matching: true, memcg_path: a",
                   "4:49: memcg_path: 'a' must begin with '/' (did you mean '/a'?)\n");
        filter_bad("filter_type: anon, matching: true, memcg_path: /a", "4:36: 'memcg_path' means nothing to a filter of type 'anon'\n");
        filter_bad("filter_type: addr, matching: true", "3:11: a filter of type 'addr' needs 'address_range'\n");
        filter_bad("filter_type: addr, matching: true, address_range: {start: 0}", "4:36: 'end' is missing in 'address_range'\n");
        filter_bad("filter_type: addr, matching: true, start: 0",
                   "4:36: unknown key 'start' in a filter (it belongs in 'address_range')\n");
        filter_bad("filter_type: target, matching: true, damon_target_idx: 1",
                   "4:56: damon_target_idx: there is no target 1 (the first is 0)\n");
        filter_bad("filter_type: target, matching: true", "3:11: a filter of type 'target' needs 'damon_target_idx'\n");
        filter_bad("filter_type: hugepage_size, matching: true, hugepage_size: [2M]", "4:60: hugepage_size: must be a list of two sizes\n");
        filter_bad("filter_type: hugepage_size, matching: true, hugepage_size: 2M", "4:60: hugepage_size: must be a list of two sizes\n");
        filter_bad("filter_type: hugepage_size, matching: true, hugepage_size: [a, [b]]",
                   "4:61: hugepage_size: 'a' is not a size (like 4096, 128 MiB or max)\n4:64: must be a single value\n");
        filter_bad("filter_type: hugepage_size, matching: true, hugepage_size: [4M, 2M]",
                   "2:11: a hugepage_size filter has a minimum (4MiB) above its maximum (2MiB)\n");

        scheme_bad("core_filters: [{filter_type: anon, matching: true}]", "3:16: 'anon' tells pages apart: it belongs in 'ops_filters'\n");
        scheme_bad("ops_filters: [{filter_type: target, matching: true, damon_target_idx: 0}]",
                   "3:15: 'target' tells regions apart: it belongs in 'core_filters'\n");
}
END_TEST

/* ---- In our own words ---- */

/* Written out in our own spelling and read again, it is the same: so a file of DAMO's can be turned into ours. */
static void check_round_trip(const Config *config) {
        _cleanup_(config_freep) Config *again = NULL;
        _cleanup_free_ char *text = NULL;
        const MonitorConfig **monitors = calloc(config->n_monitors, sizeof(*monitors));

        for (size_t i = 0; i < config->n_monitors; i++)
                monitors[i] = &config->monitors[i];
        ck_assert_int_eq(config_format(monitors, config->n_monitors, &text), 0);
        free(monitors);

        again = parse_good(text);
        ck_assert_uint_eq(again->n_monitors, config->n_monitors);
        for (size_t i = 0; i < config->n_monitors; i++) {
                const MonitorConfig *a = &config->monitors[i], *b = &again->monitors[i];

                ck_assert_msg(monitor_config_equal(a, b), "%s", text);
                ck_assert_uint_eq(a->n_schemes, b->n_schemes);
                for (size_t j = 0; j < a->n_schemes; j++)
                        ck_assert_msg(scheme_config_equal(&a->schemes[j], &b->schemes[j]), "%zu: %s", j, text);
        }
}

START_TEST(round_trip) {
        static const char *const texts[] = {
                full_yaml,
                full_json,
                CONTEXT("intervals: {sample_us: 10 ms, aggr_us: 70 ms}, "
                        "schemes: [{access_pattern: {nr_accesses: {min: 1 samples, max: 2 samples}}}]"),
                CONTEXT("intervals: {intervals_goal: {access_bp: 4 %, aggrs: 3, min_sample_us: 5 ms, max_sample_us: 10 s}}, "
                        "nr_regions: {min: 20}"),
                SCHEME("action: migrate_hot, dests: [{id: 0, weight: 7}, {id: 1, weight: 3}], "
                       "access_pattern: {nr_accesses: {min: 3.333333333333 %, max: 19 samples}, age: {min: 1 d 2 h 3 m 4 s 5 ms, max: max}}"),
                SCHEME("action: cold, quotas: {time_ms: 10, reset_interval_ms: 1 s, goal_tuner: temporal, fail_charge_num: 1, "
                       "fail_charge_denom: 3, weights: {sz_permil: 1, age_permil: 999}, "
                       "goals: [{metric: user_input, target_value: 10000, current_value: 3.5}, "
                       "{metric: node_memcg_used_bp, nid: 1, memcg_path: /workload, target_value: 33.33 %}, "
                       "{metric: node_mem_free_bp, nid: 0, target_value: 0.5 %}]}"),
                SCHEME("action: pageout, filters: [{filter_type: addr, matching: true, allow: true, address_range: {start: 4096, end: 1 G}}, "
                       "{filter_type: target, matching: false, damon_target_idx: 0}, {filter_type: young, matching: true},"
                       "{filter_type: memcg, matching: true, memcg_path: '/a b: c'},"
                       "{filter_type: hugepage_size, matching: true, allow: yes, hugepage_size: [2 M, max]}]"),
                SCHEME("watermarks: {metric: free_mem_rate, interval_us: 5 s, high_permil: 999, mid_permil: 15, low_permil: 0}"),
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(config_freep) Config *config = parse_good(texts[i]);

                check_round_trip(config);
        }
}
END_TEST

/* Only the schemes of it, as for "udamonctl run --scheme FILE". */
START_TEST(schemes_alone) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {}, two = {};
        SchemeConfig *schemes = NULL;
        size_t n = 0;

        ck_assert_int_eq(config_parse_schemes(full_json, strlen(full_json), &schemes, &n, &errors), 0);
        ck_assert_uint_eq(n, 1);
        check_full_scheme(&schemes[0]);
        scheme_config_deinit(&schemes[0]);
        free(schemes);

        const char *text = "kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 1}]}, {ops: vaddr, targets: [{pid: 2}]}]}]";
        ck_assert_int_eq(config_parse_schemes(text, strlen(text), &schemes, &n, &two), -EINVAL);
        ck_assert_uint_ge(two.n, 1);
}
END_TEST

/* ---- What cannot be done ---- */

START_TEST(unsupported) {
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 1, regions: [{start: 0, end: 1}]}]}]}]",
                      "1:56: fixed address ranges of processes are not supported by this version, which watches all that is "
                      "mapped\n");
        assert_errors("kdamonds: [{contexts: [{ops: paddr, targets: [{pid: 1, regions: [{start: 0, end: 1}]}]}]}]",
                      "1:47: physical memory has no processes: 'pid' means nothing\n");
        assert_errors("kdamonds: [{contexts: [{ops: paddr, targets: [{pid: null, regions: [{start: 8K, end: 4K}]}]}]}]",
                      "1:69: the region ends before it begins\n");
        assert_errors("kdamonds: [{contexts: [{ops: paddr, targets: [{regions: [{start: 0, end: 8K}, {start: 4K, end: 12K}]}]}]}]",
                      "1:79: the regions must be in ascending order, and not overlap\n");
        assert_errors("kdamonds: [{contexts: [{ops: fvaddr, targets: [{pid: 1}]}]}]",
                      "1:30: ops: fixed address ranges are not supported by this version\n");
        assert_errors("kdamonds: [{contexts: [{ops: raddr, targets: [{pid: 1}]}]}]",
                      "1:30: ops: 'raddr' is neither vaddr nor paddr, which this version supports\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 1, obsolete: true}]}]}]",
                      "1:56: obsolete: an obsolete target is one that is to be removed: leave it out\n");
        context_bad("addr_unit: 4096", "2:12: addr_unit: only the unit of one byte is supported by this version\n");
        context_bad("pause: true", "2:1: pause: a context that begins paused is not supported by this version\n");
        context_bad("probes: [{filters: []}]", "2:1: probes: probes are not supported by this version\n");
        context_bad("sample_control: {primitives_enabled: {page_table: true, page_fault: true}}",
                    "2:57: page_fault: sampling by page faults is not supported by this version\n");
        context_bad("sample_control: {sample_filters: [{filter_type: write, matching: true}]}",
                    "2:18: sample_filters: sampling only some kinds of accesses is not supported by this version\n");
        context_bad("ops_attrs: {write_only: true, cpus: 0-3}",
                    "2:13: write_only: sampling only some kinds of accesses is not supported by this version\n"
                    "2:31: cpus: sampling only some kinds of accesses is not supported by this version\n");
        scheme_bad("stats: {nr_tried: 5, max_nr_snapshots: 3}",
                   "3:22: max_nr_snapshots: ending a scheme after a number of snapshots is not supported by this version\n");
        scheme_bad("max_nr_snapshots: '1,000'",
                   "3:1: max_nr_snapshots: ending a scheme after a number of snapshots is not supported by this version\n");
}
END_TEST

/* ---- What is wrong ---- */

START_TEST(wrong_shapes) {
        assert_errors("kdamonds: []", "1:11: kdamonds: the list is empty\n");
        assert_errors("kdamonds: {contexts: []}", "1:11: kdamonds: must be a list\n");
        assert_errors("kdamonds: null", "1:1: 'kdamonds' is missing beside 'kdamonds'\n");
        assert_errors("kdamonds: [1]", "1:12: what stands in a kdamond must be a mapping (contexts: ...)\n");
        assert_errors("kdamonds: [{state: on}]", "1:12: 'contexts' is missing in a kdamond\n");
        assert_errors("kdamonds: [{contexts: []}]", "1:23: contexts: the list is empty\n");
        assert_errors("kdamonds: [{contexts: [{}]}]", "1:24: 'ops' is missing in a context\n1:24: 'targets' is missing in a context\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: []}]}]", "1:46: targets: the list is empty\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{}]}]}]", "1:47: 'pid' is missing in a target\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: null}]}]}]", "1:48: 'pid' is missing in a target\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 0}]}]}]", "1:53: pid: '0' is out of range\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: self}]}]}]", "1:53: pid: 'self' is not a process ID\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 5}, {pid: 6}, {pid: '5'}]}]}]",
                      "1:67: the same target as at 1:47\n");
        assert_errors("kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 5}]}]}]\nmonitors: []\n",
                      "2:1: unknown key 'monitors' beside 'kdamonds'\n");
        context_bad("schemes: [{action: pageot}]", "2:20: action: 'pageot' is not an action of DAMON's schemes\n");
        context_bad("schemes: [{}, 5]", "2:15: what stands in a scheme must be a mapping (action: ...)\n");
        context_bad("schemes: {}", "2:10: schemes: must be a list\n");
        context_bad("scheme: []", "2:1: unknown key 'scheme' in a context (did you mean 'schemes'?)\n");
        context_bad("pid: 5, pid: 6", "2:1: unknown key 'pid' in a context\n2:9: duplicate key 'pid' (first at 2:1)\n");
}
END_TEST

START_TEST(wrong_values) {
        context_bad("sample_us: 5 ms", "2:1: unknown key 'sample_us' in a context (it belongs in 'intervals')\n");
        context_bad("intervals: {sample: 5 ms}", "2:13: unknown key 'sample' in 'intervals' (did you mean 'sample_us'?)\n");
        context_bad("intervals: {sampel_us: 5 ms}", "2:13: unknown key 'sampel_us' in 'intervals' (did you mean 'sample_us'?)\n");
        context_bad("intervals: {sample_us: 5 fortnights}", "2:24: sample_us: '5 fortnights' is not a time (like 5 ms, 1 m 30 s or max)\n");
        context_bad("intervals: {sample_us: 200 ms, aggr_us: 100 ms}",
                    "2:1: the aggregation interval (100ms) is shorter than the sampling interval (200ms)\n");
        context_bad("intervals: {sample_us: 5}", "2:1: the sampling interval must lie between 1ms and 1d, not 5us\n");
        context_bad("intervals: {ops_update_us: 0}", "2:1: the update interval must lie between 1ms and 1d, not 0s\n");
        context_bad("intervals: {intervals_goal: {aggrs: 3, access_bp: 0, min_sample_us: 1 ms, max_sample_us: 1 s}}",
                    "2:1: the access rate of the intervals goal must lie above 0% and not above 100%\n");
        context_bad("nr_regions: {min: 1, max: 10}", "2:1: at least 3 regions are needed, not 1\n");
        context_bad("nr_regions: {min: ten, max: '5,000,000,000'}",
                    "2:19: min: 'ten' is not a whole number\n2:29: max: '5,000,000,000' is out of range\n");
        context_bad("nr_regions: {min: 100, max: '10'}",
                    "2:1: the maximum number of regions (10) is below the minimum (100); the minimum comes first\n");
        scheme_bad("access_pattern: {age: {min: 5 s}}", "3:18: 'max' is missing in 'age'\n");
        scheme_bad("access_pattern: {nr_accesses: {min: 101 %, max: max}}",
                   "3:37: min: nothing is accessed more often than it is sampled\n");
        scheme_bad("access_pattern: {nr_accesses: {min: 21 samples, max: max samples}}",
                   "3:37: min: nothing is accessed more often than it is sampled\n");
        scheme_bad("access_pattern: {nr_accesses: {min: 5 hz, max: max}}",
                   "3:37: min: '5 hz' is not an access rate (like 5 % or 3 samples)\n");
        scheme_bad("access_pattern: {age: {min: 5 samples, max: max}}",
                   "3:29: min: '5 samples' is not an age (like 5 s or 10 aggr_intervals)\n");
        scheme_bad("access_pattern: {sz_bytes: {min: 2M, max: 1M}}",
                   "2:11: access_pattern: sz: the minimum (2MiB) is above the maximum (1MiB)\n");
        scheme_bad("access_pattern: {sz: {min: 2M, max: 1M}}", "3:18: unknown key 'sz' in 'access_pattern' (did you mean 'sz_bytes'?)\n");
        scheme_bad("apply_interval: 5 s", "3:1: unknown key 'apply_interval' in a scheme (did you mean 'apply_interval_us'?)\n");
        scheme_bad("apply_interval_us: '5'", "2:11: the apply_interval must lie between 1ms and 1d, not 5us\n");
}
END_TEST

/* All that is wrong is reported at once, in file order. */
START_TEST(every_error) {
        assert_errors("kdamonds:\n"
                      "- contexts:\n"
                      "  - schemes:\n"
                      "    - {action: evict}\n"
                      "    - {quotas: {sz_bytes: 1 X}}\n"
                      "    targets: [{pid: x}]\n"
                      "    ops: vaddr\n"
                      "  - {ops: paddr, targets: [{pid: 1}]}\n"
                      "  statee: off\n",
                      "4:16: action: 'evict' is not an action of DAMON's schemes\n"
                      "5:27: sz_bytes: '1 X' is not a size (like 4096, 128 MiB or max)\n"
                      "6:21: pid: 'x' is not a process ID\n"
                      "8:28: physical memory has no processes: 'pid' means nothing\n"
                      "9:3: unknown key 'statee' in a kdamond (did you mean 'state'?)\n");
}
END_TEST

/* ---- Hostile files ---- */

/* However a good file is cut short or changed, the answer is an error or a configuration, and nothing is lost. */
START_TEST(every_prefix) {
        const char *texts[] = { full_yaml, full_json };

        for (size_t t = 0; t < ELEMENTSOF(texts); t++)
                for (size_t n = 0; n < strlen(texts[t]); n++) {
                        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
                        _cleanup_(config_freep) Config *config = NULL;
                        _cleanup_free_ char *exact = malloc(n ?: 1);
                        int r;

                        memcpy(exact, texts[t], n);
                        r = config_parse(exact, n, &config, &errors);
                        ck_assert(r == 0 || r == -EINVAL);
                        ck_assert((r == 0) == (config != NULL));
                        ck_assert((r == 0) == (errors.n == 0));
                }
}
END_TEST

/* Every key of the full shape with every other kind of value in its place. */
START_TEST(every_value) {
        static const char *const values[] = { "[]", "[[]]", "[{}]", "{}", "{a: 1}", "null", "''", "-1", "max", "x", "[1, 2]", "1 s", "9 %" };
        unsigned tried = 0;

        for (const char *colon = strchr(full_yaml, ':'); colon; colon = strchr(colon + 1, ':')) {
                size_t end = strcspn(colon, ",}\n");

                if (colon[1] == '\n' || end < 3)
                        continue;
                for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
                        _cleanup_(config_freep) Config *config = NULL;
                        _cleanup_free_ char *text = NULL;
                        int n = asprintf(&text, "%.*s: %s%s", (int) (colon - full_yaml), full_yaml, values[i], colon + end), r;

                        r = config_parse(text, (size_t) n, &config, &errors);
                        ck_assert_msg(r == 0 || r == -EINVAL, "%s", text);
                        ck_assert((r == 0) == (errors.n == 0));
                        tried++;
                }
        }
        ck_assert_uint_gt(tried, 500);
}
END_TEST

START_TEST(too_many) {
        static const struct {
                const char *head, *unit, *tail, *expected;
                unsigned n;
        } cases[] = {
                { "kdamonds: [{contexts: [", "{ops: vaddr, targets: [{pid: 1}]},", "]}]", "1:23: contexts: more than 256 items\n", 257 },
                { "kdamonds: [", "{contexts: [{ops: vaddr, targets: [{pid: 1}]}]},", "]", "1:11: kdamonds: more than 256 items\n", 257 },
                { "kdamonds: [{contexts: [{ops: vaddr, targets: [", "{pid: 1},", "]}]}]", "1:46: targets: more than 256 items\n", 257 },
                { "kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 1}], schemes: [", "{},", "]}]}]",
                  "1:67: schemes: more than 32 items\n", SCHEMES_MAX + 1 },
                { "kdamonds: [{contexts: [{ops: vaddr, targets: [{pid: 1}], schemes: [{filters: [", "{filter_type: anon, matching: true},",
                  "]}]}]}]", "1:78: filters: more than 64 items\n", 65 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL;
                size_t size;
                FILE *out = open_memstream(&text, &size);

                fputs(cases[i].head, out);
                for (unsigned j = 0; j < cases[i].n; j++)
                        fputs(cases[i].unit, out);
                fputs(cases[i].tail, out);
                fclose(out);
                assert_errors(text, cases[i].expected);
        }
}
END_TEST

/* Two kdamonds together may not have more either. */
START_TEST(too_many_together) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        fputs("kdamonds:\n", out);
        for (unsigned j = 0; j < 2; j++) {
                fputs("- contexts: [", out);
                for (unsigned i = 0; i < 200; i++)
                        fputs("{ops: vaddr, targets: [{pid: 1}]},", out);
                fputs("]\n", out);
        }
        fclose(out);
        assert_errors(text, "3:13: contexts: more than 56 items\n");
}
END_TEST

/* ---- The files that are shipped ---- */

static const char *arg_root;

static int is_yaml(const struct dirent *entry) {
        size_t length = strlen(entry->d_name);

        return length > 5 && streq(entry->d_name + length - 5, ".yaml");
}

static Config *load_shipped(const char *name) {
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_free_ char *path = NULL, *found = NULL;
        Config *config = NULL;
        int r;

        ck_assert_int_gt(asprintf(&path, "%s/conf/%s", arg_root, name), 0);
        r = config_load(path, &config, &errors);
        found = errors_text(&errors);
        ck_assert_msg(r == 0, "%s:\n%s", name, found);
        return config;
}

START_TEST(shipped_files) {
        _cleanup_free_ char *path = NULL;
        struct dirent **entries;
        int n;

        ck_assert_int_gt(asprintf(&path, "%s/conf", arg_root), 0);
        n = scandir(path, &entries, is_yaml, alphasort);
        ck_assert_int_ge(n, 6);
        for (int i = 0; i < n; i++) {
                _cleanup_(config_freep) Config *config = load_shipped(entries[i]->d_name);

                ck_assert_uint_ge(config->n_monitors, 1);
                free(entries[i]);
        }
        free(entries);
}
END_TEST

/* The presets do nothing before somebody has looked at them: each begins as a dry run, or only counts. */
START_TEST(presets_begin_harmless) {
        static const char *const names[] = { "proactive-reclaim.yaml", "lru-sort.yaml", "thp-by-access.yaml",
                                             "idle-stat.yaml", "system-idle.yaml", "system-reclaim.yaml",
                                             "tiering-two.yaml", "tiering-three-cxl.yaml" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(config_freep) Config *config = load_shipped(names[i]);
                const MonitorConfig *monitor = &config->monitors[0];

                ck_assert_uint_eq(config->n_monitors, 1);
                if (monitor_config_is_physical(monitor))
                        ck_assert_uint_eq(monitor->n_targets, 0); /* all memory */
                else {
                        ck_assert_uint_ge(monitor->n_schemes, 1);
                        ck_assert_uint_eq(monitor->n_targets, 1);
                        ck_assert_ptr_nonnull(monitor->targets[0].command);
                }
                for (size_t j = 0; j < monitor->n_schemes; j++)
                        ck_assert_msg(monitor->schemes[j].dry_run || monitor->schemes[j].action == ACTION_STAT, "%s: %s", names[i],
                                      monitor->schemes[j].name);
        }
}
END_TEST

/* What DAMON_RECLAIM does by default. */
START_TEST(reclaim_is_damons) {
        _cleanup_(config_freep) Config *config = load_shipped("proactive-reclaim.yaml");
        const SchemeConfig *scheme = config->monitors[0].schemes;

        ck_assert_int_eq(scheme->action, ACTION_PAGEOUT);
        ck_assert_uint_eq(scheme->pattern.size_min, 4096);
        ck_assert_double_eq(scheme->pattern.rate_max, 0);
        ck_assert_uint_eq(scheme->pattern.age_min, 120 * SEC);
        ck_assert_uint_eq(scheme->quota.time, 10 * MSEC);
        ck_assert_uint_eq(scheme->quota.size, 128 * MIB);
        ck_assert_uint_eq(scheme->quota.reset_interval, SEC);
        ck_assert_double_eq(scheme->watermarks.high, 0.5);
        ck_assert_double_eq(scheme->watermarks.mid, 0.4);
        ck_assert_double_eq(scheme->watermarks.low, 0.2);
}
END_TEST

/* ---- All ---- */

static Suite *damo_suite(void) {
        Suite *suite = suite_create("config-damo");
        TCase *values = tcase_create("values"), *files = tcase_create("files"), *schemes = tcase_create("schemes");
        TCase *wrong = tcase_create("wrong"), *shipped = tcase_create("shipped");

        tcase_add_test(values, sizes);
        tcase_add_test(values, times);
        tcase_add_test(values, shares);
        tcase_add_test(values, other_values);

        tcase_add_test(files, full_shape_yaml);
        tcase_add_test(files, full_shape_json);
        tcase_add_test(files, smallest_file);
        tcase_add_test(files, several_contexts);
        tcase_add_test(files, intervals_are_read);

        tcase_add_test(schemes, patterns);
        tcase_add_test(schemes, patterns_follow_intervals);
        tcase_add_test(schemes, patterns_are_closed);
        tcase_add_test(schemes, actions);
        tcase_add_test(schemes, destinations);
        tcase_add_test(schemes, bad_destinations);
        tcase_add_test(schemes, unset_quotas);
        tcase_add_test(schemes, set_quotas);
        tcase_add_test(schemes, goals);
        tcase_add_test(schemes, bad_quotas);
        tcase_add_test(schemes, bad_goals);
        tcase_add_test(schemes, watermarks);
        tcase_add_test(schemes, filters);
        tcase_add_test(schemes, bad_filters);

        tcase_add_test(schemes, round_trip);
        tcase_add_test(schemes, schemes_alone);

        tcase_add_test(wrong, unsupported);
        tcase_add_test(wrong, wrong_shapes);
        tcase_add_test(wrong, wrong_values);
        tcase_add_test(wrong, every_error);
        tcase_add_test(wrong, every_prefix);
        tcase_add_test(wrong, every_value);
        tcase_add_test(wrong, too_many);
        tcase_add_test(wrong, too_many_together);

        tcase_add_test(shipped, shipped_files);
        tcase_add_test(shipped, presets_begin_harmless);
        tcase_add_test(shipped, reclaim_is_damons);

        suite_add_tcase(suite, values);
        suite_add_tcase(suite, files);
        suite_add_tcase(suite, schemes);
        suite_add_tcase(suite, wrong);
        suite_add_tcase(suite, shipped);
        return suite;
}

int main(void) {
        SRunner *runner;
        int n_failed;

        arg_root = getenv("SOURCE_ROOT") ?: ".";
        runner = srunner_create(damo_suite());
        srunner_run_all(runner, CK_ENV);
        n_failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
