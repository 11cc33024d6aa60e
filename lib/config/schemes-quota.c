/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How much a scheme may do, and when: quotas with their goals, and watermarks. */
#include <errno.h>

#include "base/macro.h"
#include "config/names.h"
#include "config/schemes.h"

#define GOALS_MAX 16

/* ---- Goals ---- */

/* In the order of GoalMetric. */
static const SchemaChoice metric_choices[] = {
        { "user_input", "A number that users feed in with udamonctl(1); target: a number.", NULL },
        { "some_mem_psi_us",
          "How long some task was stalled for lack of memory, per reset interval (pressure stall information); "
          "target: a duration.",
          NULL },
        { "full_mem_psi_us", "How long all tasks were stalled for lack of memory; target: a duration.", NULL },
        { "some_io_psi_us", "How long some task was stalled on input and output; target: a duration.", NULL },
        { "full_io_psi_us", "How long all tasks were stalled on input and output; target: a duration.", NULL },
        { "node_mem_used_bp", "The share of a NUMA node's memory that is in use; target: a share.", NULL },
        { "node_mem_free_bp", "The share of a NUMA node's memory that is free; target: a share.", NULL },
        { "node_memcg_used_bp", "The share of a NUMA node's memory that a cgroup uses; target: a share.", NULL },
        { "node_memcg_free_bp", "The share of a NUMA node's memory that a cgroup leaves; target: a share.", NULL },
        { "active_mem_bp", "The active share of all pages on the LRU lists; target: a share.", NULL },
        { "inactive_mem_bp", "The inactive share of all pages on the LRU lists; target: a share.", NULL },
        { "refault_rate", "The share of the bytes acted on that came back; target: a share.", NULL },
        { "rss", "The resident memory of all targets, which is to get down to the target; target: a size.", NULL },
        { "rss_to_wss",
          "Resident memory relative to the working set, which is to get down to the target; target: a share, "
          "which may be more than 100%.",
          NULL },
        {},
};

static bool takes_node(const void *object) {
        return goal_metric_is_of_node(((const GoalConfig *) object)->metric);
}

static bool takes_cgroup(const void *object) {
        const GoalConfig *goal = object;

        return goal_metric_unit(goal->metric) == GOAL_UNIT_TIME || goal_metric_is_of_memcg(goal->metric);
}

static bool takes_input(const void *object) {
        return ((const GoalConfig *) object)->metric == GOAL_USER_INPUT;
}

#define TARGET(...) { .key = "target", .offset = offsetof(GoalConfig, target), __VA_ARGS__ }

/* The target's unit goes with the metric. */
static const SchemaField *target_field(const void *object) {
        static const SchemaField number = TARGET(.type = SCHEMA_NUMBER, .min = 1,
                                                 .max = 1000 * 1000 * SCHEMA_NUMBER_ONE);
        static const SchemaField stall = TARGET(.type = SCHEMA_DURATION, .real = true, .min = NSEC_PER_USEC,
                                                .max = INTERVAL_MAX, .usual = 10 * NSEC_PER_MSEC);
        static const SchemaField share = TARGET(.type = SCHEMA_SHARE, .min = SCHEMA_SHARE_ONE / 10000,
                                                .max = SCHEMA_SHARE_ONE);
        static const SchemaField ratio = TARGET(.type = SCHEMA_RATIO, .min = SCHEMA_SHARE_ONE / 100,
                                                .max = 1000 * SCHEMA_SHARE_ONE);
        static const SchemaField size = TARGET(.type = SCHEMA_SIZE, .real = true, .min = 4096,
                                               .max = UINT64_C(1) << 60);
        const GoalConfig *goal = object;

        if (goal->metric >= _GOAL_METRIC_MAX)
                return NULL;
        switch (goal_metric_unit(goal->metric)) {
        case GOAL_UNIT_NUMBER:
                return &number;
        case GOAL_UNIT_TIME:
                return &stall;
        case GOAL_UNIT_BYTES:
                return &size;
        case GOAL_UNIT_RATIO:
                return &ratio;
        default:
                return &share;
        }
}

/* No metric yet, so that nothing is said about the other keys when it is wrong. */
static int init_goal(void *object) {
        *(GoalConfig *) object = (GoalConfig) { .metric = _GOAL_METRIC_MAX };
        return 0;
}

static void deinit_goal(void *object) {
        free(((GoalConfig *) object)->cgroup);
}

static int check_goal(const SchemaPlace *place) {
        const GoalConfig *goal = place->object;

        if (place->clean && goal_metric_is_of_memcg(goal->metric) && !goal->cgroup)
                return schema_error(place->errors, place->node,
                                    "'cgroup' is missing in a goal: it is required for the node_memcg_ metrics");
        return 0;
}

static const SchemaField goal_fields[] = {
        { .key = "metric",
          .type = SCHEMA_CHOICE,
          .required = true,
          .offset = offsetof(GoalConfig, metric),
          .choices = metric_choices,
          .known_as = "target_metric",
          .doc = "What the goal is measured by." },
        { .key = "target",
          .type = SCHEMA_VARIANT,
          .required = true,
          .offset = offsetof(GoalConfig, target),
          .variant = target_field,
          .known_as = "target_value",
          .doc = "The value to reach, in the unit that the metric demands: a duration up to 1d, a share, a size "
                 "up to 1EiB, or a number up to 1000000 with six decimals." },
        { .key = "current",
          .type = SCHEMA_NUMBER,
          .offset = offsetof(GoalConfig, current),
          .max = 1000 * 1000 * SCHEMA_NUMBER_ONE,
          .applies = takes_input,
          .only = "the metric user_input",
          .known_as = "current_value",
          .doc = "The value until one is fed in. With 0, the quota grows until then." },
        { .key = "cgroup",
          .type = SCHEMA_STRING,
          .offset = offsetof(GoalConfig, cgroup),
          .max = 4095,
          .check = check_cgroup,
          .applies = takes_cgroup,
          .only = "the _psi_us and node_memcg_ metrics",
          .known_as = "path",
          .unset = "the whole system",
          .doc = "The cgroup to measure, as a path below /sys/fs/cgroup such as /system.slice/db.service. "
                 "Required for the node_memcg_ metrics." },
        { .key = "nid",
          .type = SCHEMA_U32,
          .required = true,
          .offset = offsetof(GoalConfig, node),
          .max = NODES_MAX - 1,
          .applies = takes_node,
          .only = "the node_ metrics",
          .known_as = "node",
          .doc = "The number of the NUMA node." },
};

static const SchemaMap goal_map = {
        .where = "in a goal",
        .doc = "What the quota is tuned to. Of several goals, the one that is nearest to its target, or furthest "
               "beyond it, decides.",
        .fields = goal_fields,
        .n_fields = ELEMENTSOF(goal_fields),
        .size = sizeof(GoalConfig),
        .init = init_goal,
        .deinit = deinit_goal,
        .check = check_goal,
};

/* ---- Quotas ---- */

static const SchemaField weights_fields[] = {
        { .key = "sz",
          .type = SCHEMA_U32,
          .offset = offsetof(QuotaConfig, weight_size),
          .max = 1000000,
          .known_as = "size",
          .doc = "Larger regions first." },
        { .key = "access_rate",
          .type = SCHEMA_U32,
          .offset = offsetof(QuotaConfig, weight_rate),
          .max = 1000000,
          .known_as = "nr_accesses",
          .doc = "Regions with fewer accesses first (with more, where the action is for hot memory)." },
        { .key = "age",
          .type = SCHEMA_U32,
          .offset = offsetof(QuotaConfig, weight_age),
          .max = 1000000,
          .doc = "Regions that have been idle for longer first (in use for longer, where the action is for hot "
                 "memory)." },
};

static const SchemaMap weights_map = {
        .where = "in 'weights'",
        .doc = "How much each property says about which memory comes first. Only the proportions count. By default "
               "the coldest and longest idle memory goes first, whatever its size, so that a small region which is "
               "certainly idle is not passed over for a large one that is not.",
        .fields = weights_fields,
        .n_fields = ELEMENTSOF(weights_fields),
        .size = sizeof(QuotaConfig),
};

/* In the order of Tuner. */
static const SchemaChoice tuner_choices[] = {
        { "consist", "In proportion to what is missing: never more than twice, nor less than half of what was allowed "
                     "before.", NULL },
        { "temporal", "All that sz and time allow until the goal is met, and nothing from then on; where the goal is "
                      "a share of a node's memory, no more than what is missing.", NULL },
        {},
};

/* Whether a quota with no goal but this one (or none at all: NULL) is right. 0, -EINVAL or -ENOMEM. */
static int try_goal(const QuotaConfig *quota, GoalConfig *goal, SchemeConfig *ret) {
        _cleanup_free_ char *reason = NULL;
        char name[] = "part";
        int r;

        scheme_config_init(ret);
        ret->quota = *quota;
        ret->quota.tuner = TUNER_CONSIST;
        ret->quota.goals = goal;
        ret->quota.n_goals = goal ? 1 : 0;
        ret->name = name;
        r = scheme_config_validate(ret, &reason);
        ret->name = NULL;
        return r < 0 && !reason ? -ENOMEM : r;
}

/* What is wrong with a single goal is reported there. */
static int check_goals(const SchemaPlace *place) {
        const YamlNode *list = yaml_child(place->node, "goals"), *node = list ? list->first : NULL;
        const QuotaConfig *quota = place->object;
        SchemeConfig scheme;
        int r;

        if (quota->time == 0 && quota->size == 0)
                return 0;
        r = try_goal(quota, NULL, &scheme);
        if (r != 0)
                return r == -EINVAL ? 0 : r;
        for (size_t i = 0; node; node = node->next, i++) {
                r = try_goal(quota, &quota->goals[i], &scheme);
                if (r == -EINVAL)
                        r = scheme_check(&scheme, node, place->errors);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int check_quotas(const SchemaPlace *place) {
        size_t before = config_errors_count(place->errors);
        SchemeConfig scheme;
        int r;

        if (!place->clean)
                return 0;
        r = check_goals(place);
        if (r < 0 || config_errors_count(place->errors) > before)
                return r;
        scheme_config_init(&scheme);
        scheme.quota = *(const QuotaConfig *) place->object;
        return scheme_check(&scheme, place->node, place->errors);
}

static const SchemaField quota_fields[] = {
        { .key = "time",
          .type = SCHEMA_DURATION,
          .offset = offsetof(QuotaConfig, time),
          .min = NSEC_PER_USEC,
          .max = INTERVAL_MAX,
          .usual = 10 * NSEC_PER_MSEC,
          .word = "none",
          .doc = "Time that the action may take per reset interval." },
        { .key = "sz",
          .type = SCHEMA_SIZE,
          .offset = offsetof(QuotaConfig, size),
          .min = 4096,
          .usual = UINT64_C(128) << 20,
          .word = "none",
          .known_as = "size",
          .doc = "Memory that may be acted on per reset interval." },
        { .key = "reset_interval",
          .type = SCHEMA_DURATION,
          .offset = offsetof(QuotaConfig, reset_interval),
          .min = NSEC_PER_MSEC,
          .max = INTERVAL_MAX,
          .word = "none",
          .doc = "How long the windows are in which time and sz are counted. Required with a limit or a goal." },
        { .key = "weights",
          .type = SCHEMA_MAP,
          .offset = 0,
          .map = &weights_map,
          .unset = "as below",
          .doc = "Which memory comes first when there is more than the quota allows." },
        { .key = "fail_charge",
          .type = SCHEMA_SHARE,
          .offset = offsetof(QuotaConfig, fail_charge),
          .doc = "How much of the memory that was tried in vain counts against sz. What the kernel did act on "
                 "always counts whole." },
        { .key = "tuner",
          .type = SCHEMA_CHOICE,
          .offset = offsetof(QuotaConfig, tuner),
          .choices = tuner_choices,
          .known_as = "goal_tuner",
          .doc = "How the goals change what is allowed. Without a goal it does nothing." },
        { .key = "goals",
          .type = SCHEMA_LIST,
          .offset = offsetof(QuotaConfig, goals),
          .count_offset = offsetof(QuotaConfig, n_goals),
          .max = GOALS_MAX,
          .may_be_empty = true,
          .map = &goal_map,
          .unset = "none",
          .doc = "Tune how much of sz and time is used, toward a value that matters. They need sz or time to work "
                 "within." },
};

const SchemaMap quota_map = {
        .where = "in 'quotas'",
        .doc = "How much the action may do. What is not given does not limit.",
        .fields = quota_fields,
        .n_fields = ELEMENTSOF(quota_fields),
        .size = sizeof(QuotaConfig),
        .check = check_quotas,
};

/* ---- Watermarks ---- */

/* In the order of WatermarkMetric. */
static const SchemaChoice watermark_choices[] = {
        { "none", "The scheme is always on.", NULL },
        { "free_mem_rate", "Free memory as a share of all memory.", NULL },
        {},
};

/* A metric that was just given needs all of the others: each that is missing is named. */
static int check_half_given(const SchemaPlace *place) {
        static const char *const keys[] = { "interval", "high", "mid", "low" };
        const WatermarkConfig *marks = place->object;
        bool given[] = { marks->interval > 0, marks->high > 0, marks->mid > 0, marks->low > 0 };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(keys) && r == 0; i++)
                if (!given[i] && !schema_seen(place, keys[i]))
                        r = schema_error(place->errors, place->node, "'%s' is missing %s: the metric needs it",
                                         keys[i], place->map->where);
        return r;
}

static int check_watermarks(const SchemaPlace *place) {
        const WatermarkConfig *marks = place->object;
        size_t before = config_errors_count(place->errors);
        bool seen = schema_seen(place, "metric");
        SchemeConfig scheme;
        int r = 0;

        if (!place->clean)
                return 0;
        if (marks->metric == WATERMARK_NONE && !seen)
                return schema_error(place->errors, place->node, "'metric' is missing %s", place->map->where);
        if (marks->metric != WATERMARK_NONE && seen)
                r = check_half_given(place);
        if (r < 0 || config_errors_count(place->errors) > before)
                return r;

        scheme_config_init(&scheme);
        scheme.watermarks = *marks;
        return scheme_check(&scheme, place->node, place->errors);
}

static const SchemaField watermarks_fields[] = {
        { .key = "metric",
          .type = SCHEMA_CHOICE,
          .offset = offsetof(WatermarkConfig, metric),
          .choices = watermark_choices,
          .doc = "What is compared with the marks. Required." },
        { .key = "interval",
          .type = SCHEMA_DURATION,
          .offset = offsetof(WatermarkConfig, interval),
          .max = INTERVAL_MAX,
          .usual = 5 * NSEC_PER_SEC,
          .unset = "none; required with a metric",
          .doc = "How often the metric is read." },
        { .key = "high",
          .type = SCHEMA_SHARE,
          .offset = offsetof(WatermarkConfig, high),
          .usual = SCHEMA_SHARE_ONE / 2,
          .unset = "none; required with a metric",
          .doc = "Above it, the scheme is switched off." },
        { .key = "mid",
          .type = SCHEMA_SHARE,
          .offset = offsetof(WatermarkConfig, mid),
          .usual = SCHEMA_SHARE_ONE / 2,
          .unset = "none; required with a metric",
          .doc = "Below it, the scheme is switched on." },
        { .key = "low",
          .type = SCHEMA_SHARE,
          .offset = offsetof(WatermarkConfig, low),
          .usual = SCHEMA_SHARE_ONE / 2,
          .unset = "none; required with a metric",
          .doc = "Below it, the scheme is switched off again: the kernel's own reclaim is at work." },
};

const SchemaMap watermarks_map = {
        .where = "in 'watermarks'",
        .doc = "When the scheme is on at all. Between mid and high, it stays as it was.",
        .fields = watermarks_fields,
        .n_fields = ELEMENTSOF(watermarks_fields),
        .size = sizeof(WatermarkConfig),
        .check = check_watermarks,
};
