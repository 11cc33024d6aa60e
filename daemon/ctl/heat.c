/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cells of heat maps. */
#include "heat.h"

#include <errno.h>

#include "screen.h"

int heat_row_init(HeatRow *row, size_t columns) {
        *row = (HeatRow) {
                .heat = calloc(columns + 1, sizeof(*row->heat)),
                .weight = calloc(columns + 1, sizeof(*row->weight)),
                .blind = calloc(columns + 1, sizeof(*row->blind)),
                .columns = columns,
        };
        if (!row->heat || !row->weight || !row->blind) {
                heat_row_deinit(row);
                return -ENOMEM;
        }
        return 0;
}

void heat_row_deinit(HeatRow *row) {
        free(row->heat);
        free(row->weight);
        free(row->blind);
        *row = (HeatRow) {};
}

/* Adds mapped bytes [from, to) of an area, counted from its start without gaps. */
static void add_bytes(HeatRow *row, const HeatArea *area, double from, double to,
                      const FrameRegion *region, double window) {
        double per_column = (double) area->bytes / (double) area->columns;
        size_t column = MIN((size_t) (from / per_column), area->columns - 1);

        for (; column < area->columns; column++) {
                double begin = (double) column * per_column, end = begin + per_column;
                double bytes = MIN(to, end) - MAX(from, begin);
                size_t at = area->column + column;

                if (bytes > 0 && frame_region_blind(region)) {
                        row->blind[at] = true;
                } else if (bytes > 0) {
                        row->heat[at] += frame_region_rate(region) * bytes * window;
                        row->weight[at] += bytes * window;
                }
                if (to <= end)
                        break;
        }
}

/* First region at or after i that may reach into the area. */
static size_t skip_regions(const Frame *frame, size_t i, uint64_t target, uint64_t start) {
        while (i < frame->n_regions && (frame->targets[frame->regions[i].target].id != target ||
                                        frame->regions[i].end <= start))
                i++;
        return i;
}

static void add_area(HeatRow *row, const HeatLayout *layout, const HeatArea *area,
                     const Frame *frame, uint64_t min_age_ns) {
        double window = (double) frame->point.window_ns, offset = 0;
        size_t i = skip_regions(frame, 0, area->target, area->start);

        for (size_t s = area->first_span; s < area->first_span + area->n_spans; s++) {
                const HeatSpan *span = &layout->spans[s];

                i = skip_regions(frame, i, area->target, span->start);
                for (size_t k = i; k < frame->n_regions; k++) {
                        const FrameRegion *region = &frame->regions[k];
                        uint64_t from = MAX(region->start, span->start),
                                 to = MIN(region->end, span->end);

                        if (frame->targets[region->target].id != area->target ||
                            region->start >= span->end)
                                break;
                        if (from < to && region->age_ns >= min_age_ns)
                                add_bytes(row, area, offset + (double) (from - span->start),
                                          offset + (double) (to - span->start), region, window);
                }
                offset += (double) (span->end - span->start);
        }
}

void heat_row_add(HeatRow *row, const HeatLayout *layout, const Frame *frame, uint64_t min_age_ns) {
        for (size_t i = 0; i < layout->n_areas; i++)
                add_area(row, layout, &layout->areas[i], frame, min_age_ns);
        row->frames++;
}

double heat_row_cell(const HeatRow *row, size_t column) {
        if (row->weight[column] > 0)
                return row->heat[column] / row->weight[column];
        return row->blind[column] ? HEAT_BLIND : HEAT_NO_DATA;
}
