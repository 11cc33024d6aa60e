/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of an INI file as a tree like that of a YAML file (yaml.h): a mapping of sections, each a mapping of keys
 * to scalars, so that the same tables read both.
 *
 * What inih would pass over in silence is an error here: a line that it would cut, a key outside sections, a line
 * without '=', a key given twice. Lines may be indented; none continues the one before. A comment begins with '#' or
 * ';' at the start of a line, or with ';' behind a space. A section may come in several parts. */
#pragma once

#include "config/yaml.h"

#define INI_LINE_BYTES_MAX 198 /* inih cuts longer lines */

/* *ret is to be freed by yaml_tree_free(). Errors are reported, not returned: 0 or -ENOMEM. */
int ini_tree_read(const char *text, size_t size, YamlNode **ret, ConfigErrors *errors);
