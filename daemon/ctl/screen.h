/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a view draws: a stream, its width, and whether it may use colour. Everything is readable in
 * plain ASCII; colour only repeats what the characters say. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "options.h"

typedef struct Screen {
        FILE *out;
        size_t width;
        bool color;
} Screen;

/* Width and colour as the arguments and the terminal behind `out` say. */
Screen screen_for(FILE *out, const Arguments *args);

#define BAR_MAX 64

/* A bar of so many columns, filled to `share` (0 to 1). What is more than nothing shows at least
 * one mark, what is less than all leaves at least one column. */
char *format_bar(char buf[static BAR_MAX + 1], double share, size_t columns);

/* Level of an access rate: 0 is none at all, 1 to 9 are ninths, so 9 is more than 8/9. */
unsigned heat_level(double rate);

/* One character of a heat map in its colour. cell < 0: HEAT_NO_DATA or HEAT_BLIND. */
#define HEAT_NO_DATA -1.0
#define HEAT_BLIND -2.0
void screen_heat(const Screen *screen, double cell);
void screen_heat_end(const Screen *screen);

/* Its colour, of 256. */
unsigned screen_heat_color(unsigned level);

/* The line that explains the characters. */
void screen_heat_legend(const Screen *screen, const char *note);

/* A name from elsewhere, made harmless, and cut at the front ("...") to so many columns; in a
 * buffer that the caller frees. NULL when out of memory. */
char *display_name(const char *name, size_t columns);

/* Local wall clock time, "2026-03-01 12:00:05". */
#define TIME_MAX 32
char *format_time(char buf[static TIME_MAX], uint64_t realtime_ns);
