/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sign of life on standard error. */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "message.h"

#define QUIET (2 * NSEC_PER_SEC)
#define TERMINAL_INTERVAL (250 * NSEC_PER_MSEC)
#define PLAIN_INTERVAL (10 * NSEC_PER_SEC)

void progress_init(Progress *progress) {
        *progress = (Progress) { .started = clock_nsec(CLOCK_MONOTONIC) };
}

void progress_tick(Progress *progress, const char *format, ...) {
        nsec_t now = clock_nsec(CLOCK_MONOTONIC);
        bool terminal = isatty(STDERR_FILENO);
        _cleanup_free_ char *text = NULL;
        va_list args;

        if (now - progress->started < QUIET)
                return;
        if (now - MAX(progress->last, progress->started) <
            (terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL))
                return;
        progress->last = now;

        va_start(args, format);
        text = text_vformat(format, args);
        va_end(args);
        if (!text)
                return;
        if (terminal)
                (void) fprintf(stderr, "\r\033[K%s", text_sanitize(text));
        else
                tell("%s", text);
        progress->drawn = terminal;
}

void progress_done(Progress *progress) {
        if (progress->drawn)
                (void) fputs("\r\033[K", stderr);
        progress->drawn = false;
}
