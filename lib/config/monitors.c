/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a file of monitors.d/ may contain: the tables, and the rules about more than one key. */
#include "config/monitors.h"

#include <errno.h>

#include "base/error.h"
#include "base/macro.h"
#include "config/names.h"
#include "config/physical.h"
#include "config/schemes.h"
#include "config/targets.h"

#define MONITORS_MAX 256
#define TARGETS_MAX 256

/* ---- Intervals and regions ---- */

/* Only these attributes against the defaults of all others, so that what is wrong is found, and
 * reported, where it was written. */
static int check_attrs(const SchemaPlace *place, const MonitorAttrs *attrs) {
        _cleanup_free_ char *reason = NULL;
        int r;

        if (!place->clean)
                return 0;
        r = monitor_attrs_validate(attrs, &reason);
        if (r == 0)
                return 0;
        if (!reason)
                return -ENOMEM;
        return schema_error(place->errors, place->node, "%s", reason);
}

static int init_goal(void *object) {
        *(IntervalsGoal *) object = INTERVALS_GOAL_DEFAULT;
        ((IntervalsGoal *) object)->enabled = true;
        return 0;
}

static const SchemaField goal_fields[] = {
        { .key = "access_rate",
          .type = SCHEMA_SHARE,
          .offset = offsetof(IntervalsGoal, access_share),
          .min = SCHEMA_SHARE_ONE / 10000,
          .max = SCHEMA_SHARE_ONE,
          .doc = "The share of all checks, weighted by size, that should find an access." },
        { .key = "aggregations",
          .type = SCHEMA_U32,
          .offset = offsetof(IntervalsGoal, aggregations),
          .min = 1,
          .max = 1000,
          .doc = "How many aggregations pass between two adjustments." },
        { .key = "sample_min",
          .type = SCHEMA_DURATION,
          .offset = offsetof(IntervalsGoal, sample_min),
          .min = INTERVAL_MIN,
          .max = INTERVAL_MAX,
          .doc = "The shortest sampling interval to be chosen." },
        { .key = "sample_max",
          .type = SCHEMA_DURATION,
          .offset = offsetof(IntervalsGoal, sample_max),
          .min = INTERVAL_MIN,
          .max = INTERVAL_MAX,
          .doc = "The longest sampling interval to be chosen." },
};

static const SchemaMap goal_map = {
        .where = "in 'goal'",
        .doc = "What automatic intervals aim at. "
               "The ratio of aggregation to sampling interval stays as given.",
        .fields = goal_fields,
        .n_fields = ELEMENTSOF(goal_fields),
        .size = sizeof(IntervalsGoal),
        .init = init_goal,
};

static int check_intervals(const SchemaPlace *place) {
        const MonitorAttrs *given = place->object;
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        attrs.sample = given->sample;
        attrs.aggregate = given->aggregate;
        attrs.update = given->update;
        attrs.goal = given->goal;
        return check_attrs(place, &attrs);
}

static bool has_goal(const void *object) {
        return ((const MonitorAttrs *) object)->goal.enabled;
}

static const SchemaField intervals_fields[] = {
        { .key = "sample",
          .type = SCHEMA_DURATION,
          .offset = offsetof(MonitorAttrs, sample),
          .min = INTERVAL_MIN,
          .max = INTERVAL_MAX,
          .doc = "Sampling interval: between two checks of a region's sampled page." },
        { .key = "aggregate",
          .type = SCHEMA_DURATION,
          .offset = offsetof(MonitorAttrs, aggregate),
          .min = INTERVAL_MIN,
          .max = INTERVAL_MAX,
          .doc = "Aggregation interval: how long accesses are counted before they are reported and "
                 "regions are merged and split. Not shorter than the sampling interval." },
        { .key = "update",
          .type = SCHEMA_DURATION,
          .offset = offsetof(MonitorAttrs, update),
          .min = INTERVAL_MIN,
          .max = INTERVAL_MAX,
          .doc = "Update interval: how often the address maps are read again." },
        { .key = "goal",
          .type = SCHEMA_MAP,
          .offset = offsetof(MonitorAttrs, goal),
          .map = &goal_map,
          .word = "auto",
          .applies = has_goal,
          .unset = "none, the intervals stay as given",
          .doc = "Lets the sampling and aggregation intervals follow the load. "
                 "The word auto takes the defaults below." },
};

static const SchemaMap intervals_map = {
        .where = "in 'intervals'",
        .doc = "How often pages are checked.",
        .fields = intervals_fields,
        .n_fields = ELEMENTSOF(intervals_fields),
        .size = sizeof(MonitorAttrs),
        .check = check_intervals,
};

static int check_nr_regions(const SchemaPlace *place) {
        const MonitorAttrs *given = place->object;
        MonitorAttrs attrs = MONITOR_ATTRS_DEFAULT;

        attrs.min_regions = given->min_regions;
        attrs.max_regions = given->max_regions;
        return check_attrs(place, &attrs);
}

static const SchemaField nr_regions_fields[] = {
        { .key = "min",
          .type = SCHEMA_U32,
          .offset = offsetof(MonitorAttrs, min_regions),
          .min = 3,
          .max = MONITOR_REGIONS_LIMIT,
          .doc = "Not fewer than these: the resolution that is always there." },
        { .key = "max",
          .type = SCHEMA_U32,
          .offset = offsetof(MonitorAttrs, max_regions),
          .min = 3,
          .max = MONITOR_REGIONS_LIMIT,
          .doc = "Not more than these: each costs one check per sampling interval." },
};

static const SchemaMap nr_regions_map = {
        .where = "in 'nr_regions'",
        .doc = "Bounds on the number of regions, over all targets of the monitor.",
        .fields = nr_regions_fields,
        .n_fields = ELEMENTSOF(nr_regions_fields),
        .size = sizeof(MonitorAttrs),
        .check = check_nr_regions,
};

/* ---- Monitors ---- */

static int init_monitor(void *object) {
        return monitor_config_init(object, "");
}

static void deinit_monitor(void *object) {
        monitor_config_deinit(object);
}

static int check_source(const SchemaPlace *place) {
        const MonitorConfig *monitor = place->object;
        const YamlNode *pattern = yaml_child(place->node, "sim_pattern");
        const YamlNode *source = yaml_child(place->node, "source");
        bool sim = streq(monitor->source, "sim");
        int r = 0;

        if (pattern && !sim && (!source || place->clean))
                r = schema_error(place->errors, pattern, "'sim_pattern' needs 'source: sim'");
        if (r == 0 && !schema_seen(place, "targets") && !sim && (!source || place->clean) &&
            !monitor_config_is_physical(monitor))
                r = schema_error(place->errors, place->node, "'targets' is missing in a monitor");
        return r;
}

static const YamlNode *item_at(const YamlNode *list, size_t index) {
        const YamlNode *item = list ? list->first : NULL;

        for (; item && index > 0; index--)
                item = item->next;
        return item;
}

/* Filters by target name one that there is. */
static int check_filter_targets(const SchemaPlace *place) {
        const MonitorConfig *monitor = place->object;
        const YamlNode *schemes = yaml_child(place->node, "schemes");
        size_t n_targets = MAX(monitor->n_targets, (size_t) 1);
        int r = 0;

        for (size_t i = 0; place->clean && i < monitor->n_schemes; i++) {
                const SchemeConfig *scheme = &monitor->schemes[i];

                for (size_t j = 0; j < scheme->n_filters && r == 0; j++) {
                        const YamlNode *filters = yaml_child(item_at(schemes, i), "filters");
                        const FilterConfig *filter = &scheme->filters[j];

                        if (filter->type == FILTER_TARGET && filter->index >= n_targets)
                                r = schema_error(place->errors, yaml_child(item_at(filters, j), "target"),
                                                 "there is no target %u: the monitor has %zu, and the first is 0",
                                                 filter->index, n_targets);
                }
        }
        return r;
}

static int check_monitor(const SchemaPlace *place) {
        const MonitorConfig *monitor = place->object;
        int r;

        r = check_source(place);
        if (r == 0)
                r = physical_check_monitor(place);
        if (r == 0)
                r = check_targets(yaml_child(place->node, "targets"), monitor->targets, monitor->n_targets,
                                  place->errors);
        if (r == 0)
                r = check_unique_names(yaml_child(place->node, "schemes"), "scheme", place->errors);
        if (r == 0)
                r = check_filter_targets(place);
        if (r < 0)
                return r;
        /* Each part has been checked by itself, against the defaults of the others. */
        return check_attrs(place, &monitor->attrs);
}

static const SchemaChoice ops_choices[] = {
        { "vaddr", "The virtual address spaces of processes.", NULL },
        { "paddr", "Physical memory, whoever it belongs to. Needs the source idle.", NULL },
        { "fvaddr", NULL, "fixed address ranges are not supported by this version" },
        {},
};

static const SchemaChoice source_choices[] = {
        { "auto", "The first of idle, softdirty and referenced that this machine allows.", NULL },
        { "idle", "Idle page tracking: reads and writes, page by page.", NULL },
        { "softdirty", "Soft-dirty bits: writes only.", NULL },
        { "referenced", "Referenced bits: whole mappings only.", NULL },
        { "sim", "A simulated target: for demonstrations and tests.", NULL },
        {},
};

static const SchemaChoice policy_choices[] = {
        { "directed", "A budget of samples goes where it changes the answer; surprises are followed at once.", NULL },
        { "classic", "DAMON's algorithm: merge by access rate, split at random.", NULL },
        {},
};

static const SchemaField monitor_fields[] = {
        { .key = "name",
          .type = SCHEMA_STRING,
          .offset = offsetof(MonitorConfig, name),
          .required = true,
          .max = CONFIG_NAME_MAX,
          .check = check_name,
          .doc = "The monitor's name, unique in the file: up to 63 letters, digits, dots, "
                 "underscores and hyphens." },
        { .key = "ops",
          .type = SCHEMA_ENUM,
          .offset = offsetof(MonitorConfig, ops),
          .choices = ops_choices,
          .doc = "What kind of address space is watched." },
        { .key = "source",
          .type = SCHEMA_ENUM,
          .offset = offsetof(MonitorConfig, source),
          .choices = source_choices,
          .doc = "What tells whether a page was touched." },
        { .key = "policy",
          .type = SCHEMA_ENUM,
          .offset = offsetof(MonitorConfig, policy),
          .choices = policy_choices,
          .doc = "How regions follow the accesses." },
        { .key = "targets",
          .type = SCHEMA_LIST,
          .offset = offsetof(MonitorConfig, targets),
          .count_offset = offsetof(MonitorConfig, n_targets),
          .max = TARGETS_MAX,
          .map = &target_map,
          .unset = "none",
          .doc = "What to watch. Required, unless the source is sim: then there is one simulated "
                 "target; or the ops are paddr: then all memory is watched, each NUMA node as a target." },
        { .key = "intervals",
          .type = SCHEMA_MAP,
          .offset = offsetof(MonitorConfig, attrs),
          .map = &intervals_map,
          .unset = "as below",
          .doc = "How often pages are checked." },
        { .key = "nr_regions",
          .type = SCHEMA_MAP,
          .offset = offsetof(MonitorConfig, attrs),
          .map = &nr_regions_map,
          .unset = "as below",
          .doc = "Bounds on the number of regions." },
        { .key = "samples_per_sec",
          .type = SCHEMA_U32,
          .offset = offsetof(MonitorConfig, attrs.samples_per_sec),
          .min = 1,
          .max = 1000000,
          .word = "auto",
          .doc = "The budget of the policy directed, over all targets: at most so many samples per second. "
                 "With auto, 2600, or what the daemon's CPU limit pays for. "
                 "At one sampling at most 8192 are taken, so that long intervals delay nobody." },
        { .key = "max_region_size",
          .type = SCHEMA_SIZE,
          .offset = offsetof(MonitorConfig, attrs.max_region_size),
          .min = 4096,
          .word = "auto",
          .doc = "No region grows beyond this. "
                 "With auto, the limit is the size of what is watched, divided by the least number "
                 "of regions." },
        { .key = "sim_pattern",
          .type = SCHEMA_STRING,
          .offset = offsetof(MonitorConfig, sim_pattern),
          .max = 4095,
          .unset = "the built-in pattern",
          .doc = "The file with the pattern of accesses to simulate. Only with the source sim." },
        { .key = "seed",
          .type = SCHEMA_U64,
          .offset = offsetof(MonitorConfig, seed),
          .doc = "Seed of the random numbers: the same seed gives the same choices. "
                 "With 0, one is drawn at each start." },
        { SCHEMES_FIELD(MonitorConfig),
          .unset = "none",
          .doc = "What to do with the memory, by how it is used, in the order of the list." },
};

const SchemaMap monitor_map = {
        .where = "in a monitor",
        .doc = "One monitoring context.",
        .fields = monitor_fields,
        .n_fields = ELEMENTSOF(monitor_fields),
        .size = sizeof(MonitorConfig),
        .init = init_monitor,
        .deinit = deinit_monitor,
        .check = check_monitor,
};

/* ---- The file ---- */

static int check_names(const SchemaPlace *place) {
        const YamlNode *list = yaml_child(place->node, "monitors");

        return check_unique_names(list, "monitor", place->errors);
}

static const SchemaField file_fields[] = {
        { .key = "monitors",
          .type = SCHEMA_LIST,
          .required = true,
          .offset = offsetof(Config, monitors),
          .count_offset = offsetof(Config, n_monitors),
          .max = MONITORS_MAX,
          .map = &monitor_map,
          .doc = "The monitors to start." },
};

const SchemaMap monitors_schema = {
        .where = "at the top level",
        .doc = "A file holds one document with one key.",
        .fields = file_fields,
        .n_fields = ELEMENTSOF(file_fields),
        .size = sizeof(Config),
        .check = check_names,
};
