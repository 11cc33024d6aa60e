/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The manual's reference section, printed from the schema itself.
 *
 * Defaults are read from an object that was initialised like any other, so that the manual says
 * what the program does. */
#include "config/schema-doc.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>

#include "base/macro.h"
#include "config/schema-value.h"

/* mandoc's lint wants lines of at most 80 bytes. */
#define LINE_MAX_BYTES 78

/* A word of running text, in which nothing is taken for a roff request. Returns the bytes. */
static size_t print_word(FILE *out, const char *word, size_t length, bool first) {
        size_t n = length;

        if (first && (*word == '.' || *word == '\''))
                n += (size_t) fprintf(out, "\\&");
        for (size_t i = 0; i < length; i++) {
                if (word[i] == '\\' || word[i] == '-')
                        n++;
                if (word[i] == '\\')
                        (void) fputs("\\e", out);
                else if (word[i] == '-')
                        (void) fputs("\\-", out);
                else
                        (void) fputc(word[i], out);
        }
        return n;
}

/* Breaks lines where they grow too long, and behind each sentence, as roff wants it. */
static void print_text(FILE *out, const char *text) {
        size_t column = 0;

        while (*text) {
                size_t length = strcspn(text, " ");
                bool sentence = length > 0 && text[length] && text[length - 1] == '.';

                if (column > 0 && column + 1 + length > LINE_MAX_BYTES) {
                        (void) fputc('\n', out);
                        column = 0;
                } else if (column > 0)
                        column += (size_t) fprintf(out, " ");
                column += print_word(out, text, length, column == 0);
                text += length + strspn(text + length, " ");
                if (sentence) {
                        (void) fputc('\n', out);
                        column = 0;
                }
        }
        (void) fputc('\n', out);
}

/* "a duration (like ...), 1ms to 1d, or auto" */
static void describe_type(FILE *out, const SchemaField *field) {
        char range[SCHEMA_TEXT_MAX];
        const char *legal = schema_range_format(field, range);

        if (field->upper > 0 && field->type != SCHEMA_LIST)
                (void) fputs("a pair [min, max], each ", out);
        (void) fputs(schema_type_words(field->type), out);
        if (field->type == SCHEMA_LIST)
                (void) fprintf(out, ", up to %" PRIu64 " items%s", field->max, field->choices ? ", or a word" : "");
        if (legal)
                (void) fprintf(out, ", %s", legal);
        if (field->word)
                (void) fprintf(out, ", or %s", field->word);
        if (field->only)
                (void) fprintf(out, "; only for %s", field->only);
}

static void describe_default(FILE *out, const SchemaField *field, const void *object) {
        char buf[SCHEMA_TEXT_MAX];
        const char *value = field->unset ? NULL : schema_value_format(field, object, buf);

        if (field->required)
                (void) fputs("; required", out);
        else if (value)
                (void) fprintf(out, "; default %s", value);
        else if (field->unset)
                (void) fprintf(out, "; default: %s", field->unset);
}

static int print_head(FILE *out, const SchemaField *field, const void *object) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *head = open_memstream(&text, &size);

        if (!head)
                return -ENOMEM;
        describe_type(head, field);
        describe_default(head, field, object);
        (void) fputc('.', head);
        if (fclose(head) != 0)
                return -ENOMEM;
        text[0] = (char) toupper((unsigned char) text[0]);
        print_text(out, text);
        return 0;
}

static void print_choices(FILE *out, const SchemaChoice *choice) {
        (void) fputs(".RS\n", out);
        for (; choice->word; choice++) {
                if (choice->refused)
                        continue;
                (void) fprintf(out, ".TP\n.B %s\n", choice->word);
                print_text(out, choice->doc);
        }
        (void) fputs(".RE\n", out);
}

static int print_field(FILE *out, const SchemaField *field, const void *object) {
        int r;

        if (field->type == SCHEMA_REFUSED)
                return 0;

        (void) fprintf(out, ".TP\n.B %s\n", field->key);
        r = print_head(out, field, object);
        if (r < 0)
                return r;
        print_text(out, field->doc);
        if (field->choices)
                print_choices(out, field->choices);
        return 0;
}

static int print_map(FILE *out, const SchemaMap *map, void *object, const char *path);

/* The items of a list, as they are before anything is read into them. */
static int print_items(FILE *out, const SchemaMap *map, const char *path) {
        _cleanup_free_ void *object = calloc(1, map->size);
        int r;

        if (!object)
                return -ENOMEM;
        r = print_map(out, map, object, path);
        if (map->deinit)
                map->deinit(object);
        return r;
}

/* The mappings inside, each under the path that leads to it. */
static int print_inner(FILE *out, const SchemaField *field, void *object, const char *path) {
        _cleanup_free_ char *inner = NULL;
        bool list = field->type == SCHEMA_LIST;

        if (!field->map)
                return 0;
        if (asprintf(&inner, "%s%s%s%s", path, *path ? "." : "", field->key,
                     list ? "[]" : "") < 0) {
                inner = NULL;
                return -ENOMEM;
        }
        return list ? print_items(out, field->map, inner)
                    : print_map(out, field->map, (char *) object + field->offset, inner);
}

int schema_print_map_roff(const SchemaMap *map, const void *object, const char *heading, FILE *out) {
        int r = 0;

        (void) fprintf(out, ".SS %s\n", heading);
        print_text(out, map->doc);
        for (size_t i = 0; i < map->n_fields && r == 0; i++)
                r = print_field(out, &map->fields[i], object);
        return r;
}

static int print_map(FILE *out, const SchemaMap *map, void *object, const char *path) {
        int r = 0;

        if (map->init)
                r = map->init(object);
        if (r == 0)
                r = schema_print_map_roff(map, object, *path ? path : "Top level", out);
        for (size_t i = 0; i < map->n_fields && r == 0; i++)
                r = print_inner(out, &map->fields[i], object, path);
        return r;
}

int schema_print_roff(const SchemaMap *map, FILE *out) {
        return print_items(out, map, "");
}
