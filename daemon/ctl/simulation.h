/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `udamond --simulate` answers about a recording, put together. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* One scheme at one snapshot. */
typedef struct SimulatedStep {
        uint64_t matched_regions;
        uint64_t matched_bytes;
        uint64_t would_regions; /* what it would have acted on */
        uint64_t would_bytes;
        uint64_t returned_bytes; /* of what it would have acted on earlier: accessed again since the last snapshot */
} SimulatedStep;

typedef struct SimulatedPoint {
        uint64_t sequence;
        uint64_t time_ns;
        uint64_t window_ns;
} SimulatedPoint;

typedef struct Simulation {
        SimulatedPoint *points; /* one for each snapshot that was sent */
        size_t n_sent;
        size_t points_allocated;
        size_t n_answered;

        char **names; /* of the schemes; known from the first answer on */
        size_t n_schemes;
        SimulatedStep *steps; /* n_answered times n_schemes */
        size_t steps_allocated;

        json_t *end; /* the last answer; its schemes are in the order of names */

        /* of the last snapshot */
        uint64_t mapped_bytes;
        uint64_t idle_bytes; /* not accessed in its window */
} Simulation;

void simulation_deinit(Simulation *simulation);

/* Notes a snapshot that is sent. 0 or -ENOMEM. */
int simulation_sent(Simulation *simulation, const Frame *frame);

/* Takes one line of the answer, without its end. 0; -EBADMSG with a text when it is not what was agreed; -ENOMEM. */
int simulation_answer(Simulation *simulation, const char *line, size_t length, char **ret_error);

static inline const SimulatedStep *simulation_step(const Simulation *simulation, size_t point, size_t scheme) {
        return &simulation->steps[point * simulation->n_schemes + scheme];
}

/* One scheme over the whole time. */
typedef struct SimulatedSum {
        uint64_t would_bytes;
        uint64_t would_regions;
        uint64_t returned_bytes;
        size_t windows_acting;    /* with anything to act on */
        size_t windows_returning; /* with anything that came back */
        size_t peak;              /* the point with the most bytes at once */
        double rate_mean;         /* bytes per second */
        double rate_max;
        uint64_t duration_ns;
        uint64_t first_return_ns; /* from the first act to the first return; UINT64_MAX: nothing came back */
} SimulatedSum;

SimulatedSum simulation_sum(const Simulation *simulation, size_t scheme);

/* From the beginning of the first window to the end of the last. */
uint64_t simulation_duration(const Simulation *simulation);
