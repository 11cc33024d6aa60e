/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitoring attributes: defaults and validity. */
#include "monitor/attrs.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/format.h"
#include "monitor/ops.h"

const IntervalsGoal INTERVALS_GOAL_DEFAULT = {
        .enabled = true,
        .access_share = 0.04,
        .aggregations = 3,
        .sample_min = 5 * NSEC_PER_MSEC,
        .sample_max = 10 * NSEC_PER_SEC,
};

const MonitorAttrs MONITOR_ATTRS_DEFAULT = {
        .sample = 100 * NSEC_PER_MSEC,
        .aggregate = 2 * NSEC_PER_SEC,
        .update = 10 * NSEC_PER_SEC,
        .min_regions = 10,
        .max_regions = 1000,
};

int interval_validate(const char *what, nsec_t interval, char **ret_error) {
        char value[FORMAT_MAX];

        if (interval >= INTERVAL_MIN && interval <= INTERVAL_MAX)
                return 0;
        return error_setf(ret_error, -EINVAL, "the %s must lie between 1ms and 1d, not %s", what,
                          format_duration(value, interval));
}

static int check_intervals(const MonitorAttrs *attrs, char **ret_error) {
        char a[FORMAT_MAX], b[FORMAT_MAX];
        int r;

        r = interval_validate("sampling interval", attrs->sample, ret_error);
        if (r == 0)
                r = interval_validate("aggregation interval", attrs->aggregate, ret_error);
        if (r == 0)
                r = interval_validate("update interval", attrs->update, ret_error);
        if (r < 0)
                return r;

        if (attrs->aggregate < attrs->sample)
                return error_setf(ret_error, -EINVAL,
                                  "the aggregation interval (%s) is shorter than the sampling interval (%s)",
                                  format_duration(a, attrs->aggregate), format_duration(b, attrs->sample));
        return 0;
}

static int check_regions(const MonitorAttrs *attrs, char **ret_error) {
        if (attrs->min_regions < 3)
                return error_setf(ret_error, -EINVAL, "at least 3 regions are needed, not %" PRIu32,
                                  attrs->min_regions);
        if (attrs->max_regions < attrs->min_regions)
                return error_setf(ret_error, -EINVAL,
                                  "the maximum number of regions (%" PRIu32 ") is below the minimum (%" PRIu32
                                  "); the minimum comes first",
                                  attrs->max_regions, attrs->min_regions);
        if (attrs->max_regions > MONITOR_REGIONS_LIMIT)
                return error_setf(ret_error, -EINVAL, "more than %" PRIu32 " regions are not supported",
                                  MONITOR_REGIONS_LIMIT);
        if (attrs->max_region_size > 0 && attrs->max_region_size < PAGE_SIZE_MIN)
                return error_setf(ret_error, -EINVAL, "a region cannot be smaller than a page (4KiB)");
        return 0;
}

static int check_goal(const MonitorAttrs *attrs, char **ret_error) {
        const IntervalsGoal *goal = &attrs->goal;
        int r;

        if (!goal->enabled)
                return 0;
        if (!(goal->access_share > 0 && goal->access_share <= 1))
                return error_setf(ret_error, -EINVAL, "the access rate of the intervals goal must lie above 0%% and "
                                                      "not above 100%%");
        if (goal->aggregations == 0)
                return error_setf(ret_error, -EINVAL, "the intervals goal needs at least 1 aggregation");

        r = interval_validate("smallest sampling interval", goal->sample_min, ret_error);
        if (r == 0)
                r = interval_validate("largest sampling interval", goal->sample_max, ret_error);
        if (r < 0)
                return r;
        if (goal->sample_min > goal->sample_max)
                return error_setf(ret_error, -EINVAL, "the smallest sampling interval of the goal exceeds the largest");
        if (attrs->sample < goal->sample_min || attrs->sample > goal->sample_max)
                return error_setf(ret_error, -EINVAL, "the sampling interval must lie within the bounds of the "
                                                      "intervals goal");
        return 0;
}

int monitor_attrs_validate(const MonitorAttrs *attrs, char **ret_error) {
        int r;

        r = check_intervals(attrs, ret_error);
        if (r == 0)
                r = check_regions(attrs, ret_error);
        if (r == 0)
                r = check_goal(attrs, ret_error);
        return r;
}
