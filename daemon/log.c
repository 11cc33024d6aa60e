/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log sink. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static int max_level = LOG_INFO;

void log_set_level(int level) {
        max_level = level;
}

void log_message(int priority, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;
        int r;

        if (priority > max_level)
                return;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        if (r < 0)
                return;

        /* sd-daemon(3): the journal takes the priority from a prefix; on a terminal it would be noise */
        if (getenv("JOURNAL_STREAM"))
                (void) fprintf(stderr, "<%d>%s\n", priority, text);
        else
                (void) fprintf(stderr, "udamond: %s\n", text);
}
