/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A struct as the YAML text that it could have been read from. */
#pragma once

#include <stdio.h>

#include "config/schema.h"

/* Writes the object as an item of a block list ("  - key: value" …): every key that means something in it,
 * defaults included. */
void schema_dump_item(const SchemaMap *map, const void *object, FILE *out);
