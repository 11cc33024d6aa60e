/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single values of a schema.
 *
 * Every number is handled as a uint64_t in the smallest unit of its type (nanoseconds, bytes, parts
 * of SCHEMA_SHARE_ONE), so that ranges, hints and defaults are one code for all of them. */
#include "config/schema-value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/format.h"
#include "base/macro.h"
#include "base/parse.h"
#include "config/suggest.h"

typedef struct NumberType {
        int (*parse)(const char *s, uint64_t *ret);
        char *(*format)(char *buf, uint64_t value);
        uint64_t max;                /* the largest that the struct's member takes */
        uint64_t usual;              /* what a bare number is likely to mean is near this */
        const char *const units[6];  /* to try on a bare number; none: it needs no unit */
} NumberType;

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

static char *integer_format(char *buf, uint64_t value) {
        (void) snprintf(buf, FORMAT_MAX, "%" PRIu64, value);
        return buf;
}

static char *size_format(char *buf, uint64_t value) {
        return format_size(buf, value);
}

static char *duration_format(char *buf, uint64_t value) {
        return format_duration(buf, value);
}

/* Down to a basis point, where format_share() only says "less than 0.1 %". */
static char *share_format(char *buf, uint64_t value) {
        if (value > 0 && value < SCHEMA_SHARE_ONE / 1000)
                (void) snprintf(buf, FORMAT_MAX, "%" PRIu64 "bp",
                                value / (SCHEMA_SHARE_ONE / 10000));
        else
                format_share(buf, (double) value / (double) SCHEMA_SHARE_ONE);
        return buf;
}

static const NumberType number_types[] = {
        [SCHEMA_U32] = { parse_u64, integer_format, UINT32_MAX, 0, {} },
        [SCHEMA_U64] = { parse_u64, integer_format, UINT64_MAX, 0, {} },
        [SCHEMA_PID] = { pid_parse, integer_format, INT32_MAX, 0, {} },
        [SCHEMA_SIZE] = { parse_size, size_format, UINT64_MAX, UINT64_C(1) << 30,
                          { "B", "KiB", "MiB", "GiB", "TiB" } },
        [SCHEMA_DURATION] = { parse_duration, duration_format, UINT64_MAX, NSEC_PER_SEC,
                              { "us", "ms", "s", "min", "h" } },
        [SCHEMA_SHARE] = { share_parse, share_format, SCHEMA_SHARE_ONE, SCHEMA_SHARE_ONE / 20,
                           { "bp", "permil", "%" } },
};

static const char *const type_words[] = {
        [SCHEMA_BOOL] = "true or false",
        [SCHEMA_U32] = "a whole number (digits only)",
        [SCHEMA_U64] = "a whole number (digits only)",
        [SCHEMA_PID] = "a process ID",
        [SCHEMA_SIZE] = "a size (like 4KiB, 128MiB or 1.5GiB)",
        [SCHEMA_DURATION] = "a duration (like 100ms, 5s or 1min 30s)",
        [SCHEMA_SHARE] = "a share (like 4%, 0.5% or 12bp)",
        [SCHEMA_STRING] = "a text",
        [SCHEMA_ENUM] = "a word",
        [SCHEMA_MAP] = "a mapping",
        [SCHEMA_LIST] = "a list",
        [SCHEMA_REFUSED] = "absent",
};

const char *schema_type_words(SchemaType type) {
        return type_words[type];
}

static bool is_number(SchemaType type) {
        return type < ELEMENTSOF(number_types) && number_types[type].parse;
}

/* ---- Numbers in the struct ---- */

static void number_store(const SchemaField *field, void *object, uint64_t value) {
        void *p = (char *) object + field->offset;

        switch (field->type) {
        case SCHEMA_U32:
                *(uint32_t *) p = (uint32_t) value;
                break;
        case SCHEMA_PID:
                *(pid_t *) p = (pid_t) value;
                break;
        case SCHEMA_SHARE:
                *(double *) p = (double) value / (double) SCHEMA_SHARE_ONE;
                break;
        default:
                *(uint64_t *) p = value;
        }
}

static uint64_t number_load(const SchemaField *field, const void *object) {
        const void *p = (const char *) object + field->offset;

        switch (field->type) {
        case SCHEMA_U32:
                return *(const uint32_t *) p;
        case SCHEMA_PID:
                return (uint64_t) * (const pid_t *) p;
        case SCHEMA_SHARE:
                return (uint64_t) (*(const double *) p * (double) SCHEMA_SHARE_ONE + 0.5);
        default:
                return *(const uint64_t *) p;
        }
}

static uint64_t number_max(const SchemaField *field) {
        return field->max > 0 ? field->max : number_types[field->type].max;
}

/* ---- Numbers from the file ---- */

/* As a field wants it. 0, -EINVAL, -ERANGE or PARSE_E_NO_UNIT. */
static int number_parse(const SchemaField *field, const char *text, uint64_t *ret) {
        uint64_t value = 0;
        int r;

        r = number_types[field->type].parse(text, &value);
        if (r != 0)
                return r;
        if (value < field->min || value > number_max(field))
                return -ERANGE;

        *ret = value;
        return 0;
}

static double ratio(uint64_t a, uint64_t b) {
        double x = (double) MAX(a, UINT64_C(1)), y = (double) MAX(b, UINT64_C(1));

        return x > y ? x / y : y / x;
}

/* "0.04" where a share is wanted is the share itself, not a number of percent. */
static bool guess_fraction(const SchemaField *field, const char *text,
                           char buf[static SCHEMA_TEXT_MAX]) {
        char attempt[SCHEMA_TEXT_MAX];
        uint64_t value;

        if (field->type != SCHEMA_SHARE || strncmp(text, "0.", 2) != 0)
                return false;
        if (snprintf(attempt, sizeof(attempt), "%s%%", text) >= (int) sizeof(attempt) ||
            share_parse(attempt, &value) != 0)
                return false;

        share_format(buf, value * 100);
        return number_parse(field, buf, &value) == 0;
}

/* The spelling that a bare number probably stands for: with the unit that brings it nearest to the
 * default (100 for a default of 2s is 100ms; 5 is 5s). False when no unit makes it legal. */
static bool guess_unit(const SchemaField *field, const char *text, const void *object,
                       char buf[static SCHEMA_TEXT_MAX]) {
        const NumberType *type = &number_types[field->type];
        uint64_t usual = number_load(field, object) ?: type->usual;
        double best = 0;

        if (guess_fraction(field, text, buf))
                return true;

        for (size_t i = 0; i < ELEMENTSOF(type->units) && type->units[i]; i++) {
                char attempt[SCHEMA_TEXT_MAX];
                uint64_t value;

                if (snprintf(attempt, sizeof(attempt), "%.*s%s", (int) strcspn(text, " "), text,
                             type->units[i]) >= (int) sizeof(attempt))
                        return false;
                if (number_parse(field, attempt, &value) != 0)
                        continue;
                if (best > 0 && ratio(value, usual) >= best)
                        continue;
                best = ratio(value, usual);
                memcpy(buf, attempt, sizeof(attempt));
        }
        return best > 0;
}

/* The text without what people put between digits: "1,000", "1_000", "5 000 ms". */
static bool guess_plain(const SchemaField *field, const char *text,
                        char buf[static SCHEMA_TEXT_MAX]) {
        uint64_t value;
        size_t n = 0;

        for (; *text && n + 1 < SCHEMA_TEXT_MAX; text++)
                if (!strchr(",_ '", *text))
                        buf[n++] = *text;
        buf[n] = 0;
        return number_parse(field, buf, &value) == 0;
}

static int report_range(const SchemaField *field, const YamlNode *node, ConfigErrors *errors) {
        char text[EXCERPT_MAX], range[SCHEMA_TEXT_MAX];
        const char *legal = schema_range_format(field, range);

        return schema_value_error(errors, node, "%s: '%s' is out of range%s%s%s", field->key,
                                  excerpt(text, node->text), legal ? " (" : "", legal ?: "",
                                  legal ? ")" : "");
}

static int report_number(const SchemaField *field, const YamlNode *node, const void *object,
                         int reason, ConfigErrors *errors) {
        char text[EXCERPT_MAX], hint[SCHEMA_TEXT_MAX];

        if (!config_errors_wants(errors, node->line, node->column))
                return schema_value_error(errors, node, "%s", field->key);
        if (reason == -ERANGE)
                return report_range(field, node, errors);

        excerpt(text, node->text);
        if (reason == PARSE_E_NO_UNIT && guess_unit(field, node->text, object, hint))
                return schema_value_error(errors, node, "%s: '%s' has no unit (did you mean '%s'?)",
                                          field->key, text, hint);
        if (reason == PARSE_E_NO_UNIT)
                return schema_value_error(errors, node, "%s: '%s' has no unit, must be %s",
                                          field->key, text, schema_type_words(field->type));
        if (guess_plain(field, node->text, hint))
                return schema_value_error(errors, node, "%s: '%s' is not %s (did you mean '%s'?)",
                                          field->key, text, schema_type_words(field->type), hint);
        return schema_value_error(errors, node, "%s: '%s' is not %s%s%s%s", field->key, text,
                                  schema_type_words(field->type), field->word ? ", nor '" : "",
                                  field->word ?: "", field->word ? "'" : "");
}

static bool needs_no_unit(SchemaType type) {
        return type == SCHEMA_BOOL || (is_number(type) && !number_types[type].units[0]);
}

static int number_read(const SchemaField *field, const YamlNode *node, void *object,
                       ConfigErrors *errors) {
        uint64_t value = 0;
        int r = 0;

        if (!field->word || !streq(node->text, field->word))
                r = number_parse(field, node->text, &value);
        if (r != 0)
                return report_number(field, node, object, r, errors);

        number_store(field, object, value);
        return 0;
}

/* ---- Truth ---- */

/* What other YAML readers take for a truth value. */
static const char *bool_meaning(const char *text) {
        static const char *const yes[] = { "true", "yes", "on", "y", "1", "enabled" };
        static const char *const no[] = { "false", "no", "off", "n", "0", "disabled" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcasecmp(text, yes[i]) == 0)
                        return "true";
                if (strcasecmp(text, no[i]) == 0)
                        return "false";
        }
        return NULL;
}

static int bool_read(const SchemaField *field, const YamlNode *node, void *object,
                     ConfigErrors *errors) {
        bool *value = (bool *) ((char *) object + field->offset);
        const char *meaning = bool_meaning(node->text);
        char text[EXCERPT_MAX];

        if (parse_bool(node->text, value) == 0)
                return 0;
        if (meaning)
                return schema_value_error(errors, node,
                                          "%s: '%s' is not true or false (did you mean '%s'?)",
                                          field->key, excerpt(text, node->text), meaning);
        return schema_value_error(errors, node, "%s: '%s' is not true or false", field->key,
                                  excerpt(text, node->text));
}

/* ---- Words and texts ---- */

static int text_store(const SchemaField *field, const char *text, void *object) {
        char **p, *copy;

        if (field->offset == SCHEMA_NOWHERE)
                return 0;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        p = (char **) ((char *) object + field->offset);
        free(*p);
        *p = copy;
        return 0;
}

/* All words that can be used: "auto, idle or sim". */
static void list_choices(const SchemaField *field, char *buf, size_t size) {
        const SchemaChoice *choice, *last = NULL;
        size_t used = 0;

        for (choice = field->choices; choice->word; choice++)
                if (!choice->refused)
                        last = choice;

        buf[0] = 0;
        for (choice = field->choices; choice->word && used < size; choice++) {
                const char *between = used == 0 ? "" : choice == last ? " or " : ", ";

                if (!choice->refused)
                        used += (size_t) snprintf(buf + used, size - used, "%s%s", between,
                                                  choice->word);
        }
}

static int enum_read(const SchemaField *field, const YamlNode *node, void *object,
                     ConfigErrors *errors) {
        Suggestion suggestion = SUGGESTION(node->text);
        char text[EXCERPT_MAX], words[160];

        for (const SchemaChoice *choice = field->choices; choice->word; choice++) {
                if (!choice->refused)
                        suggestion_consider(&suggestion, choice->word);
                if (!streq(node->text, choice->word))
                        continue;
                if (!choice->refused)
                        return text_store(field, node->text, object);
                return schema_value_error(errors, node, "%s: '%s' cannot be used: %s", field->key,
                                          choice->word, choice->refused);
        }

        excerpt(text, node->text);
        list_choices(field, words, sizeof(words));
        if (suggestion.best)
                return schema_value_error(errors, node, "%s: '%s' is unknown (did you mean '%s'?)",
                                          field->key, text, suggestion.best);
        return schema_value_error(errors, node, "%s: '%s' is unknown, must be %s", field->key, text,
                                  words);
}

static int string_read(const SchemaField *field, const YamlNode *node, void *object,
                       ConfigErrors *errors) {
        _cleanup_free_ char *reason = NULL;
        size_t length = strlen(node->text);
        char text[EXCERPT_MAX];

        if (field->max > 0 && length > field->max)
                return schema_value_error(errors, node, "%s: longer than %" PRIu64 " bytes",
                                          field->key, field->max);
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) node->text[i] < 0x20 || node->text[i] == 0x7f)
                        return schema_value_error(errors, node,
                                                  "%s: a control character or line break in '%s'",
                                                  field->key, excerpt(text, node->text));
        if (field->check && field->check(node->text, &reason) < 0)
                return reason ? schema_value_error(errors, node, "%s: %s", field->key, reason)
                              : -ENOMEM;
        return text_store(field, node->text, object);
}

/* ---- All ---- */

int schema_value_read(const SchemaField *field, const YamlNode *node, void *object,
                      ConfigErrors *errors) {
        char text[EXCERPT_MAX];

        if (node->kind != YAML_KIND_SCALAR)
                return schema_value_error(errors, node, "%s: must be %s, not a %s", field->key,
                                          schema_type_words(field->type),
                                          node->kind == YAML_KIND_SEQUENCE ? "list" : "mapping");
        if (!node->plain && needs_no_unit(field->type))
                return schema_value_error(errors, node, "%s: '%s' in quotes is a text, must be %s",
                                          field->key, excerpt(text, node->text),
                                          schema_type_words(field->type));

        if (is_number(field->type))
                return number_read(field, node, object, errors);
        if (field->type == SCHEMA_BOOL)
                return bool_read(field, node, object, errors);
        if (field->type == SCHEMA_ENUM)
                return enum_read(field, node, object, errors);
        return string_read(field, node, object, errors);
}

const char *schema_value_format(const SchemaField *field, const void *object,
                                char buf[static SCHEMA_TEXT_MAX]) {
        const void *p;

        if (field->offset == SCHEMA_NOWHERE)
                return field->choices[0].word;

        p = (const char *) object + field->offset;
        if (field->type == SCHEMA_BOOL)
                return *(const bool *) p ? "true" : "false";
        if (field->type == SCHEMA_STRING || field->type == SCHEMA_ENUM)
                return *(char *const *) p;
        if (!is_number(field->type))
                return NULL;
        if (field->word && number_load(field, object) == 0)
                return field->word;
        return number_types[field->type].format(buf, number_load(field, object));
}

const char *schema_range_format(const SchemaField *field, char buf[static SCHEMA_TEXT_MAX]) {
        char low[FORMAT_MAX], high[FORMAT_MAX];
        const NumberType *type;

        if (!is_number(field->type))
                return NULL;

        type = &number_types[field->type];
        type->format(low, field->min);
        type->format(high, number_max(field));
        if (field->max > 0)
                (void) snprintf(buf, SCHEMA_TEXT_MAX, "%s to %s", low, high);
        else if (field->min > 0)
                (void) snprintf(buf, SCHEMA_TEXT_MAX, "at least %s", low);
        else
                return NULL;
        return buf;
}
