/* SPDX-License-Identifier: GPL-2.0-or-later */
/* StartMonitor's parameters. */
#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "base/error.h"
#include "config/schemes.h"
#include "monitor/adapt.h"

static const Field range_fields[] = {
        { .name = "start", .type = FIELD_INT },
        { .name = "end", .type = FIELD_INT },
        FIELD_END,
};

static const Field target_fields[] = {
        { .name = "pid", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "command", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "cgroup", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "unit", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "user", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "min_rss_bytes", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "children", .type = FIELD_BOOL, .flags = FIELD_NULLABLE },
        { .name = "node", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "ranges", .type = FIELD_STRUCT, .flags = FIELD_ARRAY | FIELD_NULLABLE, .fields = range_fields },
        FIELD_END,
};

static const Field goal_fields[] = {
        { .name = "access_share", .type = FIELD_FLOAT },
        { .name = "aggregations", .type = FIELD_INT },
        { .name = "sample_min_ns", .type = FIELD_INT },
        { .name = "sample_max_ns", .type = FIELD_INT },
        FIELD_END,
};

static const Field context_fields[] = {
        { .name = "ops", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "source", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "source_reason", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "policy", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "targets", .type = FIELD_STRUCT, .flags = FIELD_ARRAY, .fields = target_fields },
        { .name = "sample_ns", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "aggregate_ns", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "update_ns", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "goal", .type = FIELD_STRUCT, .flags = FIELD_NULLABLE, .fields = goal_fields },
        { .name = "min_regions", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "max_regions", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "max_region_bytes", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "sim_pattern", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "seed", .type = FIELD_INT, .flags = FIELD_NULLABLE },
        { .name = "schemes", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        FIELD_END,
};

const Field request_start_fields[] = {
        { .name = "name", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        { .name = "context", .type = FIELD_STRUCT, .fields = context_fields },
        FIELD_END,
};

const Field request_name_fields[] = {
        { .name = "name", .type = FIELD_STRING },
        FIELD_END,
};

const Field request_optional_name_fields[] = {
        { .name = "name", .type = FIELD_STRING, .flags = FIELD_NULLABLE },
        FIELD_END,
};

#define NAME_LENGTH_MAX 64

/* A name is typed in shells and shown in tables. */
static bool name_is_valid(const char *name) {
        static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+:@/";
        size_t n = strlen(name);

        return n > 0 && n <= NAME_LENGTH_MAX && name[0] != '-' && strspn(name, good) == n;
}

/* Integers of the wire as unsigned ones; a negative value cannot be meant. */
static int read_unsigned(const json_t *object, const char *name, uint64_t max, uint64_t *value, char **ret_error) {
        int64_t v = field_int(object, name, -1);

        if (!field_present(object, name))
                return 0;
        if (v < 0 || (uint64_t) v > max)
                return error_setf(ret_error, REQUEST_E_INVALID, "%s is out of range", name);
        *value = (uint64_t) v;
        return 0;
}

static int replace_string(char **to, const char *from) {
        char *copy;

        if (!from)
                return 0;
        copy = strdup(from);
        if (!copy)
                return -ENOMEM;
        free(*to);
        *to = copy;
        return 0;
}

static int read_target(const json_t *object, TargetConfig *ret, char **ret_error) {
        int64_t pid = field_int(object, "pid", 0);
        const struct {
                const char *key;
                char **to;
        } texts[] = {
                { "command", &ret->command },
                { "cgroup", &ret->cgroup },
                { "unit", &ret->unit },
                { "user", &ret->user },
        };
        int r = 0;

        *ret = (TargetConfig) { .node = TARGET_NO_NODE };
        if (field_present(object, "node") || field_present(object, "ranges"))
                return error_setf(ret_error, REQUEST_E_INVALID, "a node or ranges of memory need the ops paddr");
        if (field_present(object, "pid") && (pid <= 0 || pid > INT_MAX))
                return error_setf(ret_error, REQUEST_E_INVALID, "no process has the pid %" PRId64, pid);
        ret->pid = (pid_t) pid;
        ret->children = field_bool(object, "children", true);
        for (size_t i = 0; i < ELEMENTSOF(texts) && r == 0; i++)
                r = replace_string(texts[i].to, field_string(object, texts[i].key, NULL));
        if (r == 0)
                r = read_unsigned(object, "min_rss_bytes", INT64_MAX, &ret->min_rss, ret_error);
        if (r != 0)
                return r;
        return target_config_validate(ret, ret_error) < 0 ? REQUEST_E_INVALID : 0;
}

static int read_range(const json_t *object, Range *ret, char **ret_error) {
        int64_t start = field_int(object, "start", -1), end = field_int(object, "end", -1);

        if (start < 0 || end <= start)
                return error_setf(ret_error, REQUEST_E_INVALID, "a range must end behind its beginning");
        *ret = (Range) { (uint64_t) start, (uint64_t) end };
        return 0;
}

/* A part of physical memory: a node, ranges, or, with neither, all of it. */
static int read_memory(const json_t *object, TargetConfig *ret, char **ret_error) {
        const json_t *list = json_object_get(object, "ranges");
        int64_t node = field_int(object, "node", 0);
        size_t n = json_array_size(list);
        int r;

        for (const Field *f = target_fields; f->name && !streq(f->name, "node"); f++)
                if (field_present(object, f->name))
                        return error_setf(ret_error, REQUEST_E_INVALID, "physical memory has no processes: no %s",
                                          f->name);
        if (field_present(object, "node") && n > 0)
                return error_setf(ret_error, REQUEST_E_INVALID, "a target is either a node or ranges");
        if (node < 0 || node >= NODES_MAX)
                return error_setf(ret_error, REQUEST_E_INVALID, "there is no node %" PRId64, node);

        *ret = (TargetConfig) { .node = field_present(object, "node") ? (uint32_t) node : TARGET_NO_NODE };
        ret->ranges = calloc(MAX(n, (size_t) 1), sizeof(*ret->ranges));
        if (!ret->ranges)
                return -ENOMEM;
        for (; ret->n_ranges < n; ret->n_ranges++) {
                Range *range = &ret->ranges[ret->n_ranges];

                r = read_range(json_array_get(list, ret->n_ranges), range, ret_error);
                if (r == 0 && ret->n_ranges > 0 && range->start < range[-1].end)
                        r = error_setf(ret_error, REQUEST_E_INVALID, "ranges must be in ascending order");
                if (r != 0) {
                        free(TAKE_PTR(ret->ranges));
                        return r;
                }
        }
        return 0;
}

static int read_targets(const json_t *list, MonitorConfig *config, char **ret_error) {
        bool physical = monitor_config_is_physical(config);
        size_t n = json_array_size(list);
        int r;

        config->targets = calloc(MAX(n, (size_t) 1), sizeof(*config->targets));
        if (!config->targets)
                return -ENOMEM;

        while (config->n_targets < n) {
                size_t i = config->n_targets++;

                r = (physical ? read_memory : read_target)(json_array_get(list, i), &config->targets[i], ret_error);
                if (r != 0)
                        return r;
        }
        if (n == 0 && !streq(config->source, "sim") && !physical)
                return error_setf(ret_error, REQUEST_E_INVALID, "there is no target to watch");
        return 0;
}

static int read_u32(const json_t *object, const char *name, uint32_t *value, char **ret_error) {
        uint64_t v = *value;
        int r;

        r = read_unsigned(object, name, UINT32_MAX, &v, ret_error);
        if (r == 0)
                *value = (uint32_t) v;
        return r;
}

static int read_goal(const json_t *object, IntervalsGoal *goal, char **ret_error) {
        int r;

        if (!object || json_is_null(object))
                return 0;

        *goal = INTERVALS_GOAL_DEFAULT;
        goal->access_share = field_float(object, "access_share", goal->access_share);
        r = read_u32(object, "aggregations", &goal->aggregations, ret_error);
        if (r == 0)
                r = read_unsigned(object, "sample_min_ns", INT64_MAX, &goal->sample_min, ret_error);
        if (r == 0)
                r = read_unsigned(object, "sample_max_ns", INT64_MAX, &goal->sample_max, ret_error);
        return r;
}

static int read_attrs(const json_t *context, MonitorAttrs *attrs, char **ret_error) {
        int r;

        r = read_unsigned(context, "sample_ns", INT64_MAX, &attrs->sample, ret_error);
        if (r == 0)
                r = read_unsigned(context, "aggregate_ns", INT64_MAX, &attrs->aggregate, ret_error);
        if (r == 0)
                r = read_unsigned(context, "update_ns", INT64_MAX, &attrs->update, ret_error);
        if (r == 0)
                r = read_u32(context, "min_regions", &attrs->min_regions, ret_error);
        if (r == 0)
                r = read_u32(context, "max_regions", &attrs->max_regions, ret_error);
        if (r == 0)
                r = read_unsigned(context, "max_region_bytes", INT64_MAX, &attrs->max_region_size, ret_error);
        if (r == 0)
                r = read_goal(json_object_get(context, "goal"), &attrs->goal, ret_error);
        if (r == 0)
                r = monitor_attrs_validate(attrs, ret_error) < 0 ? REQUEST_E_INVALID : 0;
        return r;
}

static int read_strings(const json_t *context, MonitorConfig *config, char **ret_error) {
        int r;

        r = replace_string(&config->ops, field_string(context, "ops", NULL));
        if (r == 0 && !streq(config->ops, "vaddr") && !monitor_config_is_physical(config))
                r = error_setf(ret_error, REQUEST_E_INVALID, "there are no ops '%s', but vaddr and paddr",
                               config->ops);
        if (r == 0)
                r = replace_string(&config->source, field_string(context, "source", NULL));
        if (r == 0)
                r = replace_string(&config->policy, field_string(context, "policy", NULL));
        if (r == 0)
                r = replace_string(&config->sim_pattern, field_string(context, "sim_pattern", NULL));
        if (r == 0 && !adapt_policy_by_name(config->policy))
                r = error_setf(ret_error, REQUEST_E_INVALID, "there is no policy '%s'", config->policy);
        return r;
}

static int check_name(const char *name, const char **ret_field, char **ret_error) {
        if (name_is_valid(name))
                return 0;
        *ret_field = "name";
        return error_setf(ret_error, REQUEST_E_INVALID,
                          "a name has 1 to %d letters, digits and ._-+:@/ and does not begin with '-'",
                          NAME_LENGTH_MAX);
}

static int read_schemes(const json_t *context, MonitorConfig *config, ConfigErrors *errors) {
        const char *text = field_string(context, "schemes", NULL);
        int r;

        if (!text)
                return 0;
        r = config_parse_schemes(text, strlen(text), &config->schemes, &config->n_schemes, errors);
        return r == -EINVAL ? REQUEST_E_CONFIG : r;
}

int request_start(const json_t *parameters, MonitorConfig *ret, const char **ret_field, char **ret_error,
                  ConfigErrors *errors) {
        _cleanup_(monitor_config_deinit) MonitorConfig config = {};
        const json_t *context = json_object_get(parameters, "context");
        const char *name = field_string(parameters, "name", NULL);
        int r;

        if (name) {
                r = check_name(name, ret_field, ret_error);
                if (r != 0)
                        return r;
        }
        r = monitor_config_init(&config, name ?: "");
        if (r < 0)
                return r;
        if (!name)
                free(TAKE_PTR(config.name));

        *ret_field = "context";
        r = read_strings(context, &config, ret_error);
        if (r == 0)
                r = read_unsigned(context, "seed", INT64_MAX, &config.seed, ret_error);
        if (r == 0)
                r = read_attrs(context, &config.attrs, ret_error);
        if (r != 0)
                return r;

        *ret_field = "context.targets";
        r = read_targets(json_object_get(context, "targets"), &config, ret_error);
        if (r == 0)
                r = read_schemes(context, &config, errors);
        if (r != 0)
                return r;

        *ret = config;
        config = (MonitorConfig) {};
        return 0;
}
