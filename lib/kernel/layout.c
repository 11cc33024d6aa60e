/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the machine's memory lies. */
#include "kernel/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/dir.h"
#include "base/macro.h"
#include "kernel/pagemap.h"
#include "kernel/scan.h"
#include "kernel/system.h"

#define FILE_MAX ((size_t) 16 << 20)

const char *layout_origin_name(LayoutOrigin origin) {
        static const char *const names[] = {
                [LAYOUT_IOMEM] = "/proc/iomem",
                [LAYOUT_BLOCKS] = "/sys/devices/system/node",
                [LAYOUT_ZONEINFO] = "/proc/zoneinfo",
        };

        return names[origin];
}

void layout_deinit(Layout *layout) {
        free(layout->ranges);
        *layout = (Layout) {};
}

/* ---- Lists of ranges ---- */

/* Whole pages only, as the kernel does it. */
static int add_range(Layout *layout, uint64_t start, uint64_t end, uint32_t node) {
        uint64_t page = UINT64_C(1) << page_shift();
        LayoutRange *ranges;

        start = start > UINT64_MAX - page ? UINT64_MAX : (start + page - 1) / page * page;
        end = end / page * page;
        if (start >= end)
                return 0;

        if (layout->n == layout->allocated) {
                ranges = reallocarray(layout->ranges, layout->allocated * 2 + 16, sizeof(*ranges));
                if (!ranges)
                        return -ENOMEM;
                layout->ranges = ranges;
                layout->allocated = layout->allocated * 2 + 16;
        }
        layout->ranges[layout->n++] = (LayoutRange) { start, end, node };
        return 0;
}

static int compare_ranges(const void *a, const void *b) {
        uint64_t x = ((const LayoutRange *) a)->start, y = ((const LayoutRange *) b)->start;

        return (x > y) - (x < y);
}

/* Ascending, disjoint, and in one piece what touches on the same node. */
static void tidy(Layout *layout) {
        size_t kept = 0;

        if (layout->n == 0)
                return;
        qsort(layout->ranges, layout->n, sizeof(*layout->ranges), compare_ranges);
        for (size_t i = 1; i < layout->n; i++) {
                LayoutRange *last = &layout->ranges[kept], next = layout->ranges[i];

                layout->ambiguous |= next.start < last->end && next.node != last->node;
                next.start = MAX(next.start, last->end);
                if (next.start >= next.end)
                        continue;
                if (next.start == last->end && next.node == last->node)
                        last->end = next.end;
                else
                        layout->ranges[++kept] = next;
        }
        layout->n = kept + 1;
}

/* ---- /proc/iomem ---- */

/* "00100000-3ffdffff : System RAM", indented below the bus or the device that it belongs to. */
static int parse_iomem_line(const char *p, Layout *layout) {
        uint64_t start, last;

        scan_blanks(&p);
        if (!scan_hex(&p, &start) || !scan_char(&p, '-') || !scan_hex(&p, &last) || !scan_word(&p, " : "))
                return -EBADMSG;
        if (!scan_word(&p, "System RAM") || last == 0)
                return 0;
        if (last < start || last == UINT64_MAX)
                return -EBADMSG;
        return add_range(layout, start, last + 1, 0);
}

int layout_parse_iomem(const char *text, Layout *ret) {
        _cleanup_(layout_deinit) Layout layout = { .origin = LAYOUT_IOMEM };
        int r;

        for (const char *line = *text ? text : NULL; line; line = scan_next_line(line)) {
                r = parse_iomem_line(line, &layout);
                if (r < 0)
                        return r;
        }
        tidy(&layout);
        *ret = TAKE_GENERIC(layout, (Layout) {});
        return 0;
}

/* ---- /proc/zoneinfo ---- */

typedef struct Zone {
        uint32_t node;
        uint64_t spanned; /* pages */
} Zone;

/* The word, blanks, a number. */
static bool scan_named(const char *p, const char *word, uint64_t *ret) {
        scan_blanks(&p);
        if (!scan_word(&p, word))
                return false;
        scan_blanks(&p);
        return scan_decimal(&p, ret);
}

static int parse_zone_line(const char *line, Zone *zone, Layout *layout) {
        uint64_t first, node, size;
        const char *p = line;

        if (scan_word(&p, "Node ")) {
                if (!scan_decimal(&p, &node) || node >= NODES_MAX)
                        return -EBADMSG;
                *zone = (Zone) { .node = (uint32_t) node };
                return 0;
        }
        if (scan_named(line, "spanned", &zone->spanned) || !scan_named(line, "start_pfn:", &first) ||
            zone->spanned == 0)
                return 0;
        if (__builtin_add_overflow(first, zone->spanned, &size) || size > UINT64_MAX >> page_shift())
                return -EBADMSG;
        return add_range(layout, first << page_shift(), size << page_shift(), zone->node);
}

int layout_parse_zoneinfo(const char *text, Layout *ret) {
        _cleanup_(layout_deinit) Layout layout = { .origin = LAYOUT_ZONEINFO };
        Zone zone = {};
        int r;

        for (const char *line = text; line; line = scan_next_line(line)) {
                r = parse_zone_line(line, &zone, &layout);
                if (r < 0)
                        return r;
        }
        tidy(&layout);
        *ret = TAKE_GENERIC(layout, (Layout) {});
        return 0;
}

/* ---- Memory blocks ---- */

static int read_block_size(const RootFds *roots, uint64_t *ret) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        const char *p;
        int r;

        r = read_whole_at(roots->sys, "devices/system/memory/block_size_bytes", 64, &buffer);
        if (r < 0)
                return r;
        p = buffer.data;
        return scan_hex(&p, ret) && *ret > 0 ? 0 : -EBADMSG;
}

/* A block is offline while it is being plugged in, and before it is taken away. */
static bool block_is_online(const RootFds *roots, uint64_t block) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        char path[64];

        (void) snprintf(path, sizeof(path), "devices/system/memory/memory%" PRIu64 "/state", block);
        return read_whole_at(roots->sys, path, 64, &buffer) < 0 || strncmp(buffer.data, "offline", 7) != 0;
}

static int add_blocks_of(const RootFds *roots, uint32_t node, uint64_t block_size, Layout *layout) {
        struct dirent *entry;
        _cleanup_(closedirp) DIR *dir = NULL;
        char path[64];
        int r = 0;

        (void) snprintf(path, sizeof(path), "devices/system/node/node%" PRIu32, node);
        (void) dir_open_at(roots->sys, path, 0, &dir);
        while (dir && r == 0 && (entry = readdir(dir))) {
                const char *p = entry->d_name;
                uint64_t block, end;

                if (!scan_word(&p, "memory") || !scan_decimal(&p, &block) || *p ||
                    __builtin_mul_overflow(block + 1, block_size, &end) || !block_is_online(roots, block))
                        continue;
                r = add_range(layout, end - block_size, end, node);
        }
        return r;
}

/* The blocks that each node lists. 0, also where there are none, or -ENOMEM. */
static int read_blocks(const RootFds *roots, Layout *ret) {
        _cleanup_(layout_deinit) Layout layout = { .origin = LAYOUT_BLOCKS };
        uint64_t block_size;
        NodeSet nodes;
        int r = 0;

        if (read_block_size(roots, &block_size) == 0 && nodes_online_read(roots, &nodes) == 0)
                for (uint32_t node = 0; node < NODES_MAX && r == 0; node++)
                        if (nodes.bits[node / 64] >> (node % 64) & 1)
                                r = add_blocks_of(roots, node, block_size, &layout);
        if (r < 0)
                return r;
        tidy(&layout);
        *ret = TAKE_GENERIC(layout, (Layout) {});
        return 0;
}

/* ---- All together ---- */

typedef int (*ParseFn)(const char *text, Layout *ret);

/* A file that cannot be read, or not be understood, says nothing. 0 or -ENOMEM. */
static int read_file(const RootFds *roots, const char *name, ParseFn parse, Layout *ret) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        int r = read_whole_at(roots->proc, name, FILE_MAX, &buffer);

        if (r >= 0)
                r = parse(buffer.data, ret);
        return r == -ENOMEM ? r : 0;
}

/* Adds the parts of a range by the nodes that `nodes` has for them; what it does not cover is on the node of the piece
 * before. */
static int add_by_node(const LayoutRange *range, const Layout *nodes, Layout *layout) {
        uint32_t node = nodes->n > 0 ? nodes->ranges[0].node : 0;
        uint64_t at = range->start;
        int r = 0;

        for (size_t i = 0; i < nodes->n && at < range->end && r == 0; i++) {
                const LayoutRange *piece = &nodes->ranges[i];

                if (piece->start > at) {
                        r = add_range(layout, at, MIN(piece->start, range->end), node);
                        at = MIN(piece->start, range->end);
                }
                node = piece->node;
                if (r == 0 && at < piece->end && at < range->end) {
                        r = add_range(layout, at, MIN(piece->end, range->end), node);
                        at = MIN(piece->end, range->end);
                }
        }
        return r == 0 && at < range->end ? add_range(layout, at, range->end, node) : r;
}

static int settle(const Layout *ram, const Layout *nodes, Layout *ret) {
        _cleanup_(layout_deinit) Layout layout = { .origin = ram->origin, .ambiguous = nodes->ambiguous };
        int r = 0;

        for (size_t i = 0; i < ram->n && r == 0; i++)
                r = add_by_node(&ram->ranges[i], nodes, &layout);
        if (r < 0)
                return r;
        tidy(&layout);
        *ret = TAKE_GENERIC(layout, (Layout) {});
        return 0;
}

int layout_read(const RootFds *roots, Layout *ret) {
        _cleanup_(layout_deinit) Layout iomem = {}, blocks = {}, zones = {};
        const Layout *nodes, *ram;
        int r;

        r = read_file(roots, "iomem", layout_parse_iomem, &iomem);
        if (r == 0)
                r = read_blocks(roots, &blocks);
        if (r == 0)
                r = read_file(roots, "zoneinfo", layout_parse_zoneinfo, &zones);
        if (r < 0)
                return r;

        /* a block in which two nodes meet is listed by both */
        nodes = blocks.n > 0 && (!blocks.ambiguous || zones.n == 0) ? &blocks : &zones;
        ram = iomem.n > 0 ? &iomem : nodes;
        return ram->n == 0 ? -ENODATA : settle(ram, nodes, ret);
}

int layout_nodes(const Layout *layout, uint32_t **ret, size_t *ret_n) {
        bool seen[NODES_MAX] = {};
        uint32_t *nodes = calloc(NODES_MAX, sizeof(*nodes));
        size_t n = 0;

        if (!nodes)
                return -ENOMEM;
        for (size_t i = 0; i < layout->n; i++)
                if (layout->ranges[i].node < NODES_MAX)
                        seen[layout->ranges[i].node] = true;
        for (uint32_t node = 0; node < NODES_MAX; node++)
                if (seen[node])
                        nodes[n++] = node;
        *ret = nodes;
        *ret_n = n;
        return 0;
}
