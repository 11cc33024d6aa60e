/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files made by DAMO: kdamonds, contexts, targets, intervals. */
#include "config/damo.h"

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "config/damo-map.h"
#include "config/damo-scheme.h"
#include "config/damo-value.h"
#include "config/physical.h"
#include "config/schema.h"

#define CONTEXTS_MAX 256
#define TARGETS_MAX 256

/* What DAMO takes where a file says nothing. */
static const MonitorAttrs damo_attrs = {
        .sample = 5 * NSEC_PER_MSEC,
        .aggregate = 100 * NSEC_PER_MSEC,
        .update = NSEC_PER_SEC,
        .min_regions = 10,
        .max_regions = 1000,
};

/* ---- Targets ---- */

static int read_pid(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        TargetConfig *target = object;
        int r = damo_is_scalar(reader, node);
        uint64_t pid = 0;

        if (r <= 0)
                return r;
        r = damo_count_parse(node->text, &pid);
        if (r == 0 && (pid == 0 || pid > INT32_MAX))
                r = -ERANGE;
        if (r == 0)
                target->pid = (pid_t) pid;
        return damo_value_result(reader, field, node, r, "a process ID");
}

static const DamoField range_fields[] = {
        { .key = "start", .read = damo_size, .offset = offsetof(Range, start), .required = true },
        { .key = "end", .read = damo_size, .offset = offsetof(Range, end), .required = true },
        { .key = "nr_accesses", .read = damo_ignore }, /* of a region that was monitored */
        { .key = "age", .read = damo_ignore },
};

static const DamoMap range_map = { "in a region", range_fields, ELEMENTSOF(range_fields) };

/* As the kernel checks them. */
static int check_range(DamoReader *reader, const YamlNode *node, const Range *before, const Range *range) {
        if (range->start >= range->end)
                return schema_error(reader->errors, node, "the region ends before it begins");
        if (before && range->start < before->end)
                return schema_error(reader->errors, node, "the regions must be in ascending order, and not overlap");
        return 0;
}

static int read_ranges(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        size_t before = config_errors_count(reader->errors);
        TargetConfig *target = object;
        int r = damo_is_list(reader, node, PHYSICAL_RANGES_MAX);

        if (r <= 0 || node->n_children == 0)
                return MIN(r, 0);
        target->ranges = calloc(node->n_children, sizeof(*target->ranges));
        if (!target->ranges)
                return -ENOMEM;

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next) {
                Range *range = &target->ranges[target->n_ranges++];

                r = damo_map_read(reader, &range_map, item, range);
                if (r == 0 && config_errors_count(reader->errors) == before)
                        r = check_range(reader, item, range > target->ranges ? range - 1 : NULL, range);
        }
        return r;
}

static const DamoField target_fields[] = {
        { .key = "pid", .read = read_pid },
        { .key = "obsolete",
          .read = damo_refuse_true,
          .reason = "an obsolete target is one that is to be removed: leave it out" },
        { .key = "regions", .read = read_ranges },
};

static const DamoMap target_map = { "in a target", target_fields, ELEMENTSOF(target_fields) };

static int check_same(DamoReader *reader, const YamlNode *list, const YamlNode *node, size_t i) {
        const TargetConfig *targets = reader->monitor->targets;
        const YamlNode *other = list->first;

        for (size_t j = 0; j < i; j++, other = other->next)
                if (targets[i].pid > 0 && targets[i].pid == targets[j].pid)
                        return schema_error(reader->errors, node, "the same target as at %u:%u", other->line,
                                            other->column);
        return 0;
}

/* What a target must be depends on the operations, which stand before the targets. */
static int check_kind(DamoReader *reader, const YamlNode *node, const TargetConfig *target) {
        bool physical = monitor_config_is_physical(reader->monitor);

        if (physical && target->pid > 0)
                return schema_error(reader->errors, node, "physical memory has no processes: 'pid' means nothing");
        if (!physical && target->n_ranges > 0)
                return schema_error(reader->errors, damo_child(node, "regions"),
                                    "fixed address ranges of processes are not supported by this version, which "
                                    "watches all that is mapped");
        if (!physical && !damo_child(node, "pid"))
                return schema_error(reader->errors, node->first ?: node, "'pid' is missing in a target");
        return 0;
}

/* DAMO's targets are single processes: children are not watched unless they are listed. */
static int read_targets(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        MonitorConfig *monitor = reader->monitor;
        int r = damo_is_list(reader, node, TARGETS_MAX);
        size_t i = 0;

        if (r <= 0)
                return r;
        if (node->n_children == 0)
                return schema_value_error(reader->errors, node, "targets: the list is empty");
        monitor->targets = calloc(node->n_children, sizeof(*monitor->targets));
        if (!monitor->targets)
                return -ENOMEM;
        monitor->n_targets = node->n_children;

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next, i++) {
                monitor->targets[i].node = TARGET_NO_NODE;
                r = damo_map_read(reader, &target_map, item, &monitor->targets[i]);
                if (r == 0)
                        r = check_kind(reader, item, &monitor->targets[i]);
                if (r == 0)
                        r = check_same(reader, node, item, i);
        }
        return r;
}

/* ---- Operations ---- */

static int read_ops(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        char text[EXCERPT_MAX];
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        if (streq(node->text, "vaddr"))
                return 0;
        if (streq(node->text, "paddr")) {
                free(reader->monitor->ops);
                reader->monitor->ops = strdup("paddr");
                return reader->monitor->ops ? 0 : -ENOMEM;
        }
        if (streq(node->text, "fvaddr"))
                return schema_value_error(reader->errors, node,
                                          "ops: fixed address ranges are not supported by this version");
        return schema_value_error(reader->errors, node,
                                  "ops: '%s' is neither vaddr nor paddr, which this version supports",
                                  excerpt(text, node->text));
}

static int read_addr_unit(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);
        uint64_t unit = 0;

        if (r <= 0)
                return r;
        r = damo_size_parse(node->text, &unit);
        if (r == 0 && unit != 1)
                return schema_value_error(reader->errors, node,
                                          "addr_unit: only the unit of one byte is supported by this version");
        return damo_value_result(reader, field, node, r, "a size (like 1 B)");
}

/* The word that means no restriction. */
static int read_all(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        if (node->kind == YAML_KIND_SCALAR && streq(node->text, "all"))
                return 0;
        return schema_error(reader->errors, node, "%s: %s", field->key, field->reason);
}

#define NO_RESTRICTION "sampling only some kinds of accesses is not supported by this version"

static const DamoField ops_attrs_fields[] = {
        { .key = "use_reports", .read = damo_refuse_true, .reason = NO_RESTRICTION },
        { .key = "write_only", .read = damo_refuse_true, .reason = NO_RESTRICTION },
        { .key = "cpus", .read = read_all, .reason = NO_RESTRICTION },
        { .key = "tids", .read = read_all, .reason = NO_RESTRICTION },
};

static const DamoMap ops_attrs_map = { "in 'ops_attrs'", ops_attrs_fields, ELEMENTSOF(ops_attrs_fields) };

static const DamoField primitives_fields[] = {
        { .key = "page_table", .read = damo_ignore },
        { .key = "page_fault",
          .read = damo_refuse_true,
          .reason = "sampling by page faults is not supported by this version" },
};

static const DamoMap primitives_map = {
        "in 'primitives_enabled'", primitives_fields, ELEMENTSOF(primitives_fields),
};

static const DamoField sample_control_fields[] = {
        { .key = "primitives_enabled", .read = damo_inner, .map = &primitives_map },
        { .key = "sample_filters", .read = damo_refuse_items, .reason = NO_RESTRICTION },
};

static const DamoMap sample_control_map = {
        "in 'sample_control'", sample_control_fields, ELEMENTSOF(sample_control_fields),
};

/* ---- Intervals and regions ---- */

static const DamoField goal_fields[] = {
        { .key = "access_bp", .read = damo_share, .offset = offsetof(MonitorAttrs, goal.access_share), .unit = "bp" },
        { .key = "aggrs", .read = damo_u32, .offset = offsetof(MonitorAttrs, goal.aggregations) },
        { .key = "min_sample_us", .read = damo_time, .offset = offsetof(MonitorAttrs, goal.sample_min), .unit = "us" },
        { .key = "max_sample_us", .read = damo_time, .offset = offsetof(MonitorAttrs, goal.sample_max), .unit = "us" },
};

static const DamoMap goal_map = { "in 'intervals_goal'", goal_fields, ELEMENTSOF(goal_fields) };

/* DAMON's goal is off while it has no aggregations, whatever the rest says. */
static int read_goal(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        MonitorAttrs *attrs = object;
        int r;

        r = damo_map_read(reader, &goal_map, node, object);
        attrs->goal.enabled = attrs->goal.aggregations > 0;
        if (!attrs->goal.enabled)
                attrs->goal = damo_attrs.goal;
        return r;
}

static const DamoField intervals_fields[] = {
        { .key = "sample_us", .read = damo_time, .offset = offsetof(MonitorAttrs, sample), .unit = "us" },
        { .key = "aggr_us", .read = damo_time, .offset = offsetof(MonitorAttrs, aggregate), .unit = "us" },
        { .key = "ops_update_us", .read = damo_time, .offset = offsetof(MonitorAttrs, update), .unit = "us" },
        { .key = "intervals_goal", .read = read_goal, .map = &goal_map },
};

static const DamoMap intervals_map = { "in 'intervals'", intervals_fields, ELEMENTSOF(intervals_fields) };

static const DamoField nr_regions_fields[] = {
        { .key = "min", .read = damo_u32, .offset = offsetof(MonitorAttrs, min_regions) },
        { .key = "max", .read = damo_u32, .offset = offsetof(MonitorAttrs, max_regions) },
};

static const DamoMap nr_regions_map = { "in 'nr_regions'", nr_regions_fields, ELEMENTSOF(nr_regions_fields) };

static int check_attrs(DamoReader *reader, const MonitorAttrs *attrs, const YamlNode *node) {
        _cleanup_free_ char *reason = NULL;

        if (monitor_attrs_validate(attrs, &reason) == 0)
                return 0;
        if (!reason)
                return -ENOMEM;
        return schema_error(reader->errors, node, "%s", reason);
}

/* The mapping, and at once whether the attributes can be so: the other part of them still has its defaults. */
static int read_attrs(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        size_t before = config_errors_count(reader->errors);
        MonitorAttrs *attrs = &reader->monitor->attrs;
        MonitorAttrs part = damo_attrs;
        int r;

        r = damo_map_read(reader, field->map, node, &part);
        if (r == 0 && config_errors_count(reader->errors) == before)
                r = check_attrs(reader, &part, node);
        if (field->map == &nr_regions_map) {
                attrs->min_regions = part.min_regions;
                attrs->max_regions = part.max_regions;
        } else {
                attrs->sample = part.sample;
                attrs->aggregate = part.aggregate;
                attrs->update = part.update;
                attrs->goal = part.goal;
        }
        return r;
}

/* ---- Contexts ---- */

/* Targets and intervals stand before the schemes, which refer to them. */
static const DamoField context_fields[] = {
        { .key = "ops", .read = read_ops, .required = true },
        { .key = "addr_unit", .read = read_addr_unit },
        { .key = "ops_attrs", .read = damo_inner, .map = &ops_attrs_map },
        { .key = "targets", .read = read_targets, .required = true },
        { .key = "intervals", .read = read_attrs, .map = &intervals_map },
        { .key = "nr_regions", .read = read_attrs, .map = &nr_regions_map },
        { .key = "probes", .read = damo_refuse_items, .reason = "probes are not supported by this version" },
        { .key = "sample_control", .read = damo_inner, .map = &sample_control_map },
        { .key = "pause",
          .read = damo_refuse_true,
          .reason = "a context that begins paused is not supported by this version" },
        { .key = "schemes", .read = damo_schemes_read },
};

static const DamoMap context_map = { "in a context", context_fields, ELEMENTSOF(context_fields) };

static int read_context(DamoReader *reader, const YamlNode *node, Config *config) {
        MonitorConfig *monitor = &config->monitors[config->n_monitors];
        char name[32];
        int r;

        (void) snprintf(name, sizeof(name), "damo-%zu", config->n_monitors);
        r = monitor_config_init(monitor, name);
        if (r < 0)
                return r;
        config->n_monitors++;
        monitor->attrs = damo_attrs;

        reader->monitor = monitor;
        r = damo_map_read(reader, &context_map, node, monitor);
        reader->monitor = NULL;
        return r;
}

static int add_contexts(Config *config, size_t n) {
        MonitorConfig *monitors;

        monitors = reallocarray(config->monitors, config->n_monitors + n, sizeof(*monitors));
        if (!monitors)
                return -ENOMEM;
        config->monitors = monitors;
        return 0;
}

static int read_contexts(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        Config *config = object;
        int r = damo_is_list(reader, node, CONTEXTS_MAX - config->n_monitors);

        if (r <= 0)
                return r;
        if (node->n_children == 0)
                return schema_value_error(reader->errors, node, "contexts: the list is empty");

        r = add_contexts(config, node->n_children);
        for (const YamlNode *item = node->first; item && r == 0; item = item->next)
                r = read_context(reader, item, config);
        return r;
}

/* ---- The file ---- */

static const DamoField kdamond_fields[] = {
        { .key = "contexts", .read = read_contexts, .required = true },
        { .key = "state", .read = damo_ignore },
        { .key = "pid", .read = damo_ignore },
        { .key = "refresh_ms", .read = damo_ignore },
};

static const DamoMap kdamond_map = { "in a kdamond", kdamond_fields, ELEMENTSOF(kdamond_fields) };

static int read_kdamonds(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_list(reader, node, CONTEXTS_MAX);

        if (r <= 0)
                return r;
        if (node->n_children == 0)
                return schema_value_error(reader->errors, node, "kdamonds: the list is empty");

        r = 0;
        for (const YamlNode *item = node->first; item && r == 0; item = item->next)
                r = damo_map_read(reader, &kdamond_map, item, object);
        return r;
}

static const DamoField file_fields[] = {
        { .key = "kdamonds", .read = read_kdamonds, .required = true },
};

static const DamoMap file_map = { "beside 'kdamonds'", file_fields, ELEMENTSOF(file_fields) };

int damo_read(const YamlNode *root, Config *config, ConfigErrors *errors) {
        DamoReader reader = { .errors = errors };

        return damo_map_read(&reader, &file_map, root, config);
}
