/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Facts about a NUMA node. */
#include "kernel/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/macro.h"
#include "kernel/scan.h"

#define FILE_MAX ((size_t) 65536)

/* "   1000 kB" */
static bool scan_kilobytes(const char **p, uint64_t *ret) {
        uint64_t value;

        scan_blanks(p);
        return scan_decimal(p, &value) && scan_word(p, " kB") && !__builtin_mul_overflow(value, UINT64_C(1024), ret);
}

static int parse_line(const char *p, uint32_t wanted, NodeMemory *memory, unsigned *seen) {
        uint64_t node;

        if (!scan_word(&p, "Node ") || !scan_decimal(&p, &node) || node != wanted || !scan_char(&p, ' '))
                return -EBADMSG;

        if (scan_word(&p, "MemTotal:")) {
                *seen |= 1;
                return scan_kilobytes(&p, &memory->total) ? 0 : -EBADMSG;
        }
        if (scan_word(&p, "MemFree:")) {
                *seen |= 2;
                return scan_kilobytes(&p, &memory->free) ? 0 : -EBADMSG;
        }
        return 0;
}

int node_memory_parse(const char *text, uint32_t node, NodeMemory *ret) {
        NodeMemory memory = {};
        unsigned seen = 0;
        int r;

        for (const char *line = text; line; line = scan_next_line(line)) {
                r = parse_line(line, node, &memory, &seen);
                if (r < 0)
                        return r;
        }
        if (seen != 3 || memory.free > memory.total)
                return -EBADMSG;

        *ret = memory;
        return 0;
}

int node_memory_read(const RootFds *roots, uint32_t node, NodeMemory *ret) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        char path[64];
        int r;

        (void) snprintf(path, sizeof(path), "devices/system/node/node%" PRIu32 "/meminfo", node);
        r = read_whole_at(roots->sys, path, FILE_MAX, &buffer);
        return r < 0 ? r : node_memory_parse(buffer.data, node, ret);
}
