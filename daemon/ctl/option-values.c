/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Setters of option values. Nothing is guessed: a bare number where a unit matters is refused with
 * the spelling that was probably meant. */
#include "option-values.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/parse.h"
#include "options.h"
#include "watch.h"

#define WIDTH_MIN 40
#define WIDTH_MAX 1000

int set_flag(void *field, const char *value, char **ret_error) {
        *(bool *) field = true;
        return 0;
}

int set_string(void *field, const char *value, char **ret_error) {
        if (!*value)
                return error_setf(ret_error, -EINVAL, "the value is empty");
        *(const char **) field = value;
        return 0;
}

int set_scheme_file(void *field, const char *value, char **ret_error) {
        const char **file = field;

        if (*file)
                return error_setf(ret_error, -EINVAL,
                                  "given twice; one file may hold many schemes: put those of '%s' "
                                  "and '%s' together",
                                  *file, value);
        return set_string(field, value, ret_error);
}

int set_time(void *field, const char *value, char **ret_error) {
        nsec_t t;
        int r;

        r = parse_duration(value, &t);
        if (r == PARSE_E_NO_UNIT)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' has no unit (did you mean %sms or %ss?)", value, value,
                                  value);
        if (r < 0 || t == NSEC_INFINITY)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is not a time such as 100ms, 2s or 1min", value);
        if (t == 0)
                return error_setf(ret_error, -EINVAL, "the time must be more than 0");
        *(nsec_t *) field = t;
        return 0;
}

int set_watch(void *field, const char *value, char **ret_error) {
        if (value)
                return set_time(field, value, ret_error);
        *(nsec_t *) field = WATCH_INTERVAL;
        return 0;
}

int set_cpu_limit(void *field, const char *value, char **ret_error) {
        double share;

        if (!streq(value, "none") && (parse_share(value, &share) != 0 || share < 0.0001))
                return error_setf(ret_error, -EINVAL, "'%s' is neither a share of a CPU from 0.01%% up (such as 1%%) "
                                                      "nor none", value);
        *(const char **) field = value;
        return 0;
}

int set_size(void *field, const char *value, char **ret_error) {
        uint64_t size;
        int r;

        r = parse_size(value, &size);
        if (r == PARSE_E_NO_UNIT)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' has no unit (did you mean %sKiB or %sMiB?)", value, value,
                                  value);
        if (r < 0)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is not a size such as 64KiB, 10MiB or 1GiB", value);
        *(uint64_t *) field = size;
        return 0;
}

int set_count(void *field, const char *value, char **ret_error) {
        uint64_t n;

        if (parse_u64(value, &n) < 0 || n == 0)
                return error_setf(ret_error, -EINVAL, "'%s' is not a number of 1 or more", value);
        *(uint64_t *) field = n;
        return 0;
}

int set_width(void *field, const char *value, char **ret_error) {
        uint64_t n;

        if (parse_u64(value, &n) < 0 || n < WIDTH_MIN || n > WIDTH_MAX)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is not a number of columns from %d to %d", value, WIDTH_MIN,
                                  WIDTH_MAX);
        *(uint64_t *) field = n;
        return 0;
}

static const char *const colors[] = { "auto", "always", "never", NULL };
static const char *const sorts[] = { "address", "rate", "age", "size", "heat", NULL };
static const char *const sources[] = { "auto", "idle", "softdirty", "referenced", "sim", NULL };
static const char *const policies[] = { "directed", "classic", NULL };

const char *const *option_choices(const char *value) {
        static const struct {
                const char *value;
                const char *const *choices;
        } all[] = { { "WHEN", colors }, { "KEY", sorts }, { "SOURCE", sources }, { "POLICY", policies } };

        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                if (streq(all[i].value, value))
                        return all[i].choices;
        return NULL;
}

/* Index of the value among the names, or -EINVAL with all of them. */
static int choose(const char *value, const char *const *names, size_t n, char **ret_error) {
        const char *near;
        char all[128] = "";

        for (size_t i = 0; i < n; i++) {
                if (streq(value, names[i]))
                        return (int) i;
                (void) strncat(all, i == 0 ? "" : ", ", sizeof(all) - strlen(all) - 1);
                (void) strncat(all, names[i], sizeof(all) - strlen(all) - 1);
        }
        near = nearest_name(value, names, n);
        if (near)
                return error_setf(ret_error, -EINVAL, "'%s' is none of: %s (did you mean %s?)",
                                  value, all, near);
        return error_setf(ret_error, -EINVAL, "'%s' is none of: %s", value, all);
}

int set_color(void *field, const char *value, char **ret_error) {
        int r = choose(value, colors, ELEMENTSOF(colors) - 1, ret_error);

        if (r < 0)
                return r;
        *(ColorMode *) field = (ColorMode) r;
        return 0;
}

int set_sort(void *field, const char *value, char **ret_error) {
        int r = choose(value, sorts, ELEMENTSOF(sorts) - 1, ret_error);

        if (r < 0)
                return r;
        *(SortKey *) field = (SortKey) r;
        return 0;
}

int set_source(void *field, const char *value, char **ret_error) {
        int r = choose(value, sources, ELEMENTSOF(sources) - 1, ret_error);

        if (r < 0)
                return r;
        *(const char **) field = sources[r];
        return 0;
}

int set_policy(void *field, const char *value, char **ret_error) {
        int r = choose(value, policies, ELEMENTSOF(policies) - 1, ret_error);

        if (r < 0)
                return r;
        *(const char **) field = policies[r];
        return 0;
}

/* Cuts "A,B" (or "A,B,C") into n pieces; -EINVAL with what was expected otherwise. */
static int split(const char *value, size_t n, const char *expected, char **copy, char **parts,
                 char **ret_error) {
        char *rest;

        *copy = strdup(value);
        if (!*copy)
                return -ENOMEM;
        rest = *copy;
        for (size_t i = 0; i < n; i++) {
                parts[i] = strsep(&rest, ",");
                if (!parts[i] || !*parts[i])
                        return error_setf(ret_error, -EINVAL, "'%s' is not %s", value, expected);
        }
        if (rest)
                return error_setf(ret_error, -EINVAL, "'%s' is not %s", value, expected);
        return 0;
}

static int parse_rate(const char *text, double *ret, char **ret_error) {
        int r;

        r = parse_share(text, ret);
        if (r == PARSE_E_NO_UNIT)
                return error_setf(ret_error, -EINVAL, "'%s' has no unit (did you mean %s%%?)", text,
                                  text);
        if (r < 0)
                return error_setf(ret_error, -EINVAL, "'%s' is not a rate from 0%% to 100%%", text);
        return 0;
}

int set_rate_range(void *field, const char *value, char **ret_error) {
        _cleanup_free_ char *copy = NULL;
        ShareRange range;
        char *parts[2];
        int r;

        r = split(value, 2, "a range such as 5%,max", &copy, parts, ret_error);
        if (r == 0)
                r = parse_rate(parts[0], &range.min, ret_error);
        if (r == 0)
                r = parse_rate(parts[1], &range.max, ret_error);
        if (r < 0)
                return r;
        if (range.min > range.max)
                return error_setf(ret_error, -EINVAL, "the minimum (%s) is above the maximum (%s)",
                                  parts[0], parts[1]);
        *(ShareRange *) field = range;
        return 0;
}

static int parse_age(const char *text, nsec_t *ret, char **ret_error) {
        int r;

        r = parse_duration(text, ret);
        if (r == PARSE_E_NO_UNIT)
                return error_setf(ret_error, -EINVAL, "'%s' has no unit (did you mean %ss?)", text,
                                  text);
        if (r < 0)
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is not a time such as 500ms, 30s or max", text);
        return 0;
}

int set_age_range(void *field, const char *value, char **ret_error) {
        _cleanup_free_ char *copy = NULL;
        DurationRange range;
        char *parts[2];
        int r;

        r = split(value, 2, "a range such as 30s,max", &copy, parts, ret_error);
        if (r == 0)
                r = parse_age(parts[0], &range.min, ret_error);
        if (r == 0)
                r = parse_age(parts[1], &range.max, ret_error);
        if (r < 0)
                return r;
        if (range.min > range.max)
                return error_setf(ret_error, -EINVAL, "the minimum (%s) is above the maximum (%s)",
                                  parts[0], parts[1]);
        *(DurationRange *) field = range;
        return 0;
}

static Arguments *arguments_of(void *field, size_t offset) {
        return (Arguments *) ((char *) field - offset);
}

int set_top(void *field, const char *value, char **ret_error) {
        arguments_of(field, offsetof(Arguments, top))->has_top = true;
        return set_count(field, value, ret_error);
}

int set_snapshot(void *field, const char *value, char **ret_error) {
        arguments_of(field, offsetof(Arguments, snapshot))->has_snapshot = true;
        return set_count(field, value, ret_error);
}

int set_pid(void *field, const char *value, char **ret_error) {
        MonitorOptions *monitor = field;
        pid_t pid;

        if (parse_pid(value, &pid) < 0)
                return error_setf(ret_error, -EINVAL, "'%s' is not a process id", value);
        if (monitor->n_pids == PIDS_MAX)
                return error_setf(ret_error, -EINVAL, "at most %d processes", PIDS_MAX);
        monitor->pids[monitor->n_pids++] = pid;
        return 0;
}

int set_intervals(void *field, const char *value, char **ret_error) {
        _cleanup_free_ char *copy = NULL;
        MonitorOptions *monitor = field;
        char *parts[3];
        int r;

        r = split(value, 3, "sampling, aggregation and update interval such as 50ms,1s,10s", &copy,
                  parts, ret_error);
        if (r == 0)
                r = set_time(&monitor->sample, parts[0], ret_error);
        if (r == 0)
                r = set_time(&monitor->aggregate, parts[1], ret_error);
        if (r == 0)
                r = set_time(&monitor->update, parts[2], ret_error);
        return r;
}

int set_regions(void *field, const char *value, char **ret_error) {
        _cleanup_free_ char *copy = NULL;
        MonitorOptions *monitor = field;
        uint64_t min = 0, max = 0;
        char *parts[2];
        int r;

        r = split(value, 2, "a minimum and a maximum such as 10,1000", &copy, parts, ret_error);
        if (r == 0)
                r = set_count(&min, parts[0], ret_error);
        if (r == 0)
                r = set_count(&max, parts[1], ret_error);
        if (r < 0)
                return r;
        if (min > max)
                return error_setf(ret_error, -EINVAL,
                                  "the minimum (%" PRIu64 ") is above the maximum (%" PRIu64 ")",
                                  min, max);
        monitor->min_regions = min;
        monitor->max_regions = max;
        return 0;
}

int set_seed(void *field, const char *value, char **ret_error) {
        MonitorOptions *monitor = field;

        /* integers on the wire are signed */
        if (parse_u64(value, &monitor->seed) < 0 || monitor->seed > INT64_MAX)
                return error_setf(ret_error, -EINVAL, "'%s' is not a number up to 2^63 - 1", value);
        monitor->has_seed = true;
        return 0;
}
