/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of the daemon: the journal with fields where that is there, else lines on standard error. It never waits:
 * what is not taken at once is counted, and lost. For the thread of the event loop alone. */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <syslog.h>

#include "base/macro.h"

/* One more field of the journal. */
typedef struct LogField {
        const char *name; /* upper case, with UDAMON_ in front */
        const char *value;
} LogField;

#define LOG_FIELDS_MAX 16

/* What a message is about, for the journal; NULL and 0: nothing. */
typedef struct LogAbout {
        const char *message_id; /* 32 hexadecimal digits */
        const char *monitor;
        const char *scheme;
        pid_t target_pid;
        const LogField *fields; /* n_fields, at most LOG_FIELDS_MAX */
        size_t n_fields;
} LogAbout;

/* Messages less urgent than this (LOG_ERR … LOG_DEBUG) are dropped. Default LOG_INFO. */
void log_set_level(int level);

/* Finds out where messages go: to the journal when standard error is connected to it. $UDAMON_JOURNAL_SOCKET stands for
 * the journal's own socket in tests. Until then, and where it is not, to standard error. */
void log_open(void);
void log_close(void);

/* MESSAGE_ID of the message that tells how many were lost. */
#define LOG_LOST_ID "9c7973596b0a475984633b3a31397341"

/* Messages that were lost since the start, because nobody took them. */
uint64_t log_lost(void);

void log_about(const LogAbout *about, int priority, const char *format, ...) _printf_(3, 4);

#define log_message(priority, ...) log_about(&(const LogAbout) {}, priority, __VA_ARGS__)
#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)

/* About a monitor, named in the text, too. */
#define log_monitor(name, priority, ...) log_about(&(const LogAbout) { .monitor = (name) }, priority, __VA_ARGS__)
