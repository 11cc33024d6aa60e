/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files made by DAMO: the goals and filters of schemes. */
#include <errno.h>

#include "base/macro.h"
#include "config/damo-scheme.h"
#include "config/damo-value.h"
#include "config/names.h"
#include "config/schema.h"
#include "config/schemes.h"

/* ---- Goals ---- */

typedef struct Metric {
        const char *word;
        GoalMetric metric;
        const char *unit;    /* of a target without one: "us", "bp", or none at all */
        bool node;
        bool cgroup;
        const char *refused; /* why it cannot be used, or NULL */
} Metric;

static const Metric metrics[] = {
        { "user_input", GOAL_USER_INPUT, NULL, false, false, NULL },
        { "some_mem_psi_us", GOAL_SOME_MEM_PSI, "us", false, false, NULL },
        { "node_mem_used_bp", GOAL_NODE_MEM_USED, "bp", true, false, NULL },
        { "node_mem_free_bp", GOAL_NODE_MEM_FREE, "bp", true, false, NULL },
        { "node_memcg_used_bp", GOAL_NODE_MEMCG_USED, "bp", true, true, NULL },
        { "node_memcg_free_bp", GOAL_NODE_MEMCG_FREE, "bp", true, true, NULL },
        { "active_mem_bp", GOAL_ACTIVE_MEM, "bp", false, false, NULL },
        { "inactive_mem_bp", GOAL_INACTIVE_MEM, "bp", false, false, NULL },
        { "node_eligible_mem_bp", _GOAL_METRIC_MAX, NULL, false, false, "needs physical memory to be watched" },
        { "hugepage_mem_bp", _GOAL_METRIC_MAX, NULL, false, false, "cannot be learned by this version" },
};

typedef struct GoalDraft {
        GoalConfig config;
        const Metric *metric; /* NULL: not known (yet) */
        bool has_node;
        bool has_target;
} GoalDraft;

static int read_metric(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        GoalDraft *draft = object;
        char text[EXCERPT_MAX];
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(metrics); i++)
                if (streq(node->text, metrics[i].word))
                        draft->metric = &metrics[i];
        if (!draft->metric)
                return schema_value_error(reader->errors, node, "metric: '%s' is not a metric of DAMON's goals",
                                          excerpt(text, node->text));
        if (draft->metric->refused)
                return schema_value_error(reader->errors, node, "metric: '%s' %s", draft->metric->word,
                                          draft->metric->refused);
        draft->config.metric = draft->metric->metric;
        return 0;
}

static int parse_target(const Metric *metric, const char *text, double *ret) {
        nsec_t time;
        int r;

        if (!metric->unit)
                return damo_number_parse(text, ret);
        if (streq(metric->unit, "bp")) {
                r = damo_share_parse(text, metric->unit, ret);
                return r == 0 && *ret > 1 ? -ERANGE : r;
        }

        r = damo_time_parse(text, metric->unit, &time);
        if (r == 0)
                *ret = (double) time;
        return r == 0 && time == NSEC_INFINITY ? -ERANGE : r;
}

/* The metric has been read before: it has the unit. */
static int read_target(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        GoalDraft *draft = object;
        int r = damo_is_scalar(reader, node);

        draft->has_target = true;
        if (r <= 0 || !draft->metric || draft->metric->refused)
                return MIN(r, 0);
        return damo_value_result(reader, field, node, parse_target(draft->metric, node->text, &draft->config.target),
                                 "a target (a number, with or without its unit)");
}

/* The value is a user's to give; what the kernel last read of the other metrics says nothing. */
static int read_current(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        GoalDraft *draft = object;
        int r = damo_is_scalar(reader, node);

        if (r <= 0 || !draft->metric || draft->metric->metric != GOAL_USER_INPUT)
                return MIN(r, 0);
        r = damo_number_parse(node->text, &draft->config.current);
        return damo_value_result(reader, field, node, r, "a number");
}

/* The older spelling had but this metric. */
static int read_old_target(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        GoalDraft *draft = object;

        if (!draft->metric)
                draft->metric = &metrics[0];
        return read_target(reader, field, node, object);
}

static int read_node(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        ((GoalDraft *) object)->has_node = true;
        return damo_node(reader, field, node, object);
}

static int read_cgroup(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        _cleanup_free_ char *reason = NULL;

        if (node->kind != YAML_KIND_SCALAR || check_cgroup(node->text, &reason) == 0)
                return damo_text(reader, field, node, object);
        if (!reason)
                return -ENOMEM;
        return schema_value_error(reader->errors, node, "%s: %s", field->key, reason);
}

static const DamoField goal_fields[] = {
        { .key = "metric", .read = read_metric },
        { .key = "nid", .read = read_node, .offset = offsetof(GoalDraft, config.node) },
        { .key = "memcg_path", .read = read_cgroup, .offset = offsetof(GoalDraft, config.cgroup) },
        { .key = "target_value_bp", .read = read_old_target },
        { .key = "current_value_bp", .read = read_current },
        { .key = "target_value", .read = read_target },
        { .key = "current_value", .read = read_current },
};

static const DamoMap goal_table = { "in a goal", goal_fields, ELEMENTSOF(goal_fields) };

static int settle_goal(DamoReader *reader, const YamlNode *node, const GoalDraft *draft) {
        const Metric *metric = draft->metric;

        if (!metric)
                return schema_error(reader->errors, node, "'metric' is missing in a goal");
        if (!draft->has_target)
                return schema_error(reader->errors, node, "'target_value' is missing in a goal");
        if (metric->node && !draft->has_node)
                return schema_error(reader->errors, node, "a goal by '%s' needs the node, 'nid'", metric->word);
        if (metric->cgroup && !draft->config.cgroup)
                return schema_error(reader->errors, node, "a goal by '%s' needs the cgroup, 'memcg_path'",
                                    metric->word);
        if (!metric->cgroup && draft->config.cgroup)
                return schema_error(reader->errors, damo_child(node, "memcg_path"),
                                    "'memcg_path' means nothing to a goal by '%s'", metric->word);
        return 0;
}

static int read_goal(DamoReader *reader, const YamlNode *node, GoalConfig *goal) {
        size_t before = config_errors_count(reader->errors);
        GoalDraft draft = {};
        int r;

        r = damo_map_read(reader, &goal_table, node, &draft);
        if (r == 0 && config_errors_count(reader->errors) == before)
                r = settle_goal(reader, node, &draft);
        *goal = draft.config;
        return r;
}

#define GOALS_MAX 16 /* as for our own files */

int damo_goals_read(DamoReader *reader, const YamlNode *node, QuotaConfig *quota) {
        int r = damo_is_list(reader, node, GOALS_MAX);

        if (r <= 0 || node->n_children == 0)
                return MIN(r, 0);
        quota->goals = calloc(node->n_children, sizeof(*quota->goals));
        if (!quota->goals)
                return -ENOMEM;

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next)
                r = read_goal(reader, item, &quota->goals[quota->n_goals++]);
        return r;
}

/* ---- Filters ---- */

typedef struct FilterDraft {
        FilterConfig config;
        const char *word; /* of the type; NULL: not known (yet) */
        const char *subject; /* the key that this type needs, or NULL */
} FilterDraft;

typedef struct TypeWord {
        const char *word;
        FilterType type;
        const char *subject;
} TypeWord;

static const TypeWord types[] = {
        { "anon", FILTER_ANON, NULL },
        { "active", FILTER_ACTIVE, NULL },
        { "young", FILTER_YOUNG, NULL },
        { "unmapped", FILTER_UNMAPPED, NULL },
        { "memcg", FILTER_MEMCG, "memcg_path" },
        { "hugepage_size", FILTER_HUGEPAGE_SIZE, "hugepage_size" },
        { "addr", FILTER_ADDR, "address_range" },
        { "target", FILTER_TARGET, "damon_target_idx" },
};

static int read_type(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        FilterDraft *draft = object;
        char text[EXCERPT_MAX];
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        if (draft->word)
                return schema_error(reader->errors, node, "'filter_type' and 'type' are the same: give one of them");
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (streq(node->text, types[i].word)) {
                        draft->word = types[i].word;
                        draft->subject = types[i].subject;
                        draft->config.type = types[i].type;
                        return 0;
                }
        return schema_value_error(reader->errors, node, "%s: '%s' is not a type of DAMON's filters", field->key,
                                  excerpt(text, node->text));
}

static const DamoField range_fields[] = {
        { .key = "start", .read = damo_size, .offset = offsetof(FilterDraft, config.min), .required = true },
        { .key = "end", .read = damo_size, .offset = offsetof(FilterDraft, config.max), .required = true },
};

static const DamoMap range_map = { "in 'address_range'", range_fields, ELEMENTSOF(range_fields) };

static const DamoField page_size_fields[] = {
        { .key = "min", .read = damo_size, .offset = offsetof(FilterDraft, config.min), .required = true },
        { .key = "max", .read = damo_size, .offset = offsetof(FilterDraft, config.max), .required = true },
};

static const DamoMap page_size_map = { "in 'hugepage_size'", page_size_fields, ELEMENTSOF(page_size_fields) };

/* [min, max], or the two by name. */
static int read_page_size(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        DamoField low = page_size_fields[0], high = page_size_fields[1];
        int r;

        if (node->kind == YAML_KIND_MAPPING)
                return damo_map_read(reader, &page_size_map, node, object);
        if (node->kind != YAML_KIND_SEQUENCE || node->n_children != 2)
                return schema_value_error(reader->errors, node, "hugepage_size: must be a list of two sizes");

        low.key = high.key = field->key;
        r = node->first->broken ? 0 : damo_size(reader, &low, node->first, object);
        return r < 0 || node->last->broken ? r : damo_size(reader, &high, node->last, object);
}

static int read_target_index(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        size_t before = config_errors_count(reader->errors);
        const FilterDraft *draft = object;
        int r;

        r = damo_u32(reader, field, node, object);
        if (r < 0 || config_errors_count(reader->errors) > before || draft->config.index < reader->monitor->n_targets)
                return r;
        return schema_value_error(reader->errors, node, "%s: there is no target %u (the first is 0)", field->key,
                                  draft->config.index);
}

static const DamoField filter_fields[] = {
        { .key = "filter_type", .read = read_type },
        { .key = "type", .read = read_type },
        { .key = "matching", .read = damo_bool, .offset = offsetof(FilterDraft, config.matching), .required = true },
        { .key = "filter_pass", .read = damo_bool, .offset = offsetof(FilterDraft, config.allow) }, /* older */
        { .key = "allow", .read = damo_bool, .offset = offsetof(FilterDraft, config.allow) },
        { .key = "memcg_path", .read = read_cgroup, .offset = offsetof(FilterDraft, config.cgroup) },
        { .key = "address_range", .read = damo_inner, .map = &range_map },
        { .key = "damon_target_idx", .read = read_target_index, .offset = offsetof(FilterDraft, config.index) },
        { .key = "hugepage_size", .read = read_page_size },
};

static const DamoMap filter_table = { "in a filter", filter_fields, ELEMENTSOF(filter_fields) };

/* Each type needs what it is about, and nothing else. */
static int check_subject(DamoReader *reader, const YamlNode *node, const FilterDraft *draft) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                const YamlNode *given = types[i].subject ? damo_child(node, types[i].subject) : NULL;

                if (given && (!draft->subject || !streq(draft->subject, types[i].subject)))
                        return schema_error(reader->errors, given, "'%s' means nothing to a filter of type '%s'",
                                            given->key, draft->word);
        }
        if (draft->subject && !damo_child(node, draft->subject))
                return schema_error(reader->errors, node, "a filter of type '%s' needs '%s'", draft->word,
                                    draft->subject);
        return 0;
}

static int settle_filter(DamoReader *reader, const YamlNode *node, DamoLayer layer, const FilterDraft *draft) {
        bool core = filter_is_core(draft->config.type);

        if (!draft->word)
                return schema_error(reader->errors, node, "'filter_type' is missing in a filter");
        if (layer == DAMO_LAYER_CORE && !core)
                return schema_error(reader->errors, node, "'%s' tells pages apart: it belongs in 'ops_filters'",
                                    draft->word);
        if (layer == DAMO_LAYER_OPS && core)
                return schema_error(reader->errors, node, "'%s' tells regions apart: it belongs in 'core_filters'",
                                    draft->word);
        return check_subject(reader, node, draft);
}

static int read_filter(DamoReader *reader, const YamlNode *node, DamoLayer layer, FilterConfig *filter) {
        size_t before = config_errors_count(reader->errors);
        FilterDraft draft = {};
        int r;

        r = damo_map_read(reader, &filter_table, node, &draft);
        if (r == 0 && config_errors_count(reader->errors) == before)
                r = settle_filter(reader, node, layer, &draft);
        *filter = draft.config;
        return r;
}

int damo_filters_read(DamoReader *reader, const YamlNode *node, DamoLayer layer, SchemeConfig *scheme) {
        int r = damo_is_list(reader, node, FILTERS_MAX - MIN(scheme->n_filters, (size_t) FILTERS_MAX));
        FilterConfig *filters;

        if (r <= 0 || node->n_children == 0)
                return MIN(r, 0);
        filters = reallocarray(scheme->filters, scheme->n_filters + node->n_children, sizeof(*filters));
        if (!filters)
                return -ENOMEM;
        scheme->filters = filters;

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next)
                r = read_filter(reader, item, layer, &filters[scheme->n_filters++]);
        return r;
}
