/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What udamonctl says on standard error. */
#include "message.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

char *text_sanitize(char *text) {
        for (char *p = text; *p; p++) {
                unsigned char c = (unsigned char) p[0], next = (unsigned char) p[1];

                if (c < 0x20 || c == 0x7f) {
                        *p = '?';
                } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
                        p[0] = '?';
                        p[1] = '?';
                }
        }
        return text;
}

_printf_(1, 0) static void tell_args(const char *format, va_list args) {
        _cleanup_free_ char *text = text_vformat(format, args);

        if (!text) {
                (void) fputs("udamonctl: out of memory\n", stderr);
                return;
        }
        (void) fprintf(stderr, "udamonctl: %s\n", text_sanitize(text));
}

void tell(const char *format, ...) {
        va_list args;

        va_start(args, format);
        tell_args(format, args);
        va_end(args);
}

int fail(int status, const char *format, ...) {
        va_list args;

        va_start(args, format);
        tell_args(format, args);
        va_end(args);
        return status;
}
