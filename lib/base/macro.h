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

/* Names of their own for every use, so that one may stand inside another. */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define PICK_(a, op, b, n)                                                                         \
        ({                                                                                         \
                __typeof__(a) JOIN(_a, n) = (a);                                                   \
                __typeof__(b) JOIN(_b, n) = (b);                                                   \
                JOIN(_a, n) op JOIN(_b, n) ? JOIN(_a, n) : JOIN(_b, n);                            \
        })
#define MIN(a, b) PICK_(a, <, b, __COUNTER__)
#define MAX(a, b) PICK_(a, >, b, __COUNTER__)
#define CLAMP(x, low, high)                                                                        \
        ({                                                                                         \
                __typeof__(x) _low = (low), _high = (high), _x = (x);                              \
                _x < _low ? _low : _x > _high ? _high : _x;                                        \
        })

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
