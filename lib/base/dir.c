/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Directories to be listed. */
#include "base/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int dir_take(int fd, DIR **ret) {
        DIR *dir = fdopendir(fd);
        int r;

        if (!dir) {
                r = -errno;
                (void) close(fd);
                return r;
        }
        *ret = dir;
        return 0;
}

int dir_open_at(int at, const char *path, int flags, DIR **ret) {
        int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);

        return fd < 0 ? -errno : dir_take(fd, ret);
}
