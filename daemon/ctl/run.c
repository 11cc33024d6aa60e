/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `run`: a command, a private daemon that watches it, and what was seen.
 *
 * Every frame goes into a recording: the one that was asked for, or a private one that vanishes. So
 * the summary needs no memory that grows with the run, and is drawn like any recording. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

#include "base/error.h"
#include "base/format.h"
#include "command.h"
#include "connect.h"
#include "feed.h"
#include "live.h"
#include "monitor-request.h"
#include "progress.h"
#include "message.h"
#include "run-summary.h"
#include "verbs.h"

/* After the command's end, the daemon may still have a last snapshot to send. */
#define DRAIN_MS 250

#define ASK_TIMEOUT_MS 5000

/* The daemon's, where --aggregate is not given. */
#define AGGREGATE_DEFAULT (2 * NSEC_PER_SEC)

typedef struct Run {
        const Arguments *args;
        Command command;
        Connection connection;
        Recording *recording;
        Feed *feed; /* NULL once it has ended */
        Live live;
        bool is_live;
        int signals;
        nsec_t started;
        nsec_t ended;
        json_t *warnings; /* what the daemon says about these numbers */
        json_t *schemes;  /* what they did; NULL: there are none, or nobody knows */
        bool trouble; /* what `run` itself was to do did not work out */
        Progress progress;
} Run;

static void run_deinit(Run *run) {
        command_close(&run->command);
        run->feed = feed_free(run->feed);
        if (run->connection.client)
                connection_close(&run->connection);
        run->recording = recording_close(run->recording);
        closep(&run->signals);
        json_decref(run->warnings);
        json_decref(run->schemes);
}

/* A recording says how it was made. */
static int keep_context(Run *run, json_t *monitor) {
        json_t *warnings = json_object_get(json_object_get(monitor, "runtime"), "warnings");
        _cleanup_free_ char *context =
                json_dumps(json_object_get(monitor, "context"), JSON_COMPACT);
        int r = 0;

        run->warnings = json_is_array(warnings) ? json_incref(warnings) : json_array();
        if (context)
                r = recording_set_meta(run->recording, "context", context);
        return r != 0 ? r : recording_set_meta(run->recording, "command", run->args->command[0]);
}

#define NAME_LENGTH_MAX 64

/* A monitor's name from that of the command, which may have any characters. */
static void name_of_command(const char *command, char name[static NAME_LENGTH_MAX + 1]) {
        static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+:@";
        const char *slash = strrchr(command, '/');

        (void) snprintf(name, NAME_LENGTH_MAX + 1, "%s", slash && slash[1] ? slash + 1 : command);
        for (char *c = name; *c; c++)
                if (!strchr(good, *c) || (c == name && *c == '-'))
                        *c = '_';
}

/* Any failure before the command runs is one of `run`. */
static int start_monitor(Run *run) {
        char derived[NAME_LENGTH_MAX + 1];
        _cleanup_json_ json_t *reply = NULL;
        MonitorOptions options = run->args->monitor;
        json_t *name;
        int r;

        r = command_fork(&run->command, run->args->command, run->args->json);
        if (r < 0)
                return fail(CTL_RUN, "cannot fork: %s", error_text(r));
        r = connection_open_private(&run->connection, run->args->cpu_limit);
        if (r != 0)
                return r;

        /* a program grows most in its first seconds */
        if (options.update == 0)
                options.update = options.aggregate > 0 ? MAX(options.aggregate, options.sample)
                                                       : AGGREGATE_DEFAULT;
        options.pids[options.n_pids++] = run->command.pid;
        if (!options.name) {
                name_of_command(run->args->command[0], derived);
                options.name = derived;
        }
        r = monitor_request(&run->connection, &options, &reply);
        if (r != 0)
                return r;
        r = keep_context(run, json_object_get(reply, "monitor"));
        if (r != 0)
                return r;
        name = json_object_get(reply, "name");
        return feed_open_stream(&run->connection, json_string_value(name), &run->feed);
}

/* The terminal's signals are for the command; those sent to us are passed on to it. */
static int take_signals(Run *run) {
        sigset_t set;

        (void) signal(SIGINT, SIG_IGN);
        (void) signal(SIGQUIT, SIG_IGN);
        (void) sigemptyset(&set);
        (void) sigaddset(&set, SIGTERM);
        (void) sigaddset(&set, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &set, NULL);
        run->signals = signalfd(-1, &set, SFD_CLOEXEC);
        return run->signals < 0 ? -errno : 0;
}

static void pass_signal_on(Run *run) {
        struct signalfd_siginfo info;

        if (read(run->signals, &info, sizeof(info)) == sizeof(info))
                (void) kill(run->command.pid, (int) info.ssi_signo);
}

static int take_frame(Run *run, const Frame *frame) {
        char size[FORMAT_MAX];

        /* a failed recording has said so; the command and the live picture go on */
        if (!recording_failed(run->recording) && recording_append(run->recording, frame) != 0)
                run->trouble = true;
        if (run->is_live)
                return live_draw(&run->live, frame);
        /* the command's own output is not to be drawn over */
        if (!isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO))
                progress_tick(&run->progress, "watching: %" PRIu64 " snapshots, working set %s",
                              recording_count(run->recording),
                              format_size(size, frame->point.working_set.bytes));
        return 0;
}

static int take_step(Run *run) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        int r;

        r = feed_step(run->feed, &frame);
        if (r == FEED_AGAIN)
                return 0;
        if (r == 0 && frame)
                return take_frame(run, frame);
        if (r != 0)
                run->trouble = true;
        run->feed = feed_free(run->feed);
        return r < 0 ? r : 0;
}

static bool feed_ready(const Run *run, const struct pollfd *p) {
        return run->feed && (p->revents != 0 || feed_wait_ms(run->feed) == 0);
}

static int watch(Run *run) {
        for (;;) {
                struct pollfd p[] = {
                        { .fd = run->command.pidfd, .events = POLLIN },
                        { .fd = run->signals, .events = POLLIN },
                        { .fd = run->feed ? feed_fd(run->feed) : -1, .events = POLLIN },
                };
                int r;

                if (poll(p, ELEMENTSOF(p), run->feed ? feed_wait_ms(run->feed) : -1) < 0 &&
                    errno != EINTR)
                        return -errno;
                if (p[1].revents)
                        pass_signal_on(run);
                if (feed_ready(run, &p[2])) {
                        r = take_step(run);
                        if (r < 0)
                                return r;
                }
                if (p[0].revents) {
                        run->ended = clock_nsec(CLOCK_MONOTONIC);
                        return 0;
                }
        }
}

/* What was on its way when the command ended. */
static int drain(Run *run) {
        nsec_t deadline = run->ended + DRAIN_MS * NSEC_PER_MSEC;

        while (run->feed && feed_fd(run->feed) >= 0) {
                struct pollfd p = { .fd = feed_fd(run->feed), .events = POLLIN };
                nsec_t now = clock_nsec(CLOCK_MONOTONIC);
                int r;

                if (now >= deadline)
                        break;
                (void) poll(&p, 1,
                            feed_wait_ms(run->feed) == 0
                                    ? 0
                                    : (int) ((deadline - now) / NSEC_PER_MSEC) + 1);
                if (!feed_ready(run, &p))
                        continue;
                r = take_step(run);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Asks what the schemes did. */
static int ask_schemes(Run *run) {
        _cleanup_json_ json_t *reply = NULL;
        json_t *schemes;
        int r;

        if (!run->args->monitor.scheme || run->trouble)
                return 0;
        wire_client_set_timeout(run->connection.aside, ASK_TIMEOUT_MS);
        r = connection_call_aside(&run->connection, "GetSchemes", json_object(), &reply);
        schemes = json_object_get(reply, "schemes");
        if (r == 0 && json_is_array(schemes))
                run->schemes = json_incref(schemes);
        else
                run->trouble = true;
        return r < 0 ? r : 0;
}

static void set_up_live(Run *run) {
        bool terminal = isatty(STDERR_FILENO);

        run->is_live = run->args->live || (terminal && !isatty(STDOUT_FILENO) && !run->args->json);
        run->live = (Live) {
                .screen = screen_for(stderr, run->args),
                .interval = run->args->redraw,
                .top = run->args->has_top ? run->args->top : 5,
        };
}

static int report(Run *run, int status) {
        RunSummary summary = {
                .args = run->args,
                .recording = run->recording,
                .status = status,
                .duration = run->ended - run->started,
                .warnings = run->warnings,
                .schemes = run->schemes,
        };
        char text[16];
        int r;

        (void) snprintf(text, sizeof(text), "%d", status);
        if (!recording_failed(run->recording) &&
            recording_set_meta(run->recording, "exit_status", text) != 0)
                run->trouble = true;
        r = run_summary(&summary);
        if (r != 0)
                return r < 0 ? r : CTL_RUN;
        if (status == 0 && (run->trouble || recording_failed(run->recording)))
                return CTL_RUN;
        return status;
}

static int prepare(Run *run) {
        int r;

        r = recording_create(run->args->record, run->args->force, &run->recording);
        if (r == 0)
                r = start_monitor(run);
        if (r == 0)
                r = take_signals(run);
        return r;
}

int verb_run(const Arguments *args) {
        _cleanup_(run_deinit) Run run = { .args = args, .command = COMMAND_NONE, .signals = -1 };
        int r, status;

        r = prepare(&run);
        if (r != 0)
                return r < 0 ? r : CTL_RUN;
        set_up_live(&run);
        progress_init(&run.progress);
        run.started = clock_nsec(CLOCK_MONOTONIC);
        r = command_release(&run.command);
        if (r > 0) {
                tell("cannot run '%s': %s", args->command[0], error_text(-r));
                return command_reap(&run.command);
        }

        r = watch(&run);
        if (r < 0)
                return r;
        status = command_reap(&run.command);
        r = drain(&run);
        if (r == 0)
                r = ask_schemes(&run);
        if (r < 0)
                return r;
        progress_done(&run.progress);
        if (run.is_live)
                live_erase(&run.live);
        return report(&run, status);
}
