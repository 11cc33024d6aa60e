/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of the keys in files made by DAMO. They differ from those of schema.h in what they stand for: no
 * documentation, no required units, null everywhere, and keys that are accepted but say nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/errors.h"
#include "config/yaml.h"

/* What is being read. */
typedef struct DamoReader {
        ConfigErrors *errors;
        MonitorConfig *monitor; /* from a context on: its targets and intervals are read before its schemes */
} DamoReader;

typedef struct DamoField DamoField;

typedef struct DamoMap {
        const char *where; /* in errors: "in a scheme" */
        const DamoField *fields;
        size_t n_fields;
} DamoMap;

/* Reads a value, which is there and not null, into the object. Reports what is wrong. 0 or -ENOMEM. */
typedef int (*damo_field_t)(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

struct DamoField {
        const char *key;
        damo_field_t read;
        size_t offset;
        const char *unit;   /* of a bare number */
        bool required;
        const DamoMap *map; /* of a mapping */
        const char *reason; /* why anything but the default is refused */
};

/* Reads a mapping, in the order of the table whatever the order of the file. Null and the empty text are the same
 * as no such key. 0 or -ENOMEM. */
int damo_map_read(DamoReader *reader, const DamoMap *map, const YamlNode *node, void *object);

/* Whether the key is there and says something. */
const YamlNode *damo_child(const YamlNode *mapping, const char *key);

/* ---- Kinds of values ---- */

int damo_ignore(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);
int damo_bool(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);
int damo_u32(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);
int damo_node(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object); /* u32: NUMA */
int damo_u64(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);
int damo_size(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);
int damo_time(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

/* A double from 0 to 1; more is out of range. */
int damo_share(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

/* char *, allocated. */
int damo_text(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

/* The field's map, into the same object. */
int damo_inner(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

/* What this version cannot do, with the field's reason: anything true; anything but an empty list. */
int damo_refuse_true(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);
int damo_refuse_items(DamoReader *reader, const DamoField *field, const YamlNode *node, void *object);

/* ---- Reporting ---- */

/* r is what a parser said: 0 passes. Else reports that the value is not `what`, or out of range. 0 or -ENOMEM. */
int damo_value_result(DamoReader *reader, const DamoField *field, const YamlNode *node, int r, const char *what);

/* Whether the node is a list, of at most max items; reports if it is not. 1, 0, or -ENOMEM. */
int damo_is_list(DamoReader *reader, const YamlNode *node, size_t max);

/* Whether it is a single value; likewise. */
int damo_is_scalar(DamoReader *reader, const YamlNode *node);
