/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Cleanup attributes, ownership hand-over and the few arithmetic macros used everywhere. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _public_ __attribute__((visibility("default")))
#define _unused_ __attribute__((unused))

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define MIN(a, b)                                                                                  \
        ({                                                                                         \
                __typeof__(a) _a = (a);                                                            \
                __typeof__(b) _b = (b);                                                            \
                _a < _b ? _a : _b;                                                                 \
        })
#define MAX(a, b)                                                                                  \
        ({                                                                                         \
                __typeof__(a) _a = (a);                                                            \
                __typeof__(b) _b = (b);                                                            \
                _a > _b ? _a : _b;                                                                 \
        })
#define CLAMP(x, low, high) MAX(low, MIN(x, high))

/* Ownership leaves the variable: what it held is returned, and its cleanup sees nothing. */
#define TAKE_GENERIC(var, nothing)                                                                 \
        ({                                                                                         \
                __typeof__(var) *_p = &(var);                                                      \
                __typeof__(var) _v = *_p;                                                          \
                *_p = (nothing);                                                                   \
                _v;                                                                                \
        })
#define TAKE_PTR(ptr) TAKE_GENERIC(ptr, NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, -1)

/* Defines f##p, the cleanup function of a pointer variable whose destructor is f. */
#define DEFINE_CLEANUP(type, f)                                                                    \
        static inline void f##p(type *p) {                                                         \
                if (*p)                                                                            \
                        f(*p);                                                                     \
        }                                                                                          \
        struct f##_needs_semicolon

static inline void freep(void *p) {
        free(*(void **) p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
