/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading files, always below an injected root. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>

#include "base/macro.h"

/* The least room for one read(): files below /proc announce no size, and most are smaller. */
#define READ_CHUNK ((size_t) 4096)

static int open_directory(const char *prefix, const char *name, int *ret) {
        _cleanup_free_ char *path = NULL;
        int fd;

        if (asprintf(&path, "%s%s", prefix, name) < 0)
                return -ENOMEM;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret = fd;
        return 0;
}

int root_fds_open(RootFds *roots, const char *prefix) {
        _cleanup_close_ int proc = -1, sys = -1, cgroup = -1;
        struct statfs fs;
        int r;

        r = open_directory(prefix, "/proc", &proc);
        if (r < 0)
                return r;

        r = open_directory(prefix, "/sys", &sys);
        if (r < 0)
                return r;

        r = open_directory(prefix, "/sys/fs/cgroup", &cgroup);
        if (r < 0 && r != -ENOENT && r != -ENOTDIR)
                return r;

        *roots = (RootFds) {
                .proc = TAKE_FD(proc),
                .sys = TAKE_FD(sys),
                .cgroup = TAKE_FD(cgroup),
        };
        roots->live = fstatfs(roots->proc, &fs) >= 0 && fs.f_type == PROC_SUPER_MAGIC;
        return 0;
}

void root_fds_close(RootFds *roots) {
        closep(&roots->proc);
        closep(&roots->sys);
        closep(&roots->cgroup);
        *roots = ROOT_FDS_NONE;
}

ssize_t pread_full(int fd, void *buf, size_t size, uint64_t offset) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = pread(fd, (char *) buf + done, size - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t) n;
        }

        return (ssize_t) done;
}

ssize_t read_small_at(int dir_fd, const char *path, char *text, size_t size) {
        _cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return -errno;
        do
                n = pread(fd, text, size - 1, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return n;
}

void buffer_deinit(Buffer *buffer) {
        free(buffer->data);
        *buffer = (Buffer) {};
}

int buffer_reserve(Buffer *buffer, size_t size) {
        size_t allocated;
        char *data;

        if (size >= SIZE_MAX / 2)
                return -ENOMEM;
        if (size < buffer->allocated)
                return 0;

        /* Grows by half at least, so that appending stays linear; one byte more for the NUL. */
        allocated = MAX(size + 1, buffer->allocated + buffer->allocated / 2);
        data = realloc(buffer->data, allocated);
        if (!data)
                return -ENOMEM;

        buffer->data = data;
        buffer->allocated = allocated;
        buffer->data[buffer->size] = '\0';
        return 0;
}

int buffer_append(Buffer *buffer, const void *data, size_t size) {
        int r;

        if (size > SIZE_MAX / 2 - buffer->size)
                return -ENOMEM;

        r = buffer_reserve(buffer, buffer->size + size);
        if (r < 0)
                return r;

        if (size > 0)
                memcpy(buffer->data + buffer->size, data, size);
        buffer->size += size;
        buffer->data[buffer->size] = '\0';
        return 0;
}

/* Reads once to the end of the buffer. Returns the number of bytes, 0 at the end of the file. */
static ssize_t read_more(int fd, Buffer *buffer) {
        ssize_t n;
        int r;

        r = buffer_reserve(buffer, buffer->size + READ_CHUNK);
        if (r < 0)
                return r;

        do
                n = read(fd, buffer->data + buffer->size, buffer->allocated - buffer->size - 1);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        buffer->size += (size_t) n;
        buffer->data[buffer->size] = '\0';
        return n;
}

int read_whole(int fd, size_t max, Buffer *buffer) {
        ssize_t n;

        buffer->size = 0;
        do {
                n = read_more(fd, buffer);
                if (n < 0)
                        return (int) n;
                if (buffer->size > max)
                        return -EFBIG;
        } while (n > 0);

        return 0;
}

int read_whole_at(int dir_fd, const char *path, size_t max, Buffer *buffer) {
        _cleanup_close_ int fd = -1;

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -errno;

        return read_whole(fd, max, buffer);
}
