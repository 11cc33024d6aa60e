/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line: one table of options for all verbs, from which parsing, --help and the
 * suggestions for misspelt ones are made. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/clock.h"

typedef enum Verb {
        VERB_CHECK = 1 << 0,
        VERB_RUN = 1 << 1,
        VERB_START = 1 << 2,
        VERB_STOP = 1 << 3,
        VERB_STATUS = 1 << 4,
        VERB_REGIONS = 1 << 5,
        VERB_HEATMAP = 1 << 6,
        VERB_WSS = 1 << 7,
        VERB_IDLE = 1 << 8,
        VERB_RECORD = 1 << 9,
        VERB_SCHEMES = 1 << 10,
        VERB_SCHEME = 1 << 11,
        VERB_CONFIG = 1 << 12,
        VERB_RELOAD = 1 << 13,
        VERB_SIMULATE = 1 << 14,
        VERB_METRICS = 1 << 15,
        VERB_EVENTS = 1 << 16,
        VERB_NODES = 1 << 17,
        VERB_MONITORS = 1 << 18,
        VERB_TOP = 1 << 19,
        VERB_TARGETS = 1 << 20,
} Verb;

#define VERBS_ALL ((1 << 21) - 1)
#define VERBS_MONITOR (VERB_RUN | VERB_START)
#define VERBS_FRAMES (VERB_REGIONS | VERB_HEATMAP | VERB_WSS | VERB_IDLE)
#define VERBS_WATCHED \
        (VERB_STATUS | VERB_MONITORS | VERB_NODES | VERB_TARGETS | VERB_REGIONS | VERB_SCHEMES | VERB_WSS | VERB_IDLE)
/* Long output of these goes through a pager. */
#define VERBS_PAGED (VERBS_WATCHED | VERB_HEATMAP | VERB_CHECK | VERB_EVENTS | VERB_CONFIG | VERB_SIMULATE)
/* Their operands are words: "scheme dry-run web/cold off". */
#define VERBS_WORDS (VERB_SCHEME | VERB_CONFIG)

typedef enum ColorMode {
        COLOR_AUTO,
        COLOR_ALWAYS,
        COLOR_NEVER,
} ColorMode;

typedef enum SortKey {
        SORT_ADDRESS,
        SORT_RATE,
        SORT_AGE,
        SORT_SIZE,
        SORT_HEAT, /* size times rate: what a region adds to the working set */
} SortKey;

#define PIDS_MAX 64
#define WORDS_MAX 64

/* One target: a key of TargetSpec and its value, or "target" and several of them. */
typedef struct Selector {
        const char *key;
        const char *value;
} Selector;

/* What is absent (zero, NULL, see the has_ flags) is left to the daemon's defaults. */
typedef struct MonitorOptions {
        const char *name;
        const char *source;
        const char *policy;
        const char *pattern;
        const char *scheme; /* file with the schemes */
        pid_t pids[PIDS_MAX];
        size_t n_pids;
        Selector selectors[PIDS_MAX];
        size_t n_selectors;
        uint64_t min_rss; /* of what is selected */
        bool no_children;
        bool physical;
        bool auto_intervals;
        nsec_t sample;
        nsec_t aggregate;
        nsec_t update;
        uint64_t min_regions;
        uint64_t max_regions;
        uint64_t max_region_bytes;
        bool has_seed;
        uint64_t seed;
} MonitorOptions;

typedef struct DurationRange {
        nsec_t min;
        nsec_t max;
} DurationRange;

typedef struct ShareRange {
        double min;
        double max;
} ShareRange;

typedef struct Arguments {
        Verb verb;
        const char *operand; /* the monitor's NAME */
        const char *words[WORDS_MAX]; /* of VERBS_WORDS */
        size_t n_words;
        char **command;      /* after `--`, NULL-terminated */

        const char *socket;
        bool json;
        ColorMode color;
        uint64_t width; /* columns; 0: as wide as the terminal */
        bool help;
        bool version;
        bool no_pager;
        nsec_t watch; /* interval; 0: once */

        MonitorOptions monitor;

        /* where frames come from */
        const char *input;
        bool has_snapshot;
        uint64_t snapshot;
        bool no_wait;

        /* regions */
        SortKey sort;
        bool has_top;
        uint64_t top;
        uint64_t min_size;
        ShareRange rate;
        DurationRange age;

        /* idle */
        bool system;

        /* heatmap, wss */
        uint64_t rows;
        bool follow;
        bool by_time;

        /* run, record */
        const char *record;
        const char *output;
        const char *report;
        bool force;
        bool live;
        nsec_t duration;
        nsec_t redraw;
        const char *cpu_limit; /* of a private daemon; NULL: its default */
        bool private;

        /* schemes */
        bool log;
        uint64_t limit;
} Arguments;

/* Parses argv[0..] (options and operands after the verb). 0, or CTL_USAGE (told). */
int options_parse(Arguments *args, int argc, char **argv);

/* One option of a verb. */
typedef struct OptionInfo {
        const char *name;
        char letter;       /* 0: none */
        const char *value; /* its name in the help; NULL: takes none; in brackets: need not have one */
        const char *help;
} OptionInfo;

/* The first option of the verb from index i on. What to go on with; 0: there is none any more. */
size_t options_next(size_t i, Verb verb, OptionInfo *ret);

/* What one verb's options are, for --help. */
void options_help(FILE *out, Verb verb);

/* The value that most probably was meant: the nearest of n names, NULL when none is near. */
const char *nearest_name(const char *word, const char *const *names, size_t n);
