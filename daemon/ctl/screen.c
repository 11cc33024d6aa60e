/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drawing: widths, colours, bars, levels. */
#include "screen.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/macro.h"
#include "base/parse.h"
#include "message.h"

#define WIDTH_DEFAULT 80
#define WIDTH_LEAST 40
#define WIDTH_MOST 1000

static size_t terminal_width(int fd) {
        const char *env = getenv("COLUMNS");
        struct winsize size;
        uint64_t n;

        if (fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
                n = size.ws_col;
        else if (!env || parse_u64(env, &n) < 0)
                n = WIDTH_DEFAULT;
        return (size_t) CLAMP(n, (uint64_t) WIDTH_LEAST, (uint64_t) WIDTH_MOST);
}

static bool wants_color(int fd, ColorMode mode) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        if (mode != COLOR_AUTO)
                return mode == COLOR_ALWAYS;
        return !(no && *no) && fd >= 0 && isatty(fd) && term && !streq(term, "dumb");
}

Screen screen_for(FILE *out, const Arguments *args) {
        int fd = fileno(out);

        return (Screen) {
                .out = out,
                .width = args->width > 0 ? (size_t) args->width : terminal_width(fd),
                .color = wants_color(fd, args->color),
        };
}

char *format_bar(char buf[static BAR_MAX + 1], double share, size_t columns) {
        size_t n;

        columns = MIN(columns, (size_t) BAR_MAX);
        n = (size_t) lround(CLAMP(share, 0.0, 1.0) * (double) columns);
        if (share > 0 && n == 0)
                n = 1;
        if (share < 1 && n == columns && n > 1)
                n--;
        memset(buf, '#', n);
        memset(buf + n, ' ', columns - n);
        buf[columns] = 0;
        return buf;
}

unsigned heat_level(double rate) {
        if (rate <= 0)
                return 0;
        /* a weighted mean of nothing but 1/9 may come out a hair above it */
        return (unsigned) CLAMP(ceil(rate * 9 - 1e-9), 1.0, 9.0);
}

/* From near black through violet and red to yellow: its lightness rises all the way, so that it is
 * readable for the colour-blind too. */
static const uint8_t ramp[10] = { 234, 17, 54, 90, 126, 161, 197, 203, 209, 220 };

unsigned screen_heat_color(unsigned level) {
        return ramp[level];
}

void screen_heat(const Screen *screen, double cell) {
        unsigned level = heat_level(cell);

        if (cell < 0) {
                if (screen->color)
                        (void) fputs("\033[0m", screen->out);
                (void) fputc(cell == HEAT_BLIND ? '?' : ' ', screen->out);
                return;
        }
        if (screen->color)
                (void) fprintf(screen->out, "\033[48;5;%um\033[38;5;%um", ramp[level],
                               level >= 7 ? 16U : 255U);
        (void) fputc('0' + (int) level, screen->out);
}

void screen_heat_end(const Screen *screen) {
        if (screen->color)
                (void) fputs("\033[0m", screen->out);
}

void screen_heat_legend(const Screen *screen, const char *note) {
        (void) fputs("access rate ", screen->out);
        for (unsigned level = 0; level <= 9; level++)
                screen_heat(screen, level / 9.0);
        screen_heat_end(screen);
        (void) fputs(": 0 none, 1 to 11%, 2 to 22% ... 9 to 100%; ? unchecked\n", screen->out);
        if (note)
                (void) fprintf(screen->out, "%s\n", note);
}

char *display_name(const char *name, size_t columns) {
        size_t length = strlen(name);
        char *text;

        if (length <= columns) {
                text = strdup(name);
        } else if (columns <= 3) {
                text = strndup(name + length - columns, columns);
        } else {
                text = malloc(columns + 1);
                if (text) {
                        memcpy(text, "...", 3);
                        memcpy(text + 3, name + length - (columns - 3), columns - 3 + 1);
                }
        }
        return text ? text_sanitize(text) : NULL;
}

char *format_time(char buf[static TIME_MAX], uint64_t realtime_ns) {
        time_t seconds = (time_t) (realtime_ns / NSEC_PER_SEC);
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(buf, TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                (void) snprintf(buf, TIME_MAX, "?");
        return buf;
}
