/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUMA nodes: how large, how fast, what of the memory that is watched is on them, and what was moved. */
#include <inttypes.h>
#include <stdio.h>

#include "message.h"
#include "view.h"

static void print_distances(const Screen *screen, json_t *distances) {
        json_t *item;
        size_t i;

        json_array_foreach(distances, i, item)
                (void) fprintf(screen->out, "%s%" JSON_INTEGER_FORMAT, i > 0 ? " " : "  ", json_integer_value(item));
        (void) fputc('\n', screen->out);
}

static void print_node(const Screen *screen, json_t *node) {
        char a[FORMAT_MAX], b[FORMAT_MAX], c[FORMAT_MAX], d[FORMAT_MAX], e[FORMAT_MAX], f[FORMAT_MAX], tier[32] = "-";

        if (json_is_integer(json_object_get(node, "tier")))
                (void) snprintf(tier, sizeof(tier), "%" PRIu64, json_number(node, "tier"));
        (void) fprintf(screen->out, "%4" PRIu64 " %4s %4s %9s %9s %9s %9s %9s %9s", json_number(node, "node"), tier,
                       json_is_true(json_object_get(node, "cpus")) ? "yes" : "no",
                       format_size(a, json_number(node, "bytes")), format_size(b, json_number(node, "free_bytes")),
                       format_size(c, json_number(node, "hot_bytes")), format_size(d, json_number(node, "cold_bytes")),
                       format_size(e, json_number(node, "moved_in_bytes")),
                       format_size(f, json_number(node, "moved_out_bytes")));
        print_distances(screen, json_object_get(node, "distances"));
}

int view_nodes(const Screen *screen, json_t *reply) {
        json_t *nodes = json_object_get(reply, "nodes"), *node;
        const char *by = json_text(reply, "tiers_by");
        uint64_t tiers = json_number(reply, "tiers");
        size_t i;

        if (!json_is_array(nodes))
                return fail(CTL_REFUSED, "the daemon's reply is malformed: no nodes");
        if (json_array_size(nodes) == 0) {
                (void) fputs("this kernel knows no NUMA nodes\n", screen->out);
                return 0;
        }

        (void) fprintf(screen->out, "%4s %4s %4s %9s %9s %9s %9s %9s %9s  DISTANCES\n", "NODE", "TIER", "CPUS", "SIZE",
                       "FREE", "HOT", "COLD", "MOVED IN", "MOVED OUT");
        json_array_foreach(nodes, i, node) print_node(screen, node);
        if (tiers > 1)
                (void) fprintf(screen->out, "\ntier 0 is the fastest of %" PRIu64 ", %s\n", tiers,
                               by && streq(by, "kernel") ? "as the kernel ranks them"
                                                         : "by distance from the CPUs: the kernel does not rank them");
        (void) fputs("hot and cold: of the memory that is watched, an estimate; moved: by schemes, since they were "
                     "configured\n", screen->out);
        return 0;
}
