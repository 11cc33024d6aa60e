/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log sink of the daemon: standard error, with the priority in front where the journal reads it. */
#pragma once

#include <syslog.h>

#include "base/macro.h"

/* Messages less urgent than this (LOG_ERR … LOG_DEBUG) are dropped. Default LOG_INFO. */
void log_set_level(int level);

void log_message(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_message(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_message(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)
