/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The truth log: what was really accessed, when, as JSON lines (README.md has the shape). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

typedef struct Truth {
        int fd; /* -1: nothing is logged */
} Truth;

#define TRUTH_NULL { -1 }

/* One pattern's claim on one region during a phase. */
typedef struct TruthAccess {
        const char *name;
        uint64_t addr;
        uint64_t len;
        AccessMode mode;
        double rate_hz; /* per page; 0 for full speed, logged as null */
        bool random;
        uint64_t stride;
        uint64_t probability;
        uint64_t pages; /* distinct pages touched, at one position of the window */
        double zipf;
        uint64_t window;
        uint64_t step;
        /* Known at the end of the phase only. */
        uint64_t accesses;
        double page_visits;
} TruthAccess;

typedef struct TruthPhase {
        size_t index;
        unsigned repeat;
        const char *name;
        uint64_t duration_ns; /* as configured; 0 when the work decides */
        uint64_t step_ns;     /* how long a moving window stands still */
        uint64_t start_ns;    /* CLOCK_MONOTONIC */
        const TruthAccess *accesses;
        size_t n_accesses;
} TruthPhase;

typedef struct TruthRegion {
        const char *name;
        uint64_t addr;
        uint64_t len;
        uint64_t mapped;
        Backing backing;
        ThpAdvice thp;
        int node;
        bool lock;
} TruthRegion;

/* path "-" is standard output. Returns 0 or -errno. */
int truth_open(const char *path, Truth *ret);
void truth_close(Truth *truth);

/* Each writes one line with one write(2), so lines of several processes never mix. 0 or -errno. */
int truth_region(const Truth *truth, const TruthRegion *region);
int truth_phase(const Truth *truth, const TruthPhase *phase);
int truth_phase_end(const Truth *truth, const TruthPhase *phase);
int truth_end(const Truth *truth, bool interrupted);
