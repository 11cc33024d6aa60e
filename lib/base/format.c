/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, durations and shares as people read them. */
#include "base/format.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/macro.h"

/* Three significant digits, without a tail of zeros behind the point. */
static void format_three(char *buf, size_t size, double value, const char *unit) {
        int decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
        char number[FORMAT_MAX];

        (void) snprintf(number, sizeof(number), "%.*f", decimals, value);
        if (strchr(number, '.')) {
                char *end = number + strlen(number);

                while (end[-1] == '0')
                        *--end = 0;
                if (end[-1] == '.')
                        *--end = 0;
        }
        (void) snprintf(buf, size, "%s%s", number, unit);
}

char *format_size(char buf[static FORMAT_MAX], uint64_t bytes) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        double value = (double) bytes;
        size_t i = 0;

        if (bytes == UINT64_MAX) {
                (void) snprintf(buf, FORMAT_MAX, "max");
                return buf;
        }

        /* 1023.5 and more would print as 1024 */
        for (; value >= 1023.5 && i + 1 < ELEMENTSOF(units); i++)
                value /= 1024;

        if (i == 0)
                (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "B", bytes);
        else
                format_three(buf, FORMAT_MAX, value, units[i]);
        return buf;
}

typedef struct TimeUnit {
        nsec_t length;
        const char *name;
} TimeUnit;

static const TimeUnit long_units[] = {
        { 24 * 60 * NSEC_PER_MINUTE, "d" },
        { 60 * NSEC_PER_MINUTE, "h" },
        { NSEC_PER_MINUTE, "min" },
        { NSEC_PER_SEC, "s" },
};

/* The largest unit that fits and the one below it. */
static void format_long(char *buf, nsec_t t) {
        size_t i = 0;
        nsec_t rest;

        while (t < long_units[i].length)
                i++;

        rest = t % long_units[i].length / long_units[i + 1].length;
        if (rest == 0)
                (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "%s", t / long_units[i].length, long_units[i].name);
        else
                (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "%s %" PRIu64 "%s", t / long_units[i].length,
                                long_units[i].name, rest, long_units[i + 1].name);
}

char *format_duration(char buf[static FORMAT_MAX], nsec_t t) {
        if (t == NSEC_INFINITY)
                (void) snprintf(buf, FORMAT_MAX, "max");
        else if (t == 0)
                (void) snprintf(buf, FORMAT_MAX, "0s");
        else if (t >= NSEC_PER_MINUTE)
                format_long(buf, t);
        else if (t >= NSEC_PER_SEC)
                format_three(buf, FORMAT_MAX, MIN((double) t / NSEC_PER_SEC, 59.9), "s");
        else if (t >= NSEC_PER_MSEC)
                format_three(buf, FORMAT_MAX, (double) t / NSEC_PER_MSEC, "ms");
        else if (t >= NSEC_PER_USEC)
                format_three(buf, FORMAT_MAX, (double) t / NSEC_PER_USEC, "us");
        else
                (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "ns", t);
        return buf;
}

char *format_share(char buf[static FORMAT_MAX], double share) {
        if (share > 0 && share < 0.0005)
                (void) snprintf(buf, FORMAT_MAX, "<0.1%%");
        else if (share < 1 && share > 0.9995)
                (void) snprintf(buf, FORMAT_MAX, ">99.9%%");
        else
                format_three(buf, FORMAT_MAX, share * 100, "%");
        return buf;
}
