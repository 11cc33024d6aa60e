/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A struct as the YAML text that it could have been read from: the tables, run backwards. */
#include "config/schema-dump.h"

#include <ctype.h>

#include "base/macro.h"
#include "config/schema-number.h"

#define INDENT 2

static void print_indent(FILE *out, unsigned indent) {
        (void) fprintf(out, "%*s", (int) indent, "");
}

/* ---- Texts ---- */

/* Whether it can stand without quotes, and is not taken for anything but a text. */
static bool is_plain(const char *text) {
        static const char inside[] = "._/@+-";

        if (!isalnum((unsigned char) *text) && *text != '/')
                return false;
        for (const char *p = text; *p; p++)
                if (!isalnum((unsigned char) *p) && !strchr(inside, *p))
                        return false;
        return strcasecmp(text, "null") != 0;
}

/* Whether libyaml reads the code point as it is, and as what it is: not the controls, nor the line breaks
 * beyond ASCII, nor the byte order mark. */
static bool is_printable(uint32_t c) {
        return (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0x2028) || (c > 0x2029 && c < 0xd800) ||
               (c >= 0xe000 && c < 0xfeff) || (c > 0xfeff && c < 0xfffe) || c >= 0x10000;
}

static void print_code_point(FILE *out, const char *s, size_t n, uint32_t c) {
        if (c == '"' || c == '\\')
                (void) fprintf(out, "\\%c", (char) c);
        else if (is_printable(c))
                (void) fwrite(s, 1, n, out);
        else
                (void) fprintf(out, c < 0x100 ? "\\x%02x" : "\\u%04x", c);
}

static void print_text(FILE *out, const char *text) {
        if (is_plain(text)) {
                (void) fputs(text, out);
                return;
        }

        (void) fputc('"', out);
        while (*text) {
                uint32_t c;
                size_t n = code_point(text, &c);

                print_code_point(out, text, n, c);
                text += n;
        }
        (void) fputc('"', out);
}

/* ---- Fields ---- */

static void dump_map(const SchemaMap *map, const void *object, unsigned indent, bool inline_first, FILE *out);

static void dump_item(const SchemaMap *map, const void *object, unsigned indent, FILE *out) {
        print_indent(out, indent);
        (void) fputs("- ", out);
        dump_map(map, object, indent + INDENT, true, out);
}

/* The word that stands for a list; NULL: none. */
static const char *list_word(const SchemaField *field, const void *object) {
        unsigned word = field->choices ? *(const unsigned *) ((const char *) object + field->upper) : 0;

        return word > 0 ? field->choices[word - 1].word : NULL;
}

static void dump_list(const SchemaField *field, const void *object, unsigned indent, FILE *out) {
        const char *items = *(const char *const *) ((const char *) object + field->offset);
        size_t n = *(const size_t *) ((const char *) object + field->count_offset);

        if (list_word(field, object)) {
                (void) fprintf(out, "%s: %s\n", field->key, list_word(field, object));
                return;
        }
        (void) fprintf(out, "%s:%s\n", field->key, n == 0 ? " []" : "");
        for (size_t i = 0; i < n; i++)
                dump_item(field->map, items + i * field->map->size, indent, out);
}

static void dump_value(const SchemaField *field, const void *object, FILE *out) {
        char buf[SCHEMA_TEXT_MAX];
        const char *text = schema_value_format(field, object, buf);

        (void) fprintf(out, "%s: ", field->key);
        if (field->type == SCHEMA_STRING)
                print_text(out, text);
        else
                (void) fputs(text, out);
        (void) fputc('\n', out);
}

/* Whether there is anything to say: no key stands for an absent text, a number that is not set, or an empty
 * list that must not be written. */
static bool is_said(const SchemaField *field, const void *object) {
        char buf[SCHEMA_TEXT_MAX];

        if (!field || field->type == SCHEMA_REFUSED || (field->applies && !field->applies(object)))
                return false;
        if (field->type == SCHEMA_LIST)
                return field->may_be_empty || list_word(field, object) ||
                       *(const size_t *) ((const char *) object + field->count_offset) > 0;
        if (field->type == SCHEMA_MAP)
                return true;
        if (schema_is_number(field->type) && field->upper == 0 && !field->word && field->min > 0 &&
            schema_number_load(field, object) == 0)
                return false;
        return schema_value_format(field, object, buf);
}

static void dump_map(const SchemaMap *map, const void *object, unsigned indent, bool inline_first, FILE *out) {
        for (size_t i = 0; i < map->n_fields; i++) {
                const SchemaField *field = &map->fields[i];

                if (field->type == SCHEMA_VARIANT)
                        field = field->variant(object);
                if (!is_said(field, object))
                        continue;

                if (!inline_first)
                        print_indent(out, indent);
                inline_first = false;
                if (field->type == SCHEMA_MAP) {
                        (void) fprintf(out, "%s:\n", field->key);
                        dump_map(field->map, (const char *) object + field->offset, indent + INDENT, false, out);
                } else if (field->type == SCHEMA_LIST)
                        dump_list(field, object, indent + INDENT, out);
                else
                        dump_value(field, object, out);
        }
}

void schema_dump_item(const SchemaMap *map, const void *object, FILE *out) {
        dump_item(map, object, INDENT, out);
}
