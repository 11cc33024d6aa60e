/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ranks whose popularity falls as rank^-s. */
#pragma once

#include <stdint.h>

#include "random.h"

typedef struct Zipf {
        double s;
        double n;
        double integral_first;
        double integral_last;
        double accept;
} Zipf;

/* n ranks, n > 0; exponent s > 0. */
void zipf_init(Zipf *z, uint64_t n, double s);

/* A rank in [0, n); rank k has probability (k + 1)^-s / sum. */
uint64_t zipf_next(const Zipf *z, Random *r);
