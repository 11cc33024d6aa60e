/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Did you mean": the nearest of several words to one that is unknown. */
#include "config/suggest.h"

#include <ctype.h>
#include <stdint.h>

#include "base/macro.h"

#define WORD_MAX 48

static char folded(char c) {
        return c == '-' ? '_' : (char) tolower((unsigned char) c);
}

/* One row of the table of distances between the first i letters of a and all beginnings of b. */
static void fill_row(const char *a, size_t i, const char *b, size_t n,
                     size_t rows[][WORD_MAX + 1]) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
                char x = folded(a[i - 1]), y = folded(b[j - 1]);

                row[j] = MIN(MIN(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
                if (i > 1 && j > 1 && x == folded(b[j - 2]) && folded(a[i - 2]) == y)
                        row[j] = MIN(row[j], above2[j - 2] + 1);
        }
}

size_t edit_distance(const char *a, const char *b) {
        size_t rows[3][WORD_MAX + 1];
        size_t m = strnlen(a, WORD_MAX + 1), n = strnlen(b, WORD_MAX + 1);

        if (m > WORD_MAX || n > WORD_MAX)
                return SIZE_MAX;

        for (size_t j = 0; j <= n; j++)
                rows[0][j] = j;
        for (size_t i = 1; i <= m; i++)
                fill_row(a, i, b, n, rows);
        return rows[m % 3][n];
}

void suggestion_consider(Suggestion *suggestion, const char *candidate) {
        size_t distance = edit_distance(suggestion->word, candidate);
        size_t limit = MAX((size_t) 1, strlen(suggestion->word) / 3);

        if (distance > limit || (suggestion->best && distance >= suggestion->distance))
                return;

        suggestion->best = candidate;
        suggestion->distance = distance;
}
