/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a tree by the tables of a schema. */
#include "config/schema.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>

#include "base/error.h"
#include "base/macro.h"
#include "config/schema-value.h"
#include "config/suggest.h"

int schema_error(ConfigErrors *errors, const YamlNode *node, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = text_vformat(format, ap);
        va_end(ap);
        if (!text)
                return -ENOMEM;
        return config_errors_addf(errors, node->key ? node->key_line : node->line,
                                  node->key ? node->key_column : node->column, "%s", text);
}

static const SchemaField *find_field(const SchemaMap *map, const char *key) {
        for (size_t i = 0; i < map->n_fields; i++)
                if (streq(map->fields[i].key, key))
                        return &map->fields[i];
        return NULL;
}

static uint64_t field_bit(const SchemaMap *map, const SchemaField *field) {
        return UINT64_C(1) << (field - map->fields);
}

bool schema_seen(const SchemaPlace *place, const char *key) {
        const SchemaField *field = find_field(place->map, key);

        assert(field);
        return place->seen & field_bit(place->map, field);
}

/* ---- Unknown keys ---- */

/* The mapping of this one in which the key would be legal: then only its place is wrong. */
static const SchemaField *find_inside(const SchemaMap *map, const char *key) {
        for (size_t i = 0; i < map->n_fields; i++)
                if (map->fields[i].type == SCHEMA_MAP && find_field(map->fields[i].map, key))
                        return &map->fields[i];
        return NULL;
}

/* Suffixes by which DAMON's and DAMO's keys carry their unit. */
static bool is_unit_suffix(const char *suffix) {
        static const char *const suffixes[] = { "_ns", "_us", "_ms", "_sec", "_bytes", "_percent", "_permil", "_bp" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (streq(suffix, suffixes[i]))
                        return true;
        return false;
}

/* The field that other tools call so; units belong to values here. */
static const SchemaField *find_foreign(const SchemaMap *map, const char *key) {
        for (size_t i = 0; i < map->n_fields; i++) {
                const SchemaField *field = &map->fields[i];
                size_t length = strlen(field->key);

                if (field->type == SCHEMA_REFUSED)
                        continue;
                if (field->known_as && streq(field->known_as, key))
                        return field;
                if (strncmp(key, field->key, length) == 0 && is_unit_suffix(key + length))
                        return field;
        }
        return NULL;
}

static const SchemaField *find_meant(const SchemaMap *map, const char *key) {
        const SchemaField *foreign = find_foreign(map, key);
        Suggestion suggestion = SUGGESTION(key);

        if (foreign)
                return foreign;
        for (size_t i = 0; i < map->n_fields; i++)
                if (map->fields[i].type != SCHEMA_REFUSED)
                        suggestion_consider(&suggestion, map->fields[i].key);
        return suggestion.best ? find_field(map, suggestion.best) : NULL;
}

static int report_unknown(SchemaPlace *place, const YamlNode *node) {
        const SchemaField *inside = find_inside(place->map, node->key), *meant;
        char key[EXCERPT_MAX];

        /* Ten thousand unknown keys must not cost ten thousand searches. */
        if (!config_errors_wants(place->errors, node->key_line, node->key_column))
                return schema_error(place->errors, node, "unknown key");

        excerpt(key, node->key);
        if (inside)
                return schema_error(place->errors, node, "unknown key '%s' %s (it belongs in '%s')", key,
                                    place->map->where, inside->key);

        meant = find_meant(place->map, node->key);
        if (!meant)
                return schema_error(place->errors, node, "unknown key '%s' %s", key, place->map->where);

        /* Then the key that was meant is not missing as well. */
        place->seen |= field_bit(place->map, meant);
        return schema_error(place->errors, node, "unknown key '%s' %s (did you mean '%s'?)", key, place->map->where,
                            meant->key);
}

/* ---- Collections ---- */

static int read_map(const SchemaMap *map, const YamlNode *node, void *object, ConfigErrors *errors);

static bool is_word(const YamlNode *node, const char *word) {
        return word && node->kind == YAML_KIND_SCALAR && streq(node->text, word);
}

static int read_map_field(const SchemaField *field, const YamlNode *node, void *object,
                          ConfigErrors *errors) {
        void *inner = (char *) object + field->offset;
        int r;

        if (field->map->init) {
                r = field->map->init(inner);
                if (r < 0)
                        return r;
        }
        if (is_word(node, field->word))
                return 0;
        if (node->kind != YAML_KIND_MAPPING)
                return schema_value_error(errors, node, "%s: must be a mapping%s%s%s", field->key,
                                          field->word ? " or '" : "", field->word ?: "",
                                          field->word ? "'" : "");
        return read_map(field->map, node, inner, errors);
}

static int read_item(const SchemaField *field, const YamlNode *node, void *item, ConfigErrors *errors) {
        int r;

        if (field->map->init) {
                r = field->map->init(item);
                if (r < 0)
                        return r;
        }
        if (node->broken)
                return 0;
        if (field->map->brief && (node->kind == YAML_KIND_SCALAR ||
                                  (node->kind == YAML_KIND_SEQUENCE && field->map->fields[0].upper > 0)))
                return schema_value_read(&field->map->fields[0], node, item, errors);
        if (node->kind != YAML_KIND_MAPPING)
                return schema_value_error(errors, node, "%s: each item must be a mapping (%s: ...)%s", field->key,
                                          field->map->fields[0].key, field->map->brief ? " or just its value" : "");
        return read_map(field->map, node, item, errors);
}

/* What the list held before: it is replaced whole. */
static void drop_items(const SchemaField *field, void **items, size_t *n_items) {
        for (size_t i = 0; i < *n_items && field->map->deinit; i++)
                field->map->deinit((char *) *items + i * field->map->size);
        free(*items);
        *items = NULL;
        *n_items = 0;
}

/* A word that stands for the whole list. */
static int read_list_word(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        unsigned *word = (unsigned *) ((char *) object + field->upper), found = UINT_MAX;
        const SchemaField choice = { .key = field->key, .type = SCHEMA_CHOICE, .choices = field->choices };
        int r;

        r = schema_value_read(&choice, node, &found, errors);
        if (r < 0 || found == UINT_MAX)
                return r;
        drop_items(field, (void **) ((char *) object + field->offset),
                   (size_t *) ((char *) object + field->count_offset));
        *word = found + 1;
        return 0;
}

static int read_list(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors) {
        void **items = (void **) ((char *) object + field->offset);
        size_t *n_items = (size_t *) ((char *) object + field->count_offset);
        size_t i = 0;
        int r;

        if (field->choices && node->kind == YAML_KIND_SCALAR && !isdigit((unsigned char) *node->text))
                return read_list_word(field, node, object, errors);
        if (node->kind != YAML_KIND_SEQUENCE)
                return schema_value_error(errors, node, "%s: must be a list (each item after '- ')", field->key);
        if (node->n_children == 0 && !field->may_be_empty)
                return schema_value_error(errors, node, "%s: the list is empty", field->key);
        if (node->n_children > field->max)
                return schema_value_error(errors, node, "%s: more than %" PRIu64 " items", field->key, field->max);

        drop_items(field, items, n_items);
        if (field->choices)
                *(unsigned *) ((char *) object + field->upper) = 0;
        if (node->n_children == 0)
                return 0;
        *items = calloc(node->n_children, field->map->size);
        if (!*items)
                return -ENOMEM;
        *n_items = node->n_children;

        for (const YamlNode *child = node->first; child; child = child->next, i++) {
                r = read_item(field, child, (char *) *items + i * field->map->size, errors);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "key:", "key: ~" and "key: ''" say nothing. */
static bool is_empty(const YamlNode *node) {
        if (node->kind != YAML_KIND_SCALAR)
                return false;
        return !*node->text ||
               (node->plain && (streq(node->text, "~") || strcasecmp(node->text, "null") == 0));
}

static int read_field(SchemaPlace *place, const YamlNode *node) {
        const SchemaField *field = find_field(place->map, node->key);

        if (!field)
                return node->broken ? 0 : report_unknown(place, node);

        place->seen |= field_bit(place->map, field);
        if (node->broken)
                return 0;

        if (field->type == SCHEMA_REFUSED)
                return schema_error(place->errors, node, "%s", field->doc);
        if (is_empty(node))
                return schema_value_error(place->errors, node, "%s: has no value", field->key);

        switch (field->type) {
        case SCHEMA_MAP:
                return read_map_field(field, node, place->object, place->errors);
        case SCHEMA_LIST:
                return read_list(field, node, place->object, place->errors);
        case SCHEMA_VARIANT:
                field = field->variant(place->object);
                return field ? schema_value_read(field, node, place->object, place->errors) : 0;
        default:
                return schema_value_read(field, node, place->object, place->errors);
        }
}

/* Variants are read behind all others, which decide what they are. */
static int read_fields(SchemaPlace *place, bool variants) {
        int r = 0;

        for (const YamlNode *child = place->node->first; child && r == 0; child = child->next) {
                const SchemaField *field = find_field(place->map, child->key);

                if ((field && field->type == SCHEMA_VARIANT) == variants)
                        r = read_field(place, child);
        }
        return r;
}

static int check_required(const SchemaPlace *place) {
        int r = 0;

        for (size_t i = 0; i < place->map->n_fields && r == 0; i++) {
                const SchemaField *field = &place->map->fields[i];

                if (field->required && !field->applies && !(place->seen & field_bit(place->map, field)))
                        r = schema_error(place->errors, place->node, "'%s' is missing %s", field->key,
                                         place->map->where);
        }
        return r;
}

/* Keys that belong to some values of other keys only. */
static int check_applies(const SchemaPlace *place) {
        int r = 0;

        for (size_t i = 0; i < place->map->n_fields && r == 0; i++) {
                const SchemaField *field = &place->map->fields[i];
                bool seen = place->seen & field_bit(place->map, field);

                if (!field->applies || !field->only)
                        continue;
                if (seen && !field->applies(place->object))
                        r = schema_error(place->errors, yaml_child(place->node, field->key), "'%s' is only for %s",
                                         field->key, field->only);
                else if (field->required && !seen && field->applies(place->object))
                        r = schema_error(place->errors, place->node, "'%s' is missing %s: it is required for %s",
                                         field->key, place->map->where, field->only);
        }
        return r;
}

static int read_map(const SchemaMap *map, const YamlNode *node, void *object, ConfigErrors *errors) {
        SchemaPlace place = { .map = map, .node = node, .object = object, .errors = errors };
        size_t before = config_errors_count(errors);
        int r;

        if (node->n_children == 0)
                return schema_error(errors, node, "nothing is said %s", map->where);

        r = read_fields(&place, false);
        if (r == 0)
                r = read_fields(&place, true);
        if (r == 0)
                r = check_required(&place);
        if (r == 0 && config_errors_count(errors) == before)
                r = check_applies(&place);
        if (r < 0 || !map->check)
                return r;
        place.clean = config_errors_count(errors) == before;
        return map->check(&place);
}

int schema_read(const SchemaMap *map, const YamlNode *node, void *object, ConfigErrors *errors) {
        if (node->broken)
                return 0;
        if (node->kind != YAML_KIND_MAPPING)
                return schema_value_error(errors, node, "must be a mapping that begins with '%s:'",
                                          map->fields[0].key);
        return read_map(map, node, object, errors);
}
