/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A feed: where frames come from. A view takes frames out of a feed and does not know whether they
 * are the daemon's latest snapshot, its stream of new ones, or a recording. */
#pragma once

#include "connect.h"
#include "frame.h"
#include "options.h"
#include "recording.h"

typedef struct Feed Feed;

/* The frames of a recording from number `first` (1 is the first) on. The recording is borrowed. */
int feed_open_recording(Recording *recording, uint64_t first, Feed **ret);

/* The daemon's stream of snapshots of monitor `name` (may be NULL): the latest, then all new ones.
 * The connection is borrowed, and of no use for other calls from then on. */
int feed_open_stream(Connection *connection, const char *name, Feed **ret);

Feed *feed_free(Feed *feed);

static inline void feed_freep(Feed **feed) {
        *feed = feed_free(*feed);
}

/* The next frame, or NULL in *ret at the end. Waits where a monitor has no snapshot yet. An
 * ExitStatus when it failed (told), or a negative error number. */
int feed_next(Feed *feed, Frame **ret);

/* The same for a stream, from an event loop: takes what has arrived, without waiting for a whole
 * frame. FEED_AGAIN: none is complete yet. *ret is NULL at the end. */
#define FEED_AGAIN 1000
int feed_step(Feed *feed, Frame **ret);

/* To poll on; -1 for a recording. And for how many milliseconds there is nothing to do but to poll:
 * -1 for ever, 0 when feed_step() has something to say at once. */
int feed_fd(const Feed *feed);
int feed_wait_ms(const Feed *feed);

/* Where the arguments say: a recording, or the running daemon. */
typedef struct FeedSource {
        Recording *recording;
        Connection connection;
} FeedSource;

int feed_source_open(FeedSource *source, const Arguments *args);
void feed_source_close(FeedSource *source);

/* The latest frame of a running monitor: NULL in *ret where it has none yet, or is no monitor (any more). Does not
 * wait. `args` says where the daemon is; the connection stays free for other calls. */
int feed_latest(Connection *connection, const Arguments *args, const char *name, Frame **ret);

/* One frame: the latest, or the one that the arguments choose. CTL_GONE when there is none. */
int feed_one_frame(FeedSource *source, const Arguments *args, Frame **ret);
