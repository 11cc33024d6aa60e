/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon and its monitors. */
#include <inttypes.h>

#include "message.h"
#include "view.h"

static uint64_t number(json_t *object, const char *key) {
        json_int_t value = json_integer_value(json_object_get(object, key));

        return value > 0 ? (uint64_t) value : 0;
}

static const char *text(json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key));
}

static void print_line(const Screen *screen, const char *label, const char *value) {
        _cleanup_free_ char *safe = value ? display_name(value, 4096) : NULL;

        if (safe && *safe)
                (void) fprintf(screen->out, "  %-11s %s\n", label, safe);
}

static void print_daemon(const Screen *screen, json_t *context, json_t *runtime) {
        const char *config = text(context, "config_file"), *socket = text(context, "socket");
        const char *version = text(context, "version");
        uint64_t uptime = number(runtime, "uptime_ns");
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX];

        (void) fprintf(
                screen->out,
                "udamond %s, pid %" PRIu64 ", up %s, CPU %s (%s of one), %s resident, "
                "%" PRIu64 " client%s\n",
                version ? version : "?", number(runtime, "pid"), format_duration(a, uptime),
                format_duration(b, number(runtime, "cpu_ns")),
                format_share(c,
                             uptime > 0 ? (double) number(runtime, "cpu_ns") / (double) uptime : 0),
                format_size(d, number(runtime, "resident_bytes")), number(runtime, "clients"),
                PLURAL(number(runtime, "clients")));
        print_line(screen, "socket", socket ? socket : "none (private)");
        print_line(screen, "config", config ? config : "none");
}

static void print_source(const Screen *screen, json_t *context) {
        const char *source = text(context, "source"), *reason = text(context, "source_reason");
        const char *policy = text(context, "policy");
        char line[512];

        (void) snprintf(line, sizeof(line), "%s%s%s%s", source ? source : "?",
                        policy ? ", policy " : "", policy ? policy : "",
                        reason && *reason ? ": " : "");
        (void) snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s",
                        reason ? reason : "");
        print_line(screen, "source", line);
}

static void print_intervals(const Screen *screen, json_t *context, json_t *runtime) {
        json_t *goal = json_object_get(context, "goal");
        char line[256], a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX];

        (void) snprintf(line, sizeof(line), "sample %s, aggregate %s, update %s%s",
                        format_duration(a, number(runtime, "sample_ns")),
                        format_duration(b, number(runtime, "aggregate_ns")),
                        format_duration(c, number(context, "update_ns")),
                        json_is_object(goal) ? " (automatic)" : "");
        print_line(screen, "intervals", line);
        (void) snprintf(line, sizeof(line), "%" PRIu64 " (%" PRIu64 " to %" PRIu64 ")",
                        number(runtime, "regions"), number(context, "min_regions"),
                        number(context, "max_regions"));
        print_line(screen, "regions", line);
}

static void print_targets(const Screen *screen, json_t *runtime) {
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(runtime, "targets"), i, item) {
                const char *command = text(item, "command"), *state = text(item, "state");
                json_t *resident = json_object_get(item, "resident_bytes");
                char line[256], size[FORMAT_MAX];

                (void) snprintf(line, sizeof(line),
                                "%" PRIu64 " %s: %s, %s resident, %" PRIu64 " regions",
                                number(item, "pid"), command ? command : "?", state ? state : "?",
                                json_is_integer(resident)
                                        ? format_size(size, number(item, "resident_bytes"))
                                        : "?",
                                number(item, "regions"));
                print_line(screen, "target", line);
        }
}

/* Every sample is accounted for: hot, cold, absent, or without a verdict and why. */
static void print_samples(const Screen *screen, json_t *runtime) {
        json_t *item;
        size_t i;
        char line[512];
        int n;

        n = snprintf(line, sizeof(line),
                     "%" PRIu64 ": %" PRIu64 " hot, %" PRIu64 " cold, %" PRIu64 " absent",
                     number(runtime, "samples"), number(runtime, "samples_hot"),
                     number(runtime, "samples_cold"), number(runtime, "samples_absent"));
        json_array_foreach(json_object_get(runtime, "untrackable"), i, item) {
                const char *reason = text(item, "reason");

                if (number(item, "samples") > 0 && n > 0 && (size_t) n < sizeof(line))
                        n += snprintf(line + n, sizeof(line) - (size_t) n,
                                      ", %" PRIu64 " untrackable (%s)", number(item, "samples"),
                                      reason ? reason : "?");
        }
        print_line(screen, "samples", line);
}

static void print_cost(const Screen *screen, json_t *runtime) {
        char line[256];

        (void) snprintf(line, sizeof(line), "%" PRIu64 " system calls for samples; at most %" PRIu64
                        " for a cold one, %" PRIu64 " for a hot one", number(runtime, "syscalls"),
                        number(runtime, "syscalls_max_cold"), number(runtime, "syscalls_max_hot"));
        print_line(screen, "cost", line);
        (void) snprintf(line, sizeof(line),
                        "%" PRIu64 " snapshots; %" PRIu64 " of %" PRIu64
                        " sampling intervals skipped, being late",
                        number(runtime, "snapshots"), number(runtime, "overruns"),
                        number(runtime, "ticks") + number(runtime, "overruns"));
        print_line(screen, "progress", line);
}

static void print_monitor(const Screen *screen, json_t *monitor) {
        json_t *context = json_object_get(monitor, "context"),
               *runtime = json_object_get(monitor, "runtime");
        _cleanup_free_ char *name =
                display_name(text(monitor, "name") ? text(monitor, "name") : "?", 64);
        const char *state = text(runtime, "state");
        json_t *item;
        size_t i;

        (void) fprintf(screen->out, "\nmonitor %s: %s\n", name ? name : "?", state ? state : "?");
        print_line(screen, "message", text(runtime, "message"));
        print_source(screen, context);
        print_intervals(screen, context, runtime);
        print_targets(screen, runtime);
        print_samples(screen, runtime);
        print_cost(screen, runtime);
        json_array_foreach(json_object_get(runtime, "warnings"), i, item)
                print_line(screen, "warning", json_string_value(item));
}

int view_status(const Screen *screen, json_t *status) {
        json_t *runtime = json_object_get(status, "runtime"), *monitors, *item;
        size_t i;

        monitors = json_object_get(runtime, "monitors");
        if (!json_is_array(monitors))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no runtime.monitors");

        print_daemon(screen, json_object_get(status, "context"), runtime);
        json_array_foreach(monitors, i, item)
                print_monitor(screen, item);
        if (json_array_size(monitors) == 0)
                (void) fputs("\nno monitors: start one with 'udamonctl start --pid PID'\n",
                             screen->out);
        return 0;
}
