/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual's reference section, printed from the schema itself. */
#pragma once

#include <stdio.h>

#include "config/schema.h"

/* Writes roff (man macros): a subsection for each mapping, a paragraph for each key. 0 or -ENOMEM.
 */
int schema_print_roff(const SchemaMap *map, FILE *out);

/* One mapping of an object that has its defaults already, under a heading. */
int schema_print_map_roff(const SchemaMap *map, const void *object, const char *heading, FILE *out);
