/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory tiers. */
#include "kernel/tiers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/dir.h"
#include "base/macro.h"
#include "kernel/node.h"
#include "kernel/scan.h"
#include "kernel/system.h"

#define FILE_MAX ((size_t) 65536)
#define TIERING "devices/virtual/memory_tiering"

/* What a rank says of a node that has none. */
#define UNRANKED UINT64_MAX

/* A list of nodes that may be empty. */
static int read_set(const RootFds *roots, const char *path, NodeSet *ret) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        int r;

        r = read_whole_at(roots->sys, path, FILE_MAX, &buffer);
        if (r < 0)
                return r;
        /* "\n": none */
        if (buffer.data[0] == '\n' || buffer.data[0] == '\0') {
                *ret = (NodeSet) {};
                return 0;
        }
        return node_set_parse(buffer.data, ret);
}

int distances_parse(const char *text, uint32_t *ret, size_t n) {
        const char *p = text;
        size_t i = 0;
        uint64_t value;

        for (scan_blanks(&p); *p != '\n' && *p != '\0'; scan_blanks(&p)) {
                if (!scan_decimal(&p, &value) || value > UINT32_MAX || i == n)
                        return -EBADMSG;
                ret[i++] = (uint32_t) value;
        }
        return (int) i;
}

static int read_distances(const RootFds *roots, const Tiers *tiers, TierNode *node) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        char path[64];
        int r;

        node->distance = calloc(tiers->n, sizeof(*node->distance));
        if (!node->distance)
                return -ENOMEM;

        (void) snprintf(path, sizeof(path), "devices/system/node/node%" PRIu32 "/distance", node->id);
        r = read_whole_at(roots->sys, path, FILE_MAX, &buffer);
        if (r == -ENOENT)
                return 0;
        if (r == 0)
                r = distances_parse(buffer.data, node->distance, tiers->n);
        return MIN(r, 0);
}

/* A node may go between one file and the next: then it is not there. */
static int read_node(const RootFds *roots, TierNode *node) {
        NodeMemory memory;
        int r;

        r = node_memory_read(roots, node->id, &memory);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        node->total = memory.total;
        node->free = memory.free;
        return 0;
}

static int read_nodes(const RootFds *roots, Tiers *tiers) {
        NodeSet online, cpus = {};
        int r;

        r = nodes_online_read(roots, &online);
        if (r < 0)
                return r;
        r = read_set(roots, "devices/system/node/has_cpu", &cpus);
        if (r < 0 && r != -ENOENT)
                return r;

        tiers->nodes = calloc(online.n, sizeof(*tiers->nodes));
        if (!tiers->nodes)
                return -ENOMEM;
        for (uint32_t id = 0; id < NODES_MAX; id++)
                if (node_set_has(&online, id))
                        tiers->nodes[tiers->n++] = (TierNode) {
                                .id = id, .cpus = node_set_has(&cpus, id), .tier = -1,
                        };

        r = 0;
        for (size_t i = 0; i < tiers->n && r == 0; i++) {
                r = read_node(roots, &tiers->nodes[i]);
                if (r == 0)
                        r = read_distances(roots, tiers, &tiers->nodes[i]);
        }
        return r;
}

/* ---- Ranks ---- */

static void rank_set(const Tiers *tiers, const NodeSet *set, uint64_t rank, uint64_t *ranks) {
        for (size_t i = 0; i < tiers->n; i++)
                if (node_set_has(set, tiers->nodes[i].id))
                        ranks[i] = MIN(ranks[i], rank);
}

/* memory_tierN with the list of its nodes: the smaller N, the faster. Ranks stay as they are where there is none. */
static void rank_by_kernel(const RootFds *roots, const Tiers *tiers, uint64_t *ranks) {
        _cleanup_(closedirp) DIR *dir = NULL;

        if (dir_open_at(roots->sys, TIERING, 0, &dir) < 0)
                return;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                const char *p = entry->d_name;
                char path[320];
                uint64_t rank;
                NodeSet set;

                if (!scan_word(&p, "memory_tier") || !scan_decimal(&p, &rank) || *p != '\0')
                        continue;
                (void) snprintf(path, sizeof(path), TIERING "/%s/nodelist", entry->d_name);
                if (read_set(roots, path, &set) == 0)
                        rank_set(tiers, &set, rank, ranks);
        }
}

static bool ranks_differ(const Tiers *tiers, const uint64_t *ranks) {
        uint64_t first = UNRANKED;
        bool differ = false;

        for (size_t i = 0; i < tiers->n; i++) {
                if (tiers->nodes[i].total == 0)
                        continue;
                if (ranks[i] == UNRANKED)
                        return false; /* not all of them: no order to rely on */
                differ |= first != UNRANKED && ranks[i] != first;
                first = ranks[i];
        }
        return differ;
}

/* How far the nearest CPU is. */
static void rank_by_distance(const Tiers *tiers, uint64_t *ranks) {
        for (size_t i = 0; i < tiers->n; i++) {
                const TierNode *node = &tiers->nodes[i];

                ranks[i] = node->cpus ? 0 : UINT32_MAX;
                for (size_t k = 0; k < tiers->n && !node->cpus; k++)
                        if (tiers->nodes[k].cpus && node->distance[k] > 0)
                                ranks[i] = MIN(ranks[i], node->distance[k]);
        }
}

/* Numbers the ranks that occur among nodes with memory. */
static void number_tiers(Tiers *tiers, const uint64_t *ranks) {
        uint64_t last = 0;
        bool any = false;

        for (;;) {
                uint64_t next = UNRANKED;

                for (size_t i = 0; i < tiers->n; i++)
                        if (tiers->nodes[i].total > 0 && (!any || ranks[i] > last))
                                next = MIN(next, ranks[i]);
                if (next == UNRANKED)
                        return;
                for (size_t i = 0; i < tiers->n; i++)
                        if (tiers->nodes[i].total > 0 && ranks[i] == next)
                                tiers->nodes[i].tier = tiers->n_tiers;
                tiers->n_tiers++;
                last = next;
                any = true;
        }
}

static int rank(const RootFds *roots, Tiers *tiers) {
        _cleanup_free_ uint64_t *ranks = malloc(MAX(tiers->n, (size_t) 1) * sizeof(*ranks));

        if (!ranks)
                return -ENOMEM;
        for (size_t i = 0; i < tiers->n; i++)
                ranks[i] = UNRANKED;

        rank_by_kernel(roots, tiers, ranks);
        tiers->of_kernel = ranks_differ(tiers, ranks);
        if (!tiers->of_kernel)
                rank_by_distance(tiers, ranks);
        number_tiers(tiers, ranks);
        return 0;
}

int tiers_read(const RootFds *roots, Tiers *ret) {
        _cleanup_(tiers_deinit) Tiers tiers = {};
        int r;

        r = read_nodes(roots, &tiers);
        if (r == 0)
                r = rank(roots, &tiers);
        if (r < 0)
                return r;

        *ret = TAKE_GENERIC(tiers, (Tiers) {});
        return 0;
}

void tiers_deinit(Tiers *tiers) {
        for (size_t i = 0; i < tiers->n; i++)
                free(tiers->nodes[i].distance);
        free(tiers->nodes);
        *tiers = (Tiers) {};
}

const TierNode *tiers_find(const Tiers *tiers, uint32_t id) {
        for (size_t i = 0; i < tiers->n; i++)
                if (tiers->nodes[i].id == id)
                        return &tiers->nodes[i];
        return NULL;
}
