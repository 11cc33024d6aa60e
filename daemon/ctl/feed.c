/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds: the daemon's stream and recordings, behind one function. */
#include "feed.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>

#include "base/error.h"
#include "base/format.h"
#include "progress.h"
#include "message.h"

/* A first window closes when it closes; do not ask much more often than it can. */
#define RETRY_MIN (50 * NSEC_PER_MSEC)
#define RETRY_MAX (2 * NSEC_PER_SEC)

#define WAIT_MS 250

struct Feed {
        /* a recording … */
        Recording *recording;
        uint64_t next;

        /* … or a stream */
        Connection *connection;
        char *name;
        Frame *partial;
        bool started;   /* the call is under way */
        bool ended;     /* its last reply has come */
        nsec_t retry;   /* when to call again; 0: now */
        uint64_t last;  /* sequence of the last frame handed out */
};

Feed *feed_free(Feed *feed) {
        if (!feed)
                return NULL;
        (void) frame_free(feed->partial);
        free(feed->name);
        free(feed);
        return NULL;
}

int feed_open_recording(Recording *recording, uint64_t first, Feed **ret) {
        Feed *feed = calloc(1, sizeof(*feed));

        if (!feed)
                return -ENOMEM;
        feed->recording = recording;
        feed->next = first;
        *ret = feed;
        return 0;
}

int feed_open_stream(Connection *connection, const char *name, Feed **ret) {
        _cleanup_(feed_freep) Feed *feed = calloc(1, sizeof(*feed));

        if (!feed)
                return -ENOMEM;
        feed->connection = connection;
        if (name) {
                feed->name = strdup(name);
                if (!feed->name)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(feed);
        return 0;
}

int feed_fd(const Feed *feed) {
        return feed->connection && feed->started ? wire_client_fd(feed->connection->client) : -1;
}

int feed_wait_ms(const Feed *feed) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);

        if (!feed->connection || feed->ended)
                return 0;
        if (feed->started)
                return wire_client_pending(feed->connection->client) ? 0 : -1;
        return feed->retry <= now ? 0 : (int) ((feed->retry - now) / NSEC_PER_MSEC) + 1;
}

/* The error that ended the call. NoSnapshotYet only postpones it. */
static int stream_error(Feed *feed, const char *error, json_t *parameters) {
        json_int_t wait;

        if (!streq(error, MONITOR_INTERFACE "NoSnapshotYet"))
                return connection_refused(error, parameters, NULL);

        wait = json_integer_value(json_object_get(parameters, "wait_ns"));
        if (wait <= 0) {
                /* it ended, and there never will be one */
                feed->ended = true;
                return FEED_AGAIN;
        }
        feed->started = false;
        feed->retry = clock_nsec(CLOCK_MONOTONIC) +
                      CLAMP((nsec_t) wait, RETRY_MIN, RETRY_MAX);
        return FEED_AGAIN;
}

static int start_stream(Feed *feed) {
        json_t *parameters;
        int r;

        if (feed->retry > clock_nsec(CLOCK_MONOTONIC))
                return FEED_AGAIN;
        parameters = name_parameters(feed->name);
        if (!parameters)
                return -ENOMEM;
        r = wire_client_start(feed->connection->client, MONITOR_INTERFACE "GetSnapshot",
                              parameters);
        if (r != 0)
                return connection_broken(r);
        feed->started = true;
        return FEED_AGAIN;
}

/* A stream repeats its last snapshot: as a sign of life in a long window, and as its last word. */
static int hand_out(Feed *feed, Frame **ret) {
        _cleanup_(frame_freep) Frame *frame = TAKE_PTR(feed->partial);

        if (frame->point.sequence == feed->last)
                return FEED_AGAIN;
        feed->last = frame->point.sequence;
        *ret = TAKE_PTR(frame);
        return 0;
}

/* One message of the stream. */
static int stream_message(Feed *feed, Frame **ret) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL, *reason = NULL;
        bool continues = false, complete = false;
        int r;

        r = wire_client_next(feed->connection->client, &continues, &reply, &error);
        if (r == WIRE_E_ERROR)
                return stream_error(feed, error, reply);
        if (r == WIRE_E_TIMEOUT || r == -EINTR)
                return FEED_AGAIN; /* long windows are no failure */
        if (r != 0)
                return connection_broken(r);

        feed->ended = !continues;
        r = frame_add_part(&feed->partial, json_object_get(reply, "snapshot"), &complete, &reason);
        if (r == -EBADMSG)
                return fail(CTL_REFUSED, "%s", reason);
        if (r < 0)
                return r;
        if (!complete)
                return FEED_AGAIN;
        return hand_out(feed, ret);
}

static int stream_step(Feed *feed, Frame **ret) {
        if (feed->ended) {
                *ret = NULL;
                return 0;
        }
        return feed->started ? stream_message(feed, ret) : start_stream(feed);
}

static int recording_step(Feed *feed, Frame **ret) {
        int r;

        r = recording_read(feed->recording, feed->next, ret);
        if (r == 0)
                feed->next++;
        return r;
}

int feed_step(Feed *feed, Frame **ret) {
        return feed->recording ? recording_step(feed, ret) : stream_step(feed, ret);
}

/* Sleeps until there may be something to do, a little while at most. */
static void wait_for_feed(const Feed *feed) {
        struct pollfd p = { .fd = feed_fd(feed), .events = POLLIN };
        int wait = feed_wait_ms(feed);

        (void) poll(&p, 1, wait < 0 ? WAIT_MS : MIN(wait, WAIT_MS));
}

static bool is_ready(const Feed *feed) {
        struct pollfd p = { .fd = feed_fd(feed), .events = POLLIN };

        return feed_wait_ms(feed) == 0 || (p.fd >= 0 && poll(&p, 1, 0) > 0);
}

int feed_next(Feed *feed, Frame **ret) {
        Progress progress;
        int r = FEED_AGAIN;

        if (feed->recording)
                return recording_step(feed, ret);

        progress_init(&progress);
        while (r == FEED_AGAIN) {
                if (feed->ended || is_ready(feed)) {
                        r = stream_step(feed, ret);
                        continue;
                }
                wait_for_feed(feed);
                progress_tick(&progress, "waiting for a snapshot ...");
        }
        progress_done(&progress);
        return r;
}

int feed_source_open(FeedSource *source, const Arguments *args) {
        if (args->input)
                return recording_open(args->input, &source->recording);
        return connection_open(&source->connection, args->socket);
}

void feed_source_close(FeedSource *source) {
        source->recording = recording_close(source->recording);
        if (source->connection.client)
                connection_close(&source->connection);
}

static int recorded_frame(Recording *recording, const Arguments *args, Frame **ret) {
        uint64_t count = recording_count(recording),
                 number = args->has_snapshot ? args->snapshot : count;
        int r;

        if (count == 0)
                return fail(CTL_GONE, "%s holds no snapshot: nothing was recorded", args->input);
        if (number > count)
                return fail(CTL_GONE, "%s holds %" PRIu64 " snapshots, there is no number %" PRIu64,
                            args->input, count, number);
        r = recording_read(recording, number, ret);
        return r == 0 && !*ret ? fail(CTL_REFUSED, "%s is damaged", args->input) : r;
}

/* Whether there is a snapshot at all. Without `more` the daemon says so at once; it refuses those
 * of several parts, which then is as good as a yes. */
static int require_snapshot(FeedSource *source, const Arguments *args) {
        _cleanup_json_ json_t *parameters = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        r = wire_client_call(source->connection.client, MONITOR_INTERFACE "GetSnapshot",
                             name_parameters(args->operand), &parameters, &error);
        if (r == WIRE_E_ERROR && !streq(error, "org.varlink.service.ExpectedMore"))
                return connection_refused(error, parameters, NULL);
        return r == 0 || r == WIRE_E_ERROR ? 0 : connection_broken(r);
}

/* One call without `more` would be refused for large snapshots; so a stream, left after its first
 * frame. */
static int live_frame(FeedSource *source, const Arguments *args, Frame **ret) {
        _cleanup_(feed_freep) Feed *feed = NULL;
        int r;

        r = args->no_wait ? require_snapshot(source, args) : 0;
        if (r != 0)
                return r;
        r = feed_open_stream(&source->connection, args->operand, &feed);
        if (r != 0)
                return r;
        r = feed_next(feed, ret);
        return r == 0 && !*ret ? fail(CTL_GONE, "the monitor has ended without a snapshot") : r;
}

/* A snapshot of several parts comes as a stream only, and that takes a connection of its own. */
static int latest_in_parts(const Arguments *args, const char *name, Frame **ret) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_(feed_freep) Feed *feed = NULL;
        int r;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = feed_open_stream(&connection, name, &feed);
        return r != 0 ? r : feed_next(feed, ret);
}

int feed_latest(Connection *connection, const Arguments *args, const char *name, Frame **ret) {
        _cleanup_json_ json_t *reply = NULL;
        _cleanup_free_ char *error = NULL, *reason = NULL;
        bool complete;
        int r;

        *ret = NULL;
        r = connection_ask(connection, "GetSnapshot", name_parameters(name), &reply, &error);
        if (r != 0)
                return r;
        if (error && streq(error, "org.varlink.service.ExpectedMore"))
                return latest_in_parts(args, name, ret);
        if (error && (streq(error, MONITOR_INTERFACE "NoSnapshotYet") ||
                      streq(error, MONITOR_INTERFACE "NoSuchMonitor")))
                return 0;
        if (error)
                return connection_refused(error, reply, NULL);
        r = frame_add_part(ret, json_object_get(reply, "snapshot"), &complete, &reason);
        return r == -EBADMSG ? fail(CTL_REFUSED, "%s", reason) : r;
}

int feed_one_frame(FeedSource *source, const Arguments *args, Frame **ret) {
        return source->recording ? recorded_frame(source->recording, args, ret)
                                 : live_frame(source, args, ret);
}
