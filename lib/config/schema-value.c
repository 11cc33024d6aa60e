/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single values of a schema: truth, words, texts, and pairs of numbers. */
#include "config/schema-value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/parse.h"
#include "config/schema-number.h"
#include "config/suggest.h"

static const char *const type_words[] = {
        [SCHEMA_BOOL] = "true or false",
        [SCHEMA_U32] = "a whole number (digits only)",
        [SCHEMA_U64] = "a whole number (digits only)",
        [SCHEMA_PID] = "a process ID",
        [SCHEMA_SIZE] = "a size (like 4KiB, 128MiB or 1.5GiB)",
        [SCHEMA_DURATION] = "a duration (like 100ms, 5s or 1min 30s)",
        [SCHEMA_SHARE] = "a share (like 4%, 0.5% or 12bp)",
        [SCHEMA_RATIO] = "a share (like 4% or 120%)",
        [SCHEMA_NUMBER] = "a number (like 10000 or 0.5)",
        [SCHEMA_ADDRESS] = "an address (like 0x7f0000000000)",
        [SCHEMA_STRING] = "a text",
        [SCHEMA_ENUM] = "a word",
        [SCHEMA_CHOICE] = "a word",
        [SCHEMA_VARIANT] = "a number in a unit that depends on the other keys",
        [SCHEMA_MAP] = "a mapping",
        [SCHEMA_LIST] = "a list",
        [SCHEMA_REFUSED] = "absent",
};

const char *schema_type_words(SchemaType type) {
        return type_words[type];
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

static int bool_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        bool *value = (bool *) ((char *) object + field->offset);
        const char *meaning = bool_meaning(node->text);
        char text[EXCERPT_MAX];

        if (parse_bool(node->text, value) == 0)
                return 0;
        if (meaning)
                return schema_value_error(errors, node, "%s: '%s' is not true or false (did you mean '%s'?)",
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

static int choice_store(const SchemaField *field, const SchemaChoice *choice, void *object) {
        if (field->type == SCHEMA_ENUM)
                return text_store(field, choice->word, object);
        *(unsigned *) ((char *) object + field->offset) = (unsigned) (choice - field->choices);
        return 0;
}

/* The word of a choice that is stored by its number; NULL: none of them. */
static const char *choice_word(const SchemaField *field, const void *object) {
        unsigned value = *(const unsigned *) ((const char *) object + field->offset), n = 0;

        while (field->choices[n].word)
                n++;
        return value < n ? field->choices[value].word : NULL;
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
                        used += (size_t) snprintf(buf + used, size - used, "%s%s", between, choice->word);
        }
}

static int choice_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        Suggestion suggestion = SUGGESTION(node->text);
        char text[EXCERPT_MAX], words[400];

        for (const SchemaChoice *choice = field->choices; choice->word; choice++) {
                if (!choice->refused)
                        suggestion_consider(&suggestion, choice->word);
                if (!streq(node->text, choice->word))
                        continue;
                if (!choice->refused)
                        return choice_store(field, choice, object);
                return schema_value_error(errors, node, "%s: '%s' cannot be used: %s", field->key, choice->word,
                                          choice->refused);
        }

        excerpt(text, node->text);
        list_choices(field, words, sizeof(words));
        if (suggestion.best)
                return schema_value_error(errors, node, "%s: '%s' is unknown (did you mean '%s'?)", field->key, text,
                                          suggestion.best);
        return schema_value_error(errors, node, "%s: '%s' is unknown, must be %s", field->key, text, words);
}

static int string_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        _cleanup_free_ char *reason = NULL;
        size_t length = strlen(node->text);
        char text[EXCERPT_MAX];

        if (field->max > 0 && length > field->max)
                return schema_value_error(errors, node, "%s: longer than %" PRIu64 " bytes", field->key, field->max);
        for (size_t i = 0; i < length; i++)
                if ((unsigned char) node->text[i] < 0x20 || node->text[i] == 0x7f)
                        return schema_value_error(errors, node, "%s: a control character or line break in '%s'",
                                                  field->key, excerpt(text, node->text));
        if (field->check && field->check(node->text, &reason) < 0)
                return reason ? schema_value_error(errors, node, "%s: %s", field->key, reason) : -ENOMEM;
        return text_store(field, node->text, object);
}

/* ---- Scalars ---- */

static const char *kind_words(const YamlNode *node) {
        return node->kind == YAML_KIND_SEQUENCE ? "list" : "mapping";
}

static int scalar_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        char text[EXCERPT_MAX];

        if (node->kind != YAML_KIND_SCALAR)
                return schema_value_error(errors, node, "%s: must be %s, not a %s", field->key,
                                          schema_type_words(field->type), kind_words(node));
        if (!node->plain && schema_is_bare(field->type))
                return schema_value_error(errors, node, "%s: '%s' in quotes is a text, must be %s", field->key,
                                          excerpt(text, node->text), schema_type_words(field->type));

        if (schema_is_number(field->type))
                return schema_number_read(field, node, object, errors);
        if (field->type == SCHEMA_BOOL)
                return bool_read(field, node, object, errors);
        if (field->type == SCHEMA_STRING)
                return string_read(field, node, object, errors);
        return choice_read(field, node, object, errors);
}

/* ---- Pairs ---- */

/* One end of a pair as a field of its own. */
static SchemaField bound_field(const SchemaField *field, bool upper) {
        SchemaField bound = *field;

        if (upper)
                bound.offset = field->upper;
        bound.upper = 0;
        return bound;
}

static int bound_read(const SchemaField *field, bool upper, const YamlNode *node, void *object,
                      ConfigErrors *errors) {
        SchemaField bound = bound_field(field, upper);
        bool scalar = node->kind == YAML_KIND_SCALAR && node->plain;

        if (node->broken)
                return 0;
        if (scalar && streq(node->text, "min"))
                schema_number_store(&bound, object, bound.min);
        else if (scalar && streq(node->text, "max"))
                schema_number_store(&bound, object, schema_number_max(&bound));
        else
                return scalar_read(&bound, node, object, errors);
        return 0;
}

/* Not a pair: shown as the one that a single value probably stands for. */
static int report_pair(const SchemaField *field, const YamlNode *node, ConfigErrors *errors) {
        char hint[2 * SCHEMA_TEXT_MAX] = "", low[SCHEMA_TEXT_MAX] = "";
        uint64_t value;

        if (node->kind == YAML_KIND_SCALAR && schema_number_parse(field, node->text, &value) == 0) {
                schema_number_format(field, value, low);
                (void) snprintf(hint, sizeof(hint), " (did you mean '[%.48s, %.48s]'?)", low,
                                value > field->min ? "max" : low);
        }
        if (node->kind == YAML_KIND_SEQUENCE)
                return schema_value_error(errors, node, "%s: must be a pair: [min, max], not %zu value%s", field->key,
                                          node->n_children, node->n_children == 1 ? "" : "s");
        return schema_value_error(errors, node, "%s: must be a pair: [min, max]%s", field->key, hint);
}

static int check_pair(const SchemaField *field, const YamlNode *node, const void *object, ConfigErrors *errors) {
        SchemaField lower = bound_field(field, false), upper = bound_field(field, true);
        uint64_t low = schema_number_load(&lower, object), high = schema_number_load(&upper, object);
        char text[EXCERPT_MAX];

        if (low > high)
                return schema_value_error(errors, node, "%s: '%s', the lower bound, is above the upper one",
                                          field->key, excerpt(text, node->first->text));
        if (low == high && field->half_open)
                return schema_value_error(errors, node, "%s: the range is empty, as its end does not belong to it",
                                          field->key);
        return 0;
}

static int pair_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        size_t before = config_errors_count(errors);
        int r;

        if (node->kind != YAML_KIND_SEQUENCE || node->n_children != 2)
                return report_pair(field, node, errors);

        r = bound_read(field, false, node->first, object, errors);
        if (r == 0)
                r = bound_read(field, true, node->last, object, errors);
        if (r < 0 || config_errors_count(errors) > before || node->first->broken || node->last->broken)
                return r;
        return check_pair(field, node, object, errors);
}

/* ---- All ---- */

int schema_value_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        if (field->upper > 0)
                return pair_read(field, node, object, errors);
        return scalar_read(field, node, object, errors);
}

static const char *pair_format(const SchemaField *field, const void *object, char buf[static SCHEMA_TEXT_MAX]) {
        SchemaField lower = bound_field(field, false), upper = bound_field(field, true);
        char low[SCHEMA_TEXT_MAX], high[SCHEMA_TEXT_MAX];

        schema_number_format(&lower, schema_number_load(&lower, object), low);
        schema_number_format(&upper, schema_number_load(&upper, object), high);
        (void) snprintf(buf, SCHEMA_TEXT_MAX, "[%.48s, %.48s]", low, high);
        return buf;
}

const char *schema_value_format(const SchemaField *field, const void *object, char buf[static SCHEMA_TEXT_MAX]) {
        const void *p;

        if (field->offset == SCHEMA_NOWHERE)
                return field->choices[0].word;
        if (field->upper > 0)
                return pair_format(field, object, buf);

        p = (const char *) object + field->offset;
        if (field->type == SCHEMA_BOOL)
                return *(const bool *) p ? "true" : "false";
        if (field->type == SCHEMA_STRING || field->type == SCHEMA_ENUM)
                return *(char *const *) p;
        if (field->type == SCHEMA_CHOICE)
                return choice_word(field, object);
        if (!schema_is_number(field->type))
                return NULL;
        if (field->word && schema_number_load(field, object) == 0)
                return field->word;
        return schema_number_format(field, schema_number_load(field, object), buf);
}
