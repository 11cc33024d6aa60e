/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The arithmetic of heat maps.
 *
 * The address axis holds mapped memory only. A layout is made from all frames that will be drawn:
 * the union of their regions, cut into areas where the address space has a large gap (or a new
 * target begins), each area with a share of the columns that follows its size. Gaps inside an area
 * are left out. A cell is the mean access rate of what it covers, weighted by bytes and by the
 * length of the windows: a quarter of hot bytes in a cell at 100 % makes 25 %, whatever the regions
 * look like. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* Mapped addresses [start, end) of a target; name is an index into the layout's names. */
typedef struct HeatSpan {
        uint64_t target;
        uint64_t start;
        uint64_t end;
        uint32_t name;
} HeatSpan;

typedef struct HeatArea {
        uint64_t target; /* id */
        int64_t pid;
        uint64_t start;
        uint64_t end;
        uint64_t bytes; /* mapped bytes between start and end */
        size_t first_span;
        size_t n_spans;
        size_t column;
        size_t columns;
        const char *label; /* the mapping that has most of it; borrowed from the layout */
        size_t n_mappings;
} HeatArea;

typedef struct HeatLayout {
        HeatSpan *spans; /* by target and address, disjoint */
        size_t n_spans;
        size_t spans_allocated;
        Frame *names; /* its table of mapping names, and of targets, serves as ours */

        HeatArea *areas;
        size_t n_areas;
        size_t columns; /* separators between areas included */

        uint64_t hidden_bytes; /* areas for which there was no column */
        size_t hidden_areas;
} HeatLayout;

/* One line of the map. */
typedef struct HeatRow {
        double *heat;   /* by column: sum of rate × bytes × window */
        double *weight; /* … of bytes × window */
        bool *blind;    /* something was there that could not be checked */
        size_t columns;
        uint64_t frames;
} HeatRow;

int heat_layout_new(HeatLayout **ret);
HeatLayout *heat_layout_free(HeatLayout *layout);

/* Takes the frame's regions into the union. */
int heat_layout_add(HeatLayout *layout, const Frame *frame);

/* Divides so many columns among the areas. Every area has one column at least. */
int heat_layout_finish(HeatLayout *layout, size_t columns);

/* Bytes of the frame that the layout does not hold. */
uint64_t heat_layout_missing(const HeatLayout *layout, const Frame *frame);

int heat_row_init(HeatRow *row, size_t columns);
void heat_row_deinit(HeatRow *row);

/* Adds one frame. With min_age_ns, only regions that have kept their rate at least so long: what
 * the frame knows of the past. */
void heat_row_add(HeatRow *row, const HeatLayout *layout, const Frame *frame, uint64_t min_age_ns);

/* Mean access rate, or HEAT_NO_DATA or HEAT_BLIND (screen.h). */
double heat_row_cell(const HeatRow *row, size_t column);

/* Where column `column` of an area begins, as an address. */
uint64_t heat_area_address(const HeatLayout *layout, const HeatArea *area, size_t column);

/* Letter that marks the area on the axis. */
static inline char heat_area_letter(size_t i) {
        return (char) (i < 26 ? 'A' + i : i < 52 ? 'a' + (i - 26) : '*');
}

static inline void heat_layout_freep(HeatLayout **layout) {
        *layout = heat_layout_free(*layout);
}
