/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A private daemon: a child that serves one connection and ends with it. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Where the udamond is that goes with us: $UDAMOND, beside us, in $PATH or the system's places. 0 or an
 * ExitStatus (told). */
int private_daemon_find(char *path, size_t size);

/* Starts `udamond --connection-fd=3`; *ret_fd is our end of the connection. 0, or an ExitStatus
 * (told), or -errno. */
int private_daemon_start(int *ret_fd, pid_t *ret_pid);

/* Waits for the end of a private daemon whose connection was closed; one that does not end within
 * seconds is killed. */
void private_daemon_reap(pid_t pid);
