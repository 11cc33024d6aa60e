/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A heat map: rows of time over a layout of addresses, before it becomes text or JSON. */
#pragma once

#include "frame.h"
#include "heat.h"
#include "recording.h"

typedef struct PictureRow {
        HeatRow heat;
        uint64_t start_ns; /* CLOCK_REALTIME; for a reconstructed row: the moment it shows, twice */
        uint64_t end_ns;
} PictureRow;

typedef struct Picture {
        HeatLayout *layout;
        PictureRow *rows; /* oldest first */
        size_t n_rows;
        char *monitor;
        bool reconstructed; /* from the ages of one frame, not from frames over time */
        uint64_t frames;
        uint64_t missed;
} Picture;

/* From all snapshots of a recording: at most `rows` rows of equal length, each frame in the row
 * that holds the middle of its window. Two passes, one frame in memory at a time. */
int picture_from_recording(Picture *picture, Recording *recording, size_t rows, size_t columns);

/* From one frame: what its ages tell about the past. Rows at 0, 1, 2, 4, 8 … windows ago. */
int picture_from_frame(Picture *picture, const Frame *frame, size_t rows, size_t columns);

void picture_deinit(Picture *picture);
