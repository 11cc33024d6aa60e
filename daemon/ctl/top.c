/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top`: a live picture of the daemon, with keys. */
#include "top.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <sys/mman.h>

#include "message.h"
#include "verbs.h"

static volatile sig_atomic_t signalled;

static void on_signal(int number) {
        signalled = number;
}

/* Without SA_RESTART: waiting for a key ends, and the terminal is restored. */
static void catch_signals(void) {
        static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++)
                (void) sigaction(signals[i], &(struct sigaction) { .sa_handler = on_signal }, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
}

static nsec_t interval_of(const Top *top) {
        return top->args->redraw > 0 ? top->args->redraw : TOP_INTERVAL;
}

static int wait_ms(const Top *top) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC), due = top->updated + interval_of(top);

        return now >= due ? 0 : (int) MIN((due - now) / NSEC_PER_MSEC + 1, (nsec_t) 60000);
}

static void loop(Top *top) {
        int key;

        while (!top->quit && !signalled) {
                top_draw(top);
                timeout(top->paused || top->asking ? 1000 : wait_ms(top));
                errno = 0;
                key = getch();
                if (key == ERR && errno != 0 && errno != EINTR && errno != EAGAIN)
                        return; /* the terminal has gone */
                if (key != ERR && key != KEY_RESIZE)
                        top_key(top, key);
                if (!top->paused && !top->asking && !signalled && wait_ms(top) == 0)
                        top_update(top);
        }
}

static int run(Top *top) {
        _cleanup_close_ int error = dup(STDERR_FILENO);
        SCREEN *screen;

        if (error < 0 || top->said < 0 || dup2(top->said, STDERR_FILENO) < 0)
                return -errno;
        top_update(top);
        (void) setlocale(LC_CTYPE, "");
        screen = newterm(NULL, stdout, stdin);
        if (screen) {
                (void) cbreak();
                (void) noecho();
                (void) keypad(stdscr, true);
                (void) curs_set(0);
                top_draw_init(top->args);
                loop(top);
                (void) endwin();
                delscreen(screen);
        }
        (void) dup2(error, STDERR_FILENO);
        return screen ? 0 : fail(CTL_REFUSED, "this terminal is not known (TERM is '%s'); 'udamonctl monitors --watch' "
                                              "needs less of it", getenv("TERM") ?: "");
}

int verb_top(const Arguments *args) {
        Top top = { .args = args, .said = -1 };
        int r;

        if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
                return fail(CTL_USAGE, "top needs a terminal; 'udamonctl monitors --watch' works anywhere");
        /* without a daemon there is nothing to draw: that is said on the terminal as it is */
        r = connection_open(&top.connection, args->socket);
        if (r != 0)
                return r;
        connection_close(&top.connection);

        catch_signals();
        top.said = memfd_create("said", MFD_CLOEXEC);
        r = run(&top);
        top_data_deinit(&top);
        closep(&top.said);
        if (r == 0 && signalled && signalled != SIGINT) {
                (void) signal(signalled, SIG_DFL);
                (void) raise(signalled);
        }
        return r;
}
