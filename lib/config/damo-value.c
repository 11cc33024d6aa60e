/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How DAMO spells values: brought into the spelling of base/parse.h, and read by that. */
#include "config/damo-value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "base/macro.h"
#include "base/parse.h"
#include "config/schema.h"

/* The longest that DAMO writes: "18,446,744,073,709,551,615 aggr_intervals"; times with all their units. */
#define SPELLING_MAX 160

/* Without the commas between digits. -ERANGE: longer than any value is. */
static int without_commas(const char *text, char buf[static SPELLING_MAX]) {
        size_t n = 0;

        for (const char *p = text; *p; p++) {
                if (*p == ',' && p > text && isdigit((unsigned char) p[-1]) && isdigit((unsigned char) p[1]))
                        continue;
                if (n + 1 == SPELLING_MAX)
                        return -ERANGE;
                buf[n++] = *p;
        }
        buf[n] = 0;
        if (streq(buf, "min"))
                (void) strcpy(buf, "0");
        return 0;
}

/* The same, with the unit where the number is bare. */
static int with_unit(const char *text, const char *unit, char buf[static SPELLING_MAX]) {
        size_t n;
        int r;

        r = without_commas(text, buf);
        if (r < 0)
                return r;

        n = strlen(buf);
        if (strspn(buf, "0123456789.") != n || n == 0)
                return 0;
        if (n + strlen(unit) >= SPELLING_MAX)
                return -ERANGE;
        (void) strcpy(buf + n, unit);
        return 0;
}

int damo_size_parse(const char *text, uint64_t *ret) {
        char buf[SPELLING_MAX];
        int r;

        r = with_unit(text, "B", buf);
        return r < 0 ? r : parse_size(buf, ret);
}

/* DAMO's "max" is the largest number of microseconds: that many seconds are as good. */
int damo_time_parse(const char *text, const char *unit, nsec_t *ret) {
        char buf[SPELLING_MAX];
        int r;

        r = with_unit(text, unit, buf);
        if (r < 0)
                return r;
        r = parse_duration(buf, ret);
        if (r == PARSE_E_NO_UNIT) /* "5 ms 3" */
                return -EINVAL;
        if (r != -ERANGE)
                return r;

        *ret = NSEC_INFINITY;
        return 0;
}

int damo_share_parse(const char *text, const char *unit, double *ret) {
        char buf[SPELLING_MAX];
        double share = 0;
        int r;

        r = with_unit(text, unit, buf);
        if (r < 0)
                return r;

        r = parse_share(buf, &share);
        if (r < 0 && r != -ERANGE)
                return r;
        if (r == -ERANGE || streq(buf, "max"))
                share = DAMO_SHARE_MAX;

        /* as finely as our own files can say it, so that it can be written down there */
        *ret = round(share * (double) SCHEMA_SHARE_ONE) / (double) SCHEMA_SHARE_ONE;
        return 0;
}

int damo_count_parse(const char *text, uint64_t *ret) {
        char buf[SPELLING_MAX];
        int r;

        r = without_commas(text, buf);
        if (r < 0)
                return r;
        if (!streq(buf, "max"))
                return parse_u64(buf, ret);

        *ret = UINT64_MAX;
        return 0;
}

int damo_number_parse(const char *text, double *ret) {
        char buf[SPELLING_MAX], *end;
        int r;

        r = without_commas(text, buf);
        if (r < 0)
                return r;
        if (streq(buf, "max"))
                return -ERANGE;
        if (!isdigit((unsigned char) *buf) || buf[strspn(buf, "0123456789.")])
                return -EINVAL;

        *ret = strtod(buf, &end);
        return *end ? -EINVAL : 0;
}

int damo_counted_parse(const char *text, const char *word, uint64_t *ret) {
        size_t n = strlen(text), m = strlen(word);
        char number[SPELLING_MAX];

        if (n < m + 2 || n - m > sizeof(number) || !streq(text + n - m, word) || text[n - m - 1] != ' ')
                return -EINVAL;

        (void) snprintf(number, sizeof(number), "%.*s", (int) (n - m - 1), text);
        return damo_count_parse(number, ret);
}

int damo_bool_parse(const char *text, bool *ret) {
        static const char *const words[][2] = { { "false", "true" }, { "no", "yes" }, { "n", "y" } };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                for (size_t truth = 0; truth < 2; truth++)
                        if (strcasecmp(text, words[i][truth]) == 0) {
                                *ret = truth;
                                return 0;
                        }
        return -EINVAL;
}
