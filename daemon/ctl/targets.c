/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udamonctl targets: what monitors look for, and the processes that they have found. */
#include <inttypes.h>
#include <stdio.h>

#include "connect.h"
#include "message.h"
#include "verbs.h"
#include "view.h"

/* "cgroup /a.slice, min_rss 100MiB", as in the configuration. */
static void spec_text(json_t *spec, char *text, size_t size) {
        static const char *const keys[] = { "command", "cgroup", "unit", "user" };
        size_t n = 0;
        char number[FORMAT_MAX];

        text[0] = '\0';
        if (json_object_get(spec, "pid"))
                n += (size_t) snprintf(text, size, "pid %" PRIu64, json_number(spec, "pid"));
        for (size_t i = 0; i < ELEMENTSOF(keys) && n < size; i++)
                if (json_text(spec, keys[i]))
                        n += (size_t) snprintf(text + n, size - n, "%s%s %s", n > 0 ? ", " : "", keys[i],
                                               json_text(spec, keys[i]));
        if (json_number(spec, "min_rss_bytes") > 0 && n < size)
                (void) snprintf(text + n, size - n, "%smin_rss %s", n > 0 ? ", " : "",
                                format_size(number, json_number(spec, "min_rss_bytes")));
}

static void print_entry(const Screen *screen, size_t number, json_t *entry) {
        uint64_t ended = json_number(entry, "ended"), left = json_number(entry, "left");
        uint64_t vanished = json_number(entry, "vanished");
        _cleanup_free_ char *safe = NULL;
        char text[1024];

        spec_text(json_object_get(entry, "spec"), text, sizeof(text));
        safe = display_name(text, 200);
        (void) fprintf(screen->out, "  entry %zu: %s: %" PRIu64 " of %" PRIu64 " found", number, safe ? safe : "?",
                       json_number(entry, "targets"), json_number(entry, "found"));
        if (ended > 0)
                (void) fprintf(screen->out, ", %" PRIu64 " ended", ended);
        if (left > 0)
                (void) fprintf(screen->out, ", %" PRIu64 " left", left);
        if (vanished > 0)
                (void) fprintf(screen->out, "; its cgroups vanished %" PRIu64 " time%s", vanished, PLURAL(vanished));
        if (json_text(entry, "waits_for"))
                (void) fprintf(screen->out, "; %s", json_text(entry, "waits_for"));
        (void) fputc('\n', screen->out);
}

/* Only what keeps processes from being found. */
static void print_search(const Screen *screen, json_t *search) {
        uint64_t unnoticed = json_number(search, "unnoticed"), denied = json_number(search, "denied");
        uint64_t left_out = json_number(search, "left_out");

        if (unnoticed > 0)
                (void) fprintf(screen->out, "  %" PRIu64 " of %" PRIu64 " control groups give no notice: what comes "
                                            "and goes there is seen within 10 s (raise "
                                            "fs.inotify.max_user_watches)\n",
                               unnoticed, json_number(search, "watched"));
        if (denied > 0)
                (void) fprintf(screen->out, "  %" PRIu64 " control group%s may not be looked into: what is there is "
                                            "not found\n", denied, PLURAL(denied));
        if (left_out > 0)
                (void) fprintf(screen->out, "  there is room for %" PRIu64 " control groups: %" PRIu64 " more are not "
                                            "watched (ask for fewer)\n", json_number(search, "watched"), left_out);
}

static const char *bytes_text(char *buf, json_t *target, const char *key) {
        return json_object_get(target, key) ? format_size(buf, json_number(target, key)) : "-";
}

static void print_target(const Screen *screen, json_t *target) {
        char resident[FORMAT_MAX], used[FORMAT_MAX], idle[FORMAT_MAX], time[FORMAT_MAX], uid[24] = "-";
        _cleanup_free_ char *command = display_name(json_text(target, "command") ?: "?", 15);
        _cleanup_free_ char *cgroup = display_name(json_text(target, "cgroup") ?: "-", 40);

        if (json_object_get(target, "uid"))
                (void) snprintf(uid, sizeof(uid), "%" PRIu64, json_number(target, "uid"));
        (void) fprintf(screen->out, "  %7" PRIu64 " %-15s %6s %8s %8s %8s %7" PRIu64 " %5" PRIu64 " %9s %-7s %s\n",
                       json_number(target, "pid"), command ? command : "?", uid,
                       bytes_text(resident, target, "resident_bytes"), bytes_text(used, target, "working_set_bytes"),
                       bytes_text(idle, target, "idle_bytes"), json_number(target, "regions"),
                       json_number(target, "entry"), format_duration(time, json_number(target, "watched_ns")),
                       json_text(target, "state") ?: "?", cgroup ? cgroup : "?");
}

static void print_monitor(const Screen *screen, json_t *monitor) {
        _cleanup_free_ char *name = display_name(json_text(monitor, "monitor") ?: "?", 64);
        json_t *targets = json_object_get(monitor, "targets"), *item;
        size_t i;

        (void) fprintf(screen->out, "monitor %s: %s", name ? name : "?", json_text(monitor, "state") ?: "?");
        if (json_text(monitor, "message"))
                (void) fprintf(screen->out, " (%s)", json_text(monitor, "message"));
        (void) fputc('\n', screen->out);
        json_array_foreach(json_object_get(monitor, "entries"), i, item)
                print_entry(screen, i, item);
        print_search(screen, json_object_get(monitor, "cgroup_search"));
        if (json_number(monitor, "refused") > 0)
                (void) fprintf(screen->out, "  there is room for %" PRIu64 " processes: more were found, and are not "
                                            "watched (raise nr_regions.max)\n", json_number(monitor, "room"));
        if (json_array_size(targets) == 0)
                return;
        (void) fprintf(screen->out, "  %7s %-15s %6s %8s %8s %8s %7s %5s %9s %-7s %s\n", "PID", "COMMAND", "UID",
                       "RESIDENT", "IN USE", "IDLE", "REGIONS", "ENTRY", "WATCHED", "STATE", "CGROUP");
        json_array_foreach(targets, i, item)
                print_target(screen, item);
        if (json_number(monitor, "left_out") > 0)
                (void) fprintf(screen->out, "  and %" PRIu64 " more\n", json_number(monitor, "left_out"));
}

int verb_targets(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        Screen screen = screen_for(stdout, args);
        json_t *monitors, *item;
        size_t i;
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "GetTargets",
                                    args->operand ? name_parameters(args->operand) : json_object(), &reply);
        if (r != 0)
                return r;
        if (args->json)
                return print_json(TAKE_PTR(reply));
        monitors = json_object_get(reply, "monitors");
        if (!json_is_array(monitors))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no monitors");
        json_array_foreach(monitors, i, item)
                print_monitor(&screen, item);
        if (json_array_size(monitors) == 0)
                (void) fputs("no monitors: start one with 'udamonctl start'\n", stdout);
        return verb_finish(0);
}
