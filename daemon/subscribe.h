/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams of snapshots: who gets the next one, and what becomes of those who cannot keep up. */
#pragma once

#include <systemd/sd-event.h>

#include "control.h"
#include "engine.h"
#include "sight.h"

typedef struct Subscriber Subscriber;

typedef struct Subscribers {
        Subscriber *first;
        struct SnapshotTexts *texts; /* of what is sent */
        sd_event_source *timer;
} Subscribers;

int subscribers_init(Subscribers *subscribers, sd_event *event);
void subscribers_deinit(Subscribers *subscribers);

/* Keeps the call open, sends the latest snapshot if there is one, and every new one from then on; of an
 * engine that has finished, the last one, and that is all. 0, CONTROL_E_LIMIT or -errno. */
int subscribers_add(Subscribers *subscribers, Engine *engine, const View *view, ControlCall *call);

/* Sends the engine's latest snapshot to all that read it and keep up. */
void subscribers_publish(Subscribers *subscribers, Engine *engine);

/* The engine has finished: the latest snapshot once more to each, at the reader's pace, and the streams
 * end. */
void subscribers_finish(Subscribers *subscribers, Engine *engine);

/* The engine is about to go: the same, but now. */
void subscribers_end(Subscribers *subscribers, Engine *engine);
