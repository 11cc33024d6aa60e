/* SPDX-License-Identifier: GPL-2.0-or-later */
/* --watch. */
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "base/file.h"
#include "base/format.h"
#include "message.h"
#include "screen.h"

/* The other screen, without a cursor; and back. */
#define SCREEN_ENTER "\033[?1049h\033[?25l"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"

static void on_signal(int number) {
        /* the default action comes when this returns and the signal is let through */
        ssize_t n = write(STDOUT_FILENO, SCREEN_LEAVE, sizeof(SCREEN_LEAVE) - 1);

        (void) n;
        (void) signal(number, SIG_DFL);
        (void) raise(number);
}

static void enter_screen(void) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) signal(signals[i], on_signal);
        (void) fputs(SCREEN_ENTER, stdout);
        (void) fflush(stdout);
}

static void leave_screen(void) {
        (void) fputs(SCREEN_LEAVE, stdout);
        (void) fflush(stdout);
}

/* A descriptor that writes into memory for a while. */
typedef struct Captured {
        int fd;
        int file;
        int before;
} Captured;

static int capture(Captured *c, int fd) {
        *c = (Captured) { .fd = fd, .file = memfd_create("watch", MFD_CLOEXEC), .before = dup(fd) };
        return c->file < 0 || c->before < 0 || dup2(c->file, fd) < 0 ? -errno : 0;
}

static int release(Captured *c, Buffer *text) {
        int r = 0;

        if (c->before < 0 || dup2(c->before, c->fd) < 0 || lseek(c->file, 0, SEEK_SET) < 0)
                r = -errno;
        if (r == 0)
                r = read_whole(c->file, (size_t) 64 << 20, text);
        closep(&c->file);
        closep(&c->before);
        return r;
}

/* The verb's output and complaints, in memory. It sees files, so width and colour are settled before. */
static int run_captured(int (*verb)(const Arguments *args), const Arguments *args, Buffer *text, Buffer *complaint,
                        int *ret_status) {
        Captured out, error;
        int r, k;

        r = capture(&out, STDOUT_FILENO);
        k = capture(&error, STDERR_FILENO);
        if (r == 0 && k == 0)
                *ret_status = verb(args);
        (void) fflush(stdout);
        k = k == 0 ? release(&error, complaint) : k;
        r = r == 0 ? release(&out, text) : r;
        return r < 0 ? r : k;
}

static size_t terminal_rows(void) {
        struct winsize size;

        return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 2 ? size.ws_row : 24;
}

/* Over what stands there, line by line, so that nothing flickers; what does not fit is counted. */
static void draw(char *text, nsec_t interval) {
        size_t rows = terminal_rows() - 2, hidden = 0, row = 0;
        char *state = NULL, every[FORMAT_MAX], now[TIME_MAX];

        (void) printf("\033[H\033[0mevery %s, now %s\033[K\n\033[K", format_duration(every, interval),
                      format_time(now, clock_nsec(CLOCK_REALTIME)));
        for (char *line = text; line && *line; line = state) {
                state = strchr(line, '\n');
                if (state)
                        *state++ = '\0';
                if (row++ < rows)
                        (void) printf("\033[?7l%s\033[0m\033[K\033[?7h%s", line, row < rows ? "\n" : "");
                else
                        hidden++;
        }
        if (hidden > 0)
                (void) printf("\r... %zu more lines; a larger terminal shows them\033[K", hidden + 1);
        (void) fputs("\033[J", stdout);
        (void) fflush(stdout);
}

static void nap(nsec_t t) {
        const struct timespec ts = { (time_t) (t / NSEC_PER_SEC), (long) (t % NSEC_PER_SEC) };

        (void) nanosleep(&ts, NULL);
}

static int watch_terminal(int (*verb)(const Arguments *args), Arguments *args) {
        _cleanup_(buffer_deinit) Buffer text = {}, complaint = {};
        bool automatic = args->width == 0;
        int status, r = 0;

        enter_screen();
        for (;;) {
                if (automatic)
                        args->width = screen_for(stdout, &(Arguments) { .color = args->color }).width;
                r = run_captured(verb, args, &text, &complaint, &status);
                if (r < 0 || status != 0)
                        break;
                draw(text.data, args->watch);
                nap(args->watch);
        }
        leave_screen();
        if (r >= 0 && complaint.size > 0)
                (void) fputs(complaint.data, stderr);
        return r < 0 ? r : status;
}

int watch(int (*verb)(const Arguments *args), const Arguments *args) {
        Arguments settled = *args;
        int r;

        if (isatty(STDOUT_FILENO) && !args->json) {
                settled.color = screen_for(stdout, args).color ? COLOR_ALWAYS : COLOR_NEVER;
                return watch_terminal(verb, &settled);
        }
        for (;;) {
                r = verb(args);
                if (r != 0)
                        return r;
                if (!args->json && (fputc('\n', stdout) == EOF || fflush(stdout) == EOF))
                        return fail(CTL_REFUSED, "cannot write to standard output");
                nap(args->watch);
        }
}
