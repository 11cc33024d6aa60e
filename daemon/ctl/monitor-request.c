/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor options in the words of the interface. */
#include "monitor-request.h"

#include <errno.h>

#include "scheme-file.h"
#include "target-options.h"

static void set_number(json_t *context, const char *key, uint64_t value) {
        if (value > 0)
                (void) json_object_set_new(
                        context, key, json_integer((json_int_t) MIN(value, (uint64_t) INT64_MAX)));
}

static void set_text(json_t *context, const char *key, const char *value) {
        if (value)
                (void) json_object_set_new(context, key, json_string(value));
}

/* A path means what it means here, not in the daemon's working directory. */
static int set_pattern(json_t *context, const char *pattern) {
        _cleanup_free_ char *path = NULL;

        if (!pattern)
                return 0;
        path = realpath(pattern, NULL);
        if (!path && errno == ENOMEM)
                return -ENOMEM;
        set_text(context, "sim_pattern", path ? path : pattern);
        return 0;
}

/* The text of the schemes goes along; the daemon reads no file of ours. */
static int set_schemes(json_t *context, const char *path) {
        _cleanup_free_ char *text = NULL;
        int r;

        if (!path)
                return 0;
        r = scheme_file_read(path, &text);
        if (r == 0)
                set_text(context, "schemes", text);
        return r;
}

static json_t *context_json(const MonitorOptions *options) {
        json_t *context = json_pack("{s:o}", "targets", targets_json(options));

        set_text(context, "ops", options->physical ? "paddr" : NULL);
        set_text(context, "source", options->source);
        set_text(context, "policy", options->policy);
        set_number(context, "sample_ns", options->sample);
        set_number(context, "aggregate_ns", options->aggregate);
        set_number(context, "update_ns", options->update);
        set_number(context, "min_regions", options->min_regions);
        set_number(context, "max_regions", options->max_regions);
        set_number(context, "max_region_bytes", options->max_region_bytes);
        if (options->has_seed)
                (void) json_object_set_new(context, "seed",
                                           json_integer((json_int_t) options->seed));
        /* what the field recommends (DAMON's automatic tuning) */
        if (options->auto_intervals)
                (void) json_object_set_new(
                        context, "goal",
                        json_pack("{s:f, s:i, s:I, s:I}", "access_share", 0.04, "aggregations", 3,
                                  "sample_min_ns", (json_int_t) (5 * NSEC_PER_MSEC),
                                  "sample_max_ns", (json_int_t) (10 * NSEC_PER_SEC)));
        return context;
}

int monitor_request(Connection *connection, const MonitorOptions *options, json_t **ret) {
        json_t *parameters, *context = context_json(options);
        int r;

        r = context ? set_pattern(context, options->pattern) : -ENOMEM;
        if (r == 0)
                r = set_schemes(context, options->scheme);
        if (r != 0) {
                json_decref(context);
                return r;
        }
        parameters = json_pack("{s:o}", "context", context);
        if (parameters)
                set_text(parameters, "name", options->name);
        connection->text_file = options->scheme;
        r = connection_call(connection, "StartMonitor", parameters, ret);
        connection->text_file = NULL;
        return r;
}
