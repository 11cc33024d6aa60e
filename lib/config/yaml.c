/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libyaml's events become a tree.
 *
 * libyaml's own documents are no use here: they neither see duplicate keys nor keep the places of
 * keys, and their aliases turn a kilobyte into gigabytes for whoever walks the tree. Its parser has
 * no working limit on nesting and costs time quadratic in it, so the depth is checked after each
 * event and reading stops there. */
#include "config/yaml.h"

#include <errno.h>
#include <yaml.h>

#include "base/macro.h"
#include "config/errors.h"

typedef struct Place {
        unsigned line;
        unsigned column;
} Place;

typedef struct Builder {
        const char *text;
        size_t size;
        ConfigErrors *errors;

        YamlNode *root;
        YamlNode *at; /* the innermost open collection */
        unsigned depth;
        size_t n_nodes;
        unsigned n_documents;

        /* A key that waits for its value. */
        char *key;
        Place key_place;
        bool key_broken;
} Builder;

static void builder_deinit(Builder *b) {
        free(b->key);
        yaml_tree_free(b->root);
}

static Place place_of(const yaml_mark_t *mark) {
        return (Place) { .line = (unsigned) mark->line + 1, .column = (unsigned) mark->column + 1 };
}

/* Reports an error that leaves the rest of the file readable. */
#define report(b, place, ...)                                                                      \
        config_errors_addf((b)->errors, (place).line, (place).column, __VA_ARGS__)

/* Reports an error after which nothing that follows can be trusted, or afforded. */
#define stop(b, place, ...)                                                                        \
        ({                                                                                         \
                int _r = report(b, place, __VA_ARGS__);                                            \
                _r < 0 ? _r : YAML_E_BROKEN;                                                       \
        })

/* ---- The tree ---- */

YamlNode *yaml_tree_free(YamlNode *root) {
        YamlNode *child, *next;

        if (!root)
                return NULL;

        for (child = root->first; child; child = next) {
                next = child->next;
                yaml_tree_free(child);
        }
        free(root->key);
        free(root->text);
        free(root);
        return NULL;
}

const YamlNode *yaml_child(const YamlNode *mapping, const char *key) {
        if (mapping->kind != YAML_KIND_MAPPING)
                return NULL;
        for (const YamlNode *child = mapping->first; child; child = child->next)
                if (streq(child->key, key))
                        return child;
        return NULL;
}

static int count_node(Builder *b, Place place) {
        if (++b->n_nodes > YAML_NODES_MAX)
                return stop(b, place, "more than %d keys and values in one file", YAML_NODES_MAX);
        return 0;
}

/* Adds a node below the open collection, behind the key that waits. */
static int add_node(Builder *b, YamlKind kind, Place place, YamlNode **ret) {
        YamlNode *node;
        int r;

        r = count_node(b, place);
        if (r != 0)
                return r;

        node = calloc(1, sizeof(*node));
        if (!node)
                return -ENOMEM;

        *node = (YamlNode) {
                .kind = kind,
                .line = place.line,
                .column = place.column,
                .key = TAKE_PTR(b->key),
                .key_line = b->key_place.line,
                .key_column = b->key_place.column,
                .broken = TAKE_GENERIC(b->key_broken, false),
                .parent = b->at,
        };
        if (!b->at)
                b->root = node;
        else if (b->at->last)
                b->at->last->next = node;
        else
                b->at->first = node;
        if (b->at) {
                b->at->last = node;
                b->at->n_children++;
        }

        *ret = node;
        return 0;
}

/* ---- Duplicate keys ---- */

/* The same keys next to each other, in file order. */
static int compare_keys(const void *a, const void *b) {
        const YamlNode *x = *(YamlNode *const *) a, *y = *(YamlNode *const *) b;
        int r = strcmp(x->key, y->key);

        if (r != 0)
                return r;
        if (x->key_line != y->key_line)
                return x->key_line < y->key_line ? -1 : 1;
        return x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

/* Sorting keeps a mapping of ten thousand keys affordable. */
static int check_duplicates(Builder *b, YamlNode *mapping) {
        _cleanup_free_ YamlNode **sorted = NULL;
        YamlNode *first;
        size_t n = 0;
        int r = 0;

        if (mapping->n_children < 2)
                return 0;

        sorted = calloc(mapping->n_children, sizeof(*sorted));
        if (!sorted)
                return -ENOMEM;
        for (YamlNode *child = mapping->first; child; child = child->next)
                sorted[n++] = child;
        qsort(sorted, n, sizeof(*sorted), compare_keys);

        first = sorted[0];
        for (size_t i = 1; i < n && r == 0; i++) {
                Place place = { sorted[i]->key_line, sorted[i]->key_column };
                char key[EXCERPT_MAX];

                if (!streq(first->key, sorted[i]->key)) {
                        first = sorted[i];
                        continue;
                }
                sorted[i]->broken = true;
                r = report(b, place, "duplicate key '%s' (first at %u:%u)",
                           excerpt(key, first->key), first->key_line, first->key_column);
        }
        return r;
}

/* ---- Events ---- */

static bool wants_key(const Builder *b) {
        return b->at && b->at->kind == YAML_KIND_MAPPING && !b->key;
}

/* Tags come with their handle resolved; shown as they were most likely written. */
static int report_tag(Builder *b, Place place, const char *tag) {
        static const char standard[] = "tag:yaml.org,2002:";
        bool short_form = strncmp(tag, standard, strlen(standard)) == 0;
        char buf[EXCERPT_MAX];

        return report(b, place, "tags are not supported ('%s%s')", short_form ? "!!" : "",
                      excerpt(buf, short_form ? tag + strlen(standard) : tag));
}

static int check_properties(Builder *b, Place place, const yaml_char_t *anchor,
                            const yaml_char_t *tag) {
        char buf[EXCERPT_MAX];
        int r = 0;

        if (anchor)
                r = report(b, place, "anchors are not supported ('&%s')",
                           excerpt(buf, (const char *) anchor));
        if (tag && r == 0)
                r = report_tag(b, place, (const char *) tag);
        return r;
}

static int take_document(Builder *b, const yaml_event_t *event) {
        Place place = place_of(&event->start_mark);

        if (++b->n_documents > 1)
                return stop(b, place, "more than one document ('---') in the file");
        return 0;
}

/* Keeps the text of a key until its value comes. */
static int take_key(Builder *b, const yaml_event_t *event) {
        const char *text = (const char *) event->data.scalar.value;
        Place place = place_of(&event->start_mark);
        int r;

        r = count_node(b, place);
        if (r != 0)
                return r;

        b->key = strdup(text);
        if (!b->key)
                return -ENOMEM;
        b->key_place = place;

        if (strlen(text) != event->data.scalar.length)
                r = report(b, place, "a NUL character in a key");
        else if (!*text)
                r = report(b, place, "a key is missing before ':'");
        else if (streq(text, "<<"))
                r = report(b, place, "merge keys ('<<') are not supported");
        else
                return check_properties(b, place, event->data.scalar.anchor,
                                        event->data.scalar.tag);
        b->key_broken = true;
        return r;
}

static int take_scalar(Builder *b, const yaml_event_t *event) {
        const char *text = (const char *) event->data.scalar.value;
        Place place = place_of(&event->start_mark);
        YamlNode *node;
        int r;

        if (wants_key(b))
                return take_key(b, event);

        r = add_node(b, YAML_KIND_SCALAR, place, &node);
        if (r != 0)
                return r;

        node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->text = strdup(text);
        if (!node->text)
                return -ENOMEM;

        if (strlen(text) != event->data.scalar.length) {
                node->broken = true;
                return report(b, place, "a NUL character in a value");
        }
        if (event->data.scalar.anchor || event->data.scalar.tag)
                node->broken = true;
        return check_properties(b, place, event->data.scalar.anchor, event->data.scalar.tag);
}

static int take_alias(Builder *b, const yaml_event_t *event) {
        Place place = place_of(&event->start_mark);
        char name[EXCERPT_MAX];
        YamlNode *node;
        int r;

        excerpt(name, (const char *) event->data.alias.anchor);
        if (wants_key(b))
                return stop(b, place, "an alias ('*%s') as a key is not supported", name);

        r = add_node(b, YAML_KIND_SCALAR, place, &node);
        if (r != 0)
                return r;
        node->broken = true;
        node->text = strdup("");
        if (!node->text)
                return -ENOMEM;
        return report(b, place, "aliases are not supported ('*%s'): write the value out", name);
}

static int open_collection(Builder *b, YamlKind kind, Place place) {
        YamlNode *node;
        int r;

        if (wants_key(b))
                return stop(b, place, "a key must be a plain word, not a list or mapping");
        if (b->depth == YAML_DEPTH_MAX)
                return stop(b, place, "nested deeper than %d levels", YAML_DEPTH_MAX);

        r = add_node(b, kind, place, &node);
        if (r != 0)
                return r;
        b->at = node;
        b->depth++;
        return 0;
}

static int take_collection(Builder *b, const yaml_event_t *event) {
        bool mapping = event->type == YAML_MAPPING_START_EVENT;
        Place place = place_of(&event->start_mark);
        int r;

        r = open_collection(b, mapping ? YAML_KIND_MAPPING : YAML_KIND_SEQUENCE, place);
        if (r != 0)
                return r;
        if (mapping)
                return check_properties(b, place, event->data.mapping_start.anchor,
                                        event->data.mapping_start.tag);
        return check_properties(b, place, event->data.sequence_start.anchor,
                                event->data.sequence_start.tag);
}

static int close_collection(Builder *b) {
        YamlNode *node = b->at;

        b->at = node->parent;
        b->depth--;
        return node->kind == YAML_KIND_MAPPING ? check_duplicates(b, node) : 0;
}

static int take_event(Builder *b, const yaml_event_t *event) {
        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
                return take_document(b, event);
        case YAML_SCALAR_EVENT:
                return take_scalar(b, event);
        case YAML_ALIAS_EVENT:
                return take_alias(b, event);
        case YAML_MAPPING_START_EVENT:
        case YAML_SEQUENCE_START_EVENT:
                return take_collection(b, event);
        case YAML_MAPPING_END_EVENT:
        case YAML_SEQUENCE_END_EVENT:
                return close_collection(b);
        default:
                return 0;
        }
}

/* ---- Errors of libyaml ---- */

/* The place of a byte. For errors in the encoding libyaml tells nothing else. */
static Place place_of_byte(const Builder *b, size_t offset) {
        Place place = { 1, 1 };

        for (size_t i = 0; i < MIN(offset, b->size); i++) {
                unsigned char c = (unsigned char) b->text[i];

                if (c == '\n' || (c == '\r' && (i + 1 == b->size || b->text[i + 1] != '\n')))
                        place = (Place) { place.line + 1, 1 };
                else if ((c & 0xc0) != 0x80 && c != '\r')
                        place.column++;
        }
        return place;
}

/* Whether the line is indented with a tab, the one mistake that libyaml describes worst. */
static bool has_tab_indent(const Builder *b, unsigned line) {
        const char *p = b->text, *end = b->text + b->size;

        for (; line > 1 && p; line--) {
                p = memchr(p, '\n', (size_t) (end - p));
                if (p)
                        p++;
        }
        while (p && p < end && *p == ' ')
                p++;
        return p && p < end && *p == '\t';
}

/* Bytes that are no text. libyaml leaves the value at -1 where the text ends inside a character. */
static int report_encoding(Builder *b, const yaml_parser_t *parser) {
        Place place = place_of_byte(b, parser->problem_offset);

        if (parser->problem_value < 0)
                return stop(b, place, "not a text in UTF-8: %s", parser->problem);
        return stop(b, place, "not a text in UTF-8: %s (0x%02x)", parser->problem,
                    (unsigned) parser->problem_value);
}

static int report_problem(Builder *b, const yaml_parser_t *parser) {
        const char *problem = parser->problem ?: "unreadable";
        Place place = place_of(&parser->problem_mark), since = place_of(&parser->context_mark);

        if (parser->error == YAML_MEMORY_ERROR)
                return -ENOMEM;
        if (parser->error == YAML_READER_ERROR)
                return report_encoding(b, parser);
        if (has_tab_indent(b, place.line))
                return stop(b, place, "syntax error: the line is indented with a tab (use spaces)");
        if (parser->context && (since.line != place.line || since.column != place.column))
                return stop(b, place, "syntax error: %s, %s that starts at %u:%u", problem,
                            parser->context, since.line, since.column);
        return stop(b, place, "syntax error: %s", problem);
}

/* ---- Reading ---- */

static int read_events(Builder *b, yaml_parser_t *parser) {
        bool done = false;
        int r = 0;

        while (!done && r == 0) {
                _cleanup_(yaml_event_delete) yaml_event_t event = {};

                if (!yaml_parser_parse(parser, &event))
                        return report_problem(b, parser);
                done = event.type == YAML_STREAM_END_EVENT;
                r = take_event(b, &event);
        }
        return r;
}

static int read_stream(Builder *b) {
        _cleanup_(yaml_parser_delete) yaml_parser_t parser = {};
        int r;

        if (!yaml_parser_initialize(&parser))
                return -ENOMEM;

        /* Otherwise it would guess UTF-16 from the first bytes. */
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *) b->text, b->size);

        r = read_events(b, &parser);
        if (r == 0 && !b->root)
                return stop(b, ((Place) { 1, 1 }), "the file is empty");
        return r;
}

/* Whether libyaml sees the byte in the first column: it knows five line breaks, three outside
 * ASCII. */
static bool begins_line(const Builder *b, size_t i) {
        const char *p = b->text + i;

        return i == 0 || p[-1] == '\n' || p[-1] == '\r' ||
               (i >= 2 && memcmp(p - 2, "\xc2\x85", 2) == 0) ||
               (i >= 3 &&
                (memcmp(p - 3, "\xe2\x80\xa8", 3) == 0 || memcmp(p - 3, "\xe2\x80\xa9", 3) == 0));
}

/* Directives are looked for in the text, because libyaml takes time quadratic in their number
 * before it tells of the first. A line that begins with '%' is nothing else in a file of ours. */
static int check_directives(Builder *b) {
        const char *end = b->text + b->size;

        for (const char *p = b->text; p < end; p++) {
                p = memchr(p, '%', (size_t) (end - p));
                if (!p)
                        return 0;
                if (begins_line(b, (size_t) (p - b->text)))
                        return stop(b, place_of_byte(b, (size_t) (p - b->text)),
                                    "directives are not supported: no line may begin with '%%'");
        }
        return 0;
}

/* Whether the text begins with these bytes. */
static bool begins_with(const Builder *b, const char *bytes, size_t n) {
        return b->size >= n && memcmp(b->text, bytes, n) == 0;
}

int yaml_tree_read(const char *text, size_t size, YamlNode **ret, ConfigErrors *errors) {
        _cleanup_(builder_deinit) Builder b = { .text = text, .size = size, .errors = errors };
        int r;

        if (size > CONFIG_FILE_MAX)
                return stop(&b, ((Place){}), "the file is larger than %d KiB",
                            CONFIG_FILE_MAX / 1024);
        if (begins_with(&b, "\xff\xfe", 2) || begins_with(&b, "\xfe\xff", 2))
                return stop(&b, ((Place) { 1, 1 }), "the file is in UTF-16; save it as UTF-8");

        /* A byte order mark in front of UTF-8 says nothing, and would shift the first line's
         * columns. */
        if (begins_with(&b, "\xef\xbb\xbf", 3)) {
                b.text += 3;
                b.size -= 3;
        }

        r = check_directives(&b);
        if (r == 0)
                r = read_stream(&b);
        if (r != 0)
                return r;

        *ret = TAKE_PTR(b.root);
        return 0;
}
