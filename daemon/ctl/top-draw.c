/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top`: the picture. All of it fits 80 columns and 24 rows; a larger terminal shows more rows. */
#include <curses.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "heat.h"
#include "idle.h"
#include "message.h"
#include "top.h"
#include "view.h"

enum {
        PAIR_HEAT = 1, /* and nine more */
        PAIR_GOOD = 11,
        PAIR_WARN,
};

static bool coloured;

static void init_heat_pairs(void) {
        static const short few[] = { COLOR_BLACK, COLOR_BLUE, COLOR_BLUE, COLOR_BLUE, COLOR_MAGENTA, COLOR_MAGENTA,
                                     COLOR_RED, COLOR_RED, COLOR_YELLOW, COLOR_YELLOW };

        for (unsigned level = 0; level <= 9; level++) {
                short text = COLORS >= 256 ? (level >= 7 ? 16 : 255) : level >= 8 ? COLOR_BLACK : COLOR_WHITE;

                (void) init_pair((short) (PAIR_HEAT + level), text,
                                 COLORS >= 256 ? (short) screen_heat_color(level) : few[level]);
        }
}

void top_draw_init(const Arguments *args) {
        coloured = screen_for(stdout, args).color && has_colors();
        if (!coloured)
                return;
        (void) start_color();
        (void) use_default_colors();
        init_heat_pairs();
        (void) init_pair(PAIR_GOOD, COLOR_GREEN, -1);
        (void) init_pair(PAIR_WARN, COLOR_YELLOW, -1);
}

const char *top_sort_name(TopSort sort) {
        static const char *const names[] = {
                [TOP_SORT_START] = "start",
                [TOP_SORT_NAME] = "name",
                [TOP_SORT_WORKING_SET] = "working set",
                [TOP_SORT_RESIDENT] = "resident memory",
        };

        return names[sort];
}

/* A line, cut at the right edge. */
_printf_(3, 4) static void line(int row, attr_t attributes, const char *format, ...) {
        char text[1024];
        va_list args;

        if (row < 0 || row >= LINES)
                return;
        va_start(args, format);
        (void) vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        (void) attrset(attributes);
        /* the last column of the last row would scroll */
        (void) mvaddnstr(row, 0, text_sanitize(text), row == LINES - 1 ? COLS - 1 : COLS);
        if (attributes & A_REVERSE)
                for (int column = getcurx(stdscr); column > 0 && column < COLS - 1; column++)
                        (void) addch(' ');
        (void) attrset(A_NORMAL);
}

static attr_t colour(int pair) {
        return coloured ? (attr_t) COLOR_PAIR(pair) : A_NORMAL;
}

static const char *size_or_unknown(char buf[static FORMAT_MAX], json_t *value) {
        json_int_t bytes = json_integer_value(value);

        return json_is_integer(value) && bytes >= 0 ? format_size(buf, (uint64_t) bytes) : "?";
}

/* ---- The daemon ---- */

static void draw_daemon(const Top *top) {
        json_t *context = json_object_get(top->status, "context"), *runtime = json_object_get(top->status, "runtime");
        json_t *pressure = json_object_get(runtime, "pressure");
        uint64_t uptime = json_number(runtime, "uptime_ns"), cpu = json_number(runtime, "cpu_ns");
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], now[TIME_MAX];

        line(0, A_BOLD, "udamond %s, up %s, CPU %s of one, %s resident, %" PRIu64 " client%s%s",
             json_text(context, "version") ?: "?", format_duration(a, uptime),
             format_share(b, uptime > 0 ? (double) cpu / (double) uptime : 0),
             format_size(c, json_number(runtime, "resident_bytes")), json_number(runtime, "clients"),
             PLURAL(json_number(runtime, "clients")), top->paused ? "  PAUSED" : "");
        line(1, A_NORMAL, "%s  stalled for memory since boot: some %s, all %s",
             format_time(now, clock_nsec(CLOCK_REALTIME)),
             json_is_object(pressure) ? format_duration(a, json_number(pressure, "some_ns")) : "?",
             json_is_object(pressure) ? format_duration(b, json_number(pressure, "full_ns")) : "?");
}

/* ---- Monitors ---- */

static void draw_monitor(const Top *top, int row, size_t i) {
        json_t *monitor = top->rows[i], *runtime = json_object_get(monitor, "runtime");
        json_t *set = json_object_get(runtime, "working_set");
        _cleanup_free_ char *name = display_name(json_text(monitor, "name") ?: "?", 14);
        uint64_t resident = monitor_resident(monitor);
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX];
        attr_t attributes = i == top->row ? (top->pane == TOP_MONITORS ? A_REVERSE : A_BOLD) : A_NORMAL;

        line(row, attributes, "%c%-14s %-8s %4zu %8s %8s +- %-8s %7" PRIu64 " %8s", i == top->row ? '>' : ' ',
             name ?: "?", json_text(runtime, "state") ?: "?", json_array_size(json_object_get(runtime, "targets")),
             resident == FRAME_UNKNOWN ? "?" : format_size(a, resident),
             size_or_unknown(b, json_object_get(set, "bytes")), size_or_unknown(c, json_object_get(set, "error")),
             json_number(runtime, "regions"), format_duration(d, json_number(runtime, "sample_ns")));
}

/* The first row to show, so that the chosen one is among them. */
static size_t first_of(size_t chosen, size_t rows) {
        return chosen >= rows ? chosen - rows + 1 : 0;
}

static int draw_monitors(const Top *top, int row, size_t rows) {
        size_t first = first_of(top->row, rows);

        line(row++, A_UNDERLINE, " %-14s %-8s %4s %8s %8s %-11s %7s %8s", "MONITOR", "STATE", "TGTS", "RESIDENT",
             "WSS", "+- ERROR", "REGIONS", "SAMPLE");
        for (size_t i = first; i < MIN(first + rows, top->n_rows); i++)
                draw_monitor(top, row++, i);
        if (top->n_rows == 0)
                line(row++, A_NORMAL, " no monitors: start one with 'udamonctl start --pid PID'");
        else if (top->n_rows > rows)
                line(row++, A_DIM, " %zu of %zu monitors", rows, top->n_rows);
        return row;
}

/* ---- Regions ---- */

static void draw_cell(double cell) {
        unsigned level = heat_level(cell);

        if (cell < 0) {
                (void) addch(cell == HEAT_BLIND ? '?' : ' ');
                return;
        }
        (void) attrset(colour((int) (PAIR_HEAT + level)));
        (void) addch((chtype) '0' + level);
        (void) attrset(A_NORMAL);
}

/* Mapped memory from left to right, its mappings marked by letters; digits are ninths of the access rate. */
static void draw_strip(const Top *top, int row) {
        _cleanup_(heat_layout_freep) HeatLayout *layout = NULL;
        _cleanup_(heat_row_deinit) HeatRow heat = {};

        if (heat_layout_new(&layout) < 0 || heat_layout_add(layout, top->frame) < 0 ||
            heat_layout_finish(layout, (size_t) COLS) < 0 || heat_row_init(&heat, layout->columns) < 0)
                return;
        heat_row_add(&heat, layout, top->frame, 0);
        for (size_t i = 0; i < layout->n_areas; i++) {
                const HeatArea *area = &layout->areas[i];

                if (i > 0)
                        (void) mvaddch(row + 1, (int) area->column - 1, '|');
                (void) mvaddch(row, (int) area->column, (chtype) heat_area_letter(i));
                for (size_t k = 1; k < area->columns; k++)
                        (void) addch('.');
                (void) move(row + 1, (int) area->column);
                for (size_t k = 0; k < area->columns; k++)
                        draw_cell(heat_row_cell(&heat, area->column + k));
        }
}

static void draw_idle(const Top *top, int row) {
        _cleanup_(idle_times_deinit) IdleTimes idle = {};
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX];

        if (idle_times_init(&idle, top->frame) < 0)
                return;
        line(row, A_NORMAL, "idle for at least 10s: %s, 1min: %s, 10min: %s; unchecked %s",
             format_size(a, idle_times_at_least(&idle, 10 * NSEC_PER_SEC)),
             format_size(b, idle_times_at_least(&idle, NSEC_PER_MINUTE)),
             format_size(c, idle_times_at_least(&idle, 10 * NSEC_PER_MINUTE)), format_size(d, idle.blind_bytes));
}

static int draw_regions(const Top *top, int row) {
        const char *message = json_text(json_object_get(top_monitor(top), "runtime"), "message");
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (!top->frame) {
                if (top_monitor(top))
                        line(row, A_NORMAL, "%s: no snapshot yet%s%s", top->chosen, message ? ": " : "", message ?: "");
                return row + 1;
        }
        line(row++, A_BOLD, "%s: snapshot %" PRIu64 ", window %s, source %s, %s mapped%s", top->chosen,
             top->frame->point.sequence, format_duration(a, top->frame->point.window_ns), top->frame->source,
             format_size(b, top->frame->point.working_set.total),
             top->frame->reads_seen ? "" : "; sees writes only");
        draw_strip(top, row);
        row += 2;
        draw_idle(top, row++);
        return row;
}

/* ---- Schemes ---- */

static void format_quota(char *buf, size_t size, json_t *runtime) {
        json_t *effective = json_object_get(runtime, "effective_bytes");
        char a[FORMAT_MAX], b[FORMAT_MAX];

        if (!json_is_integer(effective))
                (void) snprintf(buf, size, "-");
        else
                (void) snprintf(buf, size, "%s/%s", format_size(a, json_number(runtime, "charged_bytes")),
                                size_or_unknown(b, effective));
}

static void draw_scheme(const Top *top, int row, size_t i) {
        json_t *scheme = json_array_get(top->schemes, i), *context = json_object_get(scheme, "context");
        json_t *runtime = json_object_get(scheme, "runtime"), *score = json_object_get(runtime, "score");
        bool dry_run = json_is_true(json_object_get(context, "dry_run"));
        const char *state = json_text(runtime, "state") ?: "?";
        _cleanup_free_ char *name = display_name(json_text(scheme, "name") ?: "?", 12);
        char tried[FORMAT_MAX], applied[FORMAT_MAX], back[FORMAT_MAX], quota[2 * FORMAT_MAX], points[16] = "-";
        attr_t attributes = top->pane == TOP_SCHEMES && i == top->scheme ? A_REVERSE
                            : streq(state, "active")                     ? colour(PAIR_GOOD)
                                                                         : colour(PAIR_WARN);

        format_quota(quota, sizeof(quota), runtime);
        if (json_is_number(score))
                (void) snprintf(points, sizeof(points), "%.2f", json_number_value(score));
        line(row, attributes, "%c%-12s %-12s %-8s %8s %8s %8s %-11s %4s", i == top->scheme ? '>' : ' ', name ?: "?",
             json_text(context, "action") ?: "?", dry_run && streq(state, "active") ? "dry run" : state,
             format_size(tried, json_number(runtime, dry_run ? "would_bytes" : "tried_bytes")),
             dry_run ? "-" : format_size(applied, json_number(runtime, "applied_bytes")),
             format_size(back, json_number(runtime, "refaulted_bytes")), quota, points);
}

static void draw_schemes(const Top *top, int row) {
        /* the last two rows are for why the chosen one rests, and for keys */
        size_t n = json_array_size(top->schemes), rows = LINES - 3 > row ? (size_t) (LINES - 3 - row) : 0;
        const char *message = json_text(json_object_get(top_scheme(top), "runtime"), "message");
        size_t first = first_of(top->scheme, MAX(rows, (size_t) 1));

        if (!top_monitor(top))
                return;
        if (n == 0) {
                line(row, A_NORMAL, " no schemes: 'udamonctl start --scheme FILE', or the configuration file");
                return;
        }
        line(row++, A_UNDERLINE, " %-12s %-12s %-8s %8s %8s %8s %-11s %4s", "SCHEME", "ACTION", "STATE", "TRIED",
             "APPLIED", "REFAULT", "QUOTA", "GOAL");
        for (size_t i = first; i < MIN(first + rows, n); i++)
                draw_scheme(top, row++, i);
        if (message)
                line(MIN(row, LINES - 2), A_NORMAL, " %s: %s", json_text(top_scheme(top), "name") ?: "?", message);
}

/* ---- The last line, and help ---- */

static void draw_keys(const Top *top) {
        json_t *scheme = top_scheme(top), *context = json_object_get(scheme, "context");

        if (top->asking && json_is_true(json_object_get(context, "dry_run")))
                line(LINES - 1, A_REVERSE, "%s/%s only counts so far. Let it really do %s? y/N", top->chosen,
                     json_text(scheme, "name") ?: "?", json_text(context, "action") ?: "?");
        else if (top->asking)
                line(LINES - 1, A_REVERSE, "%s/%s really does %s. Make it a dry run that only counts? y/N", top->chosen,
                     json_text(scheme, "name") ?: "?", json_text(context, "action") ?: "?");
        else if (*top->note)
                line(LINES - 1, A_REVERSE, "%s", top->note);
        else
                line(LINES - 1, A_REVERSE, "q quit  ? help  up/down choose  Tab %s  s sort  p pause  d dry run",
                     top->pane == TOP_MONITORS ? "schemes" : "monitors");
}

static void draw_help(void) {
        static const char *const text[] = {
                "udamonctl top",
                "",
                "  up, down   choose a monitor, or a scheme",
                "  Tab        from the monitors to the schemes, and back",
                "  s          sort monitors: by start, name, working set, resident memory",
                "  p, space   pause, go on",
                "  d          switch the dry run of the chosen scheme (asks before)",
                "  r          look again now",
                "  q          quit",
                "",
                "WSS      memory touched within one sampling interval, with its standard error",
                "strip    mapped memory from left to right, mappings marked A B C ...; digits are",
                "         ninths of the access rate: 0 none, 1 to 11%, ... 9 to 100%; ? unchecked",
                "TRIED    handed to the kernel (dry run: would have been), APPLIED: what it did",
                "QUOTA    used of what the open window allows",
                "GOAL     score of the goal that decides: 1.00 is met",
                "",
                "any key goes back",
        };

        for (int i = 0; i < (int) ELEMENTSOF(text); i++)
                line(i, i == 0 ? A_BOLD : A_NORMAL, "%s", text[i]);
}

void top_draw(const Top *top) {
        size_t rows = LINES > 24 ? MIN((size_t) (LINES - 18) / 2 + 4, MAX(top->n_rows, (size_t) 1)) : 6;
        int row;

        (void) erase();
        if (top->help) {
                draw_help();
        } else {
                draw_daemon(top);
                row = draw_monitors(top, 2, MAX(MIN(rows, LINES > 18 ? (size_t) LINES - 17 : (size_t) 1), (size_t) 1));
                row = draw_regions(top, row + 1);
                draw_schemes(top, row + 1);
                draw_keys(top);
        }
        (void) refresh();
}
