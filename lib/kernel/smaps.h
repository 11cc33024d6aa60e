/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/smaps: how much of each mapping is resident and referenced. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SmapsEntry {
        uint64_t start;
        uint64_t end;
        uint64_t rss;        /* bytes */
        uint64_t referenced; /* bytes */
        bool accessible;     /* not PROT_NONE */
        bool hugetlb;        /* its accessed bits are not counted by the kernel */
        bool io;             /* device memory: likewise */
} SmapsEntry;

/* Gets one mapping after the other, in address order. Negative stops. */
typedef int (*SmapsFn)(const SmapsEntry *entry, void *userdata);

/* A whole text. 0, what fn returned, -EBADMSG or -ENOMEM. */
int smaps_parse(const char *text, size_t size, SmapsFn fn, void *userdata);

/* The same from an open file, in bounded memory; adds its system calls to *calls. */
int smaps_read(int fd, SmapsFn fn, void *userdata, uint64_t *calls);
