/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KEY=VALUE words become a tree, and the tree becomes YAML in flow style. */
#include "settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "connect.h"

#define SEGMENTS_MAX 8

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* What a plain scalar may consist of, and begin with, and mean nothing but itself to any YAML parser. */
#define PLAIN LOWER UPPER DIGITS " ._/%+-"
#define PLAIN_FIRST LOWER UPPER DIGITS "./+"

static int check_key(const char *key, char **ret_error) {
        size_t length = strspn(key, LOWER DIGITS "_.");

        if (key[length] || !*key || *key == '.' || strstr(key, "..") || key[strlen(key) - 1] == '.')
                return error_setf(ret_error, -EINVAL,
                                  "'%s' is no key: lower case words, with dots in between, such as quotas.sz", key);
        return 0;
}

static int check_value(const char *key, const char *value, char **ret_error) {
        _cleanup_json_ json_t *string = json_string(value);

        if (!*value)
                return error_setf(ret_error, -EINVAL, "'%s=' lacks a value", key);
        if (!string)
                return error_setf(ret_error, -EINVAL, "the value of '%s' is not UTF-8", key);
        if (*value == '{')
                return error_setf(ret_error, -EINVAL, "'%s=%s': give one KEY=VALUE for each, such as %s.sz=64MiB", key,
                                  value, key);
        if (*value == '[' && (value[strlen(value) - 1] != ']' || strpbrk(value + 1, "[{}\"'") ||
                              strcspn(value, "]") != strlen(value) - 1))
                return error_setf(ret_error, -EINVAL,
                                  "'%s=%s': only plain lists such as [5s, max]; others are changed in the "
                                  "configuration file, then 'udamonctl reload'",
                                  key, value);
        return 0;
}

/* "[5s, max]" becomes an array, anything else a string. NULL when out of memory. */
static json_t *value_json(const char *value) {
        _cleanup_free_ char *copy = strdup(value + (*value == '['));
        char *rest = copy, *item;
        json_t *array;

        if (!copy || *value != '[')
                return copy ? json_string(value) : NULL;
        copy[strlen(copy) - 1] = 0;
        array = json_array();
        while ((item = strsep(&rest, ","))) {
                size_t length;

                item += strspn(item, " ");
                length = strlen(item);
                while (length > 0 && item[length - 1] == ' ')
                        length--;
                /* "[]" is an empty list, "[a,]" one of two of which the second is empty: that is for the daemon */
                if (length == 0 && !rest && json_array_size(array) == 0)
                        break;
                if (json_array_append_new(array, json_stringn(item, length)) < 0)
                        return json_decref(array), NULL;
        }
        return array;
}

static bool is_number(const char *text) {
        return text[strspn(text, DIGITS)] == 0;
}

static int twice(const char *key, char **ret_error) {
        return error_setf(ret_error, -EINVAL, "'%s' is given twice, or both as a whole and in part", key);
}

/* Puts the value into the tree, below as many mappings as the key has dots. */
static int add_value(json_t *tree, const char *key, const char *value, char **ret_error) {
        _cleanup_free_ char *copy = strdup(key);
        char *rest = copy, *segment;
        size_t depth = 0;

        if (!copy)
                return -ENOMEM;
        while ((segment = strsep(&rest, "."))) {
                json_t *next = json_object_get(tree, segment);

                if (++depth > SEGMENTS_MAX)
                        return error_setf(ret_error, -EINVAL, "'%s' goes deeper than any setting", key);
                if (is_number(segment))
                        return error_setf(ret_error, -EINVAL,
                                          "'%s': lists are changed in the configuration file, then 'udamonctl reload'",
                                          key);
                if (!rest && next)
                        return twice(key, ret_error);
                if (!rest)
                        return json_object_set_new(tree, segment, value_json(value)) < 0 ? -ENOMEM : 0;
                if (!next && json_object_set_new(tree, segment, json_object()) < 0)
                        return -ENOMEM;
                next = json_object_get(tree, segment);
                if (!json_is_object(next))
                        return twice(key, ret_error);
                tree = next;
        }
        return 0;
}

static int add_word(json_t *tree, const char *word, char **ret_error) {
        const char *equals = strchr(word, '=');
        _cleanup_free_ char *key = NULL;
        int r;

        if (!equals)
                return error_setf(ret_error, -EINVAL, "'%s' is not KEY=VALUE, such as quotas.sz=64MiB", word);
        key = strndup(word, (size_t) (equals - word));
        if (!key)
                return -ENOMEM;
        r = check_key(key, ret_error);
        if (r == 0)
                r = check_value(key, equals + 1, ret_error);
        return r == 0 ? add_value(tree, key, equals + 1, ret_error) : r;
}

static bool is_plain(const char *value) {
        return *value && strchr(PLAIN_FIRST, *value) && strspn(value, PLAIN) == strlen(value) &&
               value[strlen(value) - 1] != ' ';
}

static void write_value(FILE *out, const char *value) {
        if (is_plain(value)) {
                (void) fputs(value, out);
                return;
        }
        (void) fputc('"', out);
        for (; *value; value++) {
                unsigned char c = (unsigned char) *value;

                if (c == '"' || c == '\\')
                        (void) fprintf(out, "\\%c", c);
                else if (c < 0x20 || c == 0x7f)
                        (void) fprintf(out, "\\x%02x", (unsigned) c);
                else
                        (void) fputc(c, out);
        }
        (void) fputc('"', out);
}

static void write_list(FILE *out, json_t *list) {
        json_t *item;
        size_t i;

        (void) fputc('[', out);
        json_array_foreach(list, i, item) {
                if (i > 0)
                        (void) fputs(", ", out);
                write_value(out, json_string_value(item));
        }
        (void) fputc(']', out);
}

/* No deeper than SEGMENTS_MAX. */
static void write_tree(FILE *out, json_t *tree) {
        const char *key, *separator = "";
        json_t *value;

        (void) fputc('{', out);
        json_object_foreach(tree, key, value) {
                (void) fprintf(out, "%s%s: ", separator, key);
                if (json_is_object(value))
                        write_tree(out, value);
                else if (json_is_array(value))
                        write_list(out, value);
                else
                        write_value(out, json_string_value(value));
                separator = ", ";
        }
        (void) fputc('}', out);
}

int settings_compose(const char *const *words, size_t n, char **ret, char **ret_error) {
        _cleanup_json_ json_t *tree = json_object();
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *out;
        int r;

        if (!tree)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                r = add_word(tree, words[i], ret_error);
                if (r < 0)
                        return r;
        }
        out = open_memstream(&text, &size);
        if (!out)
                return -ENOMEM;
        write_tree(out, tree);
        if (fclose(out) == EOF)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
