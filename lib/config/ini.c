/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading INI texts with inih, and noticing what it does not say.
 *
 * Its handler is told neither line nor column. So the reader that hands it lines, one at a time, remembers where the
 * line is; and it hands over only lines that inih reads as they are meant. */
#include "config/ini.h"

#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"
#include "base/macro.h"
#include "config/errors.h"

typedef struct Reader {
        const char *at; /* what has not been read yet */
        const char *end;
        const char *line; /* the one that inih has now: from its first character that is no blank */
        size_t length;
        unsigned number;
        unsigned indent; /* characters before it */
        bool in_section;
        YamlNode *root;
        ConfigErrors *errors;
        int result; /* 0 or -ENOMEM */
} Reader;

static bool is_blank(char c) {
        return c == ' ' || c == '\t' || c == '\r';
}

/* ---- Lines ---- */

static void _printf_(3, 4) complain(Reader *r, size_t offset, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        text = text_vformat(format, ap);
        va_end(ap);
        r->result = !text ? -ENOMEM
                          : config_errors_addf(r->errors, r->number, r->indent + (unsigned) offset + 1, "%s", text);
}

/* Bytes of the UTF-8 sequence at p, or 0 where there is none. Overlong forms and surrogates pass: they are shown
 * escaped, and match no word. */
static size_t sequence(const char *p, const char *end) {
        unsigned char lead = (unsigned char) *p;
        size_t n = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3
                 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;

        if (n == 0 || (size_t) (end - p) < n)
                return 0;
        for (size_t i = 1; i < n; i++)
                if (((unsigned char) p[i] & 0xc0) != 0x80)
                        return 0;
        return n;
}

static bool check_bytes(Reader *r) {
        const char *end = r->line + r->length;

        for (const char *p = r->line; p < end;) {
                size_t n = sequence(p, end);

                if (n == 0 || (n == 1 && *p == 0)) {
                        complain(r, (size_t) (p - r->line), n == 0 ? "not UTF-8" : "a NUL character");
                        return false;
                }
                p += n;
        }
        return true;
}

static bool check_section(Reader *r) {
        const char *close = memchr(r->line, ']', r->length);
        size_t rest;

        r->in_section = true; /* whatever is wrong with its name, what follows is not outside */
        if (!close) {
                complain(r, 0, "']' is missing behind the name of a section");
                return false;
        }
        for (rest = (size_t) (close - r->line) + 1; rest < r->length && is_blank(r->line[rest]); rest++)
                ;
        if (rest < r->length && r->line[rest] != ';' && r->line[rest] != '#') {
                complain(r, rest, "text behind the name of a section");
                return false;
        }
        return true;
}

static bool check_key(Reader *r) {
        const char *equals = memchr(r->line, '=', r->length);
        const char *colon = memchr(r->line, ':', r->length);

        if (!equals || (colon && colon < equals)) {
                complain(r, 0, "neither '[section]' nor 'key = value'");
                return false;
        }
        if (*r->line == '=') {
                complain(r, 0, "a key is missing before '='");
                return false;
        }
        if (!r->in_section) {
                complain(r, 0, "a key before the first [section]");
                return false;
        }
        return true;
}

/* Whether inih shall see the line at all. */
static bool check_line(Reader *r) {
        if (r->length == 0 || *r->line == '#' || *r->line == ';')
                return false;
        if (!check_bytes(r))
                return false;
        if (r->length > INI_LINE_BYTES_MAX) {
                complain(r, 0, "the line is longer than %d bytes", INI_LINE_BYTES_MAX);
                return false;
        }
        return *r->line == '[' ? check_section(r) : check_key(r);
}

static void next_line(Reader *r) {
        const char *newline = memchr(r->at, '\n', (size_t) (r->end - r->at));
        const char *end = newline ?: r->end;

        r->line = r->at;
        r->at = newline ? newline + 1 : r->end;
        r->number++;
        r->indent = 0;
        while (r->line < end && is_blank(*r->line)) {
                r->line++;
                r->indent++;
        }
        while (end > r->line && is_blank(end[-1]))
                end--;
        r->length = (size_t) (end - r->line);
}

/* (ini_reader) */
static char *read_line(char *buf, int size, void *stream) {
        Reader *r = stream;

        if (r->at == r->end || r->result < 0)
                return NULL;
        next_line(r);
        (void) snprintf(buf, (size_t) size, "%.*s\n", check_line(r) ? (int) r->length : 0, r->line);
        return buf;
}

/* ---- The tree ---- */

static YamlNode *append(YamlNode *parent, YamlKind kind, const char *key, unsigned line, unsigned column) {
        YamlNode *node = calloc(1, sizeof(*node));

        if (!node)
                return NULL;
        *node = (YamlNode) {
                .kind = kind,
                .line = line,
                .column = column,
                .key = strdup(key),
                .key_line = line,
                .key_column = column,
                .parent = parent,
        };
        if (!node->key)
                return yaml_tree_free(node);

        if (parent->last)
                parent->last->next = node;
        else
                parent->first = node;
        parent->last = node;
        parent->n_children++;
        return node;
}

/* Of the value, in bytes from 1; it stands on the line as it is. */
static unsigned value_column(const Reader *r) {
        const char *p = memchr(r->line, '=', r->length), *end = r->line + r->length;

        for (p++; p < end && is_blank(*p); p++)
                ;
        return r->indent + (unsigned) (p - r->line) + 1;
}

static int add_value(Reader *r, YamlNode *section, const char *name, const char *value) {
        const YamlNode *first = yaml_child(section, name);
        YamlNode *node = append(section, YAML_KIND_SCALAR, name, r->number, r->indent + 1);
        char text[EXCERPT_MAX];

        if (!node)
                return -ENOMEM;
        node->column = value_column(r);
        node->plain = true;
        node->text = strdup(value);
        if (!node->text)
                return -ENOMEM;
        if (!first)
                return 0;
        node->broken = true;
        return config_errors_addf(r->errors, node->key_line, node->key_column, "duplicate key '%s' (first at %u:%u)",
                                  excerpt(text, name), first->key_line, first->key_column);
}

/* (ini_handler) Sections without any key do not come here: there is nothing wrong with them. */
static int on_value(void *user, const char *section, const char *name, const char *value) {
        YamlNode *node;
        Reader *r = user;

        if (r->result < 0)
                return 0;
        node = (YamlNode *) yaml_child(r->root, section);
        if (!node)
                node = append(r->root, YAML_KIND_MAPPING, section, r->number, 1);
        r->result = node ? add_value(r, node, name, value) : -ENOMEM;
        return r->result == 0;
}

int ini_tree_read(const char *text, size_t size, YamlNode **ret, ConfigErrors *errors) {
        _cleanup_(yaml_tree_freep) YamlNode *root = calloc(1, sizeof(*root));
        Reader r = { .at = text, .end = text + size, .root = root, .errors = errors };
        int wrong;

        if (!root)
                return -ENOMEM;
        root->kind = YAML_KIND_MAPPING;
        root->line = root->column = 1;
        if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
                r.at += 3;

        wrong = ini_parse_stream(read_line, &r, on_value, &r);
        if (r.result == 0 && wrong > 0)
                r.result = config_errors_addf(errors, (unsigned) wrong, 1, "neither '[section]' nor 'key = value'");
        if (r.result < 0)
                return r.result;
        *ret = TAKE_PTR(root);
        return 0;
}
