/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Seeded random numbers. */
#include "base/rng.h"

#include "base/macro.h"

static uint64_t splitmix64(uint64_t *state) {
        uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

void rng_init(Rng *rng, uint64_t seed) {
        for (size_t i = 0; i < ELEMENTSOF(rng->s); i++)
                rng->s[i] = splitmix64(&seed);
}

static uint64_t rotate_left(uint64_t x, int k) {
        return (x << k) | (x >> (64 - k));
}

uint64_t rng_next(Rng *rng) {
        uint64_t *s = rng->s;
        uint64_t result = rotate_left(s[0] + s[3], 23) + s[0];
        uint64_t t = s[1] << 17;

        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotate_left(s[3], 45);
        return result;
}

uint64_t rng_below(Rng *rng, uint64_t bound) {
        unsigned __int128 product;
        uint64_t threshold;

        assert(bound > 0);

        threshold = -bound % bound;
        do
                product = (unsigned __int128) rng_next(rng) * bound;
        while ((uint64_t) product < threshold);

        return (uint64_t) (product >> 64);
}

double rng_unit(Rng *rng) {
        return (double) (rng_next(rng) >> 11) * 0x1.0p-53;
}
