/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of snapshots. */
#include "subscribe.h"

#include <errno.h>

#include "event.h"
#include "log.h"
#include "report.h"
#include "snapshot-text.h"

struct Subscriber {
        Subscribers *list;
        Subscriber *next;
        Engine *engine;
        ControlStream *stream;
        View view;
        Snapshot *sending; /* NULL: none is under way */
        size_t part;       /* of it, to be sent next */
        bool last;         /* after this snapshot the stream ends */
        nsec_t sent;       /* when something was sent last */
};

/* Varlink clients give up after 45 s without a message: before that, the last snapshot comes again. */
#define HEARTBEAT_AFTER (25 * NSEC_PER_SEC)

/* Parts of a large snapshot wait for the reader; so often it is seen whether he has read. */
#define PUMP_INTERVAL (20 * NSEC_PER_MSEC)
#define REST_INTERVAL (5 * NSEC_PER_SEC)

static void forget(Subscriber *subscriber) {
        Subscriber **link = &subscriber->list->first;

        while (*link != subscriber)
                link = &(*link)->next;
        *link = subscriber->next;
        snapshot_unref(subscriber->sending);
        free(subscriber);
}

static void on_closed(void *userdata) {
        forget(userdata);
}

static void drop(Subscriber *subscriber) {
        const ControlPeer *peer = control_stream_peer(subscriber->stream);

        event_report(&(Event) { .kind = EVENT_CLIENT_DROPPED, .priority = LOG_WARNING,
                                .monitor = engine_config(subscriber->engine)->name, .pid = peer->pid, .has_uid = true,
                                .uid = peer->uid },
                     "a reader of its snapshots was too slow and is dropped");
        control_stream_close(subscriber->stream);
        forget(subscriber);
}

/* Sends the next part. Returns whether the subscriber is still there. */
static bool send_part(Subscriber *s) {
        bool final = s->part + 1 == report_snapshot_parts(s->sending);
        FrameShared *text;
        int r;

        r = snapshot_texts_get(s->list->texts, s->engine, s->sending, s->part, &s->view, &text);
        if (r == 0) {
                r = control_stream_shared(s->stream, text, !s->last || !final);
                frame_shared_unref(text);
        }
        if (r != 0) {
                drop(s);
                return false;
        }

        s->sent = clock_nsec(CLOCK_MONOTONIC);
        s->part++;
        if (!final)
                return true;
        s->sending = snapshot_unref(s->sending);
        if (!s->last)
                return true;
        forget(s);
        return false;
}

/* Sends what the reader keeps up with; the timer comes back for the rest. */
static void pump(Subscriber *s) {
        while (s->sending && control_stream_ready(s->stream))
                if (!send_part(s))
                        return;
        if (s->sending)
                (void) sd_event_source_set_time_relative(s->list->timer, PUMP_INTERVAL / NSEC_PER_USEC);
}

/* The latest, as this reader may see it; nothing where memory lacks. */
static void take(Subscriber *s) {
        Snapshot *latest = monitor_snapshot(engine_monitor(s->engine));

        s->sending = latest ? sight_of_snapshot(&s->view, s->engine, latest) : NULL;
        s->part = 0;
}

/* A reader that has not got all of the last one yet misses this one; `sequence` tells him. */
static void offer(Subscriber *s) {
        if (s->sending || !control_stream_ready(s->stream))
                return;
        take(s);
        pump(s);
}

/* The end of a stream without any snapshot. */
static void end_empty(Subscriber *s) {
        json_t *parameters = json_pack("{s:s,s:i}", "name", engine_config(s->engine)->name, "wait_ns", 0);

        if (control_stream_error(s->stream, UDAMON_ERROR("NoSnapshotYet"), parameters) == 0)
                forget(s);
        else
                drop(s);
}

/* The last word, at the reader's pace. */
static void finish(Subscriber *s) {
        s->last = true;
        if (s->sending)
                return;
        if (monitor_snapshot(engine_monitor(s->engine)))
                offer(s);
        else
                end_empty(s);
}

int subscribers_add(Subscribers *subscribers, Engine *engine, const View *view, ControlCall *call) {
        Subscriber *s;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        r = control_stream_open(call, on_closed, s, &s->stream);
        if (r != 0) {
                free(s);
                return r;
        }

        s->list = subscribers;
        s->engine = engine;
        s->view = *view;
        s->sent = clock_nsec(CLOCK_MONOTONIC);
        s->next = subscribers->first;
        subscribers->first = s;

        if (engine_state(engine) > ENGINE_RUNNING)
                finish(s);
        else if (monitor_snapshot(engine_monitor(engine)))
                offer(s);
        return 0;
}

/* Calls `act` for each subscriber of one engine; it may take that one away. */
static void for_each(Subscribers *subscribers, const Engine *engine, void (*act)(Subscriber *s)) {
        for (Subscriber *s = subscribers->first, *next; s; s = next) {
                next = s->next;
                if (s->engine == engine)
                        act(s);
        }
}

void subscribers_publish(Subscribers *subscribers, Engine *engine) {
        snapshot_texts_forget(subscribers->texts, engine);
        for_each(subscribers, engine, offer);
}

void subscribers_finish(Subscribers *subscribers, Engine *engine) {
        for_each(subscribers, engine, finish);
}

/* The engine goes at once: whatever fits into the queue is sent now. */
static void end(Subscriber *s) {
        s->last = true;
        if (!s->sending)
                take(s);
        if (!s->sending) {
                end_empty(s);
                return;
        }
        while (send_part(s))
                ;
}

void subscribers_end(Subscribers *subscribers, Engine *engine) {
        for_each(subscribers, engine, end);
        snapshot_texts_forget(subscribers->texts, engine);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Subscribers *subscribers = userdata;
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        int r;

        (void) usec;
        r = sd_event_source_set_time_relative(source, REST_INTERVAL / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (r < 0)
                return r;

        for (Subscriber *s = subscribers->first, *next; s; s = next) {
                next = s->next;
                if (s->sending)
                        pump(s);
                else if (now - s->sent >= HEARTBEAT_AFTER)
                        offer(s);
        }
        return 0;
}

int subscribers_init(Subscribers *subscribers, sd_event *event) {
        int r;

        *subscribers = (Subscribers) { .texts = calloc(1, sizeof(SnapshotTexts)) };
        if (!subscribers->texts)
                return -ENOMEM;
        r = sd_event_add_time_relative(event, &subscribers->timer, CLOCK_MONOTONIC, REST_INTERVAL / NSEC_PER_USEC, 0,
                                       on_timer, subscribers);
        return r < 0 ? r : 0;
}

void subscribers_deinit(Subscribers *subscribers) {
        assert(!subscribers->first);
        free(subscribers->texts);
        subscribers->timer = sd_event_source_disable_unref(subscribers->timer);
}
