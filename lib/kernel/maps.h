/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /proc/PID/maps: text to AddressMap. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "monitor/map.h"

#define HUGETLB_DEVICES_MAX 16

/* Device numbers of the mounted hugetlbfs file systems: the only way to tell from a line of maps
 * that a file's pages are huge. More than fit are left out; such mappings merely lack their
 * flag. */
typedef struct HugetlbDevices {
        size_t n;
        struct {
                uint64_t major;
                uint64_t minor;
        } devices[HUGETLB_DEVICES_MAX];
} HugetlbDevices;

/* Text of a mountinfo file. -EBADMSG when it is not one. */
int hugetlb_devices_parse(const char *text, size_t size, HugetlbDevices *ret);

/* Those of this process's mount namespace; none when that cannot be read. */
void hugetlb_devices_read(const RootFds *roots, HugetlbDevices *ret);

/* One line of maps, or the first line of an entry of smaps. */
typedef struct MapsEntry {
        uint64_t start;
        uint64_t end;
        uint64_t major;
        uint64_t minor;
        uint64_t inode;
        const char *name; /* into the line; "" where there is none */
        bool accessible;  /* some of r, w, x is allowed */
        bool shared;
} MapsEntry;

/* -EBADMSG when the line has another form. */
int maps_entry_parse(const char *line, MapsEntry *ret);

/* Whole texts. Areas that no access can be seen in are left out: PROT_NONE, [vvar], [vsyscall].
 * devices may be NULL. -EBADMSG, -ENOMEM. */
int maps_parse(const char *text, size_t size, const HugetlbDevices *devices, AddressMap **ret);

/* The same from an open file, in bounded memory; adds its system calls to *calls. */
int maps_read(int fd, const HugetlbDevices *devices, AddressMap **ret, uint64_t *calls);
