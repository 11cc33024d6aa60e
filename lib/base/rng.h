/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Seeded random numbers (xoshiro256++ of Blackman and Vigna, 2019, seeded by splitmix64).
 * Replayable: the same seed gives the same run, and every bound is drawn in full 64 bits. */
#pragma once

#include <stdint.h>

typedef struct Rng {
        uint64_t s[4];
} Rng;

void rng_init(Rng *rng, uint64_t seed);

uint64_t rng_next(Rng *rng);

/* Uniform in [0, bound), unbiased (Lemire 2019); bound > 0. */
uint64_t rng_below(Rng *rng, uint64_t bound);

/* Uniform in [0, 1), 53 bits. */
double rng_unit(Rng *rng);
