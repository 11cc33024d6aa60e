/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The error convention of the whole tree, and error texts for people.
 *
 * Functions return int. Negative: a fatal error number (-errno), forwarded untouched. Zero: done.
 * Positive: an expected outcome from the enum that the function's header documents (X_E_...), which
 * the caller must handle. `ret_` parameters are untouched unless the function returns 0.
 *
 * Where a person must learn the reason, the function takes `char **ret_error` (may be NULL) as its
 * last parameter: on failure it receives an allocated text, owned by the caller. */
#pragma once

#include <errno.h>
#include <stdarg.h>

#include "base/macro.h"

/* Stores the formatted text in *ret_error (when it is not NULL) and returns r. */
int error_setf(char **ret_error, int r, const char *format, ...) _printf_(3, 4);

/* vasprintf() without its undefined result: the allocated text, or NULL when memory ran out. */
char *text_vformat(const char *format, va_list ap) _printf_(1, 0);

/* The text of a negative error number; thread-safe, valid for ever. */
const char *error_text(int r);
