/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies of a monitor's configuration, and whether two of them mean the same. */
#include <errno.h>
#include <stdio.h>

#include "base/format.h"
#include "base/macro.h"
#include "config/config.h"

/* ---- Copies ---- */

static int copy_text(const char *from, char **ret) {
        *ret = from ? strdup(from) : NULL;
        return from && !*ret ? -ENOMEM : 0;
}

static int copy_ranges(const TargetConfig *from, TargetConfig *to) {
        if (from->n_ranges == 0)
                return 0;
        to->ranges = malloc(from->n_ranges * sizeof(*to->ranges));
        if (!to->ranges)
                return -ENOMEM;
        memcpy(to->ranges, from->ranges, from->n_ranges * sizeof(*to->ranges));
        return 0;
}

void target_config_deinit(TargetConfig *target) {
        free(target->command);
        free(target->cgroup);
        free(target->unit);
        free(target->user);
        free(target->ranges);
        *target = (TargetConfig) {};
}

int target_config_copy(const TargetConfig *target, TargetConfig *ret) {
        TargetConfig copy = {
                .pid = target->pid,
                .min_rss = target->min_rss,
                .children = target->children,
                .node = target->node,
                .n_ranges = target->n_ranges,
        };
        int r;

        r = copy_text(target->command, &copy.command);
        if (r == 0)
                r = copy_text(target->cgroup, &copy.cgroup);
        if (r == 0)
                r = copy_text(target->unit, &copy.unit);
        if (r == 0)
                r = copy_text(target->user, &copy.user);
        if (r == 0)
                r = copy_ranges(target, &copy);
        if (r < 0)
                target_config_deinit(&copy);
        else
                *ret = copy;
        return r;
}

/* Counts what is complete, so that what there is can be freed at any time. */
static int copy_targets(const MonitorConfig *from, MonitorConfig *to) {
        to->targets = calloc(MAX(from->n_targets, (size_t) 1), sizeof(*to->targets));
        if (!to->targets)
                return -ENOMEM;

        for (; to->n_targets < from->n_targets; to->n_targets++)
                if (target_config_copy(&from->targets[to->n_targets], &to->targets[to->n_targets]) < 0)
                        return -ENOMEM;
        return 0;
}

static int copy_schemes(const MonitorConfig *from, MonitorConfig *to) {
        to->schemes = calloc(MAX(from->n_schemes, (size_t) 1), sizeof(*to->schemes));
        if (!to->schemes)
                return -ENOMEM;

        for (; to->n_schemes < from->n_schemes; to->n_schemes++)
                if (scheme_config_copy(&from->schemes[to->n_schemes], &to->schemes[to->n_schemes]) < 0)
                        return -ENOMEM;
        return 0;
}

static int copy_all(const MonitorConfig *from, MonitorConfig *to) {
        int r;

        r = copy_text(from->name, &to->name);
        if (r == 0)
                r = copy_text(from->ops, &to->ops);
        if (r == 0)
                r = copy_text(from->source, &to->source);
        if (r == 0)
                r = copy_text(from->policy, &to->policy);
        if (r == 0)
                r = copy_text(from->sim_pattern, &to->sim_pattern);
        if (r == 0 && from->n_targets > 0)
                r = copy_targets(from, to);
        if (r == 0 && from->n_schemes > 0)
                r = copy_schemes(from, to);
        return r;
}

int monitor_config_copy(const MonitorConfig *monitor, MonitorConfig *ret) {
        int r;

        *ret = (MonitorConfig) { .file = monitor->file, .attrs = monitor->attrs, .seed = monitor->seed };
        r = copy_all(monitor, ret);
        if (r < 0)
                monitor_config_deinit(ret);
        return r;
}

/* ---- Equality ---- */

static bool texts_equal(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static bool ranges_equal(const TargetConfig *a, const TargetConfig *b) {
        return a->n_ranges == b->n_ranges &&
               (a->n_ranges == 0 || memcmp(a->ranges, b->ranges, a->n_ranges * sizeof(*a->ranges)) == 0);
}

bool target_config_equal(const TargetConfig *a, const TargetConfig *b) {
        bool children = a->children == b->children || (a->pid == 0 && !a->command); /* else it means nothing */

        return a->pid == b->pid && children && a->min_rss == b->min_rss &&
               a->node == b->node && ranges_equal(a, b) &&
               texts_equal(a->command, b->command) && texts_equal(a->cgroup, b->cgroup) &&
               texts_equal(a->unit, b->unit) && texts_equal(a->user, b->user);
}

static bool targets_equal(const MonitorConfig *a, const MonitorConfig *b) {
        if (a->n_targets != b->n_targets)
                return false;
        for (size_t i = 0; i < a->n_targets; i++)
                if (!target_config_equal(&a->targets[i], &b->targets[i]))
                        return false;
        return true;
}

static bool goals_equal(const IntervalsGoal *a, const IntervalsGoal *b) {
        if (!a->enabled && !b->enabled)
                return true;
        return a->enabled == b->enabled && a->access_share == b->access_share && a->aggregations == b->aggregations &&
               a->sample_min == b->sample_min && a->sample_max == b->sample_max;
}

static bool attrs_equal(const MonitorAttrs *a, const MonitorAttrs *b) {
        return a->sample == b->sample && a->aggregate == b->aggregate && a->update == b->update &&
               a->min_regions == b->min_regions && a->max_regions == b->max_regions &&
               a->max_region_size == b->max_region_size && a->samples_per_sec == b->samples_per_sec &&
               goals_equal(&a->goal, &b->goal);
}

bool monitor_config_equal(const MonitorConfig *a, const MonitorConfig *b) {
        return texts_equal(a->name, b->name) && texts_equal(a->ops, b->ops) && texts_equal(a->source, b->source) &&
               texts_equal(a->policy, b->policy) && texts_equal(a->sim_pattern, b->sim_pattern) &&
               a->seed == b->seed && targets_equal(a, b) && attrs_equal(&a->attrs, &b->attrs);
}

/* ---- In words ---- */

const char *target_cgroup_path(const char *cgroup) {
        static const char mount[] = "/sys/fs/cgroup";

        if (strncmp(cgroup, mount, strlen(mount)) == 0 && strchr("/", cgroup[strlen(mount)]))
                cgroup += strlen(mount);
        return *cgroup ? cgroup : "/";
}

bool target_is_glob(const char *text) {
        return strpbrk(text, "*?[\\") != NULL;
}

char *target_config_text(const TargetConfig *t) {
        char *text = NULL, rss[FORMAT_MAX];
        const char *comma = "";
        size_t size;
        FILE *out = open_memstream(&text, &size);
        const struct {
                const char *key;
                const char *value;
        } parts[] = {
                { "command", t->command },
                { "cgroup", t->cgroup },
                { "unit", t->unit },
                { "user", t->user },
                { "min_rss", t->min_rss > 0 ? format_size(rss, t->min_rss) : NULL },
        };

        if (!out)
                return NULL;
        if (t->pid > 0) {
                (void) fprintf(out, "pid %d", (int) t->pid);
                comma = ", ";
        }
        for (size_t i = 0; i < ELEMENTSOF(parts); i++)
                if (parts[i].value) {
                        (void) fprintf(out, "%s%s %s", comma, parts[i].key, parts[i].value);
                        comma = ", ";
                }
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}
