/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict parsing of counts, sizes, times and fractions. */
#include "number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

static const Unit size_units[] = {
        { "", 1 },
        { "B", 1 },
        { "K", UINT64_C(1) << 10 },
        { "KiB", UINT64_C(1) << 10 },
        { "M", UINT64_C(1) << 20 },
        { "MiB", UINT64_C(1) << 20 },
        { "G", UINT64_C(1) << 30 },
        { "GiB", UINT64_C(1) << 30 },
        { "T", UINT64_C(1) << 40 },
        { "TiB", UINT64_C(1) << 40 },
        { NULL, 0 },
};

static const Unit time_units[] = {
        { "", NSEC_PER_MSEC },
        { "ms", NSEC_PER_MSEC },
        { "s", NSEC_PER_SEC },
        { NULL, 0 },
};

static const Unit no_units[] = {
        { "", 1 },
        { NULL, 0 },
};

static int parse_digits(const char *s, uint64_t *ret, const char **ret_rest)
{
        uint64_t value = 0;
        const char *c = s;

        for (; *c >= '0' && *c <= '9'; c++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value))
                        return -ERANGE;
        if (c == s)
                return -EINVAL;

        *ret = value;
        *ret_rest = c;
        return 0;
}

static int parse_with_unit(const char *s, const Unit *units, uint64_t *ret)
{
        const char *rest;
        uint64_t value;
        int r;

        r = parse_digits(s, &value, &rest);
        if (r < 0)
                return r;

        for (const Unit *u = units; u->name; u++) {
                if (strcmp(rest, u->name) != 0)
                        continue;
                if (__builtin_mul_overflow(value, u->factor, &value))
                        return -ERANGE;
                *ret = value;
                return 0;
        }
        return -EINVAL;
}

int number_parse_count(const char *s, uint64_t *ret)
{
        return parse_with_unit(s, no_units, ret);
}

int number_parse_size(const char *s, uint64_t *ret)
{
        return parse_with_unit(s, size_units, ret);
}

int number_parse_time(const char *s, uint64_t *ret_ns)
{
        return parse_with_unit(s, time_units, ret_ns);
}

int number_parse_fraction(const char *s, double *ret)
{
        double value;

        /* strtod() alone would also take "nan", "inf", "0x1p3", "1e9" and leading spaces. */
        if (s[0] == '\0' || s[strspn(s, "0123456789.")] != '\0' || !strpbrk(s, "0123456789"))
                return -EINVAL;
        if (strchr(s, '.') != strrchr(s, '.'))
                return -EINVAL;

        value = strtod(s, NULL);
        if (!isfinite(value))
                return -ERANGE;
        *ret = value;
        return 0;
}
