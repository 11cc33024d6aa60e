/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: the table of kinds, the ring, the way to the log. */
#include "event.h"

#include <stdarg.h>
#include <stdio.h>

#include "log.h"

static const struct {
        const char *name;
        int priority;
} kinds[] = {
        [EVENT_DAEMON_STARTED] = { "daemon_started", LOG_INFO },
        [EVENT_DAEMON_STOPPING] = { "daemon_stopping", LOG_INFO },
        [EVENT_MONITOR_STARTED] = { "monitor_started", LOG_INFO },
        [EVENT_MONITOR_REFUSED] = { "monitor_refused", LOG_ERR },
        [EVENT_MONITOR_STOPPED] = { "monitor_stopped", LOG_INFO },
        [EVENT_MONITOR_ENDED] = { "monitor_ended", LOG_INFO },
        [EVENT_MONITOR_FAILED] = { "monitor_failed", LOG_ERR },
        [EVENT_MONITOR_PACED] = { "monitor_paced", LOG_INFO },
        [EVENT_TARGET_FOUND] = { "target_found", LOG_INFO },
        [EVENT_TARGET_ENDED] = { "target_ended", LOG_INFO },
        [EVENT_TARGET_DENIED] = { "target_denied", LOG_WARNING },
        [EVENT_SCHEME_ACTIVATED] = { "scheme_activated", LOG_INFO },
        [EVENT_SCHEME_DEACTIVATED] = { "scheme_deactivated", LOG_INFO },
        [EVENT_SCHEME_ACTED] = { "scheme_acted", LOG_DEBUG },
        [EVENT_SCHEME_FAILED] = { "scheme_failed", LOG_WARNING },
        [EVENT_SCHEME_BACKED_OFF] = { "scheme_backed_off", LOG_DEBUG },
        [EVENT_SCHEME_TUNED] = { "scheme_tuned", LOG_DEBUG },
        [EVENT_SCHEME_CHANGED] = { "scheme_changed", LOG_NOTICE },
        [EVENT_CONFIG_LOADED] = { "config_loaded", LOG_NOTICE },
        [EVENT_CONFIG_REFUSED] = { "config_refused", LOG_ERR },
        [EVENT_CLIENT_DROPPED] = { "client_dropped", LOG_NOTICE },
        [EVENT_CLIENT_REFUSED] = { "client_refused", LOG_WARNING },
        [EVENT_CLIENT_DENIED] = { "client_denied", LOG_WARNING },
        [EVENT_LIMIT_HIT] = { "limit_hit", LOG_WARNING },
};
_Static_assert(ELEMENTSOF(kinds) == _EVENT_KIND_MAX, "a kind without a name");

const char *event_kind_name(EventKind kind) {
        return kinds[kind].name;
}

int event_kind_priority(EventKind kind) {
        return kinds[kind].priority;
}

const char *event_unit_name(EventUnit unit) {
        static const char *const names[] = {
                [EVENT_COUNT] = "count",
                [EVENT_BYTES] = "bytes",
                [EVENT_NS] = "ns",
                [EVENT_SHARE] = "share",
        };

        return names[unit];
}

/* Event n is at n % EVENTS_MAX. */
static Event ring[EVENTS_MAX];
static uint64_t last;
static uint64_t forgotten; /* up to this one */
static void (*notify)(void *userdata);
static void *notify_userdata;

static void deinit(Event *event) {
        free((char *) event->monitor);
        free((char *) event->scheme);
        free((char *) event->text);
        *event = (Event) {};
}

static void tell_log(const Event *event) {
        char monitor[160] = "", scheme[160] = "";

        if (event->monitor)
                (void) snprintf(monitor, sizeof(monitor), "monitor '%s': ", event->monitor);
        if (event->scheme)
                (void) snprintf(scheme, sizeof(scheme), "scheme '%s': ", event->scheme);
        log_message(event->priority, "%s%s%s", monitor, scheme, event->text);
}

/* Where memory lacks, an event without its names is better than none. */
static void keep(const Event *event) {
        Event *place = &ring[event->sequence % EVENTS_MAX];

        deinit(place);
        *place = *event;
        place->monitor = event->monitor ? strdup(event->monitor) : NULL;
        place->scheme = event->scheme ? strdup(event->scheme) : NULL;
        place->text = strdup(event->text);
}

void event_report(const Event *event, const char *format, ...) {
        char text[EVENT_TEXT_MAX];
        Event full = *event;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);

        full.text = text;
        full.sequence = ++last;
        full.time = clock_nsec(CLOCK_REALTIME);
        if (full.priority == 0)
                full.priority = kinds[full.kind].priority;
        tell_log(&full);
        keep(&full);
        if (notify)
                notify(notify_userdata);
}

uint64_t event_first(void) {
        return MAX(forgotten, last > EVENTS_MAX ? last - EVENTS_MAX : 0) + 1;
}

uint64_t event_last(void) {
        return last;
}

const Event *event_get(uint64_t sequence) {
        return sequence >= event_first() && sequence <= last ? &ring[sequence % EVENTS_MAX] : NULL;
}

void event_listen(void (*listener)(void *userdata), void *userdata) {
        notify = listener;
        notify_userdata = userdata;
}

void event_clear(void) {
        for (size_t i = 0; i < EVENTS_MAX; i++)
                deinit(&ring[i]);
        forgotten = last;
}
