/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is worth keeping of a scheme beyond the life of the process: its statistics, what its goals found, and what
 * it has used up. */
#pragma once

#include "scheme/set.h"

typedef struct SchemeMemory {
        SchemeStats stats;
        QuotaMemory quota;
} SchemeMemory;

/* What a scheme knows now. */
void scheme_memory_take(const SchemeView *view, SchemeMemory *ret);

/* Gives it back to the scheme of that index, which has done nothing yet. */
void scheme_set_recall(SchemeSet *set, size_t i, const SchemeMemory *memory, nsec_t now);
