/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scope-bound release of memory, files and descriptors. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(f) __attribute__((cleanup(f)))

/* Hands a pointer on: the variable forgets it, so its cleanup does nothing. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) taken_ = (p);                                                        \
                (p) = NULL;                                                                        \
                taken_;                                                                            \
        })

static inline void cleanup_free(void *p)
{
        free(*(void **)p);
}

static inline void cleanup_fclose(FILE **f)
{
        if (*f)
                fclose(*f);
}

static inline void cleanup_close(int *fd)
{
        if (*fd >= 0)
                close(*fd);
}
