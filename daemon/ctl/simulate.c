/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `simulate`: what schemes would have done to a recording. The engine of udamond decides, as it does for memory that
 * is there; it runs as a child that reads snapshots and writes what it decided, a line each.
 *
 * Both pipes are served at once: a child that waits for us to read must not meet us waiting for it to read. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/error.h"
#include "connect.h"
#include "message.h"
#include "private.h"
#include "progress.h"
#include "recording.h"
#include "simulation.h"
#include "verbs.h"
#include "view.h"

#define ANSWER_MAX (16 * 1024 * 1024)
#define READ_SIZE 65536

/* What udamond exits with when a configuration is wrong; it has said what. */
#define CHILD_CONFIG_INVALID 3

typedef struct Pump {
        const char *scheme_file;
        Recording *recording;
        Simulation simulation;
        pid_t pid; /* 0: none */
        int in;    /* the child's standard input, our end; -1: all is written */
        int out;
        uint64_t next; /* number of the snapshot to send next */
        char *line;    /* the one that is being sent, its newline in place of the final NUL */
        size_t line_length;
        size_t line_sent;
        char *answer; /* what has come and is no whole line yet */
        size_t answer_length;
        size_t answer_allocated;
        Progress progress;
} Pump;

static int reap(Pump *pump) {
        int status = 0;

        while (waitpid(pump->pid, &status, 0) < 0 && errno == EINTR)
                ;
        pump->pid = 0;
        return status;
}

static void pump_deinit(Pump *pump) {
        closep(&pump->in);
        closep(&pump->out);
        /* left in the middle */
        if (pump->pid > 0) {
                (void) kill(pump->pid, SIGKILL);
                (void) reap(pump);
        }
        pump->recording = recording_close(pump->recording);
        simulation_deinit(&pump->simulation);
        free(pump->line);
        free(pump->answer);
}

__attribute__((noreturn)) static void become_simulator(const char *path, const char *file, int in, int out) {
        char *argv[] = { (char *) "udamond", (char *) "--simulate", (char *) file, NULL };

        (void) signal(SIGPIPE, SIG_DFL);
        /* whatever was open when we were started: neither of the two may be in the way of the other */
        in = fcntl(in, F_DUPFD_CLOEXEC, 3);
        out = fcntl(out, F_DUPFD_CLOEXEC, 3);
        if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
                _exit(CTL_CANNOT_EXEC);
        (void) execv(path, argv);
        tell("cannot start %s: %s", path, error_text(-errno));
        _exit(CTL_CANNOT_EXEC);
}

static int start_child(Pump *pump) {
        int in[2] = { -1, -1 }, out[2] = { -1, -1 }, r;
        char path[PATH_MAX];

        r = private_daemon_find(path, sizeof(path));
        if (r != 0)
                return r;
        if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
                r = -errno;
                closep(&in[0]);
                closep(&in[1]);
                return r;
        }
        (void) fflush(NULL);
        pump->pid = fork();
        if (pump->pid == 0)
                become_simulator(path, pump->scheme_file, in[0], out[1]);
        r = pump->pid < 0 ? -errno : 0;
        (void) close(in[0]);
        (void) close(out[1]);
        pump->in = in[1];
        pump->out = out[0];
        if (r == 0 && (fcntl(pump->in, F_SETFL, O_NONBLOCK) < 0 || fcntl(pump->out, F_SETFL, O_NONBLOCK) < 0))
                r = -errno;
        return r;
}

/* Makes the next snapshot a line; without one, the child's input ends. */
static int load_line(Pump *pump) {
        _cleanup_(frame_freep) Frame *frame = NULL;
        _cleanup_json_ json_t *json = NULL;
        int r;

        r = recording_read(pump->recording, pump->next++, &frame);
        if (r != 0)
                return r;
        if (!frame) {
                closep(&pump->in);
                pump->in = -1;
                return 0;
        }
        if (frame_apart(&frame->point.working_set) > 0)
                return fail(CTL_REFUSED, "this recording is of physical memory: it does not tell whose the memory in a "
                                         "region is, and so not what schemes would do to it");
        r = simulation_sent(&pump->simulation, frame);
        if (r < 0)
                return r;
        json = frame_to_json(frame);
        pump->line = json ? json_dumps(json, JSON_COMPACT) : NULL;
        if (!pump->line)
                return -ENOMEM;
        pump->line_length = strlen(pump->line) + 1;
        pump->line[pump->line_length - 1] = '\n';
        pump->line_sent = 0;
        return 0;
}

/* A child that reads no more says why on its standard error, and by its status. */
static int write_some(Pump *pump) {
        ssize_t n = write(pump->in, pump->line + pump->line_sent, pump->line_length - pump->line_sent);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0 && errno != EPIPE)
                return -errno;
        if (n < 0) {
                closep(&pump->in);
                pump->in = -1;
                return 0;
        }
        pump->line_sent += (size_t) n;
        if (pump->line_sent == pump->line_length) {
                free(pump->line);
                pump->line = NULL;
        }
        return 0;
}

static int take_answers(Pump *pump, size_t looked_at) {
        size_t begin = 0;
        char *end;

        while ((end = memchr(pump->answer + MAX(begin, looked_at), '\n',
                             pump->answer_length - MAX(begin, looked_at)))) {
                _cleanup_free_ char *error = NULL;
                size_t length = (size_t) (end - pump->answer) - begin;
                int r;

                r = simulation_answer(&pump->simulation, pump->answer + begin, length, &error);
                if (r == -EBADMSG)
                        return fail(CTL_REFUSED, "%s", error);
                if (r < 0)
                        return r;
                begin += length + 1;
        }
        memmove(pump->answer, pump->answer + begin, pump->answer_length - begin);
        pump->answer_length -= begin;
        progress_tick(&pump->progress, "simulating: snapshot %zu of %" PRIu64, pump->simulation.n_answered,
                      recording_count(pump->recording));
        return 0;
}

static int read_some(Pump *pump) {
        size_t before = pump->answer_length;
        ssize_t n;

        if (pump->answer_length > ANSWER_MAX)
                return fail(CTL_REFUSED, "udamond's answer is malformed: a line without an end");
        if (pump->answer_allocated < pump->answer_length + READ_SIZE) {
                size_t larger = MAX(2 * pump->answer_allocated, pump->answer_length + READ_SIZE);
                char *answer = realloc(pump->answer, larger);

                if (!answer)
                        return -ENOMEM;
                pump->answer = answer;
                pump->answer_allocated = larger;
        }
        n = read(pump->out, pump->answer + pump->answer_length, READ_SIZE);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0) {
                closep(&pump->out);
                pump->out = -1;
                return 0;
        }
        pump->answer_length += (size_t) n;
        return take_answers(pump, before);
}

/* Until the child has closed its output. */
static int pump_all(Pump *pump) {
        int r = 0;

        while (r == 0 && pump->out >= 0) {
                struct pollfd p[2];

                if (pump->in >= 0 && !pump->line)
                        r = load_line(pump);
                if (r != 0)
                        break;
                p[0] = (struct pollfd) { .fd = pump->in, .events = POLLOUT };
                p[1] = (struct pollfd) { .fd = pump->out, .events = POLLIN };
                if (poll(p, ELEMENTSOF(p), -1) < 0 && errno != EINTR)
                        return -errno;
                if (p[0].revents)
                        r = write_some(pump);
                if (r == 0 && p[1].revents)
                        r = read_some(pump);
        }
        return r;
}

static int judge_end(Pump *pump) {
        int status;

        closep(&pump->in);
        pump->in = -1;
        status = reap(pump);
        if (WIFSIGNALED(status))
                return fail(CTL_REFUSED, "udamond was killed by signal %d in the middle of the simulation",
                            WTERMSIG(status));
        if (WEXITSTATUS(status) == CHILD_CONFIG_INVALID || WEXITSTATUS(status) == CTL_CANNOT_EXEC)
                return CTL_REFUSED; /* told */
        if (WEXITSTATUS(status) != 0)
                return fail(CTL_REFUSED, "udamond --simulate failed with status %d", WEXITSTATUS(status));
        if (!pump->simulation.end)
                return fail(CTL_REFUSED, "udamond's answer is malformed: it breaks off");
        return 0;
}

static int simulate(Pump *pump) {
        /* a write to a child that has gone is told by its error */
        void (*saved)(int) = signal(SIGPIPE, SIG_IGN);
        int r;

        progress_init(&pump->progress);
        r = start_child(pump);
        if (r == 0)
                r = pump_all(pump);
        if (r == 0)
                r = judge_end(pump);
        progress_done(&pump->progress);
        (void) signal(SIGPIPE, saved);
        return r;
}

int verb_simulate(const Arguments *args) {
        _cleanup_(pump_deinit) Pump pump = {
                .scheme_file = args->monitor.scheme, .in = -1, .out = -1, .next = 1,
        };
        Screen screen = screen_for(stdout, args);
        int r;

        r = recording_open(args->input, &pump.recording);
        if (r != 0)
                return r;
        if (recording_count(pump.recording) == 0)
                return fail(CTL_GONE, "%s holds no snapshot: nothing was recorded", args->input);
        r = simulate(&pump);
        if (r != 0)
                return r;
        return args->json ? print_json(view_simulate_json(args, pump.recording, &pump.simulation))
                          : verb_finish(view_simulate(&screen, args, pump.recording, &pump.simulation));
}
