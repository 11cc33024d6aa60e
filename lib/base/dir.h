/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories to be listed, below an open one. */
#pragma once

#include <dirent.h>

/* Takes the descriptor in any case. 0 or -errno. */
int dir_take(int fd, DIR **ret);

/* flags: what open(2) is given besides reading a directory, such as O_NOFOLLOW. 0 or -errno. */
int dir_open_at(int at, const char *path, int flags, DIR **ret);

static inline void closedirp(DIR **dir) {
        if (*dir)
                (void) closedir(*dir);
}
