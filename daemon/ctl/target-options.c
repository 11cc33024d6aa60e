/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Targets on the command line. What a value may be is the daemon's to say. */
#include "target-options.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "option-values.h"

static const char *const keys[] = { "command", "cgroup", "unit", "user", "min_rss" };

static int add(MonitorOptions *monitor, const char *key, const char *value, char **ret_error) {
        if (!*value)
                return error_setf(ret_error, -EINVAL, "the value is empty");
        if (monitor->n_selectors == PIDS_MAX)
                return error_setf(ret_error, -EINVAL, "at most %d of them", PIDS_MAX);
        monitor->selectors[monitor->n_selectors++] = (Selector) { key, value };
        return 0;
}

/* proc(5): comm is cut to TASK_COMM_LEN with its NUL. */
#define COMMAND_LENGTH_MAX 15

int set_command(void *field, const char *value, char **ret_error) {
        if (strlen(value) > COMMAND_LENGTH_MAX && !strpbrk(value, "*?[\\"))
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is longer than the %d characters that the kernel keeps of a "
                                  "command's name (see /proc/PID/comm)",
                                  value, COMMAND_LENGTH_MAX);
        return add(field, "command", value, ret_error);
}

int set_cgroup(void *field, const char *value, char **ret_error) {
        return add(field, "cgroup", value, ret_error);
}

int set_unit(void *field, const char *value, char **ret_error) {
        return add(field, "unit", value, ret_error);
}

int set_user(void *field, const char *value, char **ret_error) {
        return add(field, "user", value, ret_error);
}

/* ---- Several keys ---- */

static bool is_key(const char *word, const char *key) {
        return strlen(key) == strcspn(word, "=") && strncmp(word, key, strlen(key)) == 0;
}

static int check_pair(const char *pair, const char *all, char **ret_error) {
        _cleanup_free_ char *key = strndup(pair, strcspn(pair, "="));
        const char *near;
        uint64_t size;

        if (!key)
                return -ENOMEM;
        if (pair[strlen(key)] != '=' || !pair[strlen(key) + 1])
                return error_setf(ret_error, -EINVAL, "'%s' is not KEY=VALUE (such as cgroup=/a.slice,command=b)",
                                  pair);
        for (const char *p = all; p && p < pair; p = strchr(p, '\0') + 1)
                if (is_key(p, key))
                        return error_setf(ret_error, -EINVAL, "%s is given twice", key);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (streq(key, keys[i]))
                        return streq(key, "min_rss") ? set_size(&size, pair + strlen("min_rss="), ret_error) : 0;
        near = nearest_name(key, keys, ELEMENTSOF(keys));
        if (near)
                return error_setf(ret_error, -EINVAL, "'%s' is no key of a target (did you mean %s?)", key, near);
        return error_setf(ret_error, -EINVAL, "'%s' is no key of a target: command, cgroup, unit, user or min_rss",
                          key);
}

/* Cuts at the commas; the parts lie one behind the other, each with a NUL. *ret_end is behind the last. */
static char *cut(const char *value, const char **ret_end) {
        char *copy = strdup(value);

        if (!copy)
                return NULL;
        *ret_end = copy + strlen(copy) + 1;
        for (char *p = copy; *p; p++)
                if (*p == ',')
                        *p = '\0';
        return copy;
}

int set_target(void *field, const char *value, char **ret_error) {
        _cleanup_free_ char *parts = NULL;
        const char *end;
        int r;

        parts = cut(value, &end);
        if (!parts)
                return -ENOMEM;
        for (const char *p = parts; p < end; p += strlen(p) + 1) {
                r = check_pair(p, parts, ret_error);
                if (r < 0)
                        return r;
        }
        return add(field, "target", value, ret_error);
}

/* ---- As the interface has them ---- */

static void set_min_rss(json_t *target, uint64_t size) {
        (void) json_object_set_new(target, "min_rss_bytes",
                                   json_integer((json_int_t) MIN(size, (uint64_t) INT64_MAX)));
}

static void set_pair(json_t *target, const char *pair) {
        const char *value = strchr(pair, '=') + 1;
        _cleanup_free_ char *key = strndup(pair, (size_t) (value - pair) - 1);
        uint64_t size;

        if (key && !streq(key, "min_rss"))
                (void) json_object_set_new(target, key, json_string(value));
        else if (key && set_size(&size, value, NULL) == 0)
                set_min_rss(target, size);
}

static json_t *selector_json(const Selector *selector, const MonitorOptions *options) {
        _cleanup_free_ char *parts = NULL;
        json_t *target = json_object();
        const char *end;

        if (!streq(selector->key, "target")) {
                (void) json_object_set_new(target, selector->key, json_string(selector->value));
        } else {
                parts = cut(selector->value, &end);
                for (const char *p = parts; p && p < end; p += strlen(p) + 1)
                        set_pair(target, p);
        }
        if (options->min_rss > 0 && !json_object_get(target, "min_rss_bytes"))
                set_min_rss(target, options->min_rss);
        if (json_object_get(target, "command"))
                (void) json_object_set_new(target, "children", json_boolean(!options->no_children));
        return target;
}

json_t *targets_json(const MonitorOptions *options) {
        json_t *targets = json_array();

        for (size_t i = 0; i < options->n_pids; i++)
                (void) json_array_append_new(targets, json_pack("{s:I, s:b}", "pid",
                                                                (json_int_t) options->pids[i],
                                                                "children", !options->no_children));
        for (size_t i = 0; i < options->n_selectors; i++)
                (void) json_array_append_new(targets, selector_json(&options->selectors[i], options));
        return targets;
}
