/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of events. */
#include "event-readers.h"

#include <errno.h>
#include <syslog.h>

#include "event.h"

struct EventReader {
        EventReaders *list;
        EventReader *next;
        ControlStream *stream;
        char *monitor;    /* NULL: of all */
        uint64_t next_sequence;
        nsec_t sent;      /* when something was sent last */
};

/* What happens together is sent together. */
#define GATHER (20 * NSEC_PER_MSEC)
#define REST (5 * NSEC_PER_SEC)

/* Varlink clients give up after 45 s without a message: before that an empty list is sent. */
#define HEARTBEAT_AFTER (25 * NSEC_PER_SEC)

static const char *level_name(int priority) {
        static const char *const names[] = { "error", "error", "error", "error", "warning", "notice", "info", "debug" };

        return names[CLAMP(priority, LOG_EMERG, LOG_DEBUG)];
}

static void write_numbers(Writer *w, const Event *event) {
        writer_open_array(w, "numbers");
        for (size_t i = 0; i < EVENT_NUMBERS_MAX && event->numbers[i].name; i++) {
                writer_open_object(w, NULL);
                writer_string(w, "name", event->numbers[i].name);
                writer_string(w, "unit", event_unit_name(event->numbers[i].unit));
                writer_real(w, "value", event->numbers[i].value);
                writer_close(w);
        }
        writer_close(w);
}

static void write_event(Writer *w, const Event *event) {
        writer_open_object(w, NULL);
        writer_uint(w, "sequence", event->sequence);
        writer_uint(w, "time_ns", event->time);
        writer_string(w, "kind", event_kind_name(event->kind));
        writer_string(w, "level", level_name(event->priority));
        if (event->monitor)
                writer_string(w, "monitor", event->monitor);
        if (event->scheme)
                writer_string(w, "scheme", event->scheme);
        if (event->pid > 0)
                writer_int(w, "pid", event->pid);
        if (event->has_uid)
                writer_uint(w, "uid", event->uid);
        if (event->method)
                writer_string(w, "method", event->method);
        if (event->outcome)
                writer_string(w, "outcome", event->outcome);
        writer_string(w, "text", event->text ?: "");
        write_numbers(w, event);
        writer_close(w);
}

static bool is_about(const Event *event, const char *monitor) {
        return event && (!monitor || (event->monitor && streq(event->monitor, monitor)));
}

/* The first of the last `limit` events about this monitor. */
static uint64_t start_of(const char *monitor, uint64_t limit) {
        uint64_t sequence = event_last() + 1;

        for (uint64_t s = event_last(); s >= event_first() && limit > 0; s--)
                if (is_about(event_get(s), monitor)) {
                        sequence = s;
                        limit--;
                }
        return sequence;
}

void event_report_last(Writer *w, const char *monitor, uint64_t limit) {
        writer_open_array(w, "events");
        for (uint64_t s = start_of(monitor, MIN(limit, (uint64_t) EVENTS_PER_REPLY)); s <= event_last(); s++)
                if (is_about(event_get(s), monitor))
                        write_event(w, event_get(s));
        writer_close(w);
        writer_int(w, "missed", 0);
}

static void forget(EventReader *reader) {
        EventReader **link = &reader->list->first;

        while (*link != reader)
                link = &(*link)->next;
        *link = reader->next;
        free(reader->monitor);
        free(reader);
}

static void on_closed(void *userdata) {
        forget(userdata);
}

/* What is due, up to a whole reply. Returns whether the reader is still there. */
static bool send_events(EventReader *r, bool last) {
        uint64_t missed = event_first() - MIN(r->next_sequence, event_first());
        uint64_t s = MAX(r->next_sequence, event_first());
        Writer *w = control_stream_begin(r->stream);
        size_t n = 0;

        writer_open_array(w, "events");
        for (; s <= event_last() && n < EVENTS_PER_REPLY; s++)
                if (is_about(event_get(s), r->monitor)) {
                        write_event(w, event_get(s));
                        n++;
                }
        writer_close(w);
        writer_uint(w, "missed", missed);
        if (control_stream_end(r->stream, !last) != 0) {
                control_stream_close(r->stream);
                forget(r);
                return false;
        }
        if (last) {
                forget(r);
                return false;
        }
        r->next_sequence = s;
        r->sent = clock_nsec(CLOCK_MONOTONIC);
        return true;
}

/* Whether any event waits for the reader; those that are not for it are passed over. */
static bool is_due(EventReader *r) {
        if (r->next_sequence < event_first())
                return true;
        while (r->next_sequence <= event_last() && !is_about(event_get(r->next_sequence), r->monitor))
                r->next_sequence++;
        return r->next_sequence <= event_last();
}

/* Returns whether the reader is behind and has to be looked at again soon. */
static bool serve(EventReader *r, nsec_t now) {
        while (is_due(r)) {
                if (!control_stream_ready(r->stream))
                        return true;
                if (!send_events(r, false))
                        return false;
        }
        if (now - r->sent >= HEARTBEAT_AFTER && control_stream_ready(r->stream))
                (void) send_events(r, false);
        return false;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        EventReaders *readers = userdata;
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        bool again = false;
        int r;

        (void) usec;
        readers->soon = false;
        for (EventReader *reader = readers->first, *next; reader; reader = next) {
                next = reader->next;
                again = serve(reader, now) || again;
        }
        if (!readers->first)
                return 0;
        readers->soon = again;
        r = sd_event_source_set_time_relative(source, (again ? GATHER : REST) / NSEC_PER_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return r < 0 ? r : 0;
}

/* Not later for every further event: there may be no end of them. */
static void wake(EventReaders *readers) {
        if (!readers->first || readers->soon)
                return;
        readers->soon = true;
        (void) sd_event_source_set_time_relative(readers->timer, GATHER / NSEC_PER_USEC);
        (void) sd_event_source_set_enabled(readers->timer, SD_EVENT_ONESHOT);
}

static void on_event(void *userdata) {
        wake(userdata);
}

int event_readers_add(EventReaders *readers, ControlCall *call, const char *monitor, uint64_t limit) {
        EventReader *reader;
        int r;

        reader = calloc(1, sizeof(*reader));
        if (!reader)
                return -ENOMEM;
        reader->monitor = monitor ? strdup(monitor) : NULL;
        r = monitor && !reader->monitor ? -ENOMEM : control_stream_open(call, on_closed, reader, &reader->stream);
        if (r != 0) {
                free(reader->monitor);
                free(reader);
                return r;
        }

        reader->list = readers;
        reader->next_sequence = start_of(monitor, limit);
        reader->next = readers->first;
        readers->first = reader;
        /* even where there is none yet: the reader knows then that it has caught up */
        if (send_events(reader, false))
                wake(readers);
        return 0;
}

int event_readers_init(EventReaders *readers, sd_event *event) {
        int r;

        *readers = (EventReaders) {};
        r = sd_event_add_time_relative(event, &readers->timer, CLOCK_MONOTONIC, REST / NSEC_PER_USEC, 0, on_timer,
                                       readers);
        if (r >= 0)
                r = sd_event_source_set_enabled(readers->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        event_listen(on_event, readers);
        return 0;
}

void event_readers_deinit(EventReaders *readers) {
        event_listen(NULL, NULL);
        while (readers->first)
                (void) send_events(readers->first, true);
        readers->timer = sd_event_source_disable_unref(readers->timer);
}
