/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The idle times of the whole machine: from a running monitor of physical memory, else from one of our own that lives
 * for a moment. */
#include "system-idle.h"

#include <errno.h>

#include "connect.h"
#include "feed.h"
#include "message.h"
#include "monitor-request.h"
#include "progress.h"
#include "verbs.h"
#include "view.h"

#define OBSERVE_DEFAULT (10 * NSEC_PER_SEC)

/* One that watches all memory, not parts of it: it has no targets of its own choice. */
static bool is_of_system(json_t *monitor) {
        json_t *context = json_object_get(monitor, "context");
        const char *ops = json_text(context, "ops");
        const char *state = json_text(json_object_get(monitor, "runtime"), "state");

        return ops && streq(ops, "paddr") && json_array_size(json_object_get(context, "targets")) == 0 && state &&
               (streq(state, "running") || streq(state, "waiting"));
}

/* The monitor in a GetStatus reply, NULL if none is. */
static json_t *find_monitor(json_t *status) {
        json_t *monitors = json_object_get(json_object_get(status, "runtime"), "monitors"), *monitor;
        size_t i;

        json_array_foreach(monitors, i, monitor) {
                if (is_of_system(monitor))
                        return monitor;
        }
        return NULL;
}

/* For how long a running monitor has been looking. */
static nsec_t observed_by(json_t *monitor, const Frame *frame) {
        json_t *runtime = json_object_get(monitor, "runtime");

        return MAX(json_number(runtime, "snapshots"), UINT64_C(1)) * MAX(frame->aggregate_ns, frame->point.window_ns);
}

/* The latest frame of a monitor that runs already. SYSTEM_E_NONE where none does. */
enum { SYSTEM_E_NONE = 1000 };

static int from_running(const Arguments *args, Frame **ret, nsec_t *ret_observed) {
        _cleanup_(feed_source_close) FeedSource source = {};
        _cleanup_json_ json_t *status = NULL;
        Arguments chosen = *args;
        json_t *monitor;
        int r;

        if (args->socket)
                r = connection_open(&source.connection, args->socket);
        else
                r = connection_try(&source.connection, NULL) ? 0 : SYSTEM_E_NONE;
        if (r == 0)
                r = connection_call(&source.connection, "GetStatus", json_object(), &status);
        if (r != 0)
                return r;
        monitor = find_monitor(status);
        chosen.operand = monitor ? json_text(monitor, "name") : NULL;
        if (!chosen.operand)
                return SYSTEM_E_NONE;

        r = feed_one_frame(&source, &chosen, ret);
        if (r == 0)
                *ret_observed = observed_by(monitor, *ret);
        return r;
}

/* Frames until so much time is over; the last one. */
static int watch(Connection *connection, const char *name, nsec_t duration, Frame **ret, nsec_t *ret_observed) {
        _cleanup_(frame_freep) Frame *last = NULL;
        _cleanup_(feed_freep) Feed *feed = NULL;
        nsec_t observed = 0;
        int r;

        r = feed_open_stream(connection, name, &feed);
        while (r == 0 && (!last || observed < duration)) {
                Frame *frame = NULL;

                r = feed_next(feed, &frame);
                if (r != 0)
                        return r;
                if (!frame)
                        break;
                last = frame_free(last);
                last = frame;
                observed += frame->point.window_ns;
        }
        if (r != 0)
                return r;
        if (!last)
                return fail(CTL_GONE, "the monitor has ended without a snapshot");
        *ret = TAKE_PTR(last);
        *ret_observed = observed;
        return 0;
}

static int from_private(const Arguments *args, Frame **ret, nsec_t *ret_observed) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        MonitorOptions options = { .name = "system", .physical = true, .policy = "directed" };
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = connection_open_private(&connection, args->cpu_limit);
        if (r == 0)
                r = monitor_request(&connection, &options, &reply);
        if (r == 0)
                r = watch(&connection, "system", args->duration > 0 ? args->duration : OBSERVE_DEFAULT, ret,
                          ret_observed);
        return r;
}

int verb_idle_system(const Arguments *args) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        Screen screen = screen_for(stdout, args);
        nsec_t observed = 0;
        int r;

        r = from_running(args, &frame, &observed);
        if (r == SYSTEM_E_NONE)
                r = from_private(args, &frame, &observed);
        if (r != 0)
                return r;
        return args->json ? print_json(view_idle_system_json(frame, observed))
                          : verb_finish(view_idle_system(&screen, frame, observed));
}
