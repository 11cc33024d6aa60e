/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon and its monitors. */
#include <inttypes.h>

#include "message.h"
#include "view.h"

static void print_line(const Screen *screen, const char *label, const char *value) {
        _cleanup_free_ char *safe = value ? display_name(value, 4096) : NULL;

        if (safe && *safe)
                (void) fprintf(screen->out, "  %-11s %s\n", label, safe);
}

static void print_daemon(const Screen *screen, json_t *context, json_t *runtime) {
        const char *config = json_text(context, "config_file"), *socket = json_text(context, "socket");
        const char *version = json_text(context, "version");
        uint64_t uptime = json_number(runtime, "uptime_ns");
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX];

        (void) fprintf(
                screen->out,
                "udamond %s, pid %" PRIu64 ", up %s, CPU %s (%s of one), %s resident, "
                "%" PRIu64 " client%s\n",
                version ? version : "?", json_number(runtime, "pid"), format_duration(a, uptime),
                format_duration(b, json_number(runtime, "cpu_ns")),
                format_share(c,
                             uptime > 0 ? (double) json_number(runtime, "cpu_ns") / (double) uptime : 0),
                format_size(d, json_number(runtime, "resident_bytes")), json_number(runtime, "clients"),
                PLURAL(json_number(runtime, "clients")));
        print_line(screen, "socket", socket ? socket : "none (private)");
        print_line(screen, "config", config ? config : "none");
        if (json_is_number(json_object_get(context, "cpu_limit"))) {
                double limit = json_number_value(json_object_get(context, "cpu_limit"));
                double share = json_number_value(json_object_get(runtime, "cpu_share"));
                char line[128];

                (void) snprintf(line, sizeof(line), "monitoring took %s of one lately; the limit is %s",
                                format_share(a, share), format_share(b, limit));
                print_line(screen, "CPU", line);
        }
}

static void print_source(const Screen *screen, json_t *context) {
        const char *source = json_text(context, "source"), *reason = json_text(context, "source_reason");
        const char *policy = json_text(context, "policy");
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
                        format_duration(a, json_number(runtime, "sample_ns")),
                        format_duration(b, json_number(runtime, "aggregate_ns")),
                        format_duration(c, json_number(context, "update_ns")),
                        json_is_object(goal) ? " (automatic)" : "");
        print_line(screen, "intervals", line);
        (void) snprintf(line, sizeof(line), "%" PRIu64 " (%" PRIu64 " to %" PRIu64 ")",
                        json_number(runtime, "regions"), json_number(context, "min_regions"),
                        json_number(context, "max_regions"));
        print_line(screen, "regions", line);
        if (json_number(context, "sample_ns") != json_number(runtime, "sample_ns") && !json_is_object(goal))
                print_line(screen, "", "intervals are longer than asked for, to keep to what a check costs");
}

static void print_targets(const Screen *screen, json_t *runtime) {
        json_t *item;
        size_t i;

        json_array_foreach(json_object_get(runtime, "targets"), i, item) {
                const char *command = json_text(item, "command"), *state = json_text(item, "state");
                json_t *resident = json_object_get(item, "resident_bytes");
                char line[256], size[FORMAT_MAX], held[64] = "";

                if (!target_ended(item))
                        (void) snprintf(held, sizeof(held), ", %s resident, %" PRIu64 " regions",
                                        json_is_integer(resident)
                                                        ? format_size(size, json_number(item, "resident_bytes")) : "?",
                                        json_number(item, "regions"));
                (void) snprintf(line, sizeof(line), "%" PRIu64 " %s: %s%s", json_number(item, "pid"),
                                command ? command : "?", state ? state : "?", held);
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
                     json_number(runtime, "samples"), json_number(runtime, "samples_hot"),
                     json_number(runtime, "samples_cold"), json_number(runtime, "samples_absent"));
        json_array_foreach(json_object_get(runtime, "untrackable"), i, item) {
                const char *reason = json_text(item, "reason");

                if (json_number(item, "samples") > 0 && n > 0 && (size_t) n < sizeof(line))
                        n += snprintf(line + n, sizeof(line) - (size_t) n,
                                      ", %" PRIu64 " untrackable (%s)", json_number(item, "samples"),
                                      reason ? reason : "?");
        }
        print_line(screen, "samples", line);
}

static void print_cost(const Screen *screen, json_t *runtime) {
        uint64_t cold = json_number(runtime, "syscalls_max_cold"), hot = json_number(runtime, "syscalls_max_hot");
        char line[256], each[96] = "";

        /* not for sources that read whole processes at once */
        if (cold > 0 || hot > 0)
                (void) snprintf(each, sizeof(each), "; at most %" PRIu64 " for a cold one, %" PRIu64 " for a hot one",
                                cold, hot);
        (void) snprintf(line, sizeof(line), "%" PRIu64 " system calls for samples%s", json_number(runtime, "syscalls"),
                        each);
        print_line(screen, "cost", line);
        (void) snprintf(line, sizeof(line),
                        "%" PRIu64 " snapshots; %" PRIu64 " of %" PRIu64
                        " sampling intervals skipped, being late",
                        json_number(runtime, "snapshots"), json_number(runtime, "overruns"),
                        json_number(runtime, "ticks") + json_number(runtime, "overruns"));
        print_line(screen, "progress", line);
}

static void print_monitor(const Screen *screen, json_t *monitor) {
        json_t *context = json_object_get(monitor, "context"),
               *runtime = json_object_get(monitor, "runtime");
        _cleanup_free_ char *name =
                display_name(json_text(monitor, "name") ? json_text(monitor, "name") : "?", 64);
        const char *state = json_text(runtime, "state");
        json_t *item;
        size_t i;

        (void) fprintf(screen->out, "\nmonitor %s: %s\n", name ? name : "?", state ? state : "?");
        print_line(screen, "message", json_text(runtime, "message"));
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
