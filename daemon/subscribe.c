/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of snapshots. */
#include "subscribe.h"

#include <errno.h>

#include "log.h"
#include "report.h"

struct Subscriber {
        Subscribers *list;
        Subscriber *next;
        Engine *engine;
        ControlStream *stream;
        nsec_t last; /* when something was sent last */
};

/* Varlink clients give up after 45 s without a message: before that, the last snapshot comes again. */
#define HEARTBEAT_AFTER (25 * NSEC_PER_SEC)
#define HEARTBEAT_INTERVAL (5 * NSEC_PER_SEC)

static void unlink_subscriber(Subscriber *subscriber) {
        Subscriber **link = &subscriber->list->first;

        while (*link != subscriber)
                link = &(*link)->next;
        *link = subscriber->next;
}

static void on_closed(void *userdata) {
        Subscriber *subscriber = userdata;

        unlink_subscriber(subscriber);
        free(subscriber);
}

/* All parts of a snapshot, or none where the peer is behind. */
static int send_snapshot(Subscriber *subscriber, bool last) {
        const Snapshot *snapshot = monitor_snapshot(engine_monitor(subscriber->engine));
        size_t parts = report_snapshot_parts(snapshot);
        int r = 0;

        for (size_t part = 0; part < parts && r == 0; part++) {
                report_snapshot(control_stream_begin(subscriber->stream), subscriber->engine, snapshot, part);
                r = control_stream_end(subscriber->stream, !last || part + 1 < parts);
        }
        subscriber->last = clock_nsec(CLOCK_MONOTONIC);
        return r;
}

static void drop(Subscriber *subscriber) {
        control_stream_close(subscriber->stream);
        on_closed(subscriber);
}

static void offer(Subscriber *subscriber) {
        if (!control_stream_ready(subscriber->stream))
                return; /* it misses this one; `sequence` tells it */
        if (send_snapshot(subscriber, false) == 0)
                return;

        log_warning("monitor '%s': a reader of its snapshots was too slow and is dropped",
                    engine_config(subscriber->engine)->name);
        drop(subscriber);
}

static void end(Subscriber *subscriber) {
        const char *name = engine_config(subscriber->engine)->name;
        int r;

        if (monitor_snapshot(engine_monitor(subscriber->engine)))
                r = send_snapshot(subscriber, true);
        else
                r = control_stream_error(subscriber->stream, UDAMON_ERROR("NoSnapshotYet"),
                                         json_pack("{s:s,s:i}", "name", name, "wait_ns", 0));
        if (r == 0)
                on_closed(subscriber);
        else
                drop(subscriber);
}

int subscribers_add(Subscribers *subscribers, Engine *engine, ControlCall *call) {
        Subscriber *subscriber;
        int r;

        subscriber = calloc(1, sizeof(*subscriber));
        if (!subscriber)
                return -ENOMEM;

        r = control_stream_open(call, on_closed, subscriber, &subscriber->stream);
        if (r != 0) {
                free(subscriber);
                return r;
        }

        subscriber->list = subscribers;
        subscriber->engine = engine;
        subscriber->last = clock_nsec(CLOCK_MONOTONIC);
        subscriber->next = subscribers->first;
        subscribers->first = subscriber;

        if (engine_state(engine) > ENGINE_RUNNING)
                end(subscriber);
        else if (monitor_snapshot(engine_monitor(engine)))
                offer(subscriber);
        return 0;
}

void subscribers_publish(Subscribers *subscribers, Engine *engine) {
        for (Subscriber *s = subscribers->first, *next; s; s = next) {
                next = s->next;
                if (s->engine == engine)
                        offer(s);
        }
}

void subscribers_end(Subscribers *subscribers, Engine *engine) {
        for (Subscriber *s = subscribers->first, *next; s; s = next) {
                next = s->next;
                if (s->engine == engine)
                        end(s);
        }
}

static int on_heartbeat(sd_event_source *source, uint64_t usec, void *userdata) {
        Subscribers *subscribers = userdata;
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        int r;

        (void) usec;
        for (Subscriber *s = subscribers->first, *next; s; s = next) {
                next = s->next;
                if (now - s->last >= HEARTBEAT_AFTER && monitor_snapshot(engine_monitor(s->engine)))
                        offer(s);
        }

        r = sd_event_source_set_time_relative(source, HEARTBEAT_INTERVAL / NSEC_PER_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

int subscribers_init(Subscribers *subscribers, sd_event *event) {
        int r;

        *subscribers = (Subscribers) {};
        r = sd_event_add_time_relative(event, &subscribers->heartbeat, CLOCK_MONOTONIC,
                                       HEARTBEAT_INTERVAL / NSEC_PER_USEC, 0, on_heartbeat, subscribers);
        return r < 0 ? r : 0;
}

void subscribers_deinit(Subscribers *subscribers) {
        assert(!subscribers->first);
        subscribers->heartbeat = sd_event_source_disable_unref(subscribers->heartbeat);
}
