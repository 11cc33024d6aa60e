/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of a schema: in the file, in the struct, and what was probably meant by those that are wrong.
 *
 * Every number is handled as a uint64_t in the smallest unit of its type (nanoseconds, bytes, parts of
 * SCHEMA_SHARE_ONE …), so that ranges, hints and defaults are one code for all of them. */
#pragma once

#include "config/schema-value.h"

bool schema_is_number(SchemaType type);

/* Whether a bare number is legal, and a text in quotes is not. */
bool schema_is_bare(SchemaType type);

void schema_number_store(const SchemaField *field, void *object, uint64_t value);
uint64_t schema_number_load(const SchemaField *field, const void *object);

/* The largest that the field takes. */
uint64_t schema_number_max(const SchemaField *field);

/* As it stands in a file, without any loss. */
char *schema_number_format(const SchemaField *field, uint64_t value, char buf[static SCHEMA_TEXT_MAX]);

/* As a field wants it, its range included. 0, -EINVAL, -ERANGE or PARSE_E_NO_UNIT. */
int schema_number_parse(const SchemaField *field, const char *text, uint64_t *ret);

/* Reads a scalar into the object, or reports what is wrong with it. 0 or -ENOMEM. */
int schema_number_read(const SchemaField *field, const YamlNode *node, void *object, ConfigErrors *errors);
