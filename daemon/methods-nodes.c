/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The method about NUMA nodes. */
#include <errno.h>

#include "base/macro.h"
#include "engine-nodes.h"
#include "kernel/tiers.h"
#include "methods-internal.h"

static void add_moves(const SchemeSet *set, uint32_t node, uint64_t *in, uint64_t *out) {
        for (size_t i = 0; i < scheme_set_count(set); i++) {
                const MoveCount *moves = scheme_set_view(set, i, 0).stats->moves;

                for (size_t k = 0; k < PLAN_MOVES_MAX; k++) {
                        *in += moves[k].to == (int32_t) node ? moves[k].bytes : 0;
                        *out += moves[k].from == (int32_t) node ? moves[k].bytes : 0;
                }
        }
}

static void report_node(Writer *w, const Manager *manager, const Tiers *tiers, const TierNode *node,
                        const NodeUse *use) {
        uint64_t in = 0, out = 0;

        for (size_t i = 0; i < manager->n_engines; i++)
                add_moves(engine_schemes(manager->engines[i]), node->id, &in, &out);

        writer_open_object(w, NULL);
        writer_uint(w, "node", node->id);
        if (node->tier >= 0)
                writer_int(w, "tier", node->tier);
        writer_bool(w, "cpus", node->cpus);
        writer_uint(w, "bytes", node->total);
        writer_uint(w, "free_bytes", node->free);
        writer_uint(w, "hot_bytes", use->hot);
        writer_uint(w, "cold_bytes", use->cold);
        writer_uint(w, "moved_in_bytes", in);
        writer_uint(w, "moved_out_bytes", out);
        writer_open_array(w, "distances");
        for (size_t i = 0; i < tiers->n; i++)
                if (node->distance[i] > 0)
                        writer_uint(w, NULL, node->distance[i]);
        writer_close(w);
        writer_close(w);
}

static int report_nodes(ControlCall *call, const Manager *manager, const Tiers *tiers) {
        _cleanup_free_ NodeUse *uses = calloc(MAX(tiers->n, (size_t) 1), sizeof(*uses));
        _cleanup_(layout_deinit) Layout layout = {};
        Writer *w;
        int r;

        if (!uses)
                return -ENOMEM;
        r = layout_read(manager->host.roots, &layout);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                layout.origin = LAYOUT_ZONEINFO;

        for (size_t i = 0; i < tiers->n; i++)
                uses[i].node = tiers->nodes[i].id;
        for (size_t i = 0; i < manager->n_engines; i++)
                engine_sample_nodes(manager->engines[i], &layout, uses, tiers->n);

        w = control_reply_begin(call);
        if (w) {
                writer_int(w, "tiers", tiers->n_tiers);
                writer_string(w, "tiers_by", tiers->of_kernel ? "kernel" : "distance");
                writer_open_array(w, "nodes");
                for (size_t i = 0; i < tiers->n; i++)
                        report_node(w, manager, tiers, &tiers->nodes[i], &uses[i]);
                writer_close(w);
        }
        return control_reply_end(call);
}

int method_get_nodes(ControlCall *call, json_t *parameters, void *userdata) {
        const MethodsContext *c = userdata;
        _cleanup_(tiers_deinit) Tiers tiers = {};
        int r;

        (void) parameters;
        r = tiers_read(c->manager->host.roots, &tiers);
        /* a kernel without NUMA has none */
        if (r < 0 && r != -ENOENT)
                return r;
        return report_nodes(call, c->manager, &tiers);
}
