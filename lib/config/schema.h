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
        SCHEMA_RATIO,    /* the same, but it may be more than the whole */
        SCHEMA_NUMBER,   /* double, without a unit; its bounds are in units of 1/SCHEMA_NUMBER_ONE */
        SCHEMA_ADDRESS,  /* uint64_t */
        SCHEMA_STRING,   /* char *, allocated */
        SCHEMA_ENUM,     /* char *, allocated: one of the choices */
        SCHEMA_CHOICE,   /* an enum: the position of the word among the choices */
        SCHEMA_VARIANT,  /* what `variant` makes of it: read when the other keys are known */
        SCHEMA_MAP,      /* the struct of the field's map */
        SCHEMA_LIST,     /* an allocated array of such structs, and a size_t at count_offset */
        SCHEMA_REFUSED,  /* nothing: a key that is known, and why it cannot be used */
} SchemaType;

#define SCHEMA_SHARE_ONE UINT64_C(1000000000)
#define SCHEMA_NUMBER_ONE UINT64_C(1000000)
#define SCHEMA_NOWHERE SIZE_MAX /* as offset of an enum: checked, but not stored */

typedef struct SchemaMap SchemaMap;
typedef struct SchemaField SchemaField;

typedef struct SchemaChoice {
        const char *word;
        const char *doc;
        const char *refused; /* why it cannot be used, or NULL */
} SchemaChoice;

struct SchemaField {
        const char *key;
        SchemaType type;
        bool required;
        size_t offset;
        size_t count_offset;

        /* A pair [min, max] of numbers, in which the words min and max stand for the bounds. */
        size_t upper;   /* offset of its second number; 0: a single value. Of a list with choices: of an enum, which is
                         * one more than the position of the word that was given instead of a list; 0: there is one */
        bool half_open; /* the second one does not belong to the range */

        uint64_t min;      /* of numbers; the length of strings and lists */
        uint64_t max;      /* 0: as large as the type takes */
        uint64_t usual;    /* what a bare number is likely to mean is near this; 0: near the default */
        bool real;         /* the number lies there as a double */
        bool may_be_empty; /* of a list */
        const char *word;            /* stands for 0 or, for a map, for the map with its defaults */
        const SchemaChoice *choices; /* of an enum or choice, or instead of a list; up to one without a word */
        const SchemaMap *map;        /* of a map, and of each item of a list */

        /* A rule for a string. 0, or -EINVAL with the reason. */
        int (*check)(const char *text, char **ret_error);

        /* Of a variant: the field that it is for this object (of the same key and offset; borrowed), or NULL
         * while that is not known. */
        const SchemaField *(*variant)(const void *object);

        /* Whether the field means anything in this object. Only then may it be given, and must it be if it is
         * required. NULL: always. */
        bool (*applies)(const void *object);
        const char *only; /* when that is: "filters of the type memcg" */

        const char *known_as; /* by other tools, which people may have in mind; or NULL */
        const char *unset;    /* the manual's words for a default that is 0 or NULL */
        const char *doc;      /* full sentences; of a refused key, why */
};

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

        size_t size; /* of the struct */
        bool brief;  /* as an item of a list, the value of the first field may stand for the whole */
        int (*init)(void *object); /* defaults, or NULL when they are already there; 0 or -ENOMEM */
        void (*deinit)(void *object);

        /* Rules about the whole. Reports what it finds. 0 or -ENOMEM. */
        int (*check)(const SchemaPlace *place);
};

/* Reads the tree into the object (zeroed, initialised by the map's init, or filled: then what the tree does not
 * mention stays, and lists are replaced), which must be freed whatever comes back. Errors are reported, not
 * returned: 0 or -ENOMEM. */
int schema_read(const SchemaMap *map, const YamlNode *node, void *object, ConfigErrors *errors);

/* Whether the key was given. */
bool schema_seen(const SchemaPlace *place, const char *key);

/* Reports an error at the key of a node (or at the node, where it has none). 0 or -ENOMEM. */
int schema_error(ConfigErrors *errors, const YamlNode *node, const char *format, ...)
        _printf_(3, 4);

/* Reports an error at the value itself. */
#define schema_value_error(errors, node, ...)                                                      \
        config_errors_addf(errors, (node)->line, (node)->column, __VA_ARGS__)
