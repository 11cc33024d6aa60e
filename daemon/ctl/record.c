/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `record`: the daemon's stream into a file, until it ends, the time is over, or a signal comes. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "feed.h"
#include "progress.h"
#include "message.h"
#include "verbs.h"
#include "view.h"

/* SIGINT and SIGTERM become readable: a recording ends in order. */
static int open_signals(void) {
        sigset_t set;
        int fd;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGINT);
        (void) sigaddset(&set, SIGTERM);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        fd = signalfd(-1, &set, SFD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

typedef struct Recorder {
        Feed *feed;
        Recording *recording;
        int signals;
        nsec_t deadline;
        Progress progress;
} Recorder;

static int wait_ms(const Recorder *recorder) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        int wait = feed_wait_ms(recorder->feed);

        /* the progress line wants a tick now and then */
        wait = wait < 0 ? 500 : MIN(wait, 500);
        if (recorder->deadline <= now)
                return 0;
        return (int) MIN((uint64_t) wait, (recorder->deadline - now) / NSEC_PER_MSEC + 1);
}

/* Waits; whether to go on. *ret_ready: the feed has something. */
static bool wait_for_more(Recorder *recorder, bool *ret_ready) {
        struct pollfd p[] = {
                { .fd = recorder->signals, .events = POLLIN },
                { .fd = feed_fd(recorder->feed), .events = POLLIN },
        };

        (void) poll(p, ELEMENTSOF(p), wait_ms(recorder));
        *ret_ready = p[1].revents != 0 || feed_wait_ms(recorder->feed) == 0;
        return p[0].revents == 0 && clock_nsec(CLOCK_MONOTONIC) < recorder->deadline;
}

static int record_frames(Recorder *recorder) {
        bool ready = true;

        while (wait_for_more(recorder, &ready)) {
                _cleanup_(frame_freep) Frame *frame = NULL;
                char size[FORMAT_MAX];
                int r;

                progress_tick(&recorder->progress,
                              "recording: %" PRIu64 " snapshots; Ctrl-C ends it",
                              recording_count(recorder->recording));
                if (!ready)
                        continue;
                r = feed_step(recorder->feed, &frame);
                if (r == FEED_AGAIN)
                        continue;
                if (r != 0 || !frame)
                        return r;
                r = recording_append(recorder->recording, frame);
                if (r != 0)
                        return r;
                progress_tick(&recorder->progress,
                              "recording: %" PRIu64 " snapshots, working set %s; Ctrl-C ends it",
                              recording_count(recorder->recording),
                              format_size(size, frame->point.working_set.bytes));
        }
        return 0;
}

static int summarize(const Arguments *args, const Recording *recording) {
        uint64_t count = recording_count(recording), missed = recording_missed(recording);

        if (args->json)
                return print_json(json_pack("{s:s, s:I, s:I, s:b}", "recording", args->output,
                                            "snapshots", (json_int_t) count, "missed_snapshots",
                                            (json_int_t) missed, "complete",
                                            !recording_failed(recording)));
        tell("%s: %" PRIu64 " snapshots; 'udamonctl heatmap -i %s' draws them", args->output, count,
             args->output);
        if (missed > 0)
                tell("%" PRIu64 " snapshots are missing: the recorder was too slow for them",
                     missed);
        return 0;
}

int verb_record(const Arguments *args) {
        _cleanup_(connection_close) Connection connection = CONNECTION_NONE;
        _cleanup_(recording_closep) Recording *recording = NULL;
        _cleanup_(feed_freep) Feed *feed = NULL;
        _cleanup_close_ int signals = -1;
        Recorder recorder;
        int r, e;

        r = connection_open(&connection, args->socket);
        if (r == 0)
                r = recording_create(args->output, args->force, &recording);
        if (r == 0)
                r = feed_open_stream(&connection, args->operand, &feed);
        if (r != 0)
                return r;
        signals = open_signals();
        if (signals < 0)
                return signals;

        recorder = (Recorder){
                .feed = feed,
                .recording = recording,
                .signals = signals,
                .deadline = args->duration > 0 ? clock_nsec(CLOCK_MONOTONIC) + args->duration
                                               : NSEC_INFINITY,
        };
        progress_init(&recorder.progress);
        r = record_frames(&recorder);
        progress_done(&recorder.progress);
        if (r != 0 && recording_count(recording) == 0) {
                /* nothing came of it: do not leave an empty file behind */
                recording = recording_close(recording);
                (void) unlink(args->output);
                return r;
        }
        e = summarize(args, recording);
        return r != 0 ? r : e;
}
