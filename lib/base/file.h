/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading files, always below an injected root, so that tests hand in recorded trees. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Directories that stand for /proc, /sys and the cgroup hierarchy; -1 where absent. */
typedef struct RootFds {
        int proc;
        int sys;
        int cgroup;
        bool live; /* proc is the running kernel's: what it says of processes can be done to them */
} RootFds;

#define ROOT_FDS_NONE ((RootFds) { .proc = -1, .sys = -1, .cgroup = -1 })

/* Opens prefix/proc, prefix/sys and prefix/sys/fs/cgroup (prefix "" for the real ones). A missing
 * cgroup directory is no error. */
int root_fds_open(RootFds *roots, const char *prefix);
void root_fds_close(RootFds *roots);

/* Reads up to size bytes at offset, restarting after signals and short reads. Returns the number
 * of bytes read (less than size only at the end of the file), or -errno. */
ssize_t pread_full(int fd, void *buf, size_t size, uint64_t offset);

/* The text of a file that the kernel gives out in one piece, as most of the small ones below /proc, with a NUL behind
 * it. What is beyond size - 1 bytes is cut. Returns the number of bytes, or -errno. */
ssize_t read_small_at(int dir_fd, const char *path, char *text, size_t size);

/* A growing byte buffer that is reused from read to read. */
typedef struct Buffer {
        char *data;
        size_t size;      /* bytes in use, without the NUL that always follows them */
        size_t allocated;
} Buffer;

void buffer_deinit(Buffer *buffer);
int buffer_reserve(Buffer *buffer, size_t size);
int buffer_append(Buffer *buffer, const void *data, size_t size);

/* Replaces the buffer's content by the whole rest of the file (from its current offset), at most
 * max bytes: -EFBIG beyond. NUL-terminated. */
int read_whole(int fd, size_t max, Buffer *buffer);

/* The same for path below dir_fd. -ENOENT and the like as they come. */
int read_whole_at(int dir_fd, const char *path, size_t max, Buffer *buffer);
