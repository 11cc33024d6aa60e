/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where messages go, and how many. */
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "journal.h"

#define TEXT_MAX 2048
_Static_assert(TEXT_MAX + 64 <= PIPE_BUF, "a line must be written at once or not at all");

static int max_level = LOG_INFO;
static Journal journal = { .fd = -1 };
static bool in_journal; /* standard error is read by the journal: it takes priorities from a prefix */
static uint64_t lost, lost_untold;

void log_set_level(int level) {
        max_level = level;
}

void log_open(void) {
        const char *path = getenv("UDAMON_JOURNAL_SOCKET");

        in_journal = journal_is_stderr();
        if (in_journal)
                (void) journal_open(&journal, path && *path ? path : JOURNAL_SOCKET);
}

void log_close(void) {
        journal_close(&journal);
        in_journal = false;
        lost_untold = lost = 0;
}

uint64_t log_lost(void) {
        return lost;
}

/* A line of at most PIPE_BUF bytes is written whole or not at all where poll() says that something fits; a socket has a
 * flag for it. */
static bool write_line(int priority, const char *text) {
        struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
        char line[TEXT_MAX + 64];
        ssize_t n;
        int size;

        if (in_journal)
                size = snprintf(line, sizeof(line), "<%d>%s\n", priority, text);
        else
                size = snprintf(line, sizeof(line), "udamond: %s\n", text);
        if (size < 0 || poll(&ready, 1, 0) < 1 || !(ready.revents & POLLOUT))
                return false;

        n = send(STDERR_FILENO, line, (size_t) size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK)
                n = write(STDERR_FILENO, line, (size_t) size);
        return n == size;
}

static size_t add(JournalField *fields, size_t n, const char *name, const char *value) {
        if (!value)
                return n;
        fields[n] = (JournalField) { name, value };
        return n + 1;
}

static int send_entry(const LogAbout *about, int priority, const char *text) {
        JournalField fields[9 + LOG_FIELDS_MAX];
        char number[8], pid[16];
        size_t n = 0;

        (void) snprintf(number, sizeof(number), "%d", priority);
        (void) snprintf(pid, sizeof(pid), "%d", (int) about->target_pid);
        n = add(fields, n, "MESSAGE", text);
        n = add(fields, n, "PRIORITY", number);
        n = add(fields, n, "SYSLOG_IDENTIFIER", "udamond");
        n = add(fields, n, "MESSAGE_ID", about->message_id);
        n = add(fields, n, "UDAMON_MONITOR", about->monitor);
        n = add(fields, n, "UDAMON_SCHEME", about->scheme);
        n = add(fields, n, "UDAMON_TARGET_PID", about->target_pid > 0 ? pid : NULL);
        for (size_t i = 0; i < MIN(about->n_fields, (size_t) LOG_FIELDS_MAX); i++)
                n = add(fields, n, about->fields[i].name, about->fields[i].value);
        return journal_send(&journal, fields, n);
}

/* Standard error ends at the same journal: where that is full, it would be no help. */
static bool deliver(const LogAbout *about, int priority, const char *text) {
        int r = journal.fd >= 0 ? send_entry(about, priority, text) : JOURNAL_E_GONE;

        if (r == 0)
                return true;
        return r != JOURNAL_E_FULL && write_line(priority, text);
}

static void tell_lost(void) {
        char text[96], number[24];
        const LogField field = { "UDAMON_LOST", number };

        if (lost_untold == 0)
                return;
        (void) snprintf(number, sizeof(number), "%" PRIu64, lost_untold);
        (void) snprintf(text, sizeof(text), "%s messages before this one were lost: nobody took them", number);
        if (deliver(&(const LogAbout) { .message_id = LOG_LOST_ID, .fields = &field, .n_fields = 1 }, LOG_WARNING,
                    text))
                lost_untold = 0;
}

void log_about(const LogAbout *about, int priority, const char *format, ...) {
        char text[TEXT_MAX];
        va_list ap;
        int size;

        if (priority > max_level)
                return;

        va_start(ap, format);
        size = vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (size < 0)
                return;

        tell_lost();
        if (!deliver(about, priority, text)) {
                lost++;
                lost_untold++;
        }
}
