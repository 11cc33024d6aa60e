/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which regions of a frame are shown, and in what order. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "options.h"

typedef struct Selection {
        const FrameRegion **regions; /* to be shown, in order */
        size_t n;
        size_t n_matching;           /* pass the filters */
        uint64_t matching_bytes;
        uint64_t shown_bytes;
} Selection;

int selection_init(Selection *selection, const Arguments *args, const Frame *frame);
void selection_deinit(Selection *selection);
