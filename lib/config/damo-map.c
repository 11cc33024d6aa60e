/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading a tree by the tables of DAMO's keys. */
#include "config/damo-map.h"

#include <errno.h>

#include "base/macro.h"
#include "config/damo-value.h"
#include "config/schema.h"
#include "config/schemes.h"
#include "config/suggest.h"

static bool says_nothing(const YamlNode *node) {
        if (node->kind != YAML_KIND_SCALAR)
                return false;
        return !*node->text || (node->plain && (streq(node->text, "~") || strcasecmp(node->text, "null") == 0));
}

const YamlNode *damo_child(const YamlNode *mapping, const char *key) {
        const YamlNode *node = yaml_child(mapping, key);

        return node && !node->broken && !says_nothing(node) ? node : NULL;
}

static const DamoField *find_field(const DamoMap *map, const char *key) {
        for (size_t i = 0; i < map->n_fields; i++)
                if (streq(map->fields[i].key, key))
                        return &map->fields[i];
        return NULL;
}

/* ---- Unknown keys ---- */

/* The nearest key, or the one that is the same but for DAMO's suffix: "sample" for "sample_us". */
static const DamoField *find_meant(const DamoMap *map, const char *key) {
        Suggestion suggestion = SUGGESTION(key);
        size_t n = strlen(key);

        for (size_t i = 0; i < map->n_fields; i++)
                suggestion_consider(&suggestion, map->fields[i].key);
        if (suggestion.best)
                return find_field(map, suggestion.best);

        for (size_t i = 0; i < map->n_fields; i++)
                if (strncmp(map->fields[i].key, key, n) == 0 && map->fields[i].key[n] == '_')
                        return &map->fields[i];
        return NULL;
}

/* *meant gets the field that was probably meant, so that it is not reported as missing, too. */
static int report_unknown(DamoReader *reader, const DamoMap *map, const YamlNode *node, uint64_t *meant) {
        const DamoField *field;
        char key[EXCERPT_MAX];

        /* Ten thousand unknown keys must not cost ten thousand searches. */
        if (!config_errors_wants(reader->errors, node->key_line, node->key_column))
                return schema_error(reader->errors, node, "unknown key");

        excerpt(key, node->key);
        for (size_t i = 0; i < map->n_fields; i++)
                if (map->fields[i].map && find_field(map->fields[i].map, node->key))
                        return schema_error(reader->errors, node, "unknown key '%s' %s (it belongs in '%s')", key,
                                            map->where, map->fields[i].key);

        field = find_meant(map, node->key);
        if (!field)
                return schema_error(reader->errors, node, "unknown key '%s' %s", key, map->where);

        *meant |= UINT64_C(1) << (field - map->fields);
        return schema_error(reader->errors, node, "unknown key '%s' %s (did you mean '%s'?)", key, map->where,
                            field->key);
}

static int check_keys(DamoReader *reader, const DamoMap *map, const YamlNode *node, uint64_t *meant) {
        int r = 0;

        for (const YamlNode *child = node->first; child && r == 0; child = child->next)
                if (!child->broken && !find_field(map, child->key))
                        r = report_unknown(reader, map, child, meant);
        return r;
}

/* ---- Mappings ---- */

int damo_map_read(DamoReader *reader, const DamoMap *map, const YamlNode *node, void *object) {
        uint64_t meant = 0;
        int r;

        if (node->broken)
                return 0;
        if (node->kind != YAML_KIND_MAPPING)
                return schema_value_error(reader->errors, node, "what stands %s must be a mapping (%s: ...)",
                                          map->where, map->fields[0].key);

        r = check_keys(reader, map, node, &meant);
        for (size_t i = 0; i < map->n_fields && r == 0; i++) {
                const DamoField *field = &map->fields[i];
                const YamlNode *child = yaml_child(node, field->key);

                if (child && child->broken)
                        continue;
                if (child && !says_nothing(child))
                        r = field->read(reader, field, child, object);
                else if (field->required && !(meant & UINT64_C(1) << i))
                        r = schema_error(reader->errors, child ?: node, "'%s' is missing %s", field->key, map->where);
        }
        return r;
}

int damo_is_list(DamoReader *reader, const YamlNode *node, size_t max) {
        int r;

        if (node->kind != YAML_KIND_SEQUENCE)
                r = schema_value_error(reader->errors, node, "%s: must be a list", node->key);
        else if (node->n_children > max)
                r = schema_value_error(reader->errors, node, "%s: more than %zu items", node->key, max);
        else
                return 1;
        return r;
}

int damo_is_scalar(DamoReader *reader, const YamlNode *node) {
        if (node->kind == YAML_KIND_SCALAR)
                return 1;
        return schema_value_error(reader->errors, node, "%s%smust be a single value", node->key ?: "",
                                  node->key ? ": " : "");
}

int damo_value_result(DamoReader *reader, const DamoField *field, const YamlNode *node, int r, const char *what) {
        char text[EXCERPT_MAX];

        if (r == 0)
                return 0;
        excerpt(text, node->text);
        if (r == -ERANGE)
                return schema_value_error(reader->errors, node, "%s: '%s' is out of range", field->key, text);
        return schema_value_error(reader->errors, node, "%s: '%s' is not %s", field->key, text, what);
}

/* ---- Kinds of values ---- */

static void *member(const DamoField *field, void *object) {
        return (char *) object + field->offset;
}

int damo_ignore(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return 0;
}

int damo_inner(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return damo_map_read(reader, field->map, node, object);
}

int damo_bool(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        r = damo_bool_parse(node->text, member(field, object));
        return damo_value_result(reader, field, node, r, "true or false");
}

int damo_u64(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        r = damo_count_parse(node->text, member(field, object));
        return damo_value_result(reader, field, node, r, "a whole number");
}

static int read_u32(DamoReader *reader, const DamoField *field, const YamlNode *node, uint32_t max, void *object) {
        int r = damo_is_scalar(reader, node);
        uint64_t value = 0;

        if (r <= 0)
                return r;
        r = damo_count_parse(node->text, &value);
        if (r == 0 && value > max)
                r = -ERANGE;
        if (r == 0)
                *(uint32_t *) member(field, object) = (uint32_t) value;
        return damo_value_result(reader, field, node, r, "a whole number");
}

int damo_u32(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return read_u32(reader, field, node, UINT32_MAX, object);
}

int damo_node(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        return read_u32(reader, field, node, NODES_MAX - 1, object);
}

int damo_size(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        r = damo_size_parse(node->text, member(field, object));
        return damo_value_result(reader, field, node, r, "a size (like 4096, 128 MiB or max)");
}

int damo_time(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);

        if (r <= 0)
                return r;
        r = damo_time_parse(node->text, field->unit, member(field, object));
        return damo_value_result(reader, field, node, r, "a time (like 5 ms, 1 m 30 s or max)");
}

int damo_share(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);
        double share = 0;

        if (r <= 0)
                return r;
        r = damo_share_parse(node->text, field->unit, &share);
        if (r == 0 && share > 1)
                r = -ERANGE;
        if (r == 0)
                *(double *) member(field, object) = share;
        return damo_value_result(reader, field, node, r, "a share (like 4 %)");
}

int damo_text(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);
        char **text = member(field, object);

        if (r <= 0)
                return r;
        free(*text);
        *text = strdup(node->text);
        return *text ? 0 : -ENOMEM;
}

int damo_refuse_true(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        int r = damo_is_scalar(reader, node);
        bool value = false;

        if (r <= 0)
                return r;
        r = damo_bool_parse(node->text, &value);
        if (r == 0 && value)
                return schema_error(reader->errors, node, "%s: %s", field->key, field->reason);
        return damo_value_result(reader, field, node, r, "true or false");
}

int damo_refuse_items(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object) {
        if (node->kind == YAML_KIND_SEQUENCE && node->n_children == 0)
                return 0;
        return schema_error(reader->errors, node, "%s: %s", field->key, field->reason);
}
