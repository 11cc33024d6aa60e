/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables that say what a configuration may contain. One table reads a tree into a struct, checks
 * it, explains what is wrong, and documents itself (schema-doc.h): a key that is missing in one of
 * these is missing in all. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/errors.h"
#include "config/yaml.h"

/* The type of a value, and what lies at the field's offset. */
typedef enum SchemaType {
        SCHEMA_BOOL,     /* bool */
        SCHEMA_U32,      /* uint32_t */
        SCHEMA_U64,      /* uint64_t */
        SCHEMA_PID,      /* pid_t */
        SCHEMA_SIZE,     /* uint64_t, bytes */
        SCHEMA_DURATION, /* nsec_t */
        SCHEMA_SHARE,    /* double, 0.0 to 1.0; its bounds are in units of 1/SCHEMA_SHARE_ONE */
        SCHEMA_STRING,   /* char *, allocated */
        SCHEMA_ENUM,     /* char *, allocated: one of the choices */
        SCHEMA_MAP,      /* the struct of the field's map */
        SCHEMA_LIST,     /* an allocated array of such structs, and a size_t at count_offset */
        SCHEMA_REFUSED,  /* nothing: a key that is known, and why it cannot be used */
} SchemaType;

#define SCHEMA_SHARE_ONE UINT64_C(1000000000)
#define SCHEMA_NOWHERE SIZE_MAX /* as offset of an enum: checked, but not stored */

typedef struct SchemaMap SchemaMap;

typedef struct SchemaChoice {
        const char *word;
        const char *doc;
        const char *refused; /* why it cannot be used, or NULL */
} SchemaChoice;

typedef struct SchemaField {
        const char *key;
        SchemaType type;
        bool required;
        size_t offset;
        size_t count_offset;

        uint64_t min; /* of numbers; the length of strings and lists */
        uint64_t max; /* 0: as large as the type takes */
        const char *word;            /* stands for 0 or, for a map, for the map with its defaults */
        const SchemaChoice *choices; /* of an enum, up to one without a word */
        const SchemaMap *map;        /* of a map, and of each item of a list */

        /* A rule for a string. 0, or -EINVAL with the reason. */
        int (*check)(const char *text, char **ret_error);

        const char *unset; /* the manual's words for a default that is 0 or NULL */
        const char *doc;   /* full sentences; of a refused key, why */
} SchemaField;

/* A mapping that has been read; for rules about more than one key. */
typedef struct SchemaPlace {
        const SchemaMap *map;
        const YamlNode *node;
        void *object;
        bool clean;    /* nothing in it was wrong */
        uint64_t seen; /* bit i: field i was given, or obviously meant by a misspelt key */
        ConfigErrors *errors;
} SchemaPlace;

/* At most 64 fields. */
struct SchemaMap {
        const char *where; /* in errors: "in a monitor" */
        const char *doc;
        const SchemaField *fields;
        size_t n_fields;

        size_t size;                 /* of the struct */
        int (*init)(void *object); /* defaults, or NULL when they are already there; 0 or -ENOMEM */
        void (*deinit)(void *object);

        /* Rules about the whole. Reports what it finds. 0 or -ENOMEM. */
        int (*check)(const SchemaPlace *place);
};

/* Reads the tree into the object (zeroed, or initialised by the map's init), which must be freed
 * whatever comes back. Errors are reported, not returned: 0 or -ENOMEM. */
int schema_read(const SchemaMap *map, const YamlNode *node, void *object, ConfigErrors *errors);

/* Whether the key was given. */
bool schema_seen(const SchemaPlace *place, const char *key);

/* Reports an error at the key of a node (or at the node, where it has none). 0 or -ENOMEM. */
int schema_error(ConfigErrors *errors, const YamlNode *node, const char *format, ...)
        _printf_(3, 4);

/* Reports an error at the value itself. */
#define schema_value_error(errors, node, ...)                                                      \
        config_errors_addf(errors, (node)->line, (node)->column, __VA_ARGS__)
