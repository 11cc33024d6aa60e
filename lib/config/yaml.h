/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The text of a YAML file as a tree in which everything knows its place. Only what a configuration
 * needs is let through: one document in UTF-8, of mappings, sequences and scalars. Aliases (and so
 * their explosion), tags, directives, merge keys and complex keys are refused, and so is whatever
 * would make reading expensive. Scalars stay text: what "no" means is for the schema to say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define YAML_DEPTH_MAX 16    /* collections inside each other; libyaml is quadratic in the depth */
#define YAML_NODES_MAX 20000 /* keys count */

typedef enum YamlKind {
        YAML_KIND_SCALAR,
        YAML_KIND_SEQUENCE,
        YAML_KIND_MAPPING,
} YamlKind;

typedef struct YamlNode YamlNode;

struct YamlNode {
        YamlKind kind;
        bool plain;  /* a scalar without quotes */
        bool broken; /* what is wrong with it has been reported: take no further offence */
        unsigned line;
        unsigned column; /* both from 1; the column in characters */

        /* The key it stands behind; NULL in a sequence and for the root. */
        char *key;
        unsigned key_line;
        unsigned key_column;

        char *text; /* of a scalar; never NULL, no NUL inside unless broken */

        YamlNode *parent;
        YamlNode *first; /* what a collection holds, in file order */
        YamlNode *last;
        YamlNode *next;
        size_t n_children;
};

enum {
        YAML_E_BROKEN = 1, /* reading stopped at an error, which has been reported */
};

/* Reads a text of any size; what is too large is refused unread. Errors that do not stop the
 * reading (a duplicate key, a tag …) are reported too, and then the return value is 0 all the same.
 * Returns 0, YAML_E_BROKEN or -ENOMEM. */
int yaml_tree_read(const char *text, size_t size, YamlNode **ret, ConfigErrors *errors);
YamlNode *yaml_tree_free(YamlNode *root);

/* The value of a key of a mapping, or NULL. A duplicate is never returned. */
const YamlNode *yaml_child(const YamlNode *mapping, const char *key);

static inline void yaml_tree_freep(YamlNode **root) {
        *root = yaml_tree_free(*root);
}
