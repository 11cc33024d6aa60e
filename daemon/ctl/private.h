/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A private daemon: a child that serves our connections and ends with them. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Where the udamond is that goes with us: $UDAMOND, beside us, in $PATH or the system's places. 0 or an
 * ExitStatus (told). */
int private_daemon_find(char *path, size_t size);

/* Starts `udamond --connection-fd=3 --connection-fd=4`, with this --cpu-limit (NULL: its default); ret_fds are our ends
 * of the two connections, of which the first decides how long it lives. 0, or an ExitStatus (told), or -errno. */
int private_daemon_start(const char *cpu_limit, int ret_fds[static 2], pid_t *ret_pid);

/* Waits for the end of a private daemon whose connection was closed; one that does not end within
 * seconds is killed. */
void private_daemon_reap(pid_t pid);
