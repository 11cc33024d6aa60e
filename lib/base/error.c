/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error texts for people. */
#include "base/error.h"

#include <stdio.h>

char *text_vformat(const char *format, va_list ap) {
        char *text = NULL;

        return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

int error_setf(char **ret_error, int r, const char *format, ...) {
        va_list ap;
        char *text;

        if (!ret_error)
                return r;

        va_start(ap, format);
        text = text_vformat(format, ap);
        va_end(ap);

        free(*ret_error);
        *ret_error = text;
        return r;
}

const char *error_text(int r) {
        const char *text = strerrordesc_np(r < 0 ? -r : r);

        return text ?: "unknown error";
}
