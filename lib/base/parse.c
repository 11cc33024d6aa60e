/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strict parsing of what people write. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>

#include "base/macro.h"

static int digits_u64(const char **s, uint64_t *ret) {
        const char *p = *s;
        uint64_t value = 0;

        if (!isdigit((unsigned char) *p))
                return -EINVAL;

        for (; isdigit((unsigned char) *p); p++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -ERANGE;

        *s = p;
        *ret = value;
        return 0;
}

int parse_u64(const char *s, uint64_t *ret) {
        uint64_t value;
        int r;

        r = digits_u64(&s, &value);
        if (r < 0)
                return r;
        if (*s)
                return -EINVAL;

        *ret = value;
        return 0;
}

int parse_pid(const char *s, pid_t *ret) {
        uint64_t value;
        int r;

        r = parse_u64(s, &value);
        if (r < 0)
                return r;
        if (value == 0 || value > INT_MAX)
                return -ERANGE;

        *ret = (pid_t) value;
        return 0;
}

/* A number with an optional fraction, as an exact integer part and a share of one. */
typedef struct Decimal {
        uint64_t whole;
        double fraction;
} Decimal;

static int parse_decimal(const char **s, Decimal *ret) {
        Decimal d = {};
        double scale = 0.1;
        int r;

        r = digits_u64(s, &d.whole);
        if (r < 0)
                return r;

        if (**s == '.') {
                (*s)++;
                if (!isdigit((unsigned char) **s))
                        return -EINVAL;
                for (; isdigit((unsigned char) **s); (*s)++, scale /= 10)
                        d.fraction += scale * (**s - '0');
        }

        *ret = d;
        return 0;
}

static int decimal_times(Decimal d, uint64_t unit, uint64_t *ret) {
        uint64_t value;

        if (__builtin_mul_overflow(d.whole, unit, &value) ||
            __builtin_add_overflow(value, (uint64_t) (d.fraction * (double) unit + 0.5), &value))
                return -ERANGE;

        *ret = value;
        return 0;
}

typedef struct Unit {
        const char *name;
        uint64_t factor;
} Unit;

/* Finds the unit that is spelled by exactly the len characters at s. */
static const Unit *find_unit(const Unit *units, size_t n, const char *s, size_t len) {
        for (size_t i = 0; i < n; i++)
                if (strlen(units[i].name) == len && strncmp(units[i].name, s, len) == 0)
                        return &units[i];
        return NULL;
}

static size_t letters(const char *s) {
        size_t n = 0;

        while (isalpha((unsigned char) s[n]))
                n++;
        return n;
}

#define SIZE_UNITS(letter, shift)                                                                  \
        { letter, UINT64_C(1) << (shift) }, { letter "B", UINT64_C(1) << (shift) },                \
                { letter "iB", UINT64_C(1) << (shift) }

static const Unit size_units[] = {
        { "B", 1 },           SIZE_UNITS("K", 10), SIZE_UNITS("M", 20), SIZE_UNITS("G", 30),
        SIZE_UNITS("T", 40),  SIZE_UNITS("P", 50), SIZE_UNITS("E", 60),
};

int parse_size(const char *s, uint64_t *ret) {
        const Unit *unit;
        Decimal d;
        int r;

        if (streq(s, "max")) {
                *ret = UINT64_MAX;
                return 0;
        }

        r = parse_decimal(&s, &d);
        if (r < 0)
                return r;
        if (*s == ' ')
                s++;
        if (!*s) {
                if (d.whole != 0 || d.fraction > 0)
                        return PARSE_E_NO_UNIT;
                *ret = 0;
                return 0;
        }

        unit = find_unit(size_units, ELEMENTSOF(size_units), s, strlen(s));
        if (!unit)
                return -EINVAL;
        return decimal_times(d, unit->factor, ret);
}

static const Unit duration_units[] = {
        { "ns", 1 },
        { "us", NSEC_PER_USEC },
        { "ms", NSEC_PER_MSEC },
        { "s", NSEC_PER_SEC },
        { "sec", NSEC_PER_SEC },
        { "m", NSEC_PER_MINUTE },
        { "min", NSEC_PER_MINUTE },
        { "h", 60 * NSEC_PER_MINUTE },
        { "d", 24 * 60 * NSEC_PER_MINUTE },
};

static int parse_duration_part(const char **s, nsec_t *total) {
        const Unit *unit;
        uint64_t part;
        Decimal d;
        size_t n;
        int r;

        r = parse_decimal(s, &d);
        if (r < 0)
                return r;
        if (**s == ' ')
                (*s)++;

        n = letters(*s);
        if (n == 0)
                return **s ? -EINVAL : PARSE_E_NO_UNIT;
        unit = find_unit(duration_units, ELEMENTSOF(duration_units), *s, n);
        if (!unit)
                return -EINVAL;
        *s += n;

        r = decimal_times(d, unit->factor, &part);
        if (r < 0)
                return r;
        return __builtin_add_overflow(*total, part, total) ? -ERANGE : 0;
}

int parse_duration(const char *s, nsec_t *ret) {
        nsec_t total = 0;
        int r;

        if (streq(s, "max")) {
                *ret = NSEC_INFINITY;
                return 0;
        }
        if (streq(s, "0")) {
                *ret = 0;
                return 0;
        }

        do {
                r = parse_duration_part(&s, &total);
                if (r != 0)
                        return r;
                if (*s == ' ')
                        s++;
        } while (*s);

        *ret = total;
        return 0;
}

static const Unit share_units[] = {
        { "%", 100 },
        { "permil", 1000 },
        { "bp", 10000 },
};

int parse_share(const char *s, double *ret) {
        const Unit *unit;
        double value;
        Decimal d;
        int r;

        if (streq(s, "max")) {
                *ret = 1;
                return 0;
        }

        r = parse_decimal(&s, &d);
        if (r < 0)
                return r;
        if (*s == ' ')
                s++;
        value = (double) d.whole + d.fraction;
        if (!*s && value > 0)
                return PARSE_E_NO_UNIT;
        if (*s) {
                unit = find_unit(share_units, ELEMENTSOF(share_units), s, strlen(s));
                if (!unit)
                        return -EINVAL;
                value /= (double) unit->factor;
        }
        if (value > 1)
                return -ERANGE;

        *ret = value;
        return 0;
}

int parse_bool(const char *s, bool *ret) {
        if (!streq(s, "true") && !streq(s, "false"))
                return -EINVAL;

        *ret = streq(s, "true");
        return 0;
}
