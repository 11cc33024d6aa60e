/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fields of a configuration's lines; internal to the parser. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"

#define FIELDS_MAX 16

/* Where the parser is, and what it has found wrong. */
typedef struct Parser {
        const char *file;
        unsigned line;
        int section; /* which part of a paragraph is expected; the parser's own */
        bool seen;   /* the paragraph has had a line of this section */
        bool out_of_memory;
        Config *config;
        FILE *errors;
        unsigned n_errors;
} Parser;

typedef struct Fields {
        char *items[FIELDS_MAX];
        size_t n;
} Fields;

/* A key=value field; set() complains by itself. */
typedef struct Key {
        const char *name;
        void (*set)(Parser *p, void *object, const char *value);
} Key;

/* Records an error: "FILE:LINE: field: what is wrong". */
__attribute__((format(printf, 3, 4)))
void complain(Parser *p, const char *field, const char *format, ...);

/* What was written, short and without control characters that would reach a terminal. */
const char *shown(const char *value, char buf[static 48]);

char *trim(char *s);

/* Cuts the line up in place; false when there are too many fields. */
bool split(Parser *p, char *line, Fields *ret);

/* strdup() that notes a lack of memory in the parser. */
char *copy(Parser *p, const char *s);

/* Each complains by itself and then leaves *ret alone. Sizes must not be 0. */
void take_count(Parser *p, const char *field, const char *s, uint64_t min, uint64_t max,
                uint64_t *ret);
void take_size(Parser *p, const char *field, const char *s, uint64_t max, uint64_t *ret);
void take_fraction(Parser *p, const char *field, const char *s, double max, double *ret);

/* Names end up in JSON and on terminals: printable ASCII, as masim's. */
bool name_is_valid(Parser *p, const char *field, const char *s);

/* Applies the fields from first on, each a key=value out of the table, to object. */
void set_keys(Parser *p, const Key *keys, const Fields *fields, size_t first, void *object);
