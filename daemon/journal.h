/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal's native protocol over a socket that never blocks. sd_journal_send() waits, without a limit, for a
 * journal that is stuck; that would stop the event loop, and with it monitoring. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

enum {
        JOURNAL_E_FULL = 1, /* it takes nothing now: the message is lost */
        JOURNAL_E_GONE = 2, /* nobody is there */
};

typedef struct JournalField {
        const char *name; /* upper case */
        const char *value;
} JournalField;

typedef struct Journal {
        int fd; /* -1: not open */
        const char *path; /* borrowed */
} Journal;

#define JOURNAL_NONE ((Journal) { .fd = -1 })

/* Whether standard error is the stream that $JOURNAL_STREAM names, so that the service manager has connected it to the
 * journal. */
bool journal_is_stderr(void);

/* Cannot block and does not need anybody on the other side. 0 or -errno. */
int journal_open(Journal *journal, const char *path);
void journal_close(Journal *journal);

/* One entry. Values may have any bytes but NUL. It is addressed anew each time, so that a journal that comes back
 * is found again. 0, JOURNAL_E_… or -errno (also -EMSGSIZE). */
int journal_send(const Journal *journal, const JournalField *fields, size_t n);
