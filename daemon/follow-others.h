/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes that were looked at and are not followed, so that they need not be looked at all the time: soon again while
 * they are new, then in turns, so many of them at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"

typedef struct Other {
        pid_t pid;
        uint32_t looks; /* so far */
        uint64_t pass;  /* that met it last */
        nsec_t born;    /* CLOCK_BOOTTIME; 0: it is of no interest */
} Other;

typedef struct Others {
        Other *others; /* by pid */
        size_t n;
        size_t allocated;
} Others;

#define OTHERS_MAX 65536
#define OTHERS_AT_A_TIME 64
#define OTHERS_NEW 3 /* looks that come one after the other */

void others_deinit(Others *others);

/* Takes note of one that was met in this pass and looked at. Beyond OTHERS_MAX, and without memory, it does not: then
 * it is looked at each time. */
void others_note(Others *others, pid_t pid, uint64_t pass);

/* Likewise, of one that is only too young. */
void others_note_young(Others *others, pid_t pid, uint64_t pass, nsec_t born);

/* Whether one that is met in this pass is to be looked at; true for one that is not known, false for one that was born
 * after `before`. */
bool others_is_due(Others *others, pid_t pid, uint64_t pass, nsec_t before);

void others_forget(Others *others, pid_t pid);

/* Forgets those that this pass did not meet. */
void others_sweep(Others *others, uint64_t pass);
