/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The access loops: where a pattern goes next, and the touching itself. */
#include "pattern.h"

static uint64_t divide_up(uint64_t a, uint64_t b)
{
        return a / b + (a % b != 0);
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

void walk_init(Walk *walk, const PatternSpec *spec, void *base, uint64_t len, uint64_t seed)
{
        bool by_page = spec->rate_hz > 0 || spec->zipf > 0;

        *walk = (Walk){
                .base = base,
                .order = spec->zipf > 0 ? WALK_ZIPF : spec->random ? WALK_RANDOM : WALK_SEQUENTIAL,
                .mode = spec->mode,
                .stop = by_page ? max_u64(spec->stride, WALK_PAGE) : spec->stride,
                .wrap = divide_up(len, WALK_PAGE) * WALK_PAGE,
                .span = spec->window > 0 ? spec->window : len,
                .random = { .state = seed },
        };
        walk->n_stops = divide_up(walk->span, walk->stop);
        if (walk->order == WALK_ZIPF)
                zipf_init(&walk->zipf, walk->n_stops, spec->zipf);
}

static inline uint64_t next_stop(Walk *walk)
{
        uint64_t stop;

        switch (walk->order) {
        case WALK_RANDOM:
                return random_below(&walk->random, walk->n_stops);
        case WALK_ZIPF:
                return zipf_next(&walk->zipf, &walk->random);
        case WALK_SEQUENTIAL:
                break;
        }
        stop = walk->cursor;
        walk->cursor = stop + 1 < walk->n_stops ? stop + 1 : 0;
        return stop;
}

static inline uint64_t next_offset(Walk *walk)
{
        uint64_t offset = walk->origin + next_stop(walk) * walk->stop;

        return offset < walk->wrap ? offset : offset - walk->wrap;
}

static inline void touch(volatile char *p, AccessMode mode)
{
        switch (mode) {
        case ACCESS_RO:
                (void)*p;
                return;
        case ACCESS_RW:
                *p = (char)(*p + 1);
                return;
        case ACCESS_WO:
        case ACCESS_UNSET:
                *p = 1;
                return;
        }
}

uint64_t walk_next(Walk *walk)
{
        return next_offset(walk);
}

void walk_run(Walk *walk, uint64_t n)
{
        for (uint64_t i = 0; i < n; i++)
                touch(walk->base + next_offset(walk), walk->mode);
        walk->accesses += n;
}

void walk_move(Walk *walk, uint64_t origin)
{
        walk->origin = origin % walk->wrap;
}

uint64_t walk_pages(const Walk *walk)
{
        return walk->stop < WALK_PAGE ? divide_up(walk->span, WALK_PAGE) : walk->n_stops;
}

double walk_pages_per_access(const Walk *walk)
{
        if (walk->order == WALK_SEQUENTIAL && walk->stop < WALK_PAGE)
                return (double)walk->stop / (double)WALK_PAGE;
        return 1;
}
