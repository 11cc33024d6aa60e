/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Single values of a schema, and pairs of them: from the tree into the struct, and back into words. */
#pragma once

#include <stddef.h>

#include "config/schema.h"

/* Long enough for every number, range and pair. */
#define SCHEMA_TEXT_MAX 128

/* Reads a scalar (or a pair of them) into the object, or reports what is wrong with it. 0 or -ENOMEM. */
int schema_value_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors);

/* What the field must be: "a duration (like 100ms, 5s or 1min 30s)". */
const char *schema_type_words(SchemaType type);

/* The field's value in the object as it would stand in a file, or NULL where there is none. */
const char *schema_value_format(const SchemaField *field, const void *object, char buf[static SCHEMA_TEXT_MAX]);

/* The legal range: "1ms to 1d", "at least 4KiB", or NULL when the type says it all. */
const char *schema_range_format(const SchemaField *field, char buf[static SCHEMA_TEXT_MAX]);
