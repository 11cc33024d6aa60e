/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Seeded random numbers: the same seed makes the same run. */
#pragma once

#include <stdint.h>

typedef struct Random {
        uint64_t state;
} Random;

/* splitmix64 (Steele, Lea, Flood 2014): one addition and a mix, good enough to scatter touches. */
static inline uint64_t random_next(Random *r)
{
        uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

/* In [0, n); the bias of the multiplication is below n / 2^64. */
static inline uint64_t random_below(Random *r, uint64_t n)
{
        return (uint64_t)((unsigned __int128)random_next(r) * n >> 64);
}

/* In [0, 1). */
static inline double random_unit(Random *r)
{
        return (double)(random_next(r) >> 11) * 0x1p-53;
}
