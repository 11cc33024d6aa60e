/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pressure stall information. */
#include "kernel/pressure.h"

#include <errno.h>

#include "base/macro.h"
#include "kernel/cgroup.h"
#include "kernel/scan.h"

#define FILE_MAX ((size_t) 4096)

/* "12.34": the kernel writes two digits after the point. */
static bool scan_average(const char **p, const char *key, double *ret) {
        uint64_t whole, hundredths;

        if (!scan_word(p, key) || !scan_decimal(p, &whole) || !scan_char(p, '.') || !scan_decimal(p, &hundredths) ||
            hundredths > 99)
                return false;

        *ret = (double) whole + (double) hundredths / 100;
        return true;
}

static bool scan_pressure(const char *p, const char *key, PressureLine *ret) {
        return scan_word(&p, key) && scan_average(&p, " avg10=", &ret->avg10) &&
               scan_average(&p, " avg60=", &ret->avg60) && scan_average(&p, " avg300=", &ret->avg300) &&
               scan_word(&p, " total=") && scan_decimal(&p, &ret->total) && (*p == '\n' || *p == '\0');
}

int pressure_parse(const char *text, Pressure *ret) {
        Pressure pressure = {};
        const char *full;

        if (!scan_pressure(text, "some", &pressure.some))
                return -EBADMSG;

        full = scan_next_line(text);
        if (full && !scan_pressure(full, "full", &pressure.full))
                return -EBADMSG;
        pressure.has_full = full;

        *ret = pressure;
        return 0;
}

static int read_text(const RootFds *roots, PressureResource resource, const char *cgroup, Buffer *buffer) {
        static const char *const system[] = {
                [PRESSURE_MEMORY] = "pressure/memory",
                [PRESSURE_IO] = "pressure/io",
        };
        static const char *const own[] = {
                [PRESSURE_MEMORY] = "memory.pressure",
                [PRESSURE_IO] = "io.pressure",
        };
        _cleanup_close_ int fd = -1;

        if (!cgroup)
                return read_whole_at(roots->proc, system[resource], FILE_MAX, buffer);

        fd = cgroup_open(roots, cgroup);
        return fd < 0 ? fd : read_whole_at(fd, own[resource], FILE_MAX, buffer);
}

int pressure_read(const RootFds *roots, PressureResource resource, const char *cgroup, Pressure *ret) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        int r;

        r = read_text(roots, resource, cgroup, &buffer);
        return r < 0 ? r : pressure_parse(buffer.data, ret);
}
