/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of monitors and schemes, and paths of cgroups: what they may look like, and that no two are the same. */
#pragma once

#include "config/schema.h"

#define CONFIG_NAME_MAX 63

/* A SchemaField's rule: ASCII letters, digits, '.', '_' and '-', the first a letter or digit. */
int check_name(const char *name, char **ret_error);

/* A SchemaField's rule: an absolute path below the cgroup root, without empty, "." or ".." parts. */
int check_cgroup(const char *path, char **ret_error);

/* Reports each name that an earlier item of the list bears, too; `what` is "monitor", for the text. Looks at the
 * tree, so that an item with another error counts as well. list may be NULL. 0 or -ENOMEM. */
int check_unique_names(const YamlNode *list, const char *what, ConfigErrors *errors);
