/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of events. A reader is nothing but a place in the ring: one that is too slow costs no memory, it misses the
 * oldest, and is told how many. */
#pragma once

#include <systemd/sd-event.h>

#include "control.h"

typedef struct EventReader EventReader;

typedef struct EventReaders {
        EventReader *first;
        sd_event_source *timer;
        bool soon; /* the timer is about to come */
} EventReaders;

/* Listens to the events from now on. */
int event_readers_init(EventReaders *readers, sd_event *event);

/* Ends all streams with a last reply. */
void event_readers_deinit(EventReaders *readers);

/* Keeps the call open, sends the last `limit` of the events that there are, and every new one from then on; only those
 * about this monitor, unless that is NULL. 0, CONTROL_E_LIMIT or -errno. */
int event_readers_add(EventReaders *readers, ControlCall *call, const char *monitor, uint64_t limit);

/* As members of a reply: the newest ones, at most `limit` and at most EVENTS_PER_REPLY of them, the oldest first. */
#define EVENTS_PER_REPLY 256
void event_report_last(Writer *w, const char *monitor, uint64_t limit);
