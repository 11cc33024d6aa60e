/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: what was decided, done and refused, and why. Each one is told to the log and kept in a bounded ring, from
 * which clients read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/macro.h"

/* In the order of the table in event.c. New ones go to the end of their group: only names are stable. */
typedef enum EventKind {
        EVENT_DAEMON_STARTED,
        EVENT_DAEMON_STOPPING,
        EVENT_MONITOR_STARTED,
        EVENT_MONITOR_REFUSED, /* it could not start */
        EVENT_MONITOR_STOPPED, /* by somebody */
        EVENT_MONITOR_ENDED,   /* all its targets have */
        EVENT_MONITOR_FAILED,
        EVENT_MONITOR_PACED,   /* its intervals follow the CPU limit */
        EVENT_TARGET_FOUND,
        EVENT_TARGET_ENDED,
        EVENT_TARGET_DENIED,   /* it may not be looked at any more */
        EVENT_TARGET_LEFT,     /* it lives, but is not what is to be watched any more */
        EVENT_SCHEME_ACTIVATED,   /* by its watermarks */
        EVENT_SCHEME_DEACTIVATED, /* by its watermarks */
        EVENT_SCHEME_ACTED,    /* plans were carried out; several in a short time are told together */
        EVENT_SCHEME_FAILED,   /* the kernel refused an action, or a plan was broken off */
        EVENT_SCHEME_BACKED_OFF, /* memory came back: it is left alone for longer */
        EVENT_SCHEME_TUNED,    /* its goals changed what the quota allows */
        EVENT_SCHEME_CHANGED,  /* by somebody */
        EVENT_CONFIG_LOADED,
        EVENT_CONFIG_REFUSED,
        EVENT_CLIENT_DROPPED,
        EVENT_CLIENT_REFUSED,
        EVENT_CLIENT_DENIED,   /* a call without the right to make it */
        EVENT_CLIENT_CALLED,   /* a method that changes things, done or not: the audit */
        EVENT_LIMIT_HIT,       /* monitors, streams */
        EVENT_STATE_REFUSED,   /* what was saved is not taken over */
        EVENT_STATE_UNSAVED,   /* it cannot be saved */
        EVENT_STATE_SAVED,     /* it can be saved again */
        _EVENT_KIND_MAX,
} EventKind;

typedef enum EventUnit {
        EVENT_COUNT,
        EVENT_BYTES,
        EVENT_NS,
        EVENT_SHARE, /* 0 to 1 */
        _EVENT_UNIT_MAX,
} EventUnit;

/* A number that belongs to an event. */
typedef struct EventNumber {
        const char *name; /* a literal, snake_case */
        EventUnit unit;
        double value;
} EventNumber;

#define EVENT_NUMBERS_MAX 8
#define EVENT_TEXT_MAX 512

typedef struct Event {
        EventKind kind;
        int priority;        /* syslog; 0: that of the kind */
        const char *monitor; /* NULL: it is about the daemon */
        const char *scheme;  /* NULL: about no scheme in particular */
        pid_t pid;           /* of the target, or of the client; 0: none */
        bool has_uid;
        uid_t uid;           /* of who asked for it */
        const char *method;  /* that was called, and what came of it: literals; NULL: none */
        const char *outcome;
        EventNumber numbers[EVENT_NUMBERS_MAX]; /* up to the first without a name */

        /* filled in by event_report() */
        uint64_t sequence; /* 1, 2, 3 … since the daemon started */
        nsec_t time;       /* CLOCK_REALTIME */
        const char *text;  /* in words, without the names of monitor and scheme */
} Event;

/* "monitor_started" …, and its priority (LOG_ERR …). */
const char *event_kind_name(EventKind kind);
int event_kind_priority(EventKind kind);
const char *event_kind_message_id(EventKind kind); /* MESSAGE_ID in the journal, see udamon.catalog */
const char *event_unit_name(EventUnit unit); /* "count", "bytes", "ns", "share" */

/* Tells the log and keeps a copy. Kinds that peers cause at will are left out where they come too often: 50 at
 * once, then 5 per second; the next one that is told says how many were left out. Everything that `event` points to
 * is borrowed for the time of the call. Only for the thread of the event loop. */
void event_report(const Event *event, const char *format, ...) _printf_(2, 3);

/* The ring: the last EVENTS_MAX of them. Sequences from event_first() to event_last() are there; first > last: none. */
#define EVENTS_MAX 1024
uint64_t event_first(void);
uint64_t event_last(void);
const Event *event_get(uint64_t sequence); /* NULL: gone, or not there yet; valid until the next event_report() */

/* Is called after each event; one listener, NULL for none. It must not report events itself. */
void event_listen(void (*listener)(void *userdata), void *userdata);

/* Forgets everything. */
void event_clear(void);
