/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files made by DAMO: schemes, their access patterns, quotas and watermarks. */
#include "config/damo-scheme.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/macro.h"
#include "config/damo-value.h"
#include "config/schema.h"

/* A scheme as the file has it, where that differs from ours. */
typedef struct Draft {
        SchemeConfig *config;
        AccessPattern pattern;
        nsec_t apply_interval;
        nsec_t time;
        uint64_t size;
        nsec_t reset_interval;
        uint64_t fail_num;
        uint64_t fail_denom;
        double weight_size;
        double weight_rate;
        double weight_age;
        WatermarkConfig watermarks;
        bool has_node;
        uint32_t node;
} Draft;

/* ---- Actions and where to ---- */

static bool migrates(const SchemeConfig *scheme) {
        return scheme->action == ACTION_MIGRATE_HOT || scheme->action == ACTION_MIGRATE_COLD;
}

static int read_action(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        SchemeConfig *config = ((Draft *) object)->config;
        char text[EXCERPT_MAX];
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        for (int i = 0; i < _ACTION_MAX; i++)
                if (streq(node->text, action_name((Action) i))) {
                        config->action = (Action) i;
                        return 0;
                }
        return schema_value_error(reader->errors, node, "action: '%s' is not an action of DAMON's schemes",
                                  excerpt(text, node->text));
}

/* No node is written as nothing or as -1. */
static int read_node(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        Draft *draft = object;

        if (node->kind == YAML_KIND_SCALAR && streq(node->text, "-1"))
                return 0;
        draft->has_node = true;
        return damo_node(reader, field, node, object);
}

static const DamoField destination_fields[] = {
        { .key = "id", .read = damo_node, .offset = offsetof(Destination, node), .required = true },
        { .key = "weight", .read = damo_u32, .offset = offsetof(Destination, weight), .required = true },
};

static const DamoMap destination_map = { "in a destination", destination_fields, ELEMENTSOF(destination_fields) };

/* Nothing goes to a destination without weight. */
static int read_destinations(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        SchemeConfig *config = ((Draft *) object)->config;
        size_t before = config_errors_count(reader->errors);
        int r = damo_is_list(reader, node, UINT16_MAX);

        if (r <= 0 || node->n_children == 0)
                return MIN(r, 0);
        config->destinations = calloc(node->n_children, sizeof(*config->destinations));
        if (!config->destinations)
                return -ENOMEM;

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next) {
                Destination destination = {};

                r = damo_map_read(reader, &destination_map, item, &destination);
                if (destination.weight > 0)
                        config->destinations[config->n_destinations++] = destination;
        }
        if (r == 0 && config->n_destinations == 0 && config_errors_count(reader->errors) == before)
                r = schema_error(reader->errors, node, "dests: none of them has a weight");
        return r;
}

/* The list comes before the single node, as in the kernel. */
static int settle_destinations(DamoReader *reader, const YamlNode *node, const Draft *draft) {
        SchemeConfig *config = draft->config;
        const YamlNode *given = damo_child(node, "dests");

        if (!given || config->n_destinations == 0)
                given = draft->has_node ? damo_child(node, "target_nid") : NULL;
        if (given && !migrates(config))
                return schema_error(reader->errors, given, "'%s' is for migrate_hot and migrate_cold only",
                                    given->key);
        if (!draft->has_node || config->n_destinations > 0)
                return 0;

        config->destinations = config->destinations ?: calloc(1, sizeof(*config->destinations));
        if (!config->destinations)
                return -ENOMEM;
        config->destinations[config->n_destinations++] = (Destination) { .node = draft->node, .weight = 1 };
        return 0;
}

/* ---- Access patterns ---- */

/* Shares are kept as finely as our own files can say them, so that what is read can be written down. Bounds of
 * rates are rounded outward: a third of the samples stays within them; but 5 % stays 5 %. */
#define SHARE_ONE ((double) SCHEMA_SHARE_ONE)
#define ROUNDING 1e-3

/* A share of the samples, or a number of them; then out of those that an aggregation has. Above all of them, a
 * bound is none. */
static int read_rate(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        const MonitorAttrs *attrs = &reader->monitor->attrs;
        double *rate = (double *) ((char *) object + field->offset);
        int r = damo_is_scalar(reader, node);
        uint64_t samples, most;
        double value = 0;

        if (r <= 0)
                return r;
        r = damo_counted_parse(node->text, "samples", &samples);
        if (r == 0) {
                most = MAX(UINT64_C(1), attrs->aggregate / MAX(UINT64_C(1), attrs->sample));
                value = (double) samples / (double) most;
        } else
                r = damo_share_parse(node->text, "%", &value);
        if (r < 0)
                return damo_value_result(reader, field, node, r, "an access rate (like 5 % or 3 samples)");

        if (value > 1 && streq(field->key, "min"))
                return schema_value_error(reader->errors, node,
                                          "min: nothing is accessed more often than it is sampled");
        value = MIN(value, 1.0) * SHARE_ONE;
        *rate = (streq(field->key, "min") ? floor(value + ROUNDING) : ceil(value - ROUNDING)) / SHARE_ONE;
        return 0;
}

static int read_age(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        nsec_t *age = (nsec_t *) ((char *) object + field->offset);
        int r = damo_is_scalar(reader, node);
        uint64_t n;

        if (r <= 0)
                return r;
        r = damo_counted_parse(node->text, "aggr_intervals", &n);
        if (r == 0) {
                if (__builtin_mul_overflow(n, reader->monitor->attrs.aggregate, age))
                        *age = NSEC_INFINITY;
        } else
                r = damo_time_parse(node->text, field->unit, age);
        return damo_value_result(reader, field, node, r, "an age (like 5 s or 10 aggr_intervals)");
}

#define BOUND(name, how, bare, member) \
        { .key = name, .read = how, .offset = offsetof(Draft, pattern.member), .unit = bare, .required = true }

#define RANGE(name, how, bare, low, high)                                                          \
        static const DamoField name##_fields[] = {                                                 \
                BOUND("min", how, bare, low),                                                      \
                BOUND("max", how, bare, high),                                                     \
        };                                                                                         \
        static const DamoMap name##_map = { "in '" #name "'", name##_fields, ELEMENTSOF(name##_fields) }

RANGE(sz_bytes, damo_size, NULL, size_min, size_max);
RANGE(nr_accesses, read_rate, "%", rate_min, rate_max);
RANGE(age, read_age, "us", age_min, age_max);

static const DamoField pattern_fields[] = {
        { .key = "sz_bytes", .read = damo_inner, .map = &sz_bytes_map },
        { .key = "nr_accesses", .read = damo_inner, .map = &nr_accesses_map },
        { .key = "age", .read = damo_inner, .map = &age_map },
};

static const DamoMap pattern_map = { "in 'access_pattern'", pattern_fields, ELEMENTSOF(pattern_fields) };

/* ---- Quotas ---- */

static const DamoField weights_fields[] = {
        { .key = "sz_permil", .read = damo_share, .offset = offsetof(Draft, weight_size), .unit = "permil" },
        { .key = "nr_accesses_permil", .read = damo_share, .offset = offsetof(Draft, weight_rate), .unit = "permil" },
        { .key = "age_permil", .read = damo_share, .offset = offsetof(Draft, weight_age), .unit = "permil" },
};

static const DamoMap weights_map = { "in 'weights'", weights_fields, ELEMENTSOF(weights_fields) };

static int read_goals(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return damo_goals_read(reader, node, &((Draft *) object)->config->quota);
}

static int read_tuner(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        SchemeConfig *config = ((Draft *) object)->config;
        char text[EXCERPT_MAX];
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        if (!streq(node->text, "consist") && !streq(node->text, "temporal"))
                return schema_value_error(reader->errors, node, "goal_tuner: '%s' is not consist or temporal",
                                          excerpt(text, node->text));
        config->quota.tuner = streq(node->text, "temporal") ? TUNER_TEMPORAL : TUNER_CONSIST;
        return 0;
}

static const DamoField quotas_fields[] = {
        { .key = "time_ms", .read = damo_time, .offset = offsetof(Draft, time), .unit = "ms" },
        { .key = "sz_bytes", .read = damo_size, .offset = offsetof(Draft, size) },
        { .key = "reset_interval_ms", .read = damo_time, .offset = offsetof(Draft, reset_interval), .unit = "ms" },
        { .key = "fail_charge_num", .read = damo_u64, .offset = offsetof(Draft, fail_num) },
        { .key = "fail_charge_denom", .read = damo_u64, .offset = offsetof(Draft, fail_denom) },
        { .key = "goals", .read = read_goals },
        { .key = "goal_tuner", .read = read_tuner },
        { .key = "weights", .read = damo_inner, .map = &weights_map },
        { .key = "effective_sz_bytes", .read = damo_ignore },
};

static const DamoMap quotas_map = { "in 'quotas'", quotas_fields, ELEMENTSOF(quotas_fields) };

static uint32_t permil(double share) {
        return (uint32_t) (share * 1000 + 0.5);
}

static int settle_fail_charge(DamoReader *reader, const YamlNode *node, const Draft *draft, QuotaConfig *quota) {
        if (draft->fail_num > draft->fail_denom && draft->fail_denom > 0)
                return schema_error(reader->errors, damo_child(node, "fail_charge_num"),
                                    "'fail_charge_num' exceeds 'fail_charge_denom': what failed cannot count for more "
                                    "than what was done");

        /* DAMON without a ratio charges all that was tried. */
        quota->fail_charge = draft->fail_denom > 0 ? (double) draft->fail_num / (double) draft->fail_denom : 1;
        quota->fail_charge = round(quota->fail_charge * SHARE_ONE) / SHARE_ONE;
        return 0;
}

/* Without any limit, the rest of a quota means nothing, and DAMO writes all of it. With one, it takes a window:
 * DAMON would spend it once and never again. */
static int settle_quota(DamoReader *reader, const YamlNode *node, const Draft *draft) {
        QuotaConfig *quota = &draft->config->quota;

        quota->time = draft->time == NSEC_INFINITY ? 0 : draft->time;
        quota->size = draft->size == UINT64_MAX ? 0 : draft->size;
        if (quota->n_goals == 0)
                quota->tuner = TUNER_CONSIST;
        if (!quota_is_set(quota))
                return 0;
        if (draft->reset_interval == 0 || draft->reset_interval == NSEC_INFINITY)
                return schema_error(reader->errors, damo_child(node, "reset_interval_ms") ?: node,
                                    "a quota or goal needs a finite 'reset_interval_ms': without it, the quota "
                                    "would be spent once and never again");

        quota->reset_interval = draft->reset_interval;
        quota->weight_size = permil(draft->weight_size);
        quota->weight_rate = permil(draft->weight_rate);
        quota->weight_age = permil(draft->weight_age);
        return settle_fail_charge(reader, node, draft, quota);
}

static int read_quotas(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        size_t before = config_errors_count(reader->errors);
        int r;

        r = damo_map_read(reader, &quotas_map, node, object);
        if (r < 0 || config_errors_count(reader->errors) > before)
                return r;
        return settle_quota(reader, node, object);
}

/* ---- Watermarks ---- */

static int read_metric(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        WatermarkConfig *watermarks = &((Draft *) object)->watermarks;
        char text[EXCERPT_MAX];
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        if (!streq(node->text, "none") && !streq(node->text, "free_mem_rate"))
                return schema_value_error(reader->errors, node, "metric: '%s' is not none or free_mem_rate",
                                          excerpt(text, node->text));
        watermarks->metric = streq(node->text, "none") ? WATERMARK_NONE : WATERMARK_FREE_MEM_RATE;
        return 0;
}

#define WATERMARK(name) damo_share, .offset = offsetof(Draft, watermarks.name), .unit = "permil"

static const DamoField watermarks_fields[] = {
        { .key = "metric", .read = read_metric, .required = true },
        { .key = "interval_us", .read = damo_time, .offset = offsetof(Draft, watermarks.interval), .unit = "us" },
        { .key = "high_permil", .read = WATERMARK(high) },
        { .key = "mid_permil", .read = WATERMARK(mid) },
        { .key = "low_permil", .read = WATERMARK(low) },
};

static const DamoMap watermarks_map = { "in 'watermarks'", watermarks_fields, ELEMENTSOF(watermarks_fields) };

/* Without a metric, the numbers mean nothing. */
static int read_watermarks(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        Draft *draft = object;
        int r;

        r = damo_map_read(reader, &watermarks_map, node, object);
        if (draft->watermarks.metric != WATERMARK_NONE)
                draft->config->watermarks = draft->watermarks;
        return r;
}

/* ---- Schemes ---- */

static int read_core_filters(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return damo_filters_read(reader, node, DAMO_LAYER_CORE, ((Draft *) object)->config);
}

static int read_ops_filters(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return damo_filters_read(reader, node, DAMO_LAYER_OPS, ((Draft *) object)->config);
}

static int read_filters(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return damo_filters_read(reader, node, DAMO_LAYER_ANY, ((Draft *) object)->config);
}

/* A limit on the work, and so not to be passed over like the counts beside it. */
static int read_snapshots_limit(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        uint64_t limit = 1;

        if (node->kind == YAML_KIND_SCALAR && damo_count_parse(node->text, &limit) == 0 && limit == 0)
                return 0;
        return schema_error(reader->errors, node,
                            "max_nr_snapshots: ending a scheme after a number of snapshots is not supported by this "
                            "version");
}

static int read_stats(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        const YamlNode *limit = damo_child(node, "max_nr_snapshots");

        return limit ? read_snapshots_limit(reader, field, limit, object) : 0;
}

/* Filters in the order in which the kernel installs the lists. */
static const DamoField scheme_fields[] = {
        { .key = "action", .read = read_action },
        { .key = "target_nid", .read = read_node, .offset = offsetof(Draft, node) },
        { .key = "dests", .read = read_destinations },
        { .key = "access_pattern", .read = damo_inner, .map = &pattern_map },
        { .key = "apply_interval_us", .read = damo_time, .offset = offsetof(Draft, apply_interval), .unit = "us" },
        { .key = "quotas", .read = read_quotas, .map = &quotas_map },
        { .key = "watermarks", .read = read_watermarks, .map = &watermarks_map },
        { .key = "core_filters", .read = read_core_filters },
        { .key = "ops_filters", .read = read_ops_filters },
        { .key = "filters", .read = read_filters },
        { .key = "max_nr_snapshots", .read = read_snapshots_limit },
        { .key = "stats", .read = read_stats },
        { .key = "tried_regions", .read = damo_ignore },
        { .key = "tried_bytes", .read = damo_ignore },
};

static const DamoMap scheme_map = { "in a scheme", scheme_fields, ELEMENTSOF(scheme_fields) };

static int check_scheme(DamoReader *reader, const YamlNode *node, const SchemeConfig *scheme) {
        _cleanup_free_ char *reason = NULL;

        if (scheme_config_validate(scheme, &reason) == 0)
                return 0;
        if (!reason)
                return -ENOMEM;
        return schema_error(reader->errors, node, "%s", reason);
}

static int read_scheme(DamoReader *reader, const YamlNode *node, size_t i, SchemeConfig *scheme) {
        const YamlNode *action = damo_child(node, "action") ?: node;
        size_t before = config_errors_count(reader->errors);
        Draft draft = {
                .config = scheme,
                .pattern = { .size_max = UINT64_MAX, .rate_max = 1, .age_max = NSEC_INFINITY },
        };
        int r;

        r = damo_map_read(reader, &scheme_map, node, &draft);
        if (r == 0)
                r = settle_destinations(reader, node, &draft);
        if (r < 0)
                return r;

        scheme->pattern = draft.pattern;
        scheme->apply_interval = draft.apply_interval;
        scheme->line = action->line;
        scheme->column = action->column;
        if (asprintf(&scheme->name, "%s-%zu", action_name(scheme->action), i) < 0) {
                scheme->name = NULL;
                return -ENOMEM;
        }
        return config_errors_count(reader->errors) == before ? check_scheme(reader, node, scheme) : 0;
}

int damo_schemes_read(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        MonitorConfig *monitor = reader->monitor;
        int r = damo_is_list(reader, node, SCHEMES_MAX);
        size_t i = 0;

        if (r <= 0 || node->n_children == 0)
                return MIN(r, 0);
        monitor->schemes = calloc(node->n_children, sizeof(*monitor->schemes));
        if (!monitor->schemes)
                return -ENOMEM;

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next, i++) {
                scheme_config_init(&monitor->schemes[i]);
                monitor->n_schemes++;
                r = read_scheme(reader, item, i, &monitor->schemes[i]);
        }
        return r;
}
