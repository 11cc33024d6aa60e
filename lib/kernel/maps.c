/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parser of /proc/PID/maps. */
#include "kernel/maps.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macro.h"
#include "kernel/lines.h"
#include "kernel/scan.h"

typedef struct MapsParser {
        AddressMap *map;
        const HugetlbDevices *devices;
} MapsParser;

static bool starts_with(const char *s, const char *prefix) {
        return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* One of the four letters of "rwxp" or its absence. */
static bool scan_permission(const char **p, char letter, bool *ret) {
        *ret = **p == letter;
        if (!*ret && **p != '-')
                return false;
        (*p)++;
        return true;
}

static bool scan_permissions(const char **p, MapsEntry *entry) {
        bool r, w, x;

        if (!scan_permission(p, 'r', &r) || !scan_permission(p, 'w', &w) ||
            !scan_permission(p, 'x', &x))
                return false;
        if (**p != 'p' && **p != 's')
                return false;

        entry->accessible = r || w || x;
        entry->shared = **p == 's';
        (*p)++;
        return true;
}

int maps_entry_parse(const char *line, MapsEntry *ret) {
        MapsEntry entry = {};
        const char *p = line;
        uint64_t offset;
        bool ok;

        /* 7f00c0000000-7f00c0021000 rw-p 00000000 fe:00 247134      /usr/bin/cat */
        ok = scan_hex(&p, &entry.start) && scan_char(&p, '-') && scan_hex(&p, &entry.end) &&
             scan_char(&p, ' ') && scan_permissions(&p, &entry) && scan_char(&p, ' ') &&
             scan_hex(&p, &offset) && scan_char(&p, ' ') && scan_hex(&p, &entry.major) &&
             scan_char(&p, ':') && scan_hex(&p, &entry.minor) && scan_char(&p, ' ') &&
             scan_decimal(&p, &entry.inode) && (*p == ' ' || *p == '\0');
        if (!ok || entry.start >= entry.end)
                return -EBADMSG;

        scan_blanks(&p);
        entry.name = p;
        *ret = entry;
        return 0;
}

static bool is_special(const char *name) {
        return name[0] == '[' && (starts_with(name, "[vvar") || streq(name, "[vsyscall]"));
}

static bool is_hugetlb(const MapsEntry *entry, const HugetlbDevices *devices) {
        if (starts_with(entry->name, "/anon_hugepage"))
                return true;
        if (entry->name[0] != '/' || !devices)
                return false;

        for (size_t i = 0; i < devices->n; i++)
                if (devices->devices[i].major == entry->major &&
                    devices->devices[i].minor == entry->minor)
                        return true;
        return false;
}

static uint32_t entry_flags(const MapsEntry *entry, const HugetlbDevices *devices) {
        /* Shared anonymous memory and hugetlb without a file carry the name of a file that is
         * none. */
        bool anon = entry->name[0] != '/' || starts_with(entry->name, "/dev/zero (deleted)") ||
                    starts_with(entry->name, "/anon_hugepage");

        return (anon ? (uint32_t) MAPPING_ANON : 0) |
               (entry->shared ? (uint32_t) MAPPING_SHARED : 0) |
               (is_hugetlb(entry, devices) ? (uint32_t) MAPPING_HUGETLB : 0);
}

static int on_maps_line(char *line, size_t size, void *userdata) {
        MapsParser *parser = userdata;
        AddressMap *map = parser->map;
        MapsEntry entry;
        int r;

        r = maps_entry_parse(line, &entry);
        if (r < 0)
                return r;
        if (!entry.accessible || is_special(entry.name))
                return 0;

        /* The file is read in pieces while the process maps and unmaps: what was reported already
         * is not reported again. */
        if (map->n_mappings > 0)
                entry.start = MAX(entry.start, map->mappings[map->n_mappings - 1].end);
        if (entry.start >= entry.end)
                return 0;

        return address_map_add(map, entry.start, entry.end, entry.name,
                               entry_flags(&entry, parser->devices));
}

int maps_parse(const char *text, size_t size, const HugetlbDevices *devices, AddressMap **ret) {
        _cleanup_(address_map_unrefp) AddressMap *map = address_map_new();
        int r;

        if (!map)
                return -ENOMEM;

        r = lines_text(text, size, on_maps_line, &(MapsParser) { map, devices });
        if (r < 0)
                return r;

        *ret = TAKE_PTR(map);
        return 0;
}

int maps_read(int fd, const HugetlbDevices *devices, AddressMap **ret, uint64_t *calls) {
        _cleanup_(address_map_unrefp) AddressMap *map = address_map_new();
        int r;

        if (!map)
                return -ENOMEM;

        r = lines_read(fd, on_maps_line, &(MapsParser) { map, devices }, calls);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(map);
        return 0;
}

static int on_mount_line(char *line, size_t size, void *userdata) {
        HugetlbDevices *devices = userdata;
        const char *p = line, *type = strstr(line, " - ");
        uint64_t id, parent, major, minor;

        /* 23 28 0:21 / /dev/hugepages rw,relatime shared:7 - hugetlbfs hugetlbfs rw,pagesize=2M */
        if (!scan_decimal(&p, &id) || !scan_char(&p, ' ') || !scan_decimal(&p, &parent) ||
            !scan_char(&p, ' ') || !scan_decimal(&p, &major) || !scan_char(&p, ':') ||
            !scan_decimal(&p, &minor) || *p != ' ' || !type)
                return -EBADMSG;
        if (!starts_with(type, " - hugetlbfs ") || devices->n == HUGETLB_DEVICES_MAX)
                return 0;

        devices->devices[devices->n].major = major;
        devices->devices[devices->n].minor = minor;
        devices->n++;
        return 0;
}

int hugetlb_devices_parse(const char *text, size_t size, HugetlbDevices *ret) {
        HugetlbDevices devices = {};
        int r;

        r = lines_text(text, size, on_mount_line, &devices);
        if (r < 0)
                return r;

        *ret = devices;
        return 0;
}

void hugetlb_devices_read(const RootFds *roots, HugetlbDevices *ret) {
        _cleanup_close_ int fd = openat(roots->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
        uint64_t calls = 0;

        *ret = (HugetlbDevices) {};
        if (fd >= 0 && lines_read(fd, on_mount_line, ret, &calls) < 0)
                *ret = (HugetlbDevices) {};
}
