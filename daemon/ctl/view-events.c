/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events, a paragraph each. */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "view.h"

/* "2026-03-01 12:00:05  " */
#define TIME_COLUMNS 21

/* "web/cold", "web", or the daemon itself. */
static void format_subject(char *buf, size_t size, json_t *event) {
        const char *monitor = json_text(event, "monitor"), *scheme = json_text(event, "scheme");

        (void) snprintf(buf, size, "%s%s%s", monitor ?: "udamond", scheme ? "/" : "", scheme ?: "");
}

static const char *color_of(json_t *event) {
        const char *level = json_text(event, "level");

        if (level && streq(level, "error"))
                return "\033[31m";
        return level && streq(level, "warning") ? "\033[33m" : NULL;
}

static void print_event(const Screen *screen, json_t *event) {
        const char *color = screen->color ? color_of(event) : NULL;
        const char *kind = json_text(event, "kind"), *text = json_text(event, "text");
        _cleanup_free_ char *line = NULL;
        char time[TIME_MAX], subject[256];

        format_subject(subject, sizeof(subject), event);
        if (asprintf(&line, "%s %s: %s", subject, kind ?: "?", text ?: "?") < 0) {
                line = NULL;
                return;
        }
        if (color)
                (void) fputs(color, screen->out);
        (void) fprintf(screen->out, "%s  ", format_time(time, json_number(event, "time_ns")));
        print_wrapped(screen, line, TIME_COLUMNS);
        if (color)
                (void) fputs("\033[0m", screen->out);
}

int view_events(const Screen *screen, json_t *reply) {
        uint64_t missed = json_number(reply, "missed");
        json_t *event;
        size_t i;

        if (missed > 0)
                (void) fprintf(screen->out, "%" PRIu64 " events are missing here: this reader was too slow\n", missed);
        json_array_foreach(json_object_get(reply, "events"), i, event)
                print_event(screen, event);
        return 0;
}
