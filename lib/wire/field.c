/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checking objects against tables of fields. */
#include "wire/field.h"

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"

/* Where a check stands, as a chain on the stack; it becomes text only when something is wrong. */
typedef struct Path {
        const struct Path *parent;
        const char *name; /* NULL: an index */
        size_t index;
} Path;

static char *path_text(const Path *path) {
        _cleanup_free_ char *parent = NULL;
        char *text;
        int r;

        if (path->parent) {
                parent = path_text(path->parent);
                if (!parent)
                        return NULL;
        }

        if (!path->name)
                r = asprintf(&text, "%s[%zu]", parent ?: "", path->index);
        else
                r = asprintf(&text, "%s%s%s", parent ?: "", parent ? "." : "", path->name);
        return r < 0 ? NULL : text;
}

static int invalid(const Path *path, char **ret_path) {
        char *text;

        if (!ret_path)
                return FIELD_E_INVALID;

        text = path_text(path);
        if (!text)
                return -ENOMEM;
        *ret_path = text;
        return FIELD_E_INVALID;
}

static int check_struct(const Field *fields, const json_t *object, const Path *parent,
                        char **ret_path);

static bool one_of(const char *const *values, const char *value) {
        for (; *values; values++)
                if (streq(*values, value))
                        return true;
        return false;
}

static bool scalar_fits(const Field *field, const json_t *value) {
        switch (field->type) {
        case FIELD_BOOL:
                return json_is_boolean(value);
        case FIELD_INT:
                return json_is_integer(value);
        case FIELD_FLOAT:
                return json_is_number(value);
        case FIELD_STRING:
                return json_is_string(value);
        case FIELD_ENUM:
                return json_is_string(value) && one_of(field->values, json_string_value(value));
        case FIELD_OBJECT:
        case FIELD_STRUCT:
                return json_is_object(value);
        }
        return false;
}

static int check_scalar(const Field *field, const json_t *value, const Path *path,
                        char **ret_path) {
        if (!scalar_fits(field, value))
                return invalid(path, ret_path);
        if (field->type == FIELD_STRUCT)
                return check_struct(field->fields, value, path, ret_path);
        return 0;
}

static int check_value(const Field *field, const json_t *value, const Path *path,
                       char **ret_path) {
        const char *key;
        json_t *element;
        size_t i;
        int r;

        if (field->flags & FIELD_ARRAY) {
                if (!json_is_array(value))
                        return invalid(path, ret_path);
                json_array_foreach(value, i, element) {
                        r = check_scalar(field, element, &(Path) { .parent = path, .index = i },
                                         ret_path);
                        if (r != 0)
                                return r;
                }
                return 0;
        }

        if (field->flags & FIELD_MAP) {
                if (!json_is_object(value))
                        return invalid(path, ret_path);
                json_object_foreach((json_t *) value, key, element) {
                        r = check_scalar(field, element, &(Path) { .parent = path, .name = key },
                                         ret_path);
                        if (r != 0)
                                return r;
                }
                return 0;
        }

        return check_scalar(field, value, path, ret_path);
}

static bool field_known(const Field *fields, const char *name) {
        for (; fields && fields->name; fields++)
                if (streq(fields->name, name))
                        return true;
        return false;
}

static int check_struct(const Field *fields, const json_t *object, const Path *parent,
                        char **ret_path) {
        const char *key;
        json_t *value;
        int r;

        json_object_foreach((json_t *) object, key, value)
                if (!field_known(fields, key))
                        return invalid(&(Path) { .parent = parent, .name = key }, ret_path);

        for (const Field *field = fields; field && field->name; field++) {
                const Path path = { .parent = parent, .name = field->name };

                value = json_object_get(object, field->name);
                if (value && !json_is_null(value))
                        r = check_value(field, value, &path, ret_path);
                else
                        r = field->flags & FIELD_NULLABLE ? 0 : invalid(&path, ret_path);
                if (r != 0)
                        return r;
        }

        return 0;
}

int fields_check(const Field *fields, const json_t *object, char **ret_path) {
        return check_struct(fields, object, NULL, ret_path);
}

static bool values_equal(const char *const *a, const char *const *b) {
        for (; *a && *b; a++, b++)
                if (!streq(*a, *b))
                        return false;
        return !*a && !*b;
}

/* Types may refer to themselves, so the depth is bounded; no message goes deeper either. */
static bool tables_equal(const Field *a, const Field *b, unsigned depth) {
        static const Field empty = FIELD_END;

        if (a == b || depth == 0)
                return true;

        for (a = a ?: &empty, b = b ?: &empty; a->name && b->name; a++, b++) {
                if (!streq(a->name, b->name) || a->type != b->type || a->flags != b->flags)
                        return false;
                if (a->type == FIELD_STRUCT && !tables_equal(a->fields, b->fields, depth - 1))
                        return false;
                if (a->type == FIELD_ENUM && !values_equal(a->values, b->values))
                        return false;
        }
        return !a->name && !b->name;
}

bool fields_equal(const Field *a, const Field *b) {
        return tables_equal(a, b, 16);
}

bool field_present(const json_t *object, const char *name) {
        const json_t *value = json_object_get(object, name);

        return value && !json_is_null(value);
}

const char *field_string(const json_t *object, const char *name, const char *otherwise) {
        const json_t *value = json_object_get(object, name);

        return json_is_string(value) ? json_string_value(value) : otherwise;
}

int64_t field_int(const json_t *object, const char *name, int64_t otherwise) {
        const json_t *value = json_object_get(object, name);

        return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

double field_float(const json_t *object, const char *name, double otherwise) {
        const json_t *value = json_object_get(object, name);

        return json_is_number(value) ? json_number_value(value) : otherwise;
}

bool field_bool(const json_t *object, const char *name, bool otherwise) {
        const json_t *value = json_object_get(object, name);

        return json_is_boolean(value) ? json_is_true(value) : otherwise;
}
