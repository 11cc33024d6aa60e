/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scanning the kernel's own texts: numbers at a cursor, for parsers that run over 100,000 lines. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Each steps the cursor over what it took; false where it finds nothing or what does not fit. */
static inline bool scan_decimal(const char **p, uint64_t *ret) {
        const char *s = *p;
        uint64_t value = 0;

        for (; *s >= '0' && *s <= '9'; s++)
                if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*s - '0'), &value))
                        return false;
        if (s == *p)
                return false;

        *p = s;
        *ret = value;
        return true;
}

static inline int scan_hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

static inline bool scan_hex(const char **p, uint64_t *ret) {
        const char *s = *p;
        uint64_t value = 0;
        int digit;

        for (; (digit = scan_hex_digit(*s)) >= 0; s++) {
                if (value >> 60)
                        return false;
                value = value << 4 | (uint64_t) digit;
        }
        if (s == *p)
                return false;

        *p = s;
        *ret = value;
        return true;
}

static inline bool scan_char(const char **p, char c) {
        if (**p != c)
                return false;
        (*p)++;
        return true;
}

static inline void scan_blanks(const char **p) {
        while (**p == ' ' || **p == '\t')
                (*p)++;
}

/* Steps over the word if the text goes on with it. */
static inline bool scan_word(const char **p, const char *word) {
        size_t n = strlen(word);

        if (strncmp(*p, word, n) != 0)
                return false;
        *p += n;
        return true;
}

/* The start of the line behind this one; NULL at the end. */
static inline const char *scan_next_line(const char *line) {
        const char *feed = strchr(line, '\n');

        return feed && feed[1] ? feed + 1 : NULL;
}
