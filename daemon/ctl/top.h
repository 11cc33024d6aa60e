/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top`: what its files share. */
#pragma once

#include "connect.h"
#include "frame.h"
#include "options.h"

#define TOP_INTERVAL (2 * NSEC_PER_SEC)

typedef enum TopPane {
        TOP_MONITORS,
        TOP_SCHEMES,
} TopPane;

typedef enum TopSort {
        TOP_SORT_START, /* in the order of their start */
        TOP_SORT_NAME,
        TOP_SORT_WORKING_SET,
        TOP_SORT_RESIDENT,
        _TOP_SORT_MAX,
} TopSort;

typedef struct Top {
        const Arguments *args;
        Connection connection;
        int said; /* what would go to standard error goes there meanwhile */

        /* the latest answers; NULL: none */
        json_t *status;
        json_t *schemes; /* array, of the chosen monitor */
        Frame *frame;    /* of the chosen monitor */
        nsec_t updated;  /* CLOCK_MONOTONIC */

        /* what is shown */
        json_t **rows;   /* the monitors as they are sorted; borrowed from status */
        size_t n_rows;
        size_t row;      /* the chosen monitor */
        size_t scheme;   /* the chosen scheme */
        char chosen[256]; /* the name of the chosen monitor: rows move */
        TopPane pane;
        TopSort sort;
        bool paused;
        bool help;
        bool asking;     /* whether to switch the dry run of the chosen scheme */
        bool quit;
        char note[512];  /* the last line, until the next key */
} Top;

/* top-data.c: asks the daemon. A daemon that does not answer is in the note, and is asked again the next time. */
void top_update(Top *top);
void top_sort_rows(Top *top);
/* The chosen ones; NULL: there is none. */
json_t *top_monitor(const Top *top);
json_t *top_scheme(const Top *top);
/* Switches the dry run of the chosen scheme. */
void top_switch_dry_run(Top *top);
void top_data_deinit(Top *top);

/* top-draw.c */
void top_draw_init(const Arguments *args);
void top_draw(const Top *top);
const char *top_sort_name(TopSort sort);

/* top-keys.c: one key, as getch() gives it. */
void top_key(Top *top, int key);
