/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Line by line over a file of any length, in one bounded buffer. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The longest line that is understood. The kernel writes a path of at most 4095 bytes, each of
 * which may become four (\012). */
#define LINE_MAX_SIZE ((size_t) 32768)

/* Gets one line, NUL-terminated, without its line feed; may write into it. Negative stops. */
typedef int (*LineFn)(char *line, size_t size, void *userdata);

/* Reads fd from its current offset to the end. Adds the number of system calls to *calls. Returns
 * 0, what fn returned, -EMSGSIZE for a line that is too long, or -errno. */
int lines_read(int fd, LineFn fn, void *userdata, uint64_t *calls);

/* The same over a text in memory, which is not written to. */
int lines_text(const char *text, size_t size, LineFn fn, void *userdata);
