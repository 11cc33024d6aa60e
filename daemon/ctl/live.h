/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The live picture of `run`: a few lines on standard error, redrawn in place. */
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "screen.h"
#include "frame.h"

typedef struct Live {
        Screen screen;
        size_t lines; /* how many the picture has that stands there */
        nsec_t last;
        nsec_t interval; /* at least so long between two pictures */
        uint64_t top;
} Live;

/* Replaces the picture by one of this frame, if it is time to. 0 or -ENOMEM. */
int live_draw(Live *live, const Frame *frame);

/* Takes the picture away. */
void live_erase(Live *live);
