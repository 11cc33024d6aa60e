/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A workload's configuration: masim's format with our key=value fields (README.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum AccessMode {
        ACCESS_UNSET, /* the line did not say: config_settle() fills in the default */
        ACCESS_RO,
        ACCESS_WO,
        ACCESS_RW,
} AccessMode;

typedef enum Backing {
        BACKING_ANON,
        BACKING_FILE,
        BACKING_SHARED,
        BACKING_MEMFD,
        BACKING_HUGETLB,
} Backing;

typedef enum ThpAdvice {
        THP_UNSET, /* the system's own mode */
        THP_ALWAYS,
        THP_NEVER,
} ThpAdvice;

typedef struct RegionSpec {
        unsigned line; /* where it stands in the file, for errors found at run time */
        char *name;
        uint64_t len;    /* bytes */
        char *init_file; /* masim's third field: copied into the region; NULL for none */
        Backing backing;
        char *path; /* of BACKING_FILE */
        ThpAdvice thp;
        int node; /* NUMA node, -1 for any */
        bool lock;
        bool written; /* some pattern writes to it; set by config_settle() */
} RegionSpec;

typedef struct PatternSpec {
        unsigned line;
        size_t region; /* index into Config.regions */
        bool random;
        uint64_t stride;   /* bytes */
        uint64_t weight;   /* masim's "probability": a share of the full-speed batches */
        AccessMode mode;
        double rate_hz;    /* touches per page and second; 0 for full speed */
        double zipf;       /* exponent; 0 for uniform */
        uint64_t window;   /* bytes touched at a time; 0 for the whole region */
        uint64_t step;     /* bytes the window moves each second of the phase */
} PatternSpec;

typedef struct PhaseSpec {
        unsigned line;
        char *name;
        uint64_t duration_ns;
        uint64_t step_ns; /* what a "second" of a moving window lasts, after time scaling */
        unsigned forks;   /* children that run the phase beside the parent */
        PatternSpec *patterns;
        size_t n_patterns;
} PhaseSpec;

typedef struct Config {
        char *file;
        RegionSpec *regions;
        size_t n_regions;
        PhaseSpec *phases;
        size_t n_phases;
} Config;

/*
 * Parses text; file is only the name that errors carry. Returns 0, -ENOMEM, or -EINVAL with
 * every error found in *ret_errors, a line each ("FILE:LINE: field: what is wrong"), to be freed.
 */
int config_parse(const char *file, const char *text, size_t len, Config **ret, char **ret_errors);

/* Reads and parses a file. Also -errno of reading it, then without errors in *ret_errors. */
int config_load(const char *path, Config **ret, char **ret_errors);

/* Fills in what the command line decides: the mode of patterns that name none, the time scale. */
void config_settle(Config *config, AccessMode default_mode, double time_scale);

void config_print(const Config *config, FILE *out);

Config *config_free(Config *config);

static inline void cleanup_config(Config **config)
{
        config_free(*config);
}

const char *access_mode_to_string(AccessMode mode);
int access_mode_from_string(const char *s, AccessMode *ret);
int backing_from_string(const char *s, Backing *ret);
const char *backing_to_string(Backing backing);
const char *thp_to_string(ThpAdvice thp);
