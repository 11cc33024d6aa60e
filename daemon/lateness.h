/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How late steps of a monitor came after their deadlines, lately. */
#pragma once

#include <stddef.h>

#include "base/clock.h"

#define LATENESS_MAX 256 /* steps */

typedef struct Lateness {
        nsec_t late[LATENESS_MAX];
        size_t n;
        size_t next;
} Lateness;

void lateness_add(Lateness *lateness, nsec_t late);

/* So late, or less, was this share of the last steps; 0 without any. */
nsec_t lateness_quantile(const Lateness *lateness, double share);
