/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address axis of heat maps: union of mapped memory, areas, columns. */
#include <errno.h>
#include <math.h>

#include "heat.h"

/* A smaller gap than this is no boundary that anybody wants to see. */
#define GAP_MIN (UINT64_C(1) << 20)

/* Fewer columns than this tell nothing about an area, so there are no more areas than fit. */
#define COLUMNS_PER_AREA 8

int heat_layout_new(HeatLayout **ret) {
        _cleanup_(heat_layout_freep) HeatLayout *layout = calloc(1, sizeof(*layout));

        if (!layout)
                return -ENOMEM;
        layout->names = frame_new();
        if (!layout->names)
                return -ENOMEM;
        *ret = TAKE_PTR(layout);
        return 0;
}

HeatLayout *heat_layout_free(HeatLayout *layout) {
        if (!layout)
                return NULL;
        (void) frame_free(layout->names);
        free(layout->spans);
        free(layout->areas);
        free(layout);
        return NULL;
}

static int compare_spans(const void *a, const void *b) {
        const HeatSpan *x = a, *y = b;

        if (x->target != y->target)
                return x->target < y->target ? -1 : 1;
        return x->start < y->start ? -1 : x->start > y->start;
}

static int append_span(HeatLayout *layout, uint64_t target, uint64_t start, uint64_t end,
                       uint32_t name) {
        HeatSpan *last = layout->n_spans > 0 ? &layout->spans[layout->n_spans - 1] : NULL;

        if (last && last->target == target && last->end == start && last->name == name) {
                last->end = end;
                return 0;
        }
        if (layout->n_spans == layout->spans_allocated) {
                size_t n = MAX(layout->spans_allocated * 2, (size_t) 64);
                HeatSpan *spans = reallocarray(layout->spans, n, sizeof(*spans));

                if (!spans)
                        return -ENOMEM;
                layout->spans = spans;
                layout->spans_allocated = n;
        }
        layout->spans[layout->n_spans++] = (HeatSpan) { target, start, end, name };
        return 0;
}

static bool before(const HeatSpan *span, uint64_t target, uint64_t address) {
        return span->target < target || (span->target == target && span->end <= address);
}

/* First of the n known spans that ends after the address. */
static size_t find_span(const HeatLayout *layout, size_t n, uint64_t target, uint64_t address) {
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (before(&layout->spans[middle], target, address))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Appends the parts of the region that none of the first n spans covers. */
static int add_uncovered(HeatLayout *layout, size_t n, uint64_t target, const FrameRegion *region,
                         const char *mapping) {
        uint64_t at = region->start;
        uint32_t name;
        int r;

        for (size_t i = find_span(layout, n, target, at); at < region->end; i++) {
                bool beyond = i >= n || layout->spans[i].target != target;
                uint64_t next = beyond ? region->end : MIN(layout->spans[i].start, region->end);
                uint64_t resume = beyond ? region->end : layout->spans[i].end;

                if (at < next) {
                        r = frame_add_mapping(layout->names, mapping, &name);
                        if (r == 0)
                                r = append_span(layout, target, at, next, name);
                        if (r < 0)
                                return r;
                }
                at = MAX(at, resume);
        }
        return 0;
}

uint64_t heat_layout_missing(const HeatLayout *layout, const Frame *frame) {
        uint64_t missing = 0;

        for (size_t i = 0; i < frame->n_regions; i++) {
                const FrameRegion *region = &frame->regions[i];
                uint64_t target = frame->targets[region->target].id, covered = 0;

                for (size_t k = find_span(layout, layout->n_spans, target, region->start);
                     k < layout->n_spans && layout->spans[k].target == target &&
                     layout->spans[k].start < region->end; k++)
                        covered += MIN(layout->spans[k].end, region->end) -
                                   MAX(layout->spans[k].start, region->start);
                missing += frame_region_bytes(region) - covered;
        }
        return missing;
}

static void coalesce(HeatLayout *layout) {
        size_t n = 0;

        for (size_t i = 0; i < layout->n_spans; i++) {
                HeatSpan *last = n > 0 ? &layout->spans[n - 1] : NULL, *span = &layout->spans[i];

                if (last && last->target == span->target && last->end == span->start &&
                    last->name == span->name)
                        last->end = span->end;
                else
                        layout->spans[n++] = *span;
        }
        layout->n_spans = n;
}

int heat_layout_add(HeatLayout *layout, const Frame *frame) {
        size_t known = layout->n_spans;
        int r;

        for (size_t i = 0; i < frame->n_targets; i++) {
                if (frame_find_target(layout->names, frame->targets[i].id) >= 0)
                        continue;
                r = frame_add_target(layout->names, &frame->targets[i]);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < frame->n_regions; i++) {
                const FrameRegion *region = &frame->regions[i];

                r = add_uncovered(layout, known, frame->targets[region->target].id, region,
                                  frame->mappings[region->mapping]);
                if (r < 0)
                        return r;
        }
        if (layout->n_spans > known) {
                qsort(layout->spans, layout->n_spans, sizeof(*layout->spans), compare_spans);
                coalesce(layout);
        }
        return 0;
}

/* Distance from the end of span i - 1 to span i; infinite between targets. */
static uint64_t gap_before(const HeatLayout *layout, size_t i) {
        const HeatSpan *last = &layout->spans[i - 1], *span = &layout->spans[i];

        return last->target != span->target ? UINT64_MAX : span->start - last->end;
}

static int compare_descending(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return x > y ? -1 : x < y;
}

/* The least gap that is a boundary, such that there are at most `most` areas. Targets are always
 * kept apart. */
static int choose_gap(const HeatLayout *layout, size_t most, uint64_t *ret) {
        _cleanup_free_ uint64_t *gaps = calloc(layout->n_spans + 1, sizeof(*gaps));
        uint64_t bytes = 0;
        size_t n = 0;

        if (!gaps)
                return -ENOMEM;
        for (size_t i = 0; i < layout->n_spans; i++) {
                bytes += layout->spans[i].end - layout->spans[i].start;
                if (i > 0)
                        gaps[n++] = gap_before(layout, i);
        }
        qsort(gaps, n, sizeof(*gaps), compare_descending);
        *ret = MAX(GAP_MIN, bytes / 64);
        /* most - 1 cuts: the next largest gap is too small to be one */
        if (n >= most && gaps[most - 1] >= *ret)
                *ret = gaps[most - 1] == UINT64_MAX ? UINT64_MAX : gaps[most - 1] + 1;
        return 0;
}

/* The mapping with most bytes of an area. */
static int label_area(HeatLayout *layout, HeatArea *area) {
        _cleanup_free_ uint64_t *bytes = calloc(layout->names->n_mappings + 1, sizeof(*bytes));
        size_t best = 0;

        if (!bytes)
                return -ENOMEM;
        for (size_t i = area->first_span; i < area->first_span + area->n_spans; i++)
                bytes[layout->spans[i].name] += layout->spans[i].end - layout->spans[i].start;
        for (size_t i = 0; i < layout->names->n_mappings; i++) {
                area->n_mappings += bytes[i] > 0;
                if (bytes[i] > bytes[best])
                        best = i;
        }
        area->label = layout->names->mappings[best];
        return 0;
}

static int cut_areas(HeatLayout *layout, size_t most) {
        uint64_t gap;
        int r;

        r = choose_gap(layout, most, &gap);
        if (r < 0)
                return r;
        layout->areas = calloc(layout->n_spans + 1, sizeof(*layout->areas));
        if (!layout->areas)
                return -ENOMEM;

        for (size_t i = 0; i < layout->n_spans; i++) {
                const HeatSpan *span = &layout->spans[i];
                HeatArea *area;
                int target;

                if (i == 0 || gap_before(layout, i) >= gap) {
                        target = frame_find_target(layout->names, span->target);
                        layout->areas[layout->n_areas++] = (HeatArea) {
                                .target = span->target,
                                .pid = target >= 0 ? layout->names->targets[target].pid : -1,
                                .start = span->start,
                                .first_span = i,
                        };
                }
                area = &layout->areas[layout->n_areas - 1];
                area->end = span->end;
                area->bytes += span->end - span->start;
                area->n_spans++;
        }
        return 0;
}

/* With more targets than fit, the smallest areas go; the caller tells how many. */
static void drop_smallest(HeatLayout *layout, size_t most) {
        while (layout->n_areas > most) {
                size_t least = 0;

                for (size_t i = 1; i < layout->n_areas; i++)
                        if (layout->areas[i].bytes < layout->areas[least].bytes)
                                least = i;
                layout->hidden_areas++;
                layout->hidden_bytes += layout->areas[least].bytes;
                memmove(&layout->areas[least], &layout->areas[least + 1],
                        (layout->n_areas - least - 1) * sizeof(*layout->areas));
                layout->n_areas--;
        }
}

/* One column each, the rest by size (largest remainder). */
static void share_columns(HeatLayout *layout, size_t columns) {
        size_t spare = columns - layout->n_areas, given = 0, at = 0;
        double total = 0;

        for (size_t i = 0; i < layout->n_areas; i++)
                total += (double) layout->areas[i].bytes;
        for (size_t i = 0; i < layout->n_areas; i++) {
                size_t n = (size_t) ((double) spare * (double) layout->areas[i].bytes / total);

                layout->areas[i].columns = 1 + n;
                given += n;
        }
        for (; given < spare; given++) {
                size_t best = 0;
                double most = -INFINITY;

                for (size_t i = 0; i < layout->n_areas; i++) {
                        double owed = (double) spare * (double) layout->areas[i].bytes / total -
                                      (double) (layout->areas[i].columns - 1);

                        if (owed > most) {
                                most = owed;
                                best = i;
                        }
                }
                layout->areas[best].columns++;
        }
        for (size_t i = 0; i < layout->n_areas; i++) {
                layout->areas[i].column = at;
                at += layout->areas[i].columns + 1;
        }
        layout->columns = at > 0 ? at - 1 : 0;
}

int heat_layout_finish(HeatLayout *layout, size_t columns) {
        size_t most = MAX(columns / COLUMNS_PER_AREA, (size_t) 1);
        int r;

        assert(!layout->areas);
        r = cut_areas(layout, most);
        if (r < 0)
                return r;
        drop_smallest(layout, most);
        for (size_t i = 0; i < layout->n_areas; i++) {
                r = label_area(layout, &layout->areas[i]);
                if (r < 0)
                        return r;
        }
        if (layout->n_areas > 0)
                share_columns(layout, columns - (layout->n_areas - 1));
        return 0;
}

uint64_t heat_area_address(const HeatLayout *layout, const HeatArea *area, size_t column) {
        double offset = (double) area->bytes * (double) column / (double) area->columns;

        for (size_t i = area->first_span; i < area->first_span + area->n_spans; i++) {
                double bytes = (double) (layout->spans[i].end - layout->spans[i].start);

                if (offset < bytes)
                        return layout->spans[i].start + (uint64_t) offset;
                offset -= bytes;
        }
        return area->end;
}
