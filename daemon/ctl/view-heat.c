/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every heat map consists of: axis, rows, areas; and the strip, a map of one row. */
#include <inttypes.h>
#include <string.h>

#include "view.h"

void view_heat_axis(const Screen *screen, const HeatLayout *layout, size_t indent) {
        (void) fprintf(screen->out, "%*s", (int) indent, "");
        for (size_t i = 0; i < layout->n_areas; i++) {
                const HeatArea *area = &layout->areas[i];
                /* the letter, then dots up to the end of the area and the separator */
                size_t rest = area->columns - 1;

                (void) fputc(heat_area_letter(i), screen->out);
                for (size_t k = 0; k < rest; k++)
                        (void) fputc('.', screen->out);
                if (i + 1 < layout->n_areas)
                        (void) fputc(' ', screen->out);
        }
        (void) fputc('\n', screen->out);
}

void view_heat_row(const Screen *screen, const HeatLayout *layout, const HeatRow *row,
                   const char *label, size_t label_width) {
        (void) fprintf(screen->out, "%*s", (int) label_width, label);
        for (size_t i = 0; i < layout->n_areas; i++) {
                const HeatArea *area = &layout->areas[i];

                if (i > 0) {
                        screen_heat_end(screen);
                        (void) fputc('|', screen->out);
                }
                for (size_t k = 0; k < area->columns; k++)
                        screen_heat(screen, heat_row_cell(row, area->column + k));
        }
        screen_heat_end(screen);
        (void) fputc('\n', screen->out);
}

static void print_area(const Screen *screen, const HeatLayout *layout, size_t i) {
        const HeatArea *area = &layout->areas[i];
        char size[FORMAT_MAX], each[FORMAT_MAX], text[160];
        _cleanup_free_ char *name = NULL;
        int used;

        used = snprintf(text, sizeof(text), "%c %" PRIx64 "-%" PRIx64 "  %s, %s a column  ",
                        heat_area_letter(i), area->start, area->end, format_size(size, area->bytes),
                        format_size(each, area->bytes / area->columns));
        if (layout->names->n_targets > 1)
                used += snprintf(text + used, sizeof(text) - (size_t) used, "pid %" PRIi64 " ",
                                 area->pid);
        name = display_name(*area->label ? area->label : "[anonymous]",
                            screen->width > (size_t) used + 24 ? screen->width - (size_t) used - 12
                                                               : 12);
        (void) fprintf(screen->out, "%s%s", text, name ? name : "?");
        if (area->n_mappings > 1)
                (void) fprintf(screen->out, " +%zu more", area->n_mappings - 1);
        (void) fputc('\n', screen->out);
}

void view_heat_areas(const Screen *screen, const HeatLayout *layout) {
        char size[FORMAT_MAX];

        for (size_t i = 0; i < layout->n_areas; i++)
                print_area(screen, layout, i);
        if (layout->hidden_areas > 0)
                (void) fprintf(screen->out,
                               "not shown, no room: %zu small areas, %s (more with --width)\n",
                               layout->hidden_areas, format_size(size, layout->hidden_bytes));
}

int view_heat_strip(const Screen *screen, const Frame *frame, bool explain) {
        _cleanup_(heat_layout_freep) HeatLayout *layout = NULL;
        _cleanup_(heat_row_deinit) HeatRow row = {};
        int r;

        r = heat_layout_new(&layout);
        if (r == 0)
                r = heat_layout_add(layout, frame);
        if (r == 0)
                r = heat_layout_finish(layout, screen->width);
        if (r == 0)
                r = heat_row_init(&row, layout->columns);
        if (r < 0)
                return r;

        heat_row_add(&row, layout, frame, 0);
        view_heat_axis(screen, layout, 0);
        view_heat_row(screen, layout, &row, "", 0);
        if (explain) {
                screen_heat_legend(screen, NULL);
                view_heat_areas(screen, layout);
        }
        return 0;
}
