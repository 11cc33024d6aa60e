/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What makes no sense in a scheme as a whole, whoever wrote it. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/format.h"
#include "monitor/attrs.h"
#include "monitor/ops.h"
#include "scheme/scheme.h"

/* Also false for what is not a number. */
static bool is_share(double x) {
        return x >= 0 && x <= 1;
}

static bool has_parent_step(const char *path) {
        for (const char *p = path; (p = strstr(p, "/..")); p += 3)
                if (p[3] == '\0' || p[3] == '/')
                        return true;
        return false;
}

static int check_cgroup(const char *where, const char *cgroup, char **ret_error) {
        if (cgroup[0] != '/')
                return error_setf(ret_error, -EINVAL,
                                  "the cgroup '%s' of %s must begin with '/' (it is a path below the cgroup root)",
                                  cgroup, where);
        if (has_parent_step(cgroup))
                return error_setf(ret_error, -EINVAL, "the cgroup '%s' of %s must not contain '..'", cgroup, where);
        return 0;
}

/* ---- Pattern ---- */

static int check_pattern(const AccessPattern *pattern, char **ret_error) {
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (pattern->size_min > pattern->size_max)
                return error_setf(ret_error, -EINVAL,
                                  "access_pattern: sz: the minimum (%s) is above the maximum (%s)",
                                  format_size(a, pattern->size_min), format_size(b, pattern->size_max));
        if (!is_share(pattern->rate_min) || !is_share(pattern->rate_max))
                return error_setf(ret_error, -EINVAL, "access_pattern: access_rate must lie between 0%% and 100%%");
        if (pattern->rate_min > pattern->rate_max)
                return error_setf(ret_error, -EINVAL,
                                  "access_pattern: access_rate: the minimum (%s) is above the maximum (%s)",
                                  format_share(a, pattern->rate_min), format_share(b, pattern->rate_max));
        if (pattern->confidence != 0 && !(pattern->confidence >= 0.5 && pattern->confidence <= 0.9999))
                return error_setf(ret_error, -EINVAL, "access_pattern: confidence must lie between 50%% and 99.99%%");
        if (pattern->age_min > pattern->age_max)
                return error_setf(ret_error, -EINVAL,
                                  "access_pattern: age: the minimum (%s) is above the maximum (%s)",
                                  format_duration(a, pattern->age_min), format_duration(b, pattern->age_max));
        return 0;
}

/* ---- Quota ---- */

/* A target that nothing reaches would leave the quota at its limit for ever. */
static int check_target(const GoalConfig *goal, const char *name, nsec_t window, char **ret_error) {
        char a[FORMAT_MAX];

        if (!isfinite(goal->target) || goal->target <= 0)
                return error_setf(ret_error, -EINVAL, "the target of goal %s must be above 0", name);
        if (!isfinite(goal->current) || goal->current < 0)
                return error_setf(ret_error, -EINVAL, "the current value of goal %s must not be negative", name);
        if (goal_metric_unit(goal->metric) == GOAL_UNIT_SHARE && goal->target > 1)
                return error_setf(ret_error, -EINVAL, "the target of goal %s is a share, it cannot be above 100%%",
                                  name);
        if (goal_metric_unit(goal->metric) == GOAL_UNIT_TIME && goal->target > (double) window)
                return error_setf(ret_error, -EINVAL,
                                  "the target of goal %s is stall time per reset_interval, it cannot be longer "
                                  "than that (%s)",
                                  name, format_duration(a, window));
        return 0;
}

static int check_goal(const GoalConfig *goal, nsec_t window, char **ret_error) {
        const char *name;
        char where[64];

        if (goal->metric >= _GOAL_METRIC_MAX)
                return error_setf(ret_error, -EINVAL, "%d is no metric of a goal", (int) goal->metric);
        name = goal_metric_name(goal->metric);

        if (goal_metric_is_of_memcg(goal->metric) && !goal->cgroup)
                return error_setf(ret_error, -EINVAL, "goal %s needs a cgroup", name);
        if (goal->cgroup && !goal_metric_is_of_memcg(goal->metric) &&
            goal_metric_unit(goal->metric) != GOAL_UNIT_TIME)
                return error_setf(ret_error, -EINVAL, "goal %s is not measured by cgroup", name);
        if (goal->node != 0 && !goal_metric_is_of_node(goal->metric))
                return error_setf(ret_error, -EINVAL, "goal %s is not measured by NUMA node", name);
        if (goal->cgroup) {
                (void) snprintf(where, sizeof(where), "goal %s", name);
                if (check_cgroup(where, goal->cgroup, ret_error) < 0)
                        return -EINVAL;
        }
        return check_target(goal, name, window, ret_error);
}

/* Half-given safety. */
static int check_completeness(const QuotaConfig *quota, char **ret_error) {
        bool limited = quota->size > 0 || quota->time > 0;

        if (quota->n_goals > 0 && !limited)
                return error_setf(ret_error, -EINVAL,
                                  "quotas: goals need a quota of size (sz) or time to work within");
        if (limited && quota->reset_interval == 0)
                return error_setf(ret_error, -EINVAL,
                                  "quotas: a quota of %s needs a reset_interval: how often may it be used up?",
                                  quota->size > 0 ? "size (sz)" : "time");
        if (quota->reset_interval > 0 && !limited)
                return error_setf(ret_error, -EINVAL,
                                  "quotas: reset_interval without a quota of size (sz) or time limits nothing");
        if (quota->tuner == TUNER_TEMPORAL && quota->n_goals == 0)
                return error_setf(ret_error, -EINVAL, "quotas: the temporal tuner needs a goal");
        return 0;
}

static int check_limits(const QuotaConfig *quota, char **ret_error) {
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (quota->size > 0 && quota->size < PAGE_SIZE_MIN)
                return error_setf(ret_error, -EINVAL, "quotas: a sz of %" PRIu64 "B allows nothing: a page has 4KiB",
                                  quota->size);
        if (quota->time > quota->reset_interval)
                return error_setf(ret_error, -EINVAL,
                                  "quotas: a time of %s limits nothing: it is longer than reset_interval (%s)",
                                  format_duration(a, quota->time), format_duration(b, quota->reset_interval));
        return 0;
}

static int check_quota(const QuotaConfig *quota, char **ret_error) {
        int r;

        if (quota->tuner != TUNER_CONSIST && quota->tuner != TUNER_TEMPORAL)
                return error_setf(ret_error, -EINVAL, "quotas: %d is no tuner", (int) quota->tuner);
        if (!is_share(quota->fail_charge))
                return error_setf(ret_error, -EINVAL, "quotas: fail_charge must lie between 0%% and 100%%");

        r = check_completeness(quota, ret_error);
        if (r == 0 && quota->reset_interval > 0)
                r = interval_validate("reset_interval of quotas", quota->reset_interval, ret_error);
        if (r == 0)
                r = check_limits(quota, ret_error);
        for (size_t i = 0; r == 0 && i < quota->n_goals; i++)
                r = check_goal(&quota->goals[i], quota->reset_interval, ret_error);
        return r;
}

/* ---- Watermarks ---- */

static int check_watermarks(const WatermarkConfig *watermarks, char **ret_error) {
        if (watermarks->metric == WATERMARK_NONE) {
                if (watermarks->high == 0 && watermarks->mid == 0 && watermarks->low == 0)
                        return 0;
                return error_setf(ret_error, -EINVAL, "watermarks: high, mid and low need a metric");
        }
        if (watermarks->metric != WATERMARK_FREE_MEM_RATE)
                return error_setf(ret_error, -EINVAL, "watermarks: %d is no metric", (int) watermarks->metric);

        if (watermarks->interval == 0)
                return error_setf(ret_error, -EINVAL, "watermarks: an interval is needed: how often to look?");
        if (!is_share(watermarks->high) || !is_share(watermarks->mid) || !is_share(watermarks->low))
                return error_setf(ret_error, -EINVAL, "watermarks: high, mid and low must lie between 0%% and 100%%");
        if (watermarks->low > watermarks->mid || watermarks->mid > watermarks->high)
                return error_setf(ret_error, -EINVAL, "watermarks: low <= mid <= high must hold");
        return interval_validate("interval of watermarks", watermarks->interval, ret_error);
}

/* ---- Filters ---- */

static int check_filter(const FilterConfig *filter, char **ret_error) {
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (filter->type >= _FILTER_TYPE_MAX)
                return error_setf(ret_error, -EINVAL, "%d is no type of filter", (int) filter->type);
        if (filter->cgroup && filter->type != FILTER_MEMCG)
                return error_setf(ret_error, -EINVAL, "a filter of type %s has no cgroup",
                                  filter_type_name(filter->type));

        switch (filter->type) {
        case FILTER_ADDR:
                if (filter->min < filter->max)
                        return 0;
                return error_setf(ret_error, -EINVAL,
                                  "the range of an addr filter is empty: 0x%" PRIx64 " to 0x%" PRIx64, filter->min,
                                  filter->max);
        case FILTER_HUGEPAGE_SIZE:
                if (filter->min <= filter->max)
                        return 0;
                return error_setf(ret_error, -EINVAL,
                                  "a hugepage_size filter has a minimum (%s) above its maximum (%s)",
                                  format_size(a, filter->min), format_size(b, filter->max));
        case FILTER_MEMCG:
                if (!filter->cgroup)
                        return error_setf(ret_error, -EINVAL, "a memcg filter needs a cgroup");
                return check_cgroup("a memcg filter", filter->cgroup, ret_error);
        default:
                return 0;
        }
}

/* ---- The whole ---- */

static int check_destinations(const SchemeConfig *config, char **ret_error) {
        bool given = config->n_destinations > 0 || config->to != TIER_LISTED;
        bool migrates = action_migrates(config->action);

        if (config->to >= _TIER_WORD_MAX)
                return error_setf(ret_error, -EINVAL, "%d is no tier", (int) config->to);
        if (migrates && !given)
                return error_setf(ret_error, -EINVAL, "action %s needs a destination", action_name(config->action));
        if (config->to != TIER_LISTED && config->n_destinations > 0)
                return error_setf(ret_error, -EINVAL, "destinations are either a tier or nodes, not both");
        if (!migrates && given)
                return error_setf(ret_error, -EINVAL, "action %s has no destinations", action_name(config->action));

        for (size_t i = 0; i < config->n_destinations; i++) {
                if (config->destinations[i].weight == 0)
                        return error_setf(ret_error, -EINVAL, "the weight of destination %" PRIu32 " must be above 0",
                                          config->destinations[i].node);
                for (size_t j = 0; j < i; j++)
                        if (config->destinations[i].node == config->destinations[j].node)
                                return error_setf(ret_error, -EINVAL, "node %" PRIu32 " is a destination twice",
                                                  config->destinations[i].node);
        }
        return 0;
}

static int check_head(const SchemeConfig *config, char **ret_error) {
        if (!config->name || !*config->name)
                return error_setf(ret_error, -EINVAL, "a scheme needs a name");
        if (config->action >= _ACTION_MAX)
                return error_setf(ret_error, -EINVAL, "%d is no action", (int) config->action);
        if (config->apply_interval > 0)
                return interval_validate("apply_interval", config->apply_interval, ret_error);
        return 0;
}

int scheme_config_validate(const SchemeConfig *config, char **ret_error) {
        int r;

        r = check_head(config, ret_error);
        if (r == 0)
                r = check_pattern(&config->pattern, ret_error);
        if (r == 0)
                r = check_quota(&config->quota, ret_error);
        if (r == 0)
                r = check_watermarks(&config->watermarks, ret_error);
        for (size_t i = 0; r == 0 && i < config->n_filters; i++)
                r = check_filter(&config->filters[i], ret_error);
        if (r == 0)
                r = check_destinations(config, ret_error);
        return r;
}
