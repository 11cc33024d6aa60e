/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon's errors in words: what is wrong, and what to do next. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/format.h"
#include "connect.h"
#include "message.h"
#include "options.h"

char *join_names(json_t *names, char *buf, size_t size) {
        json_t *item;
        size_t i, used = 0;

        buf[0] = 0;
        json_array_foreach(names, i, item) {
                const char *name = json_string_value(item);
                int n = snprintf(buf + used, size - used, "%s%s", i > 0 ? ", " : "",
                                 name ? name : "?");

                if (n < 0 || (size_t) n >= size - used)
                        break;
                used += (size_t) n;
        }
        return buf;
}

static const char *text_of(json_t *parameters, const char *key) {
        const char *text = json_string_value(json_object_get(parameters, key));

        return text ? text : "?";
}

static int no_such_monitor(json_t *parameters) {
        json_t *monitors = json_object_get(parameters, "monitors");
        char buf[256];

        if (json_array_size(monitors) == 0)
                return fail(CTL_GONE,
                            "no monitor runs: start one with 'udamonctl start --pid PID', or watch "
                            "a command with 'udamonctl run -- CMD'");
        return fail(CTL_GONE, "no monitor is called '%s'; there is: %s",
                    text_of(parameters, "name"), join_names(monitors, buf, sizeof(buf)));
}

static int no_snapshot_yet(json_t *parameters) {
        char buf[FORMAT_MAX];
        json_int_t wait = json_integer_value(json_object_get(parameters, "wait_ns"));

        return fail(
                CTL_GONE, "monitor '%s' has no snapshot yet; its first window closes in about %s",
                text_of(parameters, "name"), format_duration(buf, wait > 0 ? (nsec_t) wait : 0));
}

static const char *nearest_of(const char *word, json_t *names) {
        const char *list[64];
        size_t n = 0, i;
        json_t *item;

        json_array_foreach(names, i, item)
                if (json_is_string(item) && n < ELEMENTSOF(list))
                        list[n++] = json_string_value(item);
        return nearest_name(word, list, n);
}

static int no_such_scheme(json_t *parameters) {
        json_t *schemes = json_object_get(parameters, "schemes");
        const char *scheme = text_of(parameters, "scheme"), *monitor = text_of(parameters, "monitor"), *near;
        char buf[256];

        if (json_array_size(schemes) == 0)
                return fail(CTL_GONE,
                            "monitor '%s' has no scheme at all: give it some in its configuration file "
                            "(then 'udamonctl reload'), or with 'udamonctl start --scheme FILE'",
                            monitor);
        near = nearest_of(scheme, schemes);
        if (near)
                return fail(CTL_GONE, "monitor '%s' has no scheme '%s' (did you mean %s?)", monitor, scheme,
                            near);
        return fail(CTL_GONE, "monitor '%s' has no scheme '%s'; there is: %s", monitor, scheme,
                    join_names(schemes, buf, sizeof(buf)));
}

/* "FILE:line:column: text", as compilers do, so that editors can go there. */
static void print_problem(const char *file, json_t *problem) {
        const char *in = json_string_value(json_object_get(problem, "file"));
        json_int_t line = json_integer_value(json_object_get(problem, "line"));
        json_int_t column = json_integer_value(json_object_get(problem, "column"));
        _cleanup_free_ char *text = NULL;
        char place[64] = "";

        if (line > 0 && column > 0)
                (void) snprintf(place, sizeof(place), "%" PRIi64 ":%" PRIi64 ":", (int64_t) line,
                                (int64_t) column);
        else if (line > 0)
                (void) snprintf(place, sizeof(place), "%" PRIi64 ":", (int64_t) line);
        if (asprintf(&text, "%s:%s %s", in ? in : file, place, text_of(problem, "text")) < 0) {
                text = NULL;
                return;
        }
        (void) fprintf(stderr, "%s\n", text_sanitize(text));
}

/* The places in settings that were put together from the command line would tell nobody anything. */
static int settings_invalid(json_t *problems) {
        json_t *item;
        size_t i;

        json_array_foreach(problems, i, item)
                tell("%s", text_of(item, "text"));
        return json_array_size(problems) > 0 ? CTL_REFUSED
                                             : fail(CTL_REFUSED, "the daemon does not accept that setting");
}

static int config_invalid(json_t *parameters, const char *file) {
        const char *named = json_string_value(json_object_get(parameters, "file"));
        json_t *problems = json_object_get(parameters, "problems"), *item;
        size_t n = json_array_size(problems), i;

        if (named)
                file = named;
        if (!file)
                return settings_invalid(problems);
        json_array_foreach(problems, i, item)
                print_problem(file, item);
        return fail(CTL_REFUSED, "%zu problem%s in %s: nothing was changed", n, PLURAL(n), file);
}

static int scheme_error(const char *name, json_t *parameters, const char *file) {
        if (streq(name, "NoSuchScheme"))
                return no_such_scheme(parameters);
        if (streq(name, "ConfigInvalid"))
                return config_invalid(parameters, file);
        if (streq(name, "ActionUnavailable"))
                return fail(CTL_REFUSED,
                            "scheme '%s' asks for %s, which cannot be done here: %s ('udamonctl check' tells "
                            "what this machine allows; the action 'stat' only counts, anywhere)",
                            text_of(parameters, "scheme"), text_of(parameters, "action"),
                            text_of(parameters, "reason"));
        if (streq(name, "NoConfigFile"))
                return fail(CTL_REFUSED,
                            "the daemon was started without a configuration: there is nothing to load again");
        return fail(CTL_REFUSED, "the daemon refused: %s", name);
}

static int monitor_error(const char *name, json_t *parameters, const char *file) {
        char buf[256];

        if (streq(name, "NoSuchMonitor"))
                return no_such_monitor(parameters);
        if (streq(name, "NoSnapshotYet"))
                return no_snapshot_yet(parameters);
        if (streq(name, "NameNeeded"))
                return fail(CTL_USAGE, "there are several monitors; name one of: %s",
                            join_names(json_object_get(parameters, "monitors"), buf, sizeof(buf)));
        if (streq(name, "MonitorExists"))
                return fail(CTL_REFUSED,
                            "a monitor called '%s' runs already: stop it, or choose another --name",
                            text_of(parameters, "name"));
        if (streq(name, "TargetInvalid"))
                return fail(CTL_GONE, "%s cannot be watched: %s", text_of(parameters, "target"),
                            text_of(parameters, "reason"));
        if (streq(name, "SourceUnavailable"))
                return fail(
                        CTL_REFUSED,
                        "the source '%s' cannot be used here: %s ('udamonctl check' tells more)",
                        text_of(parameters, "source"), text_of(parameters, "reason"));
        if (streq(name, "RequestInvalid"))
                return fail(CTL_REFUSED, "the daemon does not accept the value of '%s': %s",
                            text_of(parameters, "parameter"), text_of(parameters, "reason"));
        if (streq(name, "TooManyMonitors"))
                return fail(CTL_REFUSED,
                            "the daemon's limit of %" PRIi64 " monitors is reached: stop one first",
                            (int64_t) json_integer_value(json_object_get(parameters, "limit")));
        if (streq(name, "TooManyStreams"))
                return fail(CTL_REFUSED,
                            "you follow %" PRIi64 " streams of snapshots already: end one first",
                            (int64_t) json_integer_value(json_object_get(parameters, "limit")));
        return scheme_error(name, parameters, file);
}

int connection_refused(const char *error, json_t *parameters, const char *file) {
        static const char service[] = "org.varlink.service.";

        if (strncmp(error, MONITOR_INTERFACE, sizeof(MONITOR_INTERFACE) - 1) == 0)
                return monitor_error(error + sizeof(MONITOR_INTERFACE) - 1, parameters, file);
        if (strncmp(error, service, sizeof(service) - 1) != 0)
                return fail(CTL_REFUSED, "the daemon refused: %s", error);

        error += sizeof(service) - 1;
        if (streq(error, "PermissionDenied"))
                return fail(CTL_DENIED,
                            "the daemon does not permit this to you: be root, or join udamon-admin "
                            "(to change) or udamon-read (to look)");
        if (streq(error, "InvalidParameter"))
                return fail(CTL_REFUSED, "the daemon does not accept the value of '%s'",
                            text_of(parameters, "parameter"));
        if (streq(error, "MethodNotFound") || streq(error, "InterfaceNotFound"))
                return fail(CTL_REFUSED,
                            "whoever answers there is no udamond, or an older one than this client "
                            "(%s)",
                            error);
        return fail(CTL_REFUSED, "the daemon refused: %s", error);
}
