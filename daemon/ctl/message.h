/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What udamonctl says on standard error, and the exit statuses that go with it.
 *
 * A function that has told the user why it stopped returns the (positive) exit status; main() only
 * passes it on. A negative error number was not told yet: main() prints it, once. */
#pragma once

#include <stdbool.h>

#include "base/macro.h"

typedef enum ExitStatus {
        CTL_OK = 0,
        CTL_REFUSED = 1,   /* the daemon refused or failed; a file could not be read or written */
        CTL_USAGE = 2,     /* the command line makes no sense */
        CTL_NO_DAEMON = 3, /* no daemon can be reached */
        CTL_DENIED = 4,    /* not permitted */
        CTL_GONE = 5,      /* no such monitor, target or snapshot (any more) */
        CTL_RUN = 125,     /* `run` itself failed; else the status of its command */
        CTL_CANNOT_EXEC = 126,
        CTL_NO_COMMAND = 127,
} ExitStatus;

/* "1 region", "2 regions". */
#define PLURAL(n) ((n) == 1 ? "" : "s")

/* Prints "udamonctl: …" as one line; control characters (names come from elsewhere) are replaced.
 */
void tell(const char *format, ...) _printf_(1, 2);

/* The same; returns status, so that a caller can say and leave in one statement. */
int fail(int status, const char *format, ...) _printf_(2, 3);

/* Replaces control characters (C0, DEL and, in UTF-8, C1) by '?', in place: nothing that a process
 * calls itself may drive the terminal. Returns text. */
char *text_sanitize(char *text);
