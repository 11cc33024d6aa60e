/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: the table of kinds, the ring, the way to the log. */
#include "event.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "log.h"

static const struct {
        const char *name;
        int priority;
        const char *id; /* never changed, never used for anything else */
        bool limited;   /* peers cause it at will */
} kinds[] = {
        [EVENT_DAEMON_STARTED] = { "daemon_started", LOG_INFO, "4d4b6695df854e30b689fce31cc8c13f" },
        [EVENT_DAEMON_STOPPING] = { "daemon_stopping", LOG_INFO, "45ca3f6c8a0b41eabbc2fab71ea38668" },
        [EVENT_MONITOR_STARTED] = { "monitor_started", LOG_INFO, "b7589600b1244aab83a91c6aeb2ed709" },
        [EVENT_MONITOR_REFUSED] = { "monitor_refused", LOG_ERR, "63b322a7d2b84be1aea4dda4a2ee3386" },
        [EVENT_MONITOR_STOPPED] = { "monitor_stopped", LOG_INFO, "c250fe1be2ea4dbbbd51baa9e2be577e" },
        [EVENT_MONITOR_ENDED] = { "monitor_ended", LOG_INFO, "342b3539e1e1410fbba5e16900107141" },
        [EVENT_MONITOR_FAILED] = { "monitor_failed", LOG_ERR, "981373d41e36468cb2f38f74fa773ecb" },
        [EVENT_MONITOR_PACED] = { "monitor_paced", LOG_INFO, "953d0c9a188240aaa59ca04a418ad5e4" },
        [EVENT_TARGET_FOUND] = { "target_found", LOG_INFO, "df6c020c54164e95a14d3bfdc73443a7" },
        [EVENT_TARGET_ENDED] = { "target_ended", LOG_INFO, "ff8e3d2d5ef3453c98d0a92e0c8c1a17" },
        [EVENT_TARGET_DENIED] = { "target_denied", LOG_WARNING, "fc42a4b102524ab4ab6cb812b7de8235" },
        [EVENT_TARGET_LEFT] = { "target_left", LOG_INFO, "4333308ce2bc4a15a46627f5adf580a0" },
        [EVENT_SCHEME_ACTIVATED] = { "scheme_activated", LOG_INFO, "05097b3854f74115ad0d8825e3787980" },
        [EVENT_SCHEME_DEACTIVATED] = { "scheme_deactivated", LOG_INFO, "2ce7846584ad4d3e97bd0733c583d05c" },
        [EVENT_SCHEME_ACTED] = { "scheme_acted", LOG_DEBUG, "5e1b8579be4249d89d4b506f242b71c6" },
        [EVENT_SCHEME_FAILED] = { "scheme_failed", LOG_WARNING, "3b4739ddbb014feaaaa3e36d89aace38" },
        [EVENT_SCHEME_BACKED_OFF] = { "scheme_backed_off", LOG_DEBUG, "11d26f9fa2344d2ea08e57698e160731" },
        [EVENT_SCHEME_TUNED] = { "scheme_tuned", LOG_DEBUG, "97a0cbe1d6fd4dfc9929c3fe379d876a" },
        [EVENT_SCHEME_CHANGED] = { "scheme_changed", LOG_NOTICE, "f524d2c09bcf46cc87b5666f7cec1562" },
        [EVENT_CONFIG_LOADED] = { "config_loaded", LOG_NOTICE, "58affd4dd9e240f7aa0d25e1b91e04e1" },
        [EVENT_CONFIG_REFUSED] = { "config_refused", LOG_ERR, "8ad054b3ab9b4faf97886a3755461181" },
        [EVENT_CLIENT_DROPPED] = { "client_dropped", LOG_NOTICE, "8eb8454ae6fa4e2dbd848c8ad50a2f1f", true },
        [EVENT_CLIENT_REFUSED] = { "client_refused", LOG_WARNING, "2c5d4456b38f4ab9b5540a63cfb359e2", true },
        [EVENT_CLIENT_DENIED] = { "client_denied", LOG_WARNING, "b86db1f1f8e84c21a97c3499c059f43a", true },
        [EVENT_CLIENT_CALLED] = { "client_called", LOG_NOTICE, "db7fc01cb4d84ae7ac115a8dfd9406e2" },
        [EVENT_LIMIT_HIT] = { "limit_hit", LOG_WARNING, "6cefc767a0db47faab6bc53c71dd345f", true },
        [EVENT_STATE_REFUSED] = { "state_refused", LOG_WARNING, "a79ae12958c5458cac953f76396c1644" },
        [EVENT_STATE_UNSAVED] = { "state_unsaved", LOG_WARNING, "2b795560c648463cb5a565c0e05c3a29" },
        [EVENT_STATE_SAVED] = { "state_saved", LOG_NOTICE, "4449713651b642f89575debcdeed949d" },
};
_Static_assert(ELEMENTSOF(kinds) == _EVENT_KIND_MAX, "a kind without a name");

const char *event_kind_name(EventKind kind) {
        return kinds[kind].name;
}

int event_kind_priority(EventKind kind) {
        return kinds[kind].priority;
}

const char *event_kind_message_id(EventKind kind) {
        return kinds[kind].id;
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

/* Room for the texts of the fields. */
typedef struct Fields {
        LogField fields[LOG_FIELDS_MAX];
        size_t n;
        char texts[EVENT_NUMBERS_MAX + 3][48];
        char names[EVENT_NUMBERS_MAX][48];
} Fields;

static void add_field(Fields *f, const char *name, const char *value) {
        if (value)
                f->fields[f->n++] = (LogField) { name, value };
}

static void add_number(Fields *f, size_t i, const EventNumber *number) {
        char *name = f->names[i];

        (void) snprintf(name, sizeof(f->names[i]), "UDAMON_%s", number->name);
        for (char *c = name; *c; c++)
                *c = (char) toupper((unsigned char) *c);
        (void) snprintf(f->texts[i], sizeof(f->texts[i]), number->unit == EVENT_SHARE ? "%.6g" : "%.0f", number->value);
        add_field(f, name, f->texts[i]);
}

/* Who asked has a uid; any other process is a target. */
static void add_fields(Fields *f, const Event *event) {
        char *uid = f->texts[EVENT_NUMBERS_MAX], *pid = f->texts[EVENT_NUMBERS_MAX + 1];

        add_field(f, "UDAMON_EVENT", kinds[event->kind].name);
        add_field(f, "UDAMON_METHOD", event->method);
        add_field(f, "UDAMON_OUTCOME", event->outcome);
        if (event->has_uid) {
                (void) snprintf(uid, sizeof(f->texts[0]), "%u", (unsigned) event->uid);
                (void) snprintf(pid, sizeof(f->texts[0]), "%d", (int) event->pid);
                add_field(f, "UDAMON_PEER_UID", uid);
                add_field(f, "UDAMON_PEER_PID", event->pid > 0 ? pid : NULL);
        }
        for (size_t i = 0; i < EVENT_NUMBERS_MAX && event->numbers[i].name; i++)
                add_number(f, i, &event->numbers[i]);
}

static void tell_log(const Event *event) {
        char monitor[160] = "", scheme[160] = "";
        Fields fields = {};

        if (event->monitor)
                (void) snprintf(monitor, sizeof(monitor), "monitor '%s': ", event->monitor);
        if (event->scheme)
                (void) snprintf(scheme, sizeof(scheme), "scheme '%s': ", event->scheme);
        add_fields(&fields, event);
        log_about(&(const LogAbout) { .message_id = kinds[event->kind].id,
                                      .monitor = event->monitor,
                                      .scheme = event->scheme,
                                      .target_pid = event->has_uid ? 0 : event->pid,
                                      .fields = fields.fields,
                                      .n_fields = fields.n },
                  event->priority, "%s%s%s", monitor, scheme, event->text);
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

#define BURST 50.0
#define PER_SECOND 5.0

static struct {
        nsec_t filled; /* 0: never yet */
        double tokens;
        uint64_t left_out; /* since one got through */
} limits[_EVENT_KIND_MAX];

static bool may_tell(EventKind kind) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        double since = (double) (now - limits[kind].filled) / (double) NSEC_PER_SEC;

        if (!kinds[kind].limited)
                return true;
        limits[kind].tokens = limits[kind].filled == 0 ? BURST : MIN(BURST, limits[kind].tokens + since * PER_SECOND);
        limits[kind].filled = now;
        if (limits[kind].tokens < 1) {
                limits[kind].left_out++;
                return false;
        }
        limits[kind].tokens -= 1;
        return true;
}

void event_report(const Event *event, const char *format, ...) {
        uint64_t *left_out = &limits[event->kind].left_out;
        char text[EVENT_TEXT_MAX];
        Event full = *event;
        va_list ap;
        int n;

        if (!may_tell(event->kind))
                return;

        va_start(ap, format);
        n = vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (*left_out > 0 && n >= 0 && (size_t) n < sizeof(text))
                (void) snprintf(text + n, sizeof(text) - (size_t) n, " (%" PRIu64 " more of this kind were left out)",
                                *left_out);
        *left_out = 0;

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
        memset(limits, 0, sizeof(limits));
        forgotten = last;
}
