/* SPDX-License-Identifier: GPL-2.0-or-later */
/* All monitors, a row each. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "view.h"

bool target_ended(json_t *target) {
        const char *state = json_text(target, "state");

        return state && streq(state, "ended");
}

uint64_t monitor_resident(json_t *monitor) {
        json_t *targets = json_object_get(json_object_get(monitor, "runtime"), "targets"), *target;
        uint64_t sum = 0;
        size_t i;

        if (json_array_size(targets) == 0)
                return FRAME_UNKNOWN;
        json_array_foreach(targets, i, target) {
                if (target_ended(target))
                        continue;
                if (!json_is_integer(json_object_get(target, "resident_bytes")))
                        return FRAME_UNKNOWN;
                sum += json_number(target, "resident_bytes");
        }
        return sum;
}

static json_t *monitors_of(json_t *status) {
        return json_object_get(json_object_get(status, "runtime"), "monitors");
}

static void print_row(const Screen *screen, json_t *monitor, size_t width) {
        json_t *context = json_object_get(monitor, "context"), *runtime = json_object_get(monitor, "runtime");
        json_t *set = json_object_get(runtime, "working_set");
        _cleanup_free_ char *name = display_name(json_text(monitor, "name") ?: "?", width);
        uint64_t resident = monitor_resident(monitor);
        char a[FORMAT_MAX], b[FORMAT_MAX] = "?", c[FORMAT_MAX] = "";

        if (json_is_object(set)) {
                (void) format_size(b, json_number(set, "bytes"));
                (void) format_size(c, json_number(set, "error"));
        }
        (void) fprintf(screen->out, "%-*s  %-8s %-10s %4zu %8s %8s %s%-8s %7" PRIu64 "\n", (int) width,
                       name ?: "?", json_text(runtime, "state") ?: "?", json_text(context, "source") ?: "?",
                       json_array_size(json_object_get(runtime, "targets")),
                       resident == FRAME_UNKNOWN ? "?" : format_size(a, resident), b, *c ? "+- " : "   ", c,
                       json_number(runtime, "regions"));
}

int view_monitors(const Screen *screen, json_t *status) {
        size_t width = strlen("MONITOR"), i;
        json_t *monitor;

        json_array_foreach(monitors_of(status), i, monitor)
                width = MAX(width, strlen(json_text(monitor, "name") ?: "?"));
        width = MIN(width, screen->width > 66 + 14 ? screen->width - 66 : (size_t) 14);

        (void) fprintf(screen->out, "%-*s  %-8s %-10s %4s %8s %20s %7s\n", (int) width, "MONITOR", "STATE", "SOURCE",
                       "TGTS", "RESIDENT", "WORKING SET +- ERROR", "REGIONS");
        json_array_foreach(monitors_of(status), i, monitor)
                print_row(screen, monitor, width);
        if (json_array_size(monitors_of(status)) == 0)
                (void) fputs("no monitors: start one with 'udamonctl start --pid PID'\n", screen->out);
        return 0;
}

static json_t *monitor_json(json_t *monitor) {
        json_t *context = json_object_get(monitor, "context"), *runtime = json_object_get(monitor, "runtime");
        json_t *set = json_object_get(runtime, "working_set");
        FrameWorkingSet working_set = {
                .bytes = json_number(set, "bytes"),
                .error = json_number(set, "error"),
                .touched = json_number(set, "touched"),
                .untrackable = json_number(set, "untrackable"),
                .total = json_number(set, "total"),
        };

        return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "name",
                         json_text(monitor, "name") ?: "?", "state", json_text(runtime, "state"), "message",
                         json_text(runtime, "message"), "source", json_text(context, "source"), "policy",
                         json_text(context, "policy"), "targets",
                         (json_int_t) json_array_size(json_object_get(runtime, "targets")), "resident_bytes",
                         json_bytes(monitor_resident(monitor)), "working_set",
                         json_is_object(set) ? json_working_set(&working_set) : json_null(), "regions",
                         (json_int_t) json_number(runtime, "regions"), "sample_ns",
                         (json_int_t) json_number(runtime, "sample_ns"), "aggregate_ns",
                         (json_int_t) json_number(runtime, "aggregate_ns"), "snapshots",
                         (json_int_t) json_number(runtime, "snapshots"), "overruns",
                         (json_int_t) json_number(runtime, "overruns"));
}

json_t *view_monitors_json(json_t *status) {
        json_t *list = json_array(), *monitor;
        size_t i;

        json_array_foreach(monitors_of(status), i, monitor)
                (void) json_array_append_new(list, monitor_json(monitor));
        return json_pack("{s:o}", "monitors", list);
}
