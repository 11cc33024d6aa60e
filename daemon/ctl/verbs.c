/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The short verbs: one call or one frame, then a view. */
#include "verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "connect.h"
#include "feed.h"
#include "monitor-request.h"
#include "message.h"
#include "pager.h"
#include "system-idle.h"
#include "view.h"

int verb_finish(int r) {
        /* whoever leaves the pager early has seen enough */
        if (pager_is_open())
                return r;
        if (r == 0 && (fflush(stdout) == EOF || ferror(stdout)))
                return fail(CTL_REFUSED, "cannot write to standard output");
        return r;
}

int verb_check(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        Screen screen = screen_for(stdout, args);
        bool private = args->private || (!args->socket && !connection_try(&connection, NULL));
        int r;

        if (private)
                r = connection_open_private(&connection, NULL);
        else
                r = connection.client ? 0 : connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "GetCapabilities", json_object(), &reply);
        if (r != 0)
                return r;
        if (args->json) {
                (void) json_object_set_new(reply, "private", json_boolean(private));
                return print_json(TAKE_PTR(reply));
        }
        return verb_finish(view_check(&screen, reply, private));
}

int verb_start(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        const char *name, *source;
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = monitor_request(&connection, &args->monitor, &reply);
        if (r != 0)
                return r;
        if (args->json)
                return print_json(TAKE_PTR(reply));

        name = json_string_value(json_object_get(reply, "name"));
        source = json_string_value(json_object_get(
                json_object_get(json_object_get(reply, "monitor"), "context"), "source"));
        (void) printf("started %s (source %s); 'udamonctl regions %s' shows it, 'udamonctl stop "
                      "%s' ends it\n",
                      name ? name : "?", source ? source : "?", name ? name : "", name ? name : "");
        if (args->monitor.scheme)
                (void) printf("its schemes act from the first window on; 'udamonctl schemes %s' tells what they do\n",
                              name ? name : "");
        return verb_finish(0);
}

int verb_stop(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "StopMonitor", name_parameters(args->operand),
                                    &reply);
        if (r != 0)
                return r;
        return args->json ? print_json(json_pack("{s:s}", "stopped", args->operand)) : 0;
}

/* One call without parameters, then its view. */
static int show(const Arguments *args, const char *method, int (*view)(const Screen *screen, json_t *reply)) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, method, json_object(), &reply);
        if (r != 0)
                return r;
        return args->json ? print_json(TAKE_PTR(reply)) : verb_finish(view(&screen, reply));
}

int verb_monitors(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_json_ json_t *reply = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = connection_call(&connection, "GetStatus", json_object(), &reply);
        if (r != 0)
                return r;
        if (!json_is_array(json_object_get(json_object_get(reply, "runtime"), "monitors")))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no runtime.monitors");
        return args->json ? print_json(view_monitors_json(reply)) : verb_finish(view_monitors(&screen, reply));
}

int verb_status(const Arguments *args) {
        return show(args, "GetStatus", view_status);
}

int verb_nodes(const Arguments *args) {
        return show(args, "GetNodes", view_nodes);
}

int verb_regions(const Arguments *args) {
        _cleanup_(feed_source_close) FeedSource source = {};
        _cleanup_(frame_freep) Frame *frame = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        r = feed_source_open(&source, args);
        if (r == 0)
                r = feed_one_frame(&source, args, &frame);
        if (r != 0)
                return r;
        return args->json ? print_json(view_regions_json(args, frame))
                          : verb_finish(view_regions(&screen, args, frame));
}

static int follow(const Screen *screen, const Arguments *args, FeedSource *source) {
        _cleanup_(feed_freep) Feed *feed = NULL;
        int r;

        r = feed_open_stream(&source->connection, args->operand, &feed);
        return r != 0 ? r : view_heatmap_follow(screen, args, feed);
}

int verb_heatmap(const Arguments *args) {
        _cleanup_(feed_source_close) FeedSource source = {};
        _cleanup_(frame_freep) Frame *frame = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        r = feed_source_open(&source, args);
        if (r != 0)
                return r;
        if (source.recording && recording_count(source.recording) == 0)
                return fail(CTL_GONE, "%s holds no snapshot: nothing was recorded", args->input);
        if (source.recording)
                return verb_finish(view_heatmap_recording(&screen, args, source.recording));
        if (args->follow)
                return verb_finish(follow(&screen, args, &source));
        r = feed_one_frame(&source, args, &frame);
        return r != 0 ? r : verb_finish(view_heatmap_frame(&screen, args, frame));
}

static int history_points(Connection *connection, const char *name, FramePoint **ret,
                          size_t *ret_n) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ FramePoint *points = NULL;
        json_t *array, *item;
        size_t i;
        int r;

        r = connection_call(connection, "GetHistory", name_parameters(name), &reply);
        if (r != 0)
                return r;
        array = json_object_get(reply, "points");
        if (!json_is_array(array))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: points is not an array");
        points = calloc(json_array_size(array) + 1, sizeof(*points));
        if (!points)
                return -ENOMEM;
        json_array_foreach(array, i, item) {
                _cleanup_free_ char *error = NULL;

                r = frame_point_from_json(item, &points[i], &error);
                if (r < 0)
                        return error ? fail(CTL_REFUSED, "%s", error) : r;
        }
        *ret_n = json_array_size(array);
        *ret = TAKE_PTR(points);
        return 0;
}

int verb_wss(const Arguments *args) {
        _cleanup_(feed_source_close) FeedSource source = {};
        _cleanup_free_ FramePoint *points = NULL;
        Screen screen = screen_for(stdout, args);
        size_t n = 0;
        int r;

        r = feed_source_open(&source, args);
        if (r != 0)
                return r;
        if (source.recording)
                r = recording_points(source.recording, &points, &n);
        else
                r = history_points(&source.connection, args->operand, &points, &n);
        if (r == 0 && n == 0)
                return fail(CTL_GONE, "no window has closed yet: there is nothing to show");
        if (r != 0)
                return r;
        return args->json ? print_json(view_wss_json(args, points, n))
                          : verb_finish(view_wss(&screen, args, points, n));
}

int verb_idle(const Arguments *args) {
        _cleanup_(feed_source_close) FeedSource source = {};
        _cleanup_(frame_freep) Frame *frame = NULL;
        Screen screen = screen_for(stdout, args);
        int r;

        if (args->system)
                return verb_idle_system(args);
        r = feed_source_open(&source, args);
        if (r == 0)
                r = feed_one_frame(&source, args, &frame);
        if (r != 0)
                return r;
        return args->json ? print_json(view_idle_json(frame)) : verb_finish(view_idle(&screen, frame));
}
