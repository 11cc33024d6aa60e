/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schemes in configuration files: what each key means, what is said about what is wrong, changes to one that
 * runs, and the way back into a text. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/rng.h"
#include "config/config.h"
#include "config/monitors.h"
#include "config/schemes.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* ---- Helpers ---- */

typedef struct Schemes {
        SchemeConfig *schemes;
        size_t n;
} Schemes;

static void schemes_deinit(Schemes *schemes) {
        for (size_t i = 0; i < schemes->n; i++)
                scheme_config_deinit(&schemes->schemes[i]);
        free(schemes->schemes);
        *schemes = (Schemes) {};
}

#define _cleanup_schemes_ _cleanup_(schemes_deinit)
#define _cleanup_errors_ _cleanup_(config_errors_deinit)
#define _cleanup_scheme_ _cleanup_(scheme_config_deinit)

/* The errors as text, one on a line. */
static char *errors_text(const ConfigErrors *errors) {
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        ck_assert_ptr_nonnull(out);
        for (size_t i = 0; i < errors->n; i++)
                fprintf(out, "%s%u:%u: %s", i > 0 ? "\n" : "", errors->errors[i].line, errors->errors[i].column,
                        errors->errors[i].text);
        ck_assert_int_eq(fclose(out), 0);
        return text;
}

static Schemes parse(const char *text) {
        _cleanup_errors_ ConfigErrors errors = {};
        _cleanup_free_ char *found = NULL;
        Schemes schemes = {};
        int r = config_parse_schemes(text, strlen(text), &schemes.schemes, &schemes.n, &errors);

        found = errors_text(&errors);
        ck_assert_msg(r == 0, "%s\n%s", text, found);
        ck_assert_uint_eq(errors.n, 0);
        return schemes;
}

static void assert_refused(const char *text, const char *expected) {
        _cleanup_errors_ ConfigErrors errors = {};
        _cleanup_free_ char *found = NULL;
        Schemes schemes = {};

        ck_assert_msg(config_parse_schemes(text, strlen(text), &schemes.schemes, &schemes.n, &errors) == -EINVAL,
                      "accepted: %s", text);
        ck_assert_ptr_null(schemes.schemes);
        found = errors_text(&errors);
        ck_assert_msg(streq(found, expected), "%s\ngives\n%s\ninstead of\n%s", text, found, expected);
}

/* A scheme with one more line, which is line 4 and begins in column 3. */
static char *with_line(const char *action, const char *line) {
        char *text;

        if (asprintf(&text, "schemes:\n- name: a\n  action: %s\n  %s\n", action, line) < 0)
                abort();
        return text;
}

static Schemes parse_line(const char *action, const char *line) {
        _cleanup_free_ char *text = with_line(action, line);

        return parse(text);
}

static char *format_scheme(const SchemeConfig *scheme) {
        char *text = NULL;

        ck_assert_int_eq(config_format_scheme(scheme, &text), 0);
        return text;
}

/* What comes out can be read again, and means the same. */
static void assert_round_trip(const SchemeConfig *scheme) {
        _cleanup_free_ char *text = format_scheme(scheme);
        _cleanup_schemes_ Schemes again = parse(text);

        ck_assert_uint_eq(again.n, 1);
        ck_assert_msg(scheme_config_equal(scheme, &again.schemes[0]), "means something else now:\n%s", text);
}

/* ---- The tables ---- */

static const SchemaField *field_of(const SchemaMap *map, const char *key) {
        for (size_t i = 0; i < map->n_fields; i++)
                if (streq(map->fields[i].key, key))
                        return &map->fields[i];
        ck_abort_msg("no key '%s'", key);
        return NULL;
}

static void assert_choices(const SchemaChoice *choices, unsigned n, const char *(*name)(unsigned)) {
        for (unsigned i = 0; i < n; i++)
                ck_assert_str_eq(choices[i].word, name(i));
        ck_assert_ptr_null(choices[n].word);
}

static const char *name_of_action(unsigned i) {
        return action_name((Action) i);
}

static const char *name_of_metric(unsigned i) {
        return goal_metric_name((GoalMetric) i);
}

static const char *name_of_type(unsigned i) {
        return filter_type_name((FilterType) i);
}

/* The words of a file are stored by their place in the table. */
START_TEST(choices_are_in_the_order_of_the_enums) {
        const SchemaField *goals = field_of(&quota_map, "goals");

        assert_choices(field_of(&scheme_map, "action")->choices, _ACTION_MAX, name_of_action);
        assert_choices(field_of(goals->map, "metric")->choices, _GOAL_METRIC_MAX, name_of_metric);
        assert_choices(field_of(&filter_map, "type")->choices, _FILTER_TYPE_MAX, name_of_type);
        ck_assert_str_eq(field_of(&quota_map, "tuner")->choices[TUNER_CONSIST].word, "consist");
        ck_assert_str_eq(field_of(&quota_map, "tuner")->choices[TUNER_TEMPORAL].word, "temporal");
        ck_assert_str_eq(field_of(&watermarks_map, "metric")->choices[WATERMARK_NONE].word, "none");
        ck_assert_str_eq(field_of(&watermarks_map, "metric")->choices[WATERMARK_FREE_MEM_RATE].word, "free_mem_rate");
}
END_TEST

static void assert_map_is_sound(const SchemaMap *map) {
        ck_assert_uint_le(map->n_fields, 64);
        ck_assert_ptr_nonnull(map->where);
        ck_assert_ptr_nonnull(map->doc);
        for (size_t i = 0; i < map->n_fields; i++) {
                const SchemaField *field = &map->fields[i];

                ck_assert_msg(field->doc && field->doc[strlen(field->doc) - 1] == '.', "%s: no sentence", field->key);
                ck_assert_msg(!field->only || field->applies, "%s: only, but when?", field->key);
                ck_assert_msg(field->type != SCHEMA_LIST || field->max > 0, "%s: no bound", field->key);
                ck_assert_msg(field->type != SCHEMA_CHOICE || field->choices, "%s: no choices", field->key);
                if (field->map)
                        assert_map_is_sound(field->map);
        }
}

START_TEST(tables_are_sound) {
        assert_map_is_sound(&monitors_schema);
        assert_map_is_sound(&schemes_schema);
}
END_TEST

/* ---- Values ---- */

START_TEST(defaults) {
        _cleanup_schemes_ Schemes s = parse("schemes: [{name: a, action: pageout}]");
        _cleanup_scheme_ SchemeConfig expected;

        scheme_config_init(&expected);
        expected.name = strdup("a");
        expected.action = ACTION_PAGEOUT;
        ck_assert_uint_eq(s.n, 1);
        ck_assert(scheme_config_equal(&s.schemes[0], &expected));
        ck_assert(s.schemes[0].enabled && !s.schemes[0].dry_run && !s.schemes[0].act_on_init);
        ck_assert_uint_eq(s.schemes[0].quota.weight_size, 0);
        ck_assert_uint_eq(s.schemes[0].quota.weight_rate, 1);
        ck_assert_uint_eq(s.schemes[0].quota.weight_age, 1);
        ck_assert_uint_eq(s.schemes[0].swap_out_max, 256 * MIB);
        ck_assert_uint_eq(s.schemes[0].pattern.age_max, NSEC_INFINITY);
        ck_assert_uint_eq(s.schemes[0].line, 1);
        ck_assert_uint_eq(s.schemes[0].column, 29);
}
END_TEST

static const char everything[] =
        "schemes:\n"
        "- name: reclaim-cold\n"
        "  action: migrate_cold\n"
        "  enabled: false\n"
        "  dry_run: true\n"
        "  act_on_init: true\n"
        "  access_pattern: {sz: [4KiB, 1GiB], access_rate: [0.5%, 50bp], age: [2min, 1h]}\n"
        "  apply_interval: 2s\n"
        "  quotas:\n"
        "    time: 10ms\n"
        "    sz: 128MiB\n"
        "    reset_interval: 1s\n"
        "    weights: {sz: 2, access_rate: 3, age: 7}\n"
        "    fail_charge: 0%\n"
        "    tuner: temporal\n"
        "    goals:\n"
        "    - {metric: some_mem_psi_us, target: 10ms, cgroup: /system.slice/x.service}\n"
        "    - {target: 20%, nid: 1, metric: node_mem_free_bp}\n"
        "    - {metric: user_input, target: 10000, current: 0.5}\n"
        "    - {metric: rss, target: 2GiB}\n"
        "    - {metric: rss_to_wss, target: 120%}\n"
        "  max_swap_out_rate: 1GiB\n"
        "  watermarks: {metric: free_mem_rate, interval: 5s, high: 50%, mid: 400permil, low: 20%}\n"
        "  filters:\n"
        "  - {type: anon, allow: true}\n"
        "  - {type: memcg, matching: false, allow: false, path: /user.slice}\n"
        "  - {type: addr, allow: true, addr: [0x7f00, 65536]}\n"
        "  - {allow: false, target: 1, type: target}\n"
        "  - {type: hugepage_size, allow: false, sz: [2MiB, max]}\n"
        "  - {type: node, allow: false, nid: 3}\n"
        "  to: [0, {node: 1, weight: 2}]\n";

static void assert_filter(const FilterConfig *filter, const FilterConfig *expected) {
        ck_assert_int_eq(filter->type, expected->type);
        ck_assert_int_eq(filter->matching, expected->matching);
        ck_assert_int_eq(filter->allow, expected->allow);
        ck_assert_uint_eq(filter->min, expected->min);
        ck_assert_uint_eq(filter->max, expected->max);
        ck_assert_uint_eq(filter->index, expected->index);
        ck_assert_int_eq(filter->cgroup != NULL, expected->cgroup != NULL);
        if (filter->cgroup)
                ck_assert_str_eq(filter->cgroup, expected->cgroup);
}

START_TEST(every_key_is_stored) {
        _cleanup_schemes_ Schemes s = parse(everything);
        const SchemeConfig *c = &s.schemes[0];

        ck_assert_str_eq(c->name, "reclaim-cold");
        ck_assert_int_eq(c->action, ACTION_MIGRATE_COLD);
        ck_assert(!c->enabled && c->dry_run && c->act_on_init);
        ck_assert_uint_eq(c->pattern.size_min, 4096);
        ck_assert_uint_eq(c->pattern.size_max, GIB);
        ck_assert(c->pattern.rate_min == 0.005 && c->pattern.rate_max == 0.005);
        ck_assert_uint_eq(c->pattern.age_min, 2 * NSEC_PER_MINUTE);
        ck_assert_uint_eq(c->pattern.age_max, 60 * NSEC_PER_MINUTE);
        ck_assert_uint_eq(c->apply_interval, 2 * NSEC_PER_SEC);
        ck_assert_uint_eq(c->swap_out_max, GIB);
        ck_assert_uint_eq(c->n_destinations, 2);
        ck_assert_uint_eq(c->destinations[0].node, 0);
        ck_assert_uint_eq(c->destinations[0].weight, 1);
        ck_assert_uint_eq(c->destinations[1].node, 1);
        ck_assert_uint_eq(c->destinations[1].weight, 2);
        ck_assert_uint_eq(c->line, 3);
        ck_assert_uint_eq(c->column, 11);
}
END_TEST

START_TEST(quotas_are_stored) {
        _cleanup_schemes_ Schemes s = parse(everything);
        const QuotaConfig *q = &s.schemes[0].quota;

        ck_assert_uint_eq(q->time, 10 * NSEC_PER_MSEC);
        ck_assert_uint_eq(q->size, 128 * MIB);
        ck_assert_uint_eq(q->reset_interval, NSEC_PER_SEC);
        ck_assert_uint_eq(q->weight_size, 2);
        ck_assert_uint_eq(q->weight_rate, 3);
        ck_assert_uint_eq(q->weight_age, 7);
        ck_assert(q->fail_charge == 0);
        ck_assert_int_eq(q->tuner, TUNER_TEMPORAL);

        ck_assert_uint_eq(q->n_goals, 5);
        ck_assert_int_eq(q->goals[0].metric, GOAL_SOME_MEM_PSI);
        ck_assert(q->goals[0].target == 10e6);
        ck_assert_str_eq(q->goals[0].cgroup, "/system.slice/x.service");
        ck_assert_int_eq(q->goals[1].metric, GOAL_NODE_MEM_FREE);
        ck_assert(q->goals[1].target == 0.2);
        ck_assert_uint_eq(q->goals[1].node, 1);
        ck_assert_ptr_null(q->goals[1].cgroup);
        ck_assert(q->goals[2].target == 10000 && q->goals[2].current == 0.5);
        ck_assert(q->goals[3].target == 2.0 * (double) GIB);
        ck_assert(q->goals[4].target == 1.2);
}
END_TEST

START_TEST(watermarks_and_filters_are_stored) {
        _cleanup_schemes_ Schemes s = parse(everything);
        const SchemeConfig *c = &s.schemes[0];
        char path[] = "/user.slice";
        const FilterConfig expected[] = {
                { .type = FILTER_ANON, .matching = true, .allow = true },
                { .type = FILTER_MEMCG, .cgroup = path },
                { .type = FILTER_ADDR, .matching = true, .allow = true, .min = 0x7f00, .max = 65536 },
                { .type = FILTER_TARGET, .matching = true, .index = 1 },
                { .type = FILTER_HUGEPAGE_SIZE, .matching = true, .min = 2 * MIB, .max = UINT64_MAX },
                { .type = FILTER_NODE, .matching = true, .index = 3 },
        };

        ck_assert_int_eq(c->watermarks.metric, WATERMARK_FREE_MEM_RATE);
        ck_assert_uint_eq(c->watermarks.interval, 5 * NSEC_PER_SEC);
        ck_assert(c->watermarks.high == 0.5 && c->watermarks.mid == 0.4 && c->watermarks.low == 0.2);
        ck_assert_uint_eq(c->n_filters, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                assert_filter(&c->filters[i], &expected[i]);
}
END_TEST

START_TEST(every_action_is_read) {
        for (Action action = 0; action < _ACTION_MAX; action++) {
                bool migrates = action == ACTION_MIGRATE_HOT || action == ACTION_MIGRATE_COLD;
                _cleanup_schemes_ Schemes s = parse_line(action_name(action), migrates ? "to: [0]" : "enabled: true");

                ck_assert_int_eq(s.schemes[0].action, action);
        }
}
END_TEST

/* One line of a scheme that is right, at and around the bounds. */
static const char *const good_lines[] = {
        "access_pattern: {sz: [min, max]}",
        "access_pattern: {sz: [0, 0]}",
        "access_pattern: {sz: [4KiB, 4KiB], age: [0, max]}",
        "access_pattern: {access_rate: [max, max]}",
        "access_pattern: {access_rate: [min, min], age: [min, 0s]}",
        "access_pattern: {age: ['1min 30s', \"1h\"]}",
        "apply_interval: 1ms",
        "apply_interval: 1d",
        "apply_interval: auto",
        "quotas: {sz: 4KiB, reset_interval: 1ms}",
        "quotas: {sz: max, reset_interval: 1d}",
        "quotas: {time: 1ms, reset_interval: 1ms, fail_charge: 100%}",
        "quotas: {weights: {age: 0}}",
        "quotas: {time: none, sz: none, reset_interval: none}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: []}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss_to_wss, target: 1%}]}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss_to_wss, target: 100000%}]}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: refault_rate, target: 1bp}]}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: active_mem_bp, target: 100%}]}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: 0.000001}]}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: full_io_psi_us, target: 1s}]}",
        "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss, target: 1EiB}]}",
        "max_swap_out_rate: 0",
        "max_swap_out_rate: max",
        "watermarks: {metric: none}",
        "watermarks: {metric: free_mem_rate, interval: 1ms, high: 0%, mid: 0%, low: 0%}",
        "watermarks: {metric: free_mem_rate, interval: 1d, high: 100%, mid: 100%, low: 100%}",
        "filters: []",
        "filters: [{type: addr, allow: true, addr: [0, 1]}]",
        "filters: [{type: addr, allow: true, addr: [0xFFFFffffFFFFfffe, max]}]",
        "filters: [{type: hugepage_size, allow: true, sz: [0, 0]}]",
        "filters: [{type: memcg, allow: true, path: /}]",
        "filters: [{type: memcg, allow: true, path: '/a b/\xc3\xa4'}]",
        "filters: [{type: memcg, allow: true, path: /...}]",
        "filters: [{type: node, allow: true, nid: 1023}]",
        "filters: [{type: young, allow: false, matching: false}]",
};

START_TEST(good_lines_are_accepted) {
        for (size_t i = 0; i < ELEMENTSOF(good_lines); i++) {
                _cleanup_schemes_ Schemes s = parse_line("pageout", good_lines[i]);

                ck_assert_uint_eq(s.n, 1);
                assert_round_trip(&s.schemes[0]);
        }
}
END_TEST

/* ---- Errors ---- */

typedef struct BadLine {
        const char *line;
        const char *expected;
} BadLine;

/* Line 4 of a scheme whose action is pageout. */
static const BadLine bad_lines[] = {
        { "enabeld: true", "4:3: unknown key 'enabeld' in a scheme (did you mean 'enabled'?)" },
        { "enabled: yes", "4:12: enabled: 'yes' is not true or false (did you mean 'true'?)" },
        { "enabled: \"true\"", "4:12: enabled: 'true' in quotes is a text, must be true or false" },
        { "dry_run: 1", "4:12: dry_run: '1' is not true or false (did you mean 'true'?)" },
        { "dry_run:", "4:11: dry_run: has no value" },
        { "dryrun: true", "4:3: unknown key 'dryrun' in a scheme (did you mean 'dry_run'?)" },
        { "access_pattern: {}", "4:3: nothing is said in 'access_pattern'" },
        { "access_pattern: [1, 2]", "4:19: access_pattern: must be a mapping" },
        { "access_pattern: {size: [4KiB, max]}",
          "4:20: unknown key 'size' in 'access_pattern' (did you mean 'sz'?)" },
        { "access_pattern: {nr_accesses: [0%, 0%]}",
          "4:20: unknown key 'nr_accesses' in 'access_pattern' (did you mean 'access_rate'?)" },
        { "access_pattern: {sz_bytes: [4KiB, max]}",
          "4:20: unknown key 'sz_bytes' in 'access_pattern' (did you mean 'sz'?)" },
        { "access_pattern: {sz: 4KiB}", "4:24: sz: must be a pair: [min, max] (did you mean '[4KiB, max]'?)" },
        { "access_pattern: {access_rate: 0%}",
          "4:33: access_rate: must be a pair: [min, max] (did you mean '[0%, 0%]'?)" },
        { "access_pattern: {sz: big}", "4:24: sz: must be a pair: [min, max]" },
        { "access_pattern: {sz: {min: 4KiB, max: 8KiB}}", "4:24: sz: must be a pair: [min, max]" },
        { "access_pattern: {sz: [4KiB]}", "4:24: sz: must be a pair: [min, max], not 1 value" },
        { "access_pattern: {sz: [4KiB, 8KiB, 1MiB]}", "4:24: sz: must be a pair: [min, max], not 3 values" },
        { "access_pattern: {sz: []}", "4:24: sz: must be a pair: [min, max], not 0 values" },
        { "access_pattern: {sz: [4096, max]}", "4:25: sz: '4096' has no unit (did you mean '4KiB'?)" },
        { "access_pattern: {sz: [4KiB, [1MiB]]}",
          "4:31: sz: must be a size (like 4KiB, 128MiB or 1.5GiB), not a list" },
        { "access_pattern: {sz: [4KiB, ]}", "4:24: sz: must be a pair: [min, max], not 1 value" },
        { "access_pattern: {sz: [4KiB, ~]}", "4:31: sz: '~' is not a size (like 4KiB, 128MiB or 1.5GiB)" },
        { "access_pattern: {sz: [2MiB, 4KiB]}", "4:24: sz: '2MiB', the lower bound, is above the upper one" },
        { "access_pattern: {sz: [max, min]}", "4:24: sz: 'max', the lower bound, is above the upper one" },
        { "access_pattern: {sz: [-1, max]}", "4:25: sz: '-1' is not a size (like 4KiB, 128MiB or 1.5GiB)" },
        { "access_pattern: {sz: [4KiB, maximum]}",
          "4:31: sz: 'maximum' is not a size (like 4KiB, 128MiB or 1.5GiB)" },
        { "access_pattern: {access_rate: [0, 5]}", "4:37: access_rate: '5' has no unit (did you mean '5%'?)" },
        { "access_pattern: {access_rate: [0%, 101%]}", "4:38: access_rate: '101%' is out of range (0% to 100%)" },
        { "access_pattern: {access_rate: [0.05, 1]}",
          "4:34: access_rate: '0.05' has no unit (did you mean '5%'?)\n4:40: access_rate: '1' has no unit (did "
          "you mean '1%'?)" },
        { "access_pattern: {age: [120, max]}", "4:26: age: '120' has no unit (did you mean '120s'?)" },
        { "access_pattern: {age: [2min, 1min]}", "4:25: age: '2min', the lower bound, is above the upper one" },
        { "access_pattern: {age: [2 parsecs, max]}",
          "4:26: age: '2 parsecs' is not a duration (like 100ms, 5s or 1min 30s)" },
        { "apply_interval: 0", "4:19: apply_interval: '0' is out of range (1ms to 1d, or auto)" },
        { "apply_interval: 5", "4:19: apply_interval: '5' has no unit (did you mean '5s'?)" },
        { "apply_interval: 2d", "4:19: apply_interval: '2d' is out of range (1ms to 1d, or auto)" },
        { "apply_interval: never",
          "4:19: apply_interval: 'never' is not a duration (like 100ms, 5s or 1min 30s), nor 'auto'" },
        { "apply_interval_us: 5ms",
          "4:3: unknown key 'apply_interval_us' in a scheme (did you mean 'apply_interval'?)" },
        { "quotas: 128MiB", "4:11: quotas: must be a mapping" },
        { "quotas: {}", "4:3: nothing is said in 'quotas'" },
        { "quotas: {sz: 128MiB}",
          "4:3: quotas: a quota of size (sz) needs a reset_interval: how often may it be used up?" },
        { "quotas: {time: 10ms}",
          "4:3: quotas: a quota of time needs a reset_interval: how often may it be used up?" },
        { "quotas: {reset_interval: 1s}",
          "4:3: quotas: reset_interval without a quota of size (sz) or time limits nothing" },
        { "quotas: {sz: 0, reset_interval: 1s}", "4:16: sz: '0' is out of range (at least 4KiB, or none)" },
        { "quotas: {sz: 100, reset_interval: 1s}", "4:16: sz: '100' has no unit (did you mean '100MiB'?)" },
        { "quotas: {sz: 128MiB/s, reset_interval: 1s}",
          "4:16: sz: '128MiB/s' is not a size (like 4KiB, 128MiB or 1.5GiB) (did you mean '128MiB'?)" },
        { "quotas: {sz: 4095B, reset_interval: 1s}", "4:16: sz: '4095B' is out of range (at least 4KiB, or none)" },
        { "quotas: {time_ms: 10, reset_interval: 1s}",
          "4:12: unknown key 'time_ms' in 'quotas' (did you mean 'time'?)" },
        { "quotas: {time: 10, reset_interval: 1s}", "4:18: time: '10' has no unit (did you mean '10ms'?)" },
        { "quotas: {time: 2s, reset_interval: 1s}",
          "4:3: quotas: a time of 2s limits nothing: it is longer than reset_interval (1s)" },
        { "quotas: {sz: 1MiB, reset_interval: 2d}",
          "4:38: reset_interval: '2d' is out of range (1ms to 1d, or none)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, size: 4KiB}",
          "4:42: unknown key 'size' in 'quotas' (did you mean 'sz'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, age: 3}",
          "4:42: unknown key 'age' in 'quotas' (it belongs in 'weights')" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, weights: {size: 3}}",
          "4:52: unknown key 'size' in 'weights' (did you mean 'sz'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, weights: {age: -1}}",
          "4:57: age: '-1' is not a whole number (digits only)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, weights: {age: 1000001}}",
          "4:57: age: '1000001' is out of range (0 to 1000000)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, weights: [0, 1, 1]}", "4:51: weights: must be a mapping" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, fail_charge: 2}",
          "4:55: fail_charge: '2' has no unit (did you mean '2%'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, fail_charge: 150%}",
          "4:55: fail_charge: '150%' is out of range (0% to 100%)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, tuner: temporal}", "4:3: quotas: the temporal tuner needs a goal" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, tuner: konsist}",
          "4:49: tuner: 'konsist' is unknown (did you mean 'consist'?)" },
        { "quotas: {goals: [{metric: rss, target: 1GiB}]}",
          "4:3: quotas: goals need a quota of size (sz) or time to work within" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{target: 10ms}]}", "4:50: 'metric' is missing in a goal" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss}]}", "4:50: 'target' is missing in a goal" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi, target: 10ms}]}",
          "4:59: metric: 'some_mem_psi' is unknown (did you mean 'some_mem_psi_us'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: latency, target: 10ms}]}",
          "4:59: metric: 'latency' is unknown, must be user_input, some_mem_psi_us, full_mem_psi_us, "
          "some_io_psi_us, full_io_psi_us, node_mem_used_bp, node_mem_free_bp, node_memcg_used_bp, "
          "node_memcg_free_bp, active_mem_bp, inactive_mem_bp, refault_rate, rss or rss_to_wss" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 10}]}",
          "4:84: target: '10' has no unit (did you mean '10ms'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 10%}]}",
          "4:84: target: '10%' is not a duration (like 100ms, 5s or 1min 30s)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 2s}]}",
          "4:50: the target of goal some_mem_psi_us is stall time per reset_interval, it cannot be longer than "
          "that (1s)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 0}]}",
          "4:84: target: '0' is out of range (1us to 1d)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: active_mem_bp, target: 5000}]}",
          "4:82: target: '5000' has no unit (did you mean '5000bp'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: active_mem_bp, target: 120%}]}",
          "4:82: target: '120%' is out of range (1bp to 100%)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss, target: 1}]}",
          "4:72: target: '1' has no unit (did you mean '1GiB'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss, target: max}]}",
          "4:72: target: 'max' is out of range (4KiB to 1EiB)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss_to_wss, target: 1.2}]}",
          "4:79: target: '1.2' has no unit (did you mean '120%'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss_to_wss, target: 1GiB}]}",
          "4:79: target: '1GiB' is not a share (like 4% or 120%)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: 1s}]}",
          "4:79: target: '1s' is not a number (like 10000 or 0.5)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: 0}]}",
          "4:79: target: '0' is out of range (0.000001 to 1000000)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: \"5\"}]}",
          "4:79: target: '5' in quotes is a text, must be a number (like 10000 or 0.5)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: 1e3}]}",
          "4:79: target: '1e3' is not a number (like 10000 or 0.5)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: 1.}]}",
          "4:79: target: '1.' is not a number (like 10000 or 0.5)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: user_input, target: [5]}]}",
          "4:79: target: must be a number (like 10000 or 0.5), not a list" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss, target: 1GiB, current: 5}]}",
          "4:78: 'current' is only for the metric user_input" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss, target: 1GiB, nid: 0}]}",
          "4:78: 'nid' is only for the node_ metrics" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: rss, target: 1GiB, cgroup: /a}]}",
          "4:78: 'cgroup' is only for the _psi_us and node_memcg_ metrics" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: node_mem_free_bp, target: 5%}]}",
          "4:50: 'nid' is missing in a goal: it is required for the node_ metrics" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: node_mem_free_bp, target: 5%, nid: 1024}]}",
          "4:94: nid: '1024' is out of range (0 to 1023)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: node_mem_free_bp, target: 5%, node: 1}]}",
          "4:89: unknown key 'node' in a goal (did you mean 'nid'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: node_memcg_used_bp, target: 5%, nid: 0}]}",
          "4:50: 'cgroup' is missing in a goal: it is required for the node_memcg_ metrics" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 1ms, cgroup: a/b}]}",
          "4:97: cgroup: 'a/b' must begin with '/' (did you mean '/a/b'?)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 1ms, cgroup: "
          "/a/../b}]}",
          "4:97: cgroup: '/a/../b' has a part that is empty, '.' or '..'" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{metric: some_mem_psi_us, target: 1ms, cgroup: "
          "/sys/fs/cgroup/a}]}",
          "4:97: cgroup: '/sys/fs/cgroup/a' must be the path below /sys/fs/cgroup" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: {metric: rss, target: 1GiB}}",
          "4:49: goals: must be a list (each item after '- ')" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [rss]}",
          "4:50: goals: each item must be a mapping (metric: ...)" },
        { "quotas: {sz: 1MiB, reset_interval: 1s, goals: [{}]}", "4:50: nothing is said in a goal" },
        { "max_swap_out_rate: 256", "4:22: max_swap_out_rate: '256' has no unit (did you mean '256MiB'?)" },
        { "max_swap_out_rate: 256MiB/s",
          "4:22: max_swap_out_rate: '256MiB/s' is not a size (like 4KiB, 128MiB or 1.5GiB) (did you mean "
          "'256MiB'?)" },
        { "max_swap_out: 1MiB", "4:3: unknown key 'max_swap_out' in a scheme" },
        { "swap_out_max: 1MiB", "4:3: unknown key 'swap_out_max' in a scheme (did you mean 'max_swap_out_rate'?)" },
        { "watermarks: {metric: free_mem_rate}",
          "4:3: 'interval' is missing in 'watermarks': the metric needs it\n4:3: 'high' is missing in "
          "'watermarks': the metric needs it\n4:3: 'mid' is missing in 'watermarks': the metric needs it\n4:3: "
          "'low' is missing in 'watermarks': the metric needs it" },
        { "watermarks: {metric: free_mem_rate, high: 50%, mid: 40%, low: 20%}",
          "4:3: 'interval' is missing in 'watermarks': the metric needs it" },
        { "watermarks: {metric: free_mem_rate, interval: 0, high: 50%, mid: 40%, low: 20%}",
          "4:3: watermarks: an interval is needed: how often to look?" },
        { "watermarks: {metric: free_mem_rate, interval: 5s, high: 20%, mid: 40%, low: 50%}",
          "4:3: watermarks: low <= mid <= high must hold" },
        { "watermarks: {metric: free_mem, interval: 5s, high: 50%, mid: 40%, low: 20%}",
          "4:24: metric: 'free_mem' is unknown, must be none or free_mem_rate" },
        { "watermarks: {interval: 5s, high: 50%, mid: 40%, low: 20%}", "4:3: 'metric' is missing in 'watermarks'" },
        { "watermarks: {metric: none, high: 50%}", "4:3: watermarks: high, mid and low need a metric" },
        { "watermarks: {metric: free_mem_rate, interval: 5s, high: 500, mid: 40%, low: 20%}",
          "4:59: high: '500' has no unit (did you mean '500permil'?)" },
        { "watermarks: {metric: free_mem_rate, interval: 5, high: 50%, mid: 40%, low: 20%}",
          "4:49: interval: '5' has no unit (did you mean '5s'?)" },
        { "watermarks: {metric: free_mem_rate, interval_us: 5s, high_permil: 500, mid: 40%, low: 20%}",
          "4:39: unknown key 'interval_us' in 'watermarks' (did you mean 'interval'?)\n4:56: unknown key "
          "'high_permil' in 'watermarks' (did you mean 'high'?)" },
        { "watermarks: none", "4:15: watermarks: must be a mapping" },
        { "filters: {type: anon}", "4:12: filters: must be a list (each item after '- ')" },
        { "filters: [anon]", "4:13: filters: each item must be a mapping (type: ...)" },
        { "filters: [{}]", "4:13: nothing is said in a filter" },
        { "filters: [{matching: true, allow: true}]", "4:13: 'type' is missing in a filter" },
        { "filters: [{type: anon, matching: true}]", "4:13: 'allow' is missing in a filter" },
        { "filters: [{type: anon, allow: reject}]", "4:33: allow: 'reject' is not true or false" },
        { "filters: [{type: anonymous, allow: true}]",
          "4:20: type: 'anonymous' is unknown, must be addr, target, anon, file, memcg, young, active, "
          "hugepage_size, unmapped, swapped, shared or node" },
        { "filters: [{type: anno, allow: true, addr: [0, 4096]}]",
          "4:20: type: 'anno' is unknown (did you mean 'anon'?)" },
        { "filters: [{type: anon, allow: true, path: /a}]", "4:39: 'path' is only for filters of the type memcg" },
        { "filters: [{type: anon, allow: true, addr: [0, 4096]}]",
          "4:39: 'addr' is only for filters of the type addr" },
        { "filters: [{type: anon, allow: true, target: 0}]",
          "4:39: 'target' is only for filters of the type target" },
        { "filters: [{type: anon, allow: true, sz: [4KiB, 2MiB]}]",
          "4:39: 'sz' is only for filters of the type hugepage_size" },
        { "filters: [{type: anon, allow: true, nid: 0}]", "4:39: 'nid' is only for filters of the type node" },
        { "filters: [{type: memcg, allow: true}]",
          "4:13: 'path' is missing in a filter: it is required for filters of the type memcg" },
        { "filters: [{type: memcg, allow: true, memcg_path: /a}]",
          "4:40: unknown key 'memcg_path' in a filter (did you mean 'path'?)" },
        { "filters: [{type: memcg, allow: true, path: a}]",
          "4:46: path: 'a' must begin with '/' (did you mean '/a'?)" },
        { "filters: [{type: memcg, allow: true, path: /a/}]",
          "4:46: path: '/a/' has a part that is empty, '.' or '..'" },
        { "filters: [{type: memcg, allow: true, path: /./a}]",
          "4:46: path: '/./a' has a part that is empty, '.' or '..'" },
        { "filters: [{type: memcg, allow: true, path: ''}]", "4:46: path: has no value" },
        { "filters: [{type: addr, allow: true}]",
          "4:13: 'addr' is missing in a filter: it is required for filters of the type addr" },
        { "filters: [{type: addr, allow: true, addr: 0x1000}]",
          "4:45: addr: must be a pair: [min, max] (did you mean '[0x1000, max]'?)" },
        { "filters: [{type: addr, allow: true, addr: [0x1000, 0x1000]}]",
          "4:45: addr: the range is empty, as its end does not belong to it" },
        { "filters: [{type: addr, allow: true, addr: [0x2000, 0x1000]}]",
          "4:45: addr: '0x2000', the lower bound, is above the upper one" },
        { "filters: [{type: addr, allow: true, addr: [0x, 0x1000]}]",
          "4:46: addr: '0x' is not an address (like 0x7f0000000000)" },
        { "filters: [{type: addr, allow: true, addr: [0x1000, 0x11111111111111111]}]",
          "4:54: addr: '0x11111111111111111' is out of range" },
        { "filters: [{type: addr, allow: true, addr: [7f00, 8000]}]",
          "4:46: addr: '7f00' is not an address (like 0x7f0000000000)" },
        { "filters: [{type: addr, allow: true, addr: [\"0x1000\", 0x2000]}]",
          "4:46: addr: '0x1000' in quotes is a text, must be an address (like 0x7f0000000000)" },
        { "filters: [{type: addr, allow: true, addr: [0x7f00_0000, 0x7f010000]}]",
          "4:46: addr: '0x7f00_0000' is not an address (like 0x7f0000000000) (did you mean '0x7f000000'?)" },
        { "filters: [{type: target, allow: true}]",
          "4:13: 'target' is missing in a filter: it is required for filters of the type target" },
        { "filters: [{type: target, allow: true, target: 65536}]",
          "4:49: target: '65536' is out of range (0 to 65535)" },
        { "filters: [{type: hugepage_size, allow: true}]",
          "4:13: 'sz' is missing in a filter: it is required for filters of the type hugepage_size" },
        { "filters: [{type: hugepage_size, allow: true, sz: 2MiB}]",
          "4:52: sz: must be a pair: [min, max] (did you mean '[2MiB, max]'?)" },
        { "filters: [{type: hugepage_size, allow: true, sz: [2, 2]}]",
          "4:53: sz: '2' has no unit (did you mean '2MiB'?)\n4:56: sz: '2' has no unit (did you mean '2MiB'?)" },
        { "filters: [{type: node, allow: true, nid: -1}]", "4:44: nid: '-1' is not a whole number (digits only)" },
        { "to: [0]", "4:3: 'to' is only for the actions migrate_hot and migrate_cold" },
        { "dests: [0]", "4:3: unknown key 'dests' in a scheme (did you mean 'to'?)" },
        { "name: b", "4:3: duplicate key 'name' (first at 2:3)" },
        { "schemes: []", "4:3: unknown key 'schemes' in a scheme" },
};

START_TEST(bad_lines_are_refused) {
        for (size_t i = 0; i < ELEMENTSOF(bad_lines); i++) {
                _cleanup_free_ char *text = with_line("pageout", bad_lines[i].line);

                assert_refused(text, bad_lines[i].expected);
        }
}
END_TEST

/* ---- Whole texts ---- */

static const BadLine bad_texts[] = {
        { "schemes: [{action: pageout}]", "1:11: 'name' is missing in a scheme" },
        { "schemes: [{name: a}]", "1:11: 'action' is missing in a scheme" },
        { "schemes: [{name: a, action: page_out}]", "1:29: action: 'page_out' is unknown (did you mean 'pageout'?)" },
        { "schemes: [{name: a, action: swap}]",
          "1:29: action: 'swap' is unknown, must be stat, pageout, cold, willneed, hugepage, collapse, "
          "nohugepage, lru_prio, lru_deprio, migrate_hot or migrate_cold" },
        { "schemes: [{name: a, action: [pageout]}]", "1:29: action: must be a word, not a list" },
        { "schemes: [{name: a b, action: stat}]",
          "1:18: name: 'a b' is not a name (ASCII letters, digits, '.', '_', '-'; a letter or digit first)" },
        { "schemes: [{name: -a, action: stat}]",
          "1:18: name: '-a' is not a name (ASCII letters, digits, '.', '_', '-'; a letter or digit first)" },
        { "schemes: [{name: '', action: stat}]", "1:18: name: has no value" },
        { "schemes: [{name: a, action: stat}, {name: b, action: stat}, {name: a, action: cold}]",
          "1:68: duplicate scheme name 'a' (first at 1:18)" },
        { "schemes: [{name: a, action: stat}, {name: a}]",
          "1:36: 'action' is missing in a scheme\n1:43: duplicate scheme name 'a' (first at 1:18)" },
        { "schemes: [{name: a, action: migrate_cold}]",
          "1:11: 'to' is missing in a scheme: migrate_cold needs at least one node" },
        { "schemes: [{name: a, action: migrate_hot, to: []}]", "1:46: to: the list is empty" },
        { "schemes: [{name: a, action: migrate_hot, to: 1}]", "1:46: to: must be a list (each item after '- ')" },
        { "schemes: [{name: a, action: migrate_hot, to: fats}]",
          "1:46: to: 'fats' is unknown (did you mean 'fast'?)" },
        { "schemes: [{name: a, action: migrate_hot, to: above}]",
          "1:46: to: 'above' is unknown, must be fast, slow, lower or upper" },
        { "schemes: [{name: a, action: migrate_hot, to: [fast]}]",
          "1:47: node: 'fast' is not a whole number (digits only)" },
        { "schemes: [{name: a, action: pageout, to: fast}]",
          "1:38: 'to' is only for the actions migrate_hot and migrate_cold" },
        { "schemes: [{name: a, action: migrate_hot, to: [1, 0, 1]}]", "1:53: to: node 1 is given twice" },
        { "schemes: [{name: a, action: migrate_hot, to: [{node: 1, weight: 0}]}]",
          "1:65: weight: '0' is out of range (1 to 1000000)" },
        { "schemes: [{name: a, action: migrate_hot, to: [{weight: 1}]}]",
          "1:47: 'node' is missing in a destination" },
        { "schemes: [{name: a, action: migrate_hot, to: [{nid: 1}]}]",
          "1:48: unknown key 'nid' in a destination (did you mean 'node'?)" },
        { "schemes: [{name: a, action: migrate_hot, to: [x]}]",
          "1:47: node: 'x' is not a whole number (digits only)" },
        { "schemes: [{name: a, action: migrate_hot, to: ['1']}]",
          "1:47: node: '1' in quotes is a text, must be a whole number (digits only)" },
        { "schemes: [{name: a, action: migrate_hot, to: [[1]]}]",
          "1:47: to: each item must be a mapping (node: ...) or just its value" },
        { "schemes: [{name: a, action: migrate_hot, to: [1024]}]", "1:47: node: '1024' is out of range (0 to 1023)" },
        { "schemes: [{name: a, action: migrate_hot, to: [~]}]",
          "1:47: node: '~' is not a whole number (digits only)" },
        { "schemes: []", "1:10: schemes: the list is empty" },
        { "schemes: {name: a}", "1:10: schemes: must be a list (each item after '- ')" },
        { "schemes: [stat]", "1:11: schemes: each item must be a mapping (name: ...)" },
        { "schemes: [{}]", "1:11: nothing is said in a scheme" },
        { "schemes:", "1:9: schemes: has no value" },
        { "scheme: [{name: a, action: stat}]",
          "1:1: unknown key 'scheme' at the top level (did you mean 'schemes'?)" },
        { "schemes: [{name: a, action: stat}]\nmonitor: 1", "2:1: unknown key 'monitor' at the top level" },
        { "[{name: a, action: stat}]", "1:1: must be a mapping that begins with 'schemes:'" },
        { "pageout", "1:1: must be a mapping that begins with 'schemes:'" },
        { "", "1:1: the file is empty" },
        { "monitors: [{name: m, source: sim}]", "1:1: the monitor 'm' has no schemes" },
        { "monitors: [{name: m, source: sim, schemes: [{name: a, action: stat}]}, {name: n, source: sim}]",
          "1:1: 2 monitors: whose schemes are meant is only clear when there is one" },
        { "monitors: [{name: m, source: sim, schemes: [{name: a, action: sat}]}]",
          "1:63: action: 'sat' is unknown (did you mean 'stat'?)" },
        { "monitors: [{name: m, source: sim, schemes: [{name: a, action: stat}, {name: a, action: stat}]}]",
          "1:77: duplicate scheme name 'a' (first at 1:52)" },
        { "monitors: [{name: m, source: sim, schemes: [{name: a, action: stat, filters: [{type: target, allow: "
          "true, target: 1}]}]}]",
          "1:107: there is no target 1: the monitor has 1, and the first is 0" },
        { "schemes: [{name: a, action: stat, quotas: {sz: *x}}]",
          "1:48: aliases are not supported ('*x'): write the value out" },
        { "schemes: [{name: a, action: stat, access_pattern: {sz: [*x, max]}}]",
          "1:57: aliases are not supported ('*x'): write the value out" },
        { "schemes: [{name: a, action: stat, access_pattern: {sz: [!!int 4KiB, max]}}]",
          "1:57: tags are not supported ('!!int')" },
        { "schemes: [{name: a, action: stat, quotas: {sz: 1MiB, sz: 2MiB, reset_interval: 1s}}]",
          "1:54: duplicate key 'sz' (first at 1:44)" },
        { "schemes: [{name: a, action: stat, enabled: 1}, {name: b, action: stta, dry_run: 2, quotas: {sz: 5, "
          "time: 1}}]",
          "1:44: enabled: '1' is not true or false (did you mean 'true'?)\n1:66: action: 'stta' is unknown (did "
          "you mean 'stat'?)\n1:81: dry_run: '2' is not true or false\n1:97: sz: '5' has no unit (did you mean "
          "'5MiB'?)\n1:106: time: '1' has no unit (did you mean '1ms'?)" },
};

START_TEST(bad_texts_are_refused) {
        for (size_t i = 0; i < ELEMENTSOF(bad_texts); i++)
                assert_refused(bad_texts[i].line, bad_texts[i].expected);
}
END_TEST

START_TEST(whole_configuration_gives_its_schemes) {
        _cleanup_schemes_ Schemes s = parse("monitors: [{name: m, source: sim, schemes: [{name: a, action: stat}, "
                                            "{name: b, action: cold}]}]");

        ck_assert_uint_eq(s.n, 2);
        ck_assert_str_eq(s.schemes[1].name, "b");
        ck_assert_uint_eq(s.schemes[1].column, 88);
}
END_TEST

/* One more than there may be, of everything that has a limit. */
START_TEST(limits) {
        static const struct {
                const char *head, *item, *tail;
                size_t max;
                const char *expected;
        } cases[] = {
                { "schemes: [", "{name: a%zu, action: stat},", "]", SCHEMES_MAX, "1:10: schemes: more than 32 items" },
                { "schemes: [{name: a, action: stat, filters: [", "{type: anon, allow: true},", "]}]", FILTERS_MAX,
                  "1:44: filters: more than 64 items" },
                { "schemes: [{name: a, action: stat, quotas: {sz: 1MiB, reset_interval: 1s, goals: [",
                  "{metric: rss, target: 1GiB},", "]}}]", 16, "1:81: goals: more than 16 items" },
                { "schemes: [{name: a, action: migrate_hot, to: [", "%zu,", "]}]", 1024,
                  "1:46: to: more than 1024 items" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                for (size_t n = cases[i].max; n <= cases[i].max + 1; n++) {
                        _cleanup_free_ char *text = NULL;
                        size_t size;
                        FILE *out = open_memstream(&text, &size);

                        fputs(cases[i].head, out);
                        for (size_t j = 0; j < n; j++) {
                                const char *number = strstr(cases[i].item, "%zu");

                                if (number)
                                        fprintf(out, "%.*s%zu%s", (int) (number - cases[i].item), cases[i].item, j,
                                                number + 3);
                                else
                                        fputs(cases[i].item, out);
                        }
                        fputs(cases[i].tail, out);
                        ck_assert_int_eq(fclose(out), 0);
                        if (n > cases[i].max)
                                assert_refused(text, cases[i].expected);
                        else {
                                _cleanup_schemes_ Schemes s = parse(text);

                                ck_assert_uint_gt(s.n, 0);
                        }
                }
        }
}
END_TEST

/* ---- Changes ---- */

static int change(const SchemeConfig *scheme, const char *text, SchemeConfig *ret, char **ret_errors) {
        _cleanup_errors_ ConfigErrors errors = {};
        int r = config_change_scheme(scheme, text, strlen(text), ret, &errors);

        *ret_errors = errors_text(&errors);
        ck_assert_int_eq(r == 0, errors.n == 0);
        return r;
}

static SchemeConfig changed(const SchemeConfig *scheme, const char *text) {
        _cleanup_free_ char *errors = NULL;
        SchemeConfig ret = {};

        ck_assert_msg(change(scheme, text, &ret, &errors) == 0, "%s: %s", text, errors);
        return ret;
}

START_TEST(a_change_leaves_the_rest) {
        _cleanup_schemes_ Schemes s = parse(everything), before = parse(everything);
        _cleanup_scheme_ SchemeConfig c = changed(&s.schemes[0], "{dry_run: false, quotas: {sz: 64MiB}}");

        ck_assert(scheme_config_equal(&s.schemes[0], &before.schemes[0]));
        ck_assert(!c.dry_run);
        ck_assert_uint_eq(c.quota.size, 64 * MIB);
        c.dry_run = true;
        c.quota.size = 128 * MIB;
        ck_assert(scheme_config_equal(&c, &s.schemes[0]));
        ck_assert_uint_eq(c.line, 3);
}
END_TEST

START_TEST(lists_are_replaced_whole) {
        _cleanup_schemes_ Schemes s = parse(everything);
        _cleanup_scheme_ SchemeConfig filters = changed(&s.schemes[0], "filters: [{type: memcg, allow: true, path: /b}]");
        _cleanup_scheme_ SchemeConfig none = changed(&s.schemes[0], "{filters: [], quotas: {goals: [], tuner: consist}}");
        _cleanup_scheme_ SchemeConfig to = changed(&s.schemes[0], "to: [7]");

        ck_assert_uint_eq(filters.n_filters, 1);
        ck_assert_str_eq(filters.filters[0].cgroup, "/b");
        ck_assert_uint_eq(filters.quota.n_goals, 5);
        ck_assert_uint_eq(none.n_filters, 0);
        ck_assert_ptr_null(none.filters);
        ck_assert_uint_eq(none.quota.n_goals, 0);
        ck_assert_uint_eq(none.quota.size, 128 * MIB);
        ck_assert_uint_eq(to.n_destinations, 1);
        ck_assert_uint_eq(to.destinations[0].node, 7);
        ck_assert_uint_eq(to.n_filters, 6);
}
END_TEST

START_TEST(limits_can_be_lifted) {
        _cleanup_schemes_ Schemes s = parse(everything);
        _cleanup_scheme_ SchemeConfig c = changed(
                &s.schemes[0], "{quotas: {sz: none, time: none, reset_interval: none, goals: [], tuner: consist},\n"
                               " watermarks: {metric: none, high: 0%, mid: 0%, low: 0%}, apply_interval: auto,\n"
                               " access_pattern: {age: [min, max]}}");

        ck_assert(!quota_is_set(&c.quota));
        ck_assert_int_eq(c.watermarks.metric, WATERMARK_NONE);
        ck_assert_uint_eq(c.apply_interval, 0);
        ck_assert_uint_eq(c.pattern.age_min, 0);
        ck_assert_uint_eq(c.pattern.age_max, NSEC_INFINITY);
        ck_assert_uint_eq(c.pattern.size_min, 4096);
        ck_assert_uint_eq(c.quota.weight_age, 7);
}
END_TEST

START_TEST(watermarks_change_one_by_one) {
        _cleanup_schemes_ Schemes s = parse_line("pageout", "watermarks: {metric: free_mem_rate, interval: 5s, "
                                                            "high: 50%, mid: 40%, low: 0%}");
        _cleanup_scheme_ SchemeConfig c = changed(&s.schemes[0], "watermarks: {mid: 30%}");

        ck_assert(c.watermarks.mid == 0.3);
        ck_assert_int_eq(c.watermarks.metric, WATERMARK_FREE_MEM_RATE);
}
END_TEST

static const BadLine bad_changes[] = {
        { "name: b", "1:1: the name of a scheme cannot be changed" },
        { "{dry_run: true, action: stat}", "1:17: the action of a scheme cannot be changed" },
        { "{}", "1:1: nothing is said in a scheme" },
        { "", "1:1: the file is empty" },
        { "true", "1:1: must be a mapping, such as {dry_run: true}" },
        { "[dry_run]", "1:1: must be a mapping, such as {dry_run: true}" },
        { "dry_rum: true", "1:1: unknown key 'dry_rum' in a scheme (did you mean 'dry_run'?)" },
        { "nam: b", "1:1: unknown key 'nam' in a scheme" },
        { "dry_run: yes", "1:10: dry_run: 'yes' is not true or false (did you mean 'true'?)" },
        { "{dry_run: true", "2:1: syntax error: did not find expected ',' or '}', while parsing a flow mapping that starts at 1:1" },
        { "quotas: {sz: 0}", "1:14: sz: '0' is out of range (at least 4KiB, or none)" },
        { "quotas: {reset_interval: none}",
          "1:1: quotas: a quota of size (sz) needs a reset_interval: how often may it be used up?" },
        { "quotas: {sz: none, time: none}", "1:1: quotas: goals need a quota of size (sz) or time to work within" },
        { "quotas: {goals: []}", "1:1: quotas: the temporal tuner needs a goal" },
        { "quotas: {reset_interval: 5ms}",
          "1:1: quotas: a time of 10ms limits nothing: it is longer than reset_interval (5ms)" },
        { "watermarks: {low: 60%}", "1:1: watermarks: low <= mid <= high must hold" },
        { "watermarks: {metric: none}", "1:1: watermarks: high, mid and low need a metric" },
        { "to: []", "1:5: to: the list is empty" },
        { "schemes: [{name: a, action: stat}]", "1:1: unknown key 'schemes' in a scheme" },
        { "quotas: {goals: [{metric: node_mem_free_bp, target: 5%}]}",
          "1:18: 'nid' is missing in a goal: it is required for the node_ metrics" },
        { "access_pattern: {sz: [2GiB, 1GiB]}", "1:22: sz: '2GiB', the lower bound, is above the upper one" },
};

START_TEST(bad_changes_change_nothing) {
        _cleanup_schemes_ Schemes s = parse(everything), before = parse(everything);

        for (size_t i = 0; i < ELEMENTSOF(bad_changes); i++) {
                _cleanup_free_ char *found = NULL;
                SchemeConfig c = { .line = 77 };
                int r = change(&s.schemes[0], bad_changes[i].line, &c, &found);

                ck_assert_msg(r == -EINVAL, "accepted: %s", bad_changes[i].line);
                ck_assert_msg(streq(found, bad_changes[i].expected), "%s\ngives\n%s\ninstead of\n%s",
                              bad_changes[i].line, found, bad_changes[i].expected);
                ck_assert_uint_eq(c.line, 77);
                ck_assert(scheme_config_equal(&s.schemes[0], &before.schemes[0]));
        }
}
END_TEST

START_TEST(tiers_and_nodes_replace_each_other) {
        _cleanup_schemes_ Schemes fast = parse_line("migrate_hot", "to: fast"), lower = parse_line("migrate_cold", "to: lower");
        _cleanup_(config_errors_deinit) ConfigErrors errors = {};
        _cleanup_(scheme_config_deinit) SchemeConfig listed = {}, word = {};
        _cleanup_free_ char *text = NULL, *again = NULL;

        ck_assert_int_eq(fast.schemes[0].to, TIER_FAST);
        ck_assert_uint_eq(fast.schemes[0].n_destinations, 0);
        ck_assert_int_eq(lower.schemes[0].to, TIER_LOWER);
        ck_assert(!scheme_config_equal(&fast.schemes[0], &lower.schemes[0]));

        ck_assert_int_eq(config_change_scheme(&fast.schemes[0], "{to: [2, 3]}", 12, &listed, &errors), 0);
        ck_assert_int_eq(listed.to, TIER_LISTED);
        ck_assert_uint_eq(listed.n_destinations, 2);
        ck_assert_int_eq(config_change_scheme(&listed, "{to: upper}", 11, &word, &errors), 0);
        ck_assert_int_eq(word.to, TIER_UPPER);
        ck_assert_uint_eq(word.n_destinations, 0);

        ck_assert_int_eq(config_format_scheme(&word, &text), 0);
        ck_assert_ptr_nonnull(strstr(text, "to: upper\n"));
        ck_assert_int_eq(config_format_scheme(&listed, &again), 0);
        ck_assert_ptr_null(strstr(again, "upper"));
}
END_TEST

START_TEST(to_is_only_for_migration_in_changes_too) {
        _cleanup_schemes_ Schemes s = parse("schemes: [{name: a, action: stat}]");
        _cleanup_free_ char *found = NULL;
        SchemeConfig c = {};

        ck_assert_int_eq(change(&s.schemes[0], "to: [0]", &c, &found), -EINVAL);
        ck_assert_str_eq(found, "1:1: 'to' is only for the actions migrate_hot and migrate_cold");
}
END_TEST

/* ---- Back into a text ---- */

START_TEST(everything_is_formatted) {
        _cleanup_schemes_ Schemes s = parse(everything);

        assert_round_trip(&s.schemes[0]);
}
END_TEST

START_TEST(format_is_exact) {
        _cleanup_schemes_ Schemes s = parse_line("pageout",
                                                 "access_pattern: {sz: [4097B, 1536KiB], age: [90s, 1h 1ns]}");
        _cleanup_free_ char *text = format_scheme(&s.schemes[0]);

        ck_assert_ptr_nonnull(strstr(text, "sz: [4097B, 1536KiB]\n"));
        ck_assert_ptr_nonnull(strstr(text, "age: [90s, 3600000000001ns]\n"));
}
END_TEST

static const char *pick(Rng *rng, const char *const *words, size_t n) {
        return words[rng_below(rng, n)];
}

#define PICK(rng, ...)                                                                                                \
        ({                                                                                                            \
                static const char *const _words[] = { __VA_ARGS__ };                                                  \
                pick(rng, _words, ELEMENTSOF(_words));                                                                \
        })

static uint64_t random_size(Rng *rng) {
        return rng_below(rng, 8) == 0 ? UINT64_MAX : rng_next(rng) >> rng_below(rng, 64);
}

static double random_share(Rng *rng) {
        return (double) rng_below(rng, SCHEMA_SHARE_ONE + 1) / (double) SCHEMA_SHARE_ONE;
}

static nsec_t random_interval(Rng *rng) {
        return NSEC_PER_MSEC + rng_below(rng, 24 * 60 * NSEC_PER_MINUTE - NSEC_PER_MSEC + 1);
}

static char *random_text(Rng *rng, const char *head) {
        char *text;

        if (asprintf(&text, "%s%s%s", head,
                     PICK(rng, "a", "null", "~", "yes", "a b", "'", "\"", "\\", "#", "- x", "\xc3\xa4", "\xe2\x80\xa8"),
                     PICK(rng, "", ": ", "\xc2\x85" "x", "\xef\xbb\xbf", "\xf0\x9f\x98\x80", "%", "*a", "&a", "!x", " ")) < 0)
                abort();
        return text;
}

static void random_pattern(Rng *rng, AccessPattern *p) {
        uint64_t a = random_size(rng), b = random_size(rng), c = random_size(rng), d = random_size(rng);
        double x = random_share(rng), y = random_share(rng);

        *p = (AccessPattern) { MIN(a, b), MAX(a, b), MIN(x, y), MAX(x, y), MIN(c, d), MAX(c, d) };
}

static void random_goal(Rng *rng, GoalConfig *g, nsec_t window) {
        *g = (GoalConfig) { .metric = (GoalMetric) rng_below(rng, _GOAL_METRIC_MAX) };
        if (g->metric == GOAL_USER_INPUT) {
                g->target = (double) (1 + rng_below(rng, UINT64_C(1000000000000))) / (double) SCHEMA_NUMBER_ONE;
                g->current = (double) rng_below(rng, UINT64_C(1000000000001)) / (double) SCHEMA_NUMBER_ONE;
        } else if (g->metric <= GOAL_FULL_IO_PSI)
                g->target = (double) (NSEC_PER_USEC + rng_below(rng, window - NSEC_PER_USEC));
        else if (g->metric == GOAL_RSS)
                g->target = (double) (4096 + rng_below(rng, GIB));
        else if (g->metric == GOAL_RSS_TO_WSS)
                g->target = (double) (SCHEMA_SHARE_ONE / 100 + rng_below(rng, 900 * SCHEMA_SHARE_ONE)) /
                            (double) SCHEMA_SHARE_ONE;
        else
                g->target = (double) (SCHEMA_SHARE_ONE / 10000 + rng_below(rng, SCHEMA_SHARE_ONE / 2)) /
                            (double) SCHEMA_SHARE_ONE;
        if (g->metric >= GOAL_NODE_MEM_USED && g->metric <= GOAL_NODE_MEMCG_FREE)
                g->node = (uint32_t) rng_below(rng, NODES_MAX);
        if (g->metric == GOAL_NODE_MEMCG_USED || g->metric == GOAL_NODE_MEMCG_FREE ||
            (g->metric >= GOAL_SOME_MEM_PSI && g->metric <= GOAL_FULL_IO_PSI && rng_below(rng, 2)))
                g->cgroup = random_text(rng, "/c");
}

static void random_quota(Rng *rng, QuotaConfig *q) {
        if (rng_below(rng, 3) == 0)
                return;
        q->reset_interval = random_interval(rng);
        q->size = rng_below(rng, 3) == 0 ? 0 : 4096 + (random_size(rng) >> 1);
        if (q->size == 0 || rng_below(rng, 2))
                q->time = NSEC_PER_USEC + rng_below(rng, q->reset_interval - NSEC_PER_USEC);
        q->fail_charge = random_share(rng);
        q->weight_size = (uint32_t) rng_below(rng, 1000001);
        q->weight_rate = (uint32_t) rng_below(rng, 3);
        q->weight_age = (uint32_t) rng_below(rng, 1000001);
        q->n_goals = rng_below(rng, 5);
        q->goals = calloc(q->n_goals + 1, sizeof(*q->goals));
        for (size_t i = 0; i < q->n_goals; i++)
                random_goal(rng, &q->goals[i], q->reset_interval);
        q->tuner = q->n_goals > 0 && rng_below(rng, 2) ? TUNER_TEMPORAL : TUNER_CONSIST;
}

static void random_filter(Rng *rng, FilterConfig *f) {
        uint64_t a = random_size(rng), b = random_size(rng);

        *f = (FilterConfig) {
                .type = (FilterType) rng_below(rng, _FILTER_TYPE_MAX),
                .matching = rng_below(rng, 2),
                .allow = rng_below(rng, 2),
        };
        if (f->type == FILTER_ADDR || f->type == FILTER_HUGEPAGE_SIZE) {
                f->min = MIN(a, b) / 2;
                f->max = MAX(MAX(a, b), UINT64_C(1));
        }
        if (f->type == FILTER_NODE)
                f->index = (uint32_t) rng_below(rng, NODES_MAX);
        if (f->type == FILTER_MEMCG)
                f->cgroup = random_text(rng, "/");
}

static void random_scheme(Rng *rng, SchemeConfig *c, unsigned number) {
        scheme_config_init(c);
        ck_assert_int_gt(asprintf(&c->name, "%s%u", PICK(rng, "a", "1", "no", "0x", "null", "a.b-c_d"), number), 0);
        c->action = (Action) rng_below(rng, _ACTION_MAX);
        c->enabled = rng_below(rng, 2);
        c->dry_run = rng_below(rng, 2);
        c->act_on_init = rng_below(rng, 2);
        random_pattern(rng, &c->pattern);
        c->apply_interval = rng_below(rng, 2) ? 0 : random_interval(rng);
        random_quota(rng, &c->quota);
        c->swap_out_max = random_size(rng);
        if (rng_below(rng, 2))
                c->watermarks = (WatermarkConfig) { WATERMARK_FREE_MEM_RATE, random_interval(rng), 0.75,
                                                    0.25 + random_share(rng) / 4, random_share(rng) / 8 };
        c->n_filters = rng_below(rng, 5);
        c->filters = calloc(c->n_filters + 1, sizeof(*c->filters));
        for (size_t i = 0; i < c->n_filters; i++)
                random_filter(rng, &c->filters[i]);
        if (c->action >= ACTION_MIGRATE_HOT)
                c->n_destinations = 1 + rng_below(rng, 4);
        c->destinations = calloc(c->n_destinations + 1, sizeof(*c->destinations));
        for (size_t i = 0; i < c->n_destinations; i++)
                c->destinations[i] = (Destination) { (uint32_t) (i + 4 * rng_below(rng, 200)),
                                                     (uint32_t) (1 + rng_below(rng, 1000000)) };
}

static uint64_t seed(void) {
        const char *given = getenv("SEED");

        return given ? strtoull(given, NULL, 0) : clock_nsec(CLOCK_REALTIME);
}

/* Watermarks that are a product of random shares may need more digits than a file has: cut as a file would. */
static void settle_shares(SchemeConfig *c) {
        double *shares[] = { &c->watermarks.mid, &c->watermarks.low };

        for (size_t i = 0; i < ELEMENTSOF(shares); i++)
                *shares[i] = (double) (uint64_t) (*shares[i] * (double) SCHEMA_SHARE_ONE) / (double) SCHEMA_SHARE_ONE;
}

static void random_monitor(Rng *rng, MonitorConfig *m, unsigned number) {
        ck_assert_int_eq(monitor_config_init(m, ""), 0);
        free(m->name);
        ck_assert_int_gt(asprintf(&m->name, "m%u", number), 0);
        free(m->source);
        m->source = strdup(PICK(rng, "auto", "idle", "softdirty", "referenced", "sim"));
        if (streq(m->source, "sim") && rng_below(rng, 2))
                m->sim_pattern = random_text(rng, PICK(rng, "/", "~", "-", " ", ""));
        m->seed = random_size(rng);
        m->n_targets = 1 + rng_below(rng, 3);
        m->targets = calloc(m->n_targets, sizeof(*m->targets));
        for (size_t i = 0; i < m->n_targets; i++) {
                m->targets[i].children = rng_below(rng, 2);
                m->targets[i].node = TARGET_NO_NODE;
                if (rng_below(rng, 3) == 0) {
                        m->targets[i].children = true;
                        m->targets[i].min_rss = rng_below(rng, 2) ? random_size(rng) : 0;
                        ck_assert_int_gt(asprintf(&m->targets[i].unit, "%s%zu.service", PICK(rng, "a", "b@*", "x\\x2d"), i), 0);
                        m->targets[i].user = rng_below(rng, 2) ? strdup(PICK(rng, "1000", "no", "alice")) : NULL;
                        m->targets[i].cgroup = rng_below(rng, 2) ? strdup(PICK(rng, "/", "/a b", "/sys/fs/cgroup/x")) : NULL;
                } else if (rng_below(rng, 2))
                        m->targets[i].pid = (pid_t) (1 + 3 * rng_below(rng, 100000) + i);
                else
                        ck_assert_int_gt(asprintf(&m->targets[i].command, "%s%zu",
                                                  PICK(rng, "bash", "a b", "no", "(sd-pam)", "'", "\\", "#", "\xc2\x85"), i), 0);
        }
        m->attrs.sample = random_interval(rng) / 4 + NSEC_PER_MSEC;
        m->attrs.aggregate = m->attrs.sample + rng_below(rng, NSEC_PER_MINUTE);
        m->attrs.max_region_size = rng_below(rng, 2) ? 0 : 4096 + (random_size(rng) >> 1);
        if (rng_below(rng, 2))
                m->attrs.goal = (IntervalsGoal) { true, 0.05, 1 + (uint32_t) rng_below(rng, 1000), m->attrs.sample,
                                                  m->attrs.sample + rng_below(rng, 1000) };
        m->n_schemes = rng_below(rng, 4);
        m->schemes = calloc(m->n_schemes + 1, sizeof(*m->schemes));
        for (size_t i = 0; i < m->n_schemes; i++) {
                random_scheme(rng, &m->schemes[i], (unsigned) i);
                settle_shares(&m->schemes[i]);
        }
}

static void assert_same_monitor(const MonitorConfig *a, const MonitorConfig *b, const char *text) {
        ck_assert_msg(monitor_config_equal(a, b), "another monitor:\n%s", text);
        ck_assert_uint_eq(a->n_schemes, b->n_schemes);
        for (size_t i = 0; i < a->n_schemes; i++)
                ck_assert_msg(scheme_config_equal(&a->schemes[i], &b->schemes[i]), "another scheme %zu:\n%s", i, text);
}

#define ROUNDS 1000
#define MONITORS 2

START_TEST(random_configurations_come_back) {
        uint64_t start = seed();
        Rng rng;

        rng_init(&rng, start);
        for (unsigned round = 0; round < ROUNDS; round++) {
                MonitorConfig monitors[MONITORS];
                const MonitorConfig *list[MONITORS];
                _cleanup_errors_ ConfigErrors errors = {};
                _cleanup_(config_freep) Config *config = NULL;
                _cleanup_free_ char *text = NULL, *again = NULL, *found = NULL;
                const MonitorConfig *relist[MONITORS];

                for (unsigned i = 0; i < MONITORS; i++) {
                        random_monitor(&rng, &monitors[i], i);
                        list[i] = &monitors[i];
                }
                ck_assert_int_eq(config_format(list, MONITORS, &text), 0);
                ck_assert(config_parse(text, strlen(text), &config, &errors) == 0 || errors.n > 0);
                found = errors_text(&errors);
                ck_assert_msg(config, "SEED=%" PRIu64 " round %u: refused: %s\n%s", start, round, found, text);
                for (unsigned i = 0; i < MONITORS; i++) {
                        assert_same_monitor(&monitors[i], &config->monitors[i], text);
                        relist[i] = &config->monitors[i];
                }
                ck_assert_int_eq(config_format(relist, MONITORS, &again), 0);
                ck_assert_str_eq(text, again);
                for (unsigned i = 0; i < MONITORS; i++)
                        monitor_config_deinit(&monitors[i]);
        }
        printf("%d random configurations came back (SEED=%" PRIu64 ")\n", ROUNDS, start);
}
END_TEST

START_TEST(nothing_is_formatted_too) {
        _cleanup_free_ char *text = NULL;

        ck_assert_int_eq(config_format(NULL, 0, &text), 0);
        ck_assert_str_eq(text, "monitors: []\n");
}
END_TEST

/* ---- Copies ---- */

START_TEST(copies_are_deep_and_equal) {
        Rng rng;

        rng_init(&rng, 7);
        for (unsigned round = 0; round < 100; round++) {
                MonitorConfig a, b;

                random_monitor(&rng, &a, round);
                ck_assert_int_eq(monitor_config_copy(&a, &b), 0);
                assert_same_monitor(&a, &b, "copy");
                ck_assert_ptr_ne(a.name, b.name);
                ck_assert_ptr_ne(a.targets, b.targets);
                ck_assert(a.n_schemes == 0 || a.schemes != b.schemes);
                monitor_config_deinit(&a);
                ck_assert_ptr_nonnull(b.name);
                monitor_config_deinit(&b);
        }
}
END_TEST

#define DIFFERS(statement)                                                                                            \
        do {                                                                                                          \
                MonitorConfig b;                                                                                      \
                ck_assert_int_eq(monitor_config_copy(&a, &b), 0);                                                     \
                statement;                                                                                            \
                ck_assert_msg(!monitor_config_equal(&a, &b), "%s is not seen", #statement);                           \
                ck_assert_msg(!monitor_config_equal(&b, &a), "%s is not seen", #statement);                           \
                monitor_config_deinit(&b);                                                                            \
        } while (false)

START_TEST(every_difference_is_seen) {
        MonitorConfig a, same;

        ck_assert_int_eq(monitor_config_init(&a, "a"), 0);
        a.targets = calloc(1, sizeof(*a.targets));
        a.n_targets = 1;
        a.targets[0].command = strdup("x");
        a.targets[0].node = TARGET_NO_NODE;
        a.targets[0].ranges = calloc(1, sizeof(*a.targets[0].ranges));
        a.targets[0].n_ranges = 1;
        a.sim_pattern = strdup("p");

        DIFFERS(b.name[0] = 'b');
        DIFFERS(b.source[0] = 'b');
        DIFFERS(b.policy[0] = 'b');
        DIFFERS(b.sim_pattern[0] = 'b');
        DIFFERS(free(b.sim_pattern); b.sim_pattern = NULL);
        DIFFERS(b.seed = 1);
        DIFFERS(b.targets[0].pid = 1);
        DIFFERS(b.targets[0].children = true);
        DIFFERS(b.targets[0].node = 1);
        DIFFERS(b.targets[0].ranges[0].end = 1);
        DIFFERS(memcpy(b.ops, "paddr", 5));
        DIFFERS(b.targets[0].command[0] = 'y');
        DIFFERS(b.targets[0].cgroup = strdup("/x"));
        DIFFERS(b.targets[0].unit = strdup("x.service"));
        DIFFERS(b.targets[0].user = strdup("x"));
        DIFFERS(b.targets[0].min_rss = 1);
        DIFFERS(target_config_deinit(&b.targets[0]); b.n_targets = 0);
        DIFFERS(b.attrs.sample++);
        DIFFERS(b.attrs.aggregate++);
        DIFFERS(b.attrs.update++);
        DIFFERS(b.attrs.min_regions++);
        DIFFERS(b.attrs.max_regions++);
        DIFFERS(b.attrs.max_region_size++);
        DIFFERS(b.attrs.goal.enabled = true);

        a.attrs.goal = INTERVALS_GOAL_DEFAULT;
        a.attrs.goal.enabled = true;
        DIFFERS(b.attrs.goal.access_share /= 2);
        DIFFERS(b.attrs.goal.aggregations++);
        DIFFERS(b.attrs.goal.sample_min++);
        DIFFERS(b.attrs.goal.sample_max++);

        /* Where there is no goal, it does not matter what it would be; nor do schemes. */
        a.attrs.goal.enabled = false;
        ck_assert_int_eq(monitor_config_copy(&a, &same), 0);
        same.attrs.goal.aggregations++;
        same.schemes = calloc(1, sizeof(*same.schemes));
        scheme_config_init(&same.schemes[0]);
        same.n_schemes = 1;
        ck_assert(monitor_config_equal(&a, &same));
        monitor_config_deinit(&same);
        monitor_config_deinit(&a);
}
END_TEST

/* ---- All ---- */

static Suite *schemes_suite(void) {
        Suite *suite = suite_create("config-schemes");
        TCase *values = tcase_create("values"), *errors = tcase_create("errors");
        TCase *changes = tcase_create("changes"), *format = tcase_create("format");

        tcase_add_test(values, choices_are_in_the_order_of_the_enums);
        tcase_add_test(values, tables_are_sound);
        tcase_add_test(values, defaults);
        tcase_add_test(values, every_key_is_stored);
        tcase_add_test(values, quotas_are_stored);
        tcase_add_test(values, watermarks_and_filters_are_stored);
        tcase_add_test(values, every_action_is_read);
        tcase_add_test(values, good_lines_are_accepted);
        tcase_add_test(values, whole_configuration_gives_its_schemes);

        tcase_add_test(errors, bad_lines_are_refused);
        tcase_add_test(errors, bad_texts_are_refused);
        tcase_add_test(errors, limits);

        tcase_add_test(changes, a_change_leaves_the_rest);
        tcase_add_test(changes, lists_are_replaced_whole);
        tcase_add_test(changes, limits_can_be_lifted);
        tcase_add_test(changes, watermarks_change_one_by_one);
        tcase_add_test(changes, bad_changes_change_nothing);
        tcase_add_test(changes, to_is_only_for_migration_in_changes_too);
        tcase_add_test(changes, tiers_and_nodes_replace_each_other);

        tcase_set_timeout(format, 60);
        tcase_add_test(format, everything_is_formatted);
        tcase_add_test(format, format_is_exact);
        tcase_add_test(format, random_configurations_come_back);
        tcase_add_test(format, nothing_is_formatted_too);
        tcase_add_test(format, copies_are_deep_and_equal);
        tcase_add_test(format, every_difference_is_seen);

        suite_add_tcase(suite, values);
        suite_add_tcase(suite, errors);
        suite_add_tcase(suite, changes);
        suite_add_tcase(suite, format);
        return suite;
}

int main(void) {
        SRunner *runner = srunner_create(schemes_suite());
        int n_failed;

        srunner_run_all(runner, CK_ENV);
        n_failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
