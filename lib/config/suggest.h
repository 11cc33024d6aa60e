/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Did you mean": the nearest of several words to one that is unknown. */
#pragma once

#include <stddef.h>

typedef struct Suggestion {
        const char *word; /* what was written; borrowed */
        const char *best; /* the nearest candidate so far that is near enough, or NULL; borrowed */
        size_t distance;
} Suggestion;

#define SUGGESTION(w) ((Suggestion) { .word = (w) })

/* Takes the candidate if it is near enough (a third of the word's length, at least one edit) and
 * nearer than the best one. */
void suggestion_consider(Suggestion *suggestion, const char *candidate);

/* Edits (insert, delete, replace, swap two neighbours; optimal string alignment) that turn a into
 * b. Case and '-' for '_' cost nothing. Words longer than an identifier ever is are SIZE_MAX apart.
 */
size_t edit_distance(const char *a, const char *b);
