/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of a schema: in the file, in the struct, and what was probably meant by those that are wrong. */
#include "config/schema-number.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/format.h"
#include "base/macro.h"
#include "base/parse.h"

typedef struct NumberType {
        int (*parse)(const char *s, uint64_t *ret);
        char *(*format)(char *buf, uint64_t value);
        uint64_t max;               /* the largest that the struct's member takes */
        uint64_t usual;             /* what a bare number is likely to mean is near this */
        uint64_t one;               /* of members of type double: what 1.0 is here */
        const char *const units[6]; /* to try on a bare number; none: it needs no unit */
} NumberType;

/* ---- From texts ---- */

static int pid_parse(const char *s, uint64_t *ret) {
        pid_t pid;
        int r;

        r = parse_pid(s, &pid);
        if (r == 0)
                *ret = (uint64_t) pid;
        return r;
}

static int share_parse(const char *s, uint64_t *ret) {
        double share;
        int r;

        r = parse_share(s, &share);
        if (r == 0)
                *ret = (uint64_t) (share * (double) SCHEMA_SHARE_ONE + 0.5);
        return r;
}

/* "12.5" as so many parts of 10^-decimals; digits beyond them are dropped. Moves *s behind it. */
static int fixed_parse(const char **s, unsigned decimals, uint64_t *ret) {
        const char *p = *s, *point = NULL;
        uint64_t value = 0;

        if (!isdigit((unsigned char) *p))
                return -EINVAL;
        for (; isdigit((unsigned char) *p) || (*p == '.' && !point); p++) {
                if (*p == '.')
                        point = p;
                else if (point && decimals == 0)
                        continue;
                else if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
                         __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -ERANGE;
                else if (point)
                        decimals--;
        }
        if (p[-1] == '.')
                return -EINVAL;
        for (; decimals > 0; decimals--)
                if (__builtin_mul_overflow(value, UINT64_C(10), &value))
                        return -ERANGE;

        *s = p;
        *ret = value;
        return 0;
}

static int number_parse(const char *s, uint64_t *ret) {
        uint64_t value;
        int r;

        r = fixed_parse(&s, 6, &value);
        if (r < 0)
                return r;
        if (*s)
                return -EINVAL;
        *ret = value;
        return 0;
}

/* Like a share, but it may be more than the whole. */
static int ratio_parse(const char *s, uint64_t *ret) {
        static const struct {
                const char *unit;
                unsigned decimals; /* that make it parts of SCHEMA_SHARE_ONE */
        } units[] = { { "%", 7 }, { "permil", 6 }, { "bp", 5 } };
        const char *unit = s + strspn(s, "0123456789.");
        uint64_t value;
        int r;

        if (!*unit || (*unit == ' ' && !unit[1])) {
                r = fixed_parse(&s, 0, &value);
                return r < 0 ? r : PARSE_E_NO_UNIT;
        }
        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (!streq(unit + (*unit == ' '), units[i].unit))
                        continue;
                r = fixed_parse(&s, units[i].decimals, &value);
                if (r < 0)
                        return r;
                if (s != unit)
                        return -EINVAL;
                *ret = value;
                return 0;
        }
        return -EINVAL;
}

/* In hexadecimal, as the kernel writes them, or in decimal digits. */
static int address_parse(const char *s, uint64_t *ret) {
        uint64_t value = 0;

        if (strncmp(s, "0x", 2) != 0)
                return parse_u64(s, ret);
        s += 2;
        if (!*s)
                return -EINVAL;
        for (; *s; s++) {
                int digit = tolower((unsigned char) *s);

                if (!isxdigit((unsigned char) *s))
                        return -EINVAL;
                if (value >> 60)
                        return -ERANGE;
                value = value << 4 | (uint64_t) (isdigit(digit) ? digit - '0' : digit - 'a' + 10);
        }

        *ret = value;
        return 0;
}

/* ---- To texts ---- */

/* Parts of `one`, with as many decimals as it takes. */
static void fixed_format(char *buf, uint64_t value, uint64_t one, const char *unit) {
        char decimals[FORMAT_MAX] = "";
        size_t n = 0;

        for (uint64_t rest = value % one; rest > 0; rest = rest * 10 % one)
                decimals[n++] = (char) ('0' + rest * 10 / one);
        decimals[n] = 0;
        (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "%s%s%s", value / one, n > 0 ? "." : "", decimals, unit);
}

typedef struct ExactUnit {
        uint64_t factor;
        const char *name;
} ExactUnit;

/* In the largest unit that leaves no rest; units ascend. */
static char *exact_format(char *buf, uint64_t value, const ExactUnit *units, size_t n) {
        size_t i = 0;

        if (value == UINT64_MAX)
                return strcpy(buf, "max");
        while (value > 0 && i + 1 < n && value % units[i + 1].factor == 0)
                i++;
        (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
        return buf;
}

static char *size_format(char *buf, uint64_t value) {
        static const ExactUnit units[] = {
                { 1, "B" },
                { UINT64_C(1) << 10, "KiB" },
                { UINT64_C(1) << 20, "MiB" },
                { UINT64_C(1) << 30, "GiB" },
                { UINT64_C(1) << 40, "TiB" },
                { UINT64_C(1) << 50, "PiB" },
                { UINT64_C(1) << 60, "EiB" },
        };

        return exact_format(buf, value, units, ELEMENTSOF(units));
}

static char *duration_format(char *buf, uint64_t value) {
        static const ExactUnit units[] = {
                { 1, "ns" },
                { NSEC_PER_USEC, "us" },
                { NSEC_PER_MSEC, "ms" },
                { NSEC_PER_SEC, "s" },
                { NSEC_PER_MINUTE, "min" },
                { 60 * NSEC_PER_MINUTE, "h" },
                { 24 * 60 * NSEC_PER_MINUTE, "d" },
        };

        return value == 0 ? strcpy(buf, "0s") : exact_format(buf, value, units, ELEMENTSOF(units));
}

/* What is less than a permil reads better in basis points. */
static char *share_format(char *buf, uint64_t value) {
        if (value > 0 && value < SCHEMA_SHARE_ONE / 1000)
                fixed_format(buf, value, SCHEMA_SHARE_ONE / 10000, "bp");
        else
                fixed_format(buf, value, SCHEMA_SHARE_ONE / 100, "%");
        return buf;
}

static char *number_format(char *buf, uint64_t value) {
        fixed_format(buf, value, SCHEMA_NUMBER_ONE, "");
        return buf;
}

static char *integer_format(char *buf, uint64_t value) {
        (void) snprintf(buf, FORMAT_MAX, "%" PRIu64, value);
        return buf;
}

static char *address_format(char *buf, uint64_t value) {
        (void) snprintf(buf, FORMAT_MAX, "0x%" PRIx64, value);
        return buf;
}

static const NumberType number_types[] = {
        [SCHEMA_U32] = { parse_u64, integer_format, UINT32_MAX, 0, 1, {} },
        [SCHEMA_U64] = { parse_u64, integer_format, UINT64_MAX, 0, 1, {} },
        [SCHEMA_PID] = { pid_parse, integer_format, INT32_MAX, 0, 1, {} },
        [SCHEMA_SIZE] = { parse_size, size_format, UINT64_MAX, UINT64_C(1) << 30, 1,
                          { "B", "KiB", "MiB", "GiB", "TiB" } },
        [SCHEMA_DURATION] = { parse_duration, duration_format, UINT64_MAX, NSEC_PER_SEC, 1,
                              { "us", "ms", "s", "min", "h" } },
        [SCHEMA_SHARE] = { share_parse, share_format, SCHEMA_SHARE_ONE, SCHEMA_SHARE_ONE / 20, SCHEMA_SHARE_ONE,
                           { "bp", "permil", "%" } },
        [SCHEMA_RATIO] = { ratio_parse, share_format, UINT64_C(1) << 53, SCHEMA_SHARE_ONE, SCHEMA_SHARE_ONE,
                           { "%" } },
        [SCHEMA_NUMBER] = { number_parse, number_format, UINT64_C(1) << 53, 0, SCHEMA_NUMBER_ONE, {} },
        [SCHEMA_ADDRESS] = { address_parse, address_format, UINT64_MAX, 0, 1, {} },
};

bool schema_is_number(SchemaType type) {
        return type < ELEMENTSOF(number_types) && number_types[type].parse;
}

bool schema_is_bare(SchemaType type) {
        return type == SCHEMA_BOOL || (schema_is_number(type) && !number_types[type].units[0]);
}

uint64_t schema_number_max(const SchemaField *field) {
        return field->max > 0 ? field->max : number_types[field->type].max;
}

char *schema_number_format(const SchemaField *field, uint64_t value, char buf[static SCHEMA_TEXT_MAX]) {
        return number_types[field->type].format(buf, value);
}

/* ---- In the struct ---- */

static bool is_double(const SchemaField *field) {
        return field->real || number_types[field->type].one > 1;
}

void schema_number_store(const SchemaField *field, void *object, uint64_t value) {
        void *p = (char *) object + field->offset;

        if (is_double(field))
                *(double *) p = (double) value / (double) number_types[field->type].one;
        else if (field->type == SCHEMA_U32)
                *(uint32_t *) p = (uint32_t) value;
        else if (field->type == SCHEMA_PID)
                *(pid_t *) p = (pid_t) value;
        else
                *(uint64_t *) p = value;
}

/* Not every double is a number of ours: what comes from elsewhere may be out of all bounds. */
static uint64_t from_double(double value) {
        if (!(value > 0))
                return 0;
        return value < (double) UINT64_MAX ? (uint64_t) value : UINT64_MAX;
}

uint64_t schema_number_load(const SchemaField *field, const void *object) {
        const void *p = (const char *) object + field->offset;

        if (is_double(field))
                return from_double(*(const double *) p * (double) number_types[field->type].one + 0.5);
        if (field->type == SCHEMA_U32)
                return *(const uint32_t *) p;
        if (field->type == SCHEMA_PID)
                return (uint64_t) *(const pid_t *) p;
        return *(const uint64_t *) p;
}

/* ---- From the file ---- */

int schema_number_parse(const SchemaField *field, const char *text, uint64_t *ret) {
        uint64_t value = 0;
        int r;

        r = number_types[field->type].parse(text, &value);
        if (r != 0)
                return r;
        if (value < field->min || value > schema_number_max(field))
                return -ERANGE;

        *ret = value;
        return 0;
}

static double ratio(uint64_t a, uint64_t b) {
        double x = (double) MAX(a, UINT64_C(1)), y = (double) MAX(b, UINT64_C(1));

        return x > y ? x / y : y / x;
}

/* "0.04" where a share is wanted is the share itself, not a number of percent; and so is "1.2" where it may be
 * more than the whole. */
static bool guess_fraction(const SchemaField *field, const char *text, char buf[static SCHEMA_TEXT_MAX]) {
        char attempt[SCHEMA_TEXT_MAX];
        uint64_t value;
        bool fraction;

        if (snprintf(attempt, sizeof(attempt), "%s%%", text) >= (int) sizeof(attempt))
                return false;
        if (field->type == SCHEMA_SHARE)
                fraction = strncmp(text, "0.", 2) == 0 && share_parse(attempt, &value) == 0;
        else
                fraction = field->type == SCHEMA_RATIO && ratio_parse(attempt, &value) == 0 &&
                           value < SCHEMA_SHARE_ONE / 10;
        if (!fraction)
                return false;

        share_format(buf, value * 100);
        return schema_number_parse(field, buf, &value) == 0;
}

/* Sizes in whole pages are what programs print in bytes. */
static bool guess_bytes(const SchemaField *field, const char *text, char buf[static SCHEMA_TEXT_MAX]) {
        uint64_t value;

        if (field->type != SCHEMA_SIZE || parse_u64(text, &value) != 0 || value % 4096 != 0)
                return false;
        size_format(buf, value);
        return schema_number_parse(field, buf, &value) == 0;
}

static uint64_t usual_value(const SchemaField *field, const void *object) {
        uint64_t value = field->usual ?: schema_number_load(field, object);

        return value > 0 && value != UINT64_MAX ? value : number_types[field->type].usual;
}

/* The spelling that a bare number probably stands for: with the unit that brings it nearest to the default (100
 * for a default of 2s is 100ms; 5 is 5s). False when no unit makes it legal. */
static bool guess_unit(const SchemaField *field, const char *text, const void *object,
                       char buf[static SCHEMA_TEXT_MAX]) {
        const NumberType *type = &number_types[field->type];
        uint64_t usual = usual_value(field, object);
        double best = 0;

        if (guess_fraction(field, text, buf) || guess_bytes(field, text, buf))
                return true;

        for (size_t i = 0; i < ELEMENTSOF(type->units) && type->units[i]; i++) {
                char attempt[SCHEMA_TEXT_MAX];
                uint64_t value;

                if (snprintf(attempt, sizeof(attempt), "%.*s%s", (int) strcspn(text, " "), text, type->units[i]) >=
                    (int) sizeof(attempt))
                        return false;
                if (schema_number_parse(field, attempt, &value) != 0)
                        continue;
                if (best > 0 && ratio(value, usual) >= best)
                        continue;
                best = ratio(value, usual);
                memcpy(buf, attempt, sizeof(attempt));
        }
        return best > 0;
}

/* The text without what people put between digits ("1,000", "1_000", "5 000 ms") or behind a rate ("1MiB/s"). */
static bool guess_plain(const SchemaField *field, const char *text, char buf[static SCHEMA_TEXT_MAX]) {
        uint64_t value;
        size_t n = 0;

        for (; *text && *text != '/' && n + 1 < SCHEMA_TEXT_MAX; text++)
                if (!strchr(",_ '", *text))
                        buf[n++] = *text;
        buf[n] = 0;
        return schema_number_parse(field, buf, &value) == 0;
}

static int report_range(const SchemaField *field, const YamlNode *node, ConfigErrors *errors) {
        char text[EXCERPT_MAX], range[SCHEMA_TEXT_MAX];
        const char *legal = schema_range_format(field, range);

        excerpt(text, node->text);
        if (!legal)
                return schema_value_error(errors, node, "%s: '%s' is out of range", field->key, text);
        return schema_value_error(errors, node, "%s: '%s' is out of range (%s%s%s)", field->key, text, legal,
                                  field->word ? ", or " : "", field->word ?: "");
}

static int report_number(const SchemaField *field, const YamlNode *node, const void *object, int reason,
                         ConfigErrors *errors) {
        char text[EXCERPT_MAX], hint[SCHEMA_TEXT_MAX];

        if (!config_errors_wants(errors, node->line, node->column))
                return schema_value_error(errors, node, "%s", field->key);
        if (reason == -ERANGE)
                return report_range(field, node, errors);

        excerpt(text, node->text);
        if (reason == PARSE_E_NO_UNIT && guess_unit(field, node->text, object, hint))
                return schema_value_error(errors, node, "%s: '%s' has no unit (did you mean '%s'?)", field->key,
                                          text, hint);
        if (reason == PARSE_E_NO_UNIT)
                return schema_value_error(errors, node, "%s: '%s' has no unit, must be %s", field->key, text,
                                          schema_type_words(field->type));
        if (guess_plain(field, node->text, hint))
                return schema_value_error(errors, node, "%s: '%s' is not %s (did you mean '%s'?)", field->key, text,
                                          schema_type_words(field->type), hint);
        return schema_value_error(errors, node, "%s: '%s' is not %s%s%s%s", field->key, text,
                                  schema_type_words(field->type), field->word ? ", nor '" : "", field->word ?: "",
                                  field->word ? "'" : "");
}

int schema_number_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        uint64_t value = 0;
        int r = 0;

        if (!field->word || !streq(node->text, field->word))
                r = schema_number_parse(field, node->text, &value);
        if (r != 0)
                return report_number(field, node, object, r, errors);

        schema_number_store(field, object, value);
        return 0;
}

const char *schema_range_format(const SchemaField *field, char buf[static SCHEMA_TEXT_MAX]) {
        char low[SCHEMA_TEXT_MAX], high[SCHEMA_TEXT_MAX];

        if (!schema_is_number(field->type))
                return NULL;

        schema_number_format(field, field->min, low);
        schema_number_format(field, schema_number_max(field), high);
        if (field->max > 0 || field->type == SCHEMA_SHARE)
                (void) snprintf(buf, SCHEMA_TEXT_MAX, "%.48s to %.48s", low, high);
        else if (field->min > 0)
                (void) snprintf(buf, SCHEMA_TEXT_MAX, "at least %.48s", low);
        else
                return NULL;
        return buf;
}
