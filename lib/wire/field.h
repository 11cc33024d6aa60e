/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables that say what an object must hold, and the one function that checks it. The same tables
 * come out of the interface text (idl.h), so a test can hold the two against each other. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
        FIELD_E_INVALID = 1, /* missing, unknown, of the wrong type */
};

typedef enum FieldType {
        FIELD_BOOL,
        FIELD_INT,
        FIELD_FLOAT,  /* an integer is taken, too */
        FIELD_STRING,
        FIELD_OBJECT, /* any object */
        FIELD_STRUCT, /* see fields */
        FIELD_ENUM,   /* a string, see values */
} FieldType;

enum {
        FIELD_NULLABLE = 1 << 0, /* may be absent or null */
        FIELD_ARRAY = 1 << 1,    /* []type */
        FIELD_MAP = 1 << 2,      /* [string]type */
};

typedef struct Field Field;
struct Field {
        const char *name; /* NULL ends a table */
        FieldType type;
        unsigned flags;
        const Field *fields;
        const char *const *values; /* ended by NULL */
};

#define FIELD_END { .name = NULL }

/* Checks an object against a table; NULL is the empty table. 0, or FIELD_E_INVALID and the path of
 * the first offending field ("context.targets[0].pid", allocated), or -ENOMEM. */
int fields_check(const Field *fields, const json_t *object, char **ret_path);

/* Whether two tables say the same: the same names, in the same order, of the same types. */
bool fields_equal(const Field *a, const Field *b);

/* Reading what was checked; `otherwise` where the field is absent or null. */
const char *field_string(const json_t *object, const char *name, const char *otherwise);
int64_t field_int(const json_t *object, const char *name, int64_t otherwise);
double field_float(const json_t *object, const char *name, double otherwise);
bool field_bool(const json_t *object, const char *name, bool otherwise);
/* Whether it is there and not null. */
bool field_present(const json_t *object, const char *name);
