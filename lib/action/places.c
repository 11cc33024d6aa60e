/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where pages are, and where they are to go. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "action/internal.h"
#include "kernel/node.h"
#include "kernel/pagemap.h"
#include "kernel/scan.h"

/* Nodes come and go rarely. */
#define TIERS_AGE_MAX (5 * NSEC_PER_SEC)
/* Others allocate, too. */
#define ROOM_AGE_MAX (20 * NSEC_PER_MSEC)

/* A hundredth of a node stays free: above the watermarks by which the kernel begins to reclaim, so that moving
 * memory to a node does not push other memory out of it. */
#define RESERVE_SHARE 100

void places_deinit(Places *places) {
        tiers_deinit(&places->tiers);
        layout_deinit(&places->layout);
        free(places->room);
        *places = (Places) {};
}

void places_forget(Places *places) {
        places->known = places->layout_read = false;
}

static int read_places(Actor *actor, Places *places, nsec_t now) {
        Tiers tiers;
        uint64_t *room;
        int r;

        r = tiers_read(actor->roots, &tiers);
        if (r < 0)
                return r;
        room = calloc(MAX(tiers.n, (size_t) 1), sizeof(*room));
        if (!room) {
                tiers_deinit(&tiers);
                return -ENOMEM;
        }

        tiers_deinit(&places->tiers);
        free(places->room);
        places->tiers = tiers;
        places->room = room;
        places->room_time = 0;
        places->time = now;
        places->known = true;
        return 0;
}

/* Where all memory lies, once: it changes when memory is plugged in or out. What only spans (holes and, may be, frames
 * of other nodes included) is no help. */
static void read_layout(Actor *actor, Places *places) {
        if (places->layout_read)
                return;
        places->layout_read = true;
        layout_deinit(&places->layout);
        if (layout_read(actor->roots, &places->layout) < 0)
                places->layout = (Layout) {};
        else if (places->layout.ambiguous || places->layout.origin == LAYOUT_ZONEINFO)
                layout_deinit(&places->layout);
}

/* The node of a page frame, without asking the kernel; -ENODATA: that is not known. */
static int node_of_frame(const Actor *actor, uint64_t pfn) {
        const Layout *layout = &actor->places.layout;
        uint64_t addr = pfn * actor->page;
        size_t low = 0, high = layout->n;

        if (pfn == 0)
                return -ENODATA;
        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (layout->ranges[middle].end <= addr)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < layout->n && layout->ranges[low].start <= addr ? (int) layout->ranges[low].node : -ENODATA;
}

static void read_room(Actor *actor, Places *places, nsec_t now) {
        for (size_t i = 0; i < places->tiers.n; i++) {
                NodeMemory memory = {};
                uint64_t reserve;

                (void) node_memory_read(actor->roots, places->tiers.nodes[i].id, &memory);
                places->tiers.nodes[i].total = memory.total;
                reserve = memory.total / RESERVE_SHARE;
                places->room[i] = memory.free - MIN(reserve, memory.free);
        }
        places->room_time = now;
}

/* Whether anything is known of nodes. */
static bool places_ready(Actor *actor) {
        Places *places = &actor->places;
        nsec_t now = actor->act->now();

        if (!places->known || now - places->time > TIERS_AGE_MAX) {
                places->known = false;
                if (read_places(actor, places, now) < 0)
                        return false;
        }
        if (places->room_time == 0 || now - places->room_time > ROOM_AGE_MAX)
                read_room(actor, places, now);
        return true;
}

/* ---- Where pages are ---- */

/* Asks for some pages of the batch. */
static void ask_nodes(Actor *actor, const TargetRun *target, const size_t *at, size_t n) {
        void *pages[CALL_MAX];
        int status[CALL_MAX];
        Batch *b = &actor->batch;

        for (size_t i = 0; i < n; i++) {
                pages[i] = (void *) (uintptr_t) page_address(actor, b, at[i]);
                status[i] = -ENODATA;
        }
        if (n == 0 || !pidref_alive(&target->process.ref, actor->roots) ||
            actor->act->nodes(target->process.ref.pid, n, pages, status) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                b->nodes[at[i]] = status[i];
}

void learn_nodes(Actor *actor, const TargetRun *target) {
        size_t at[CALL_MAX], n = 0;
        Batch *b = &actor->batch;

        read_layout(actor, &actor->places);
        for (size_t i = 0; i < b->n; i++) {
                b->nodes[i] = -ENODATA;
                if (b->marks[i] == PAGE_SELECTED && pagemap_present(b->entries[i])) {
                        b->nodes[i] = node_of_frame(actor, pagemap_pfn(b->entries[i]));
                        if (b->nodes[i] < 0)
                                at[n++] = i;
                }
                if (n == CALL_MAX || i + 1 == b->n) {
                        ask_nodes(actor, target, at, n);
                        n = 0;
                }
        }
}

/* ---- What the process allows ---- */

static void parse_mems(const char *text, NodeSet *ret) {
        char list[1024];

        for (const char *p = text; p; p = scan_next_line(p)) {
                if (!scan_word(&p, "Mems_allowed_list:"))
                        continue;
                scan_blanks(&p);
                (void) snprintf(list, sizeof(list), "%.*s", (int) strcspn(p, "\n"), p);
                (void) node_set_parse(list, ret);
                return;
        }
}

/* The nodes of its cpuset. Where they cannot be learned, all are tried: the kernel says no in the end. */
static void learn_mems(Actor *actor, TargetRun *target) {
        _cleanup_(buffer_deinit) Buffer buffer = {};
        _cleanup_close_ int fd = -1;

        if (target->mems_read)
                return;
        target->mems_read = true;
        memset(&target->mems, 0xff, sizeof(target->mems));
        target->bindings = policy_of(&actor->policies, &target->process, target->plan->address_space, actor->act->now);
        if (process_open_file(&target->process, "status", O_RDONLY, &fd) == 0 &&
            read_whole(fd, 65536, &buffer) == 0)
                parse_mems(buffer.data, &target->mems);
}

/* ---- Choosing ---- */

typedef struct Choice {
        Actor *actor;
        const SchemeConfig *config;
        const TargetRun *target;
        int from;
        uint64_t bytes;
} Choice;

static size_t node_index(const Tiers *tiers, int id) {
        size_t i = 0;

        while (i < tiers->n && tiers->nodes[i].id != (uint32_t) id)
                i++;
        return i;
}

/* PAGE_SELECTED, or what speaks against it. */
static uint8_t judge(const Choice *c, size_t i) {
        const Places *places = &c->actor->places;

        if (i == places->tiers.n || places->tiers.nodes[i].total == 0)
                return OUTCOME_NO_NODE;
        if (!node_set_has(&c->target->mems, places->tiers.nodes[i].id) ||
            !bindings_allow(c->target->bindings, c->actor->batch.piece->mapping.start, places->tiers.nodes[i].id))
                return OUTCOME_POLICY;
        return places->room[i] < c->bytes ? OUTCOME_NO_ROOM : PAGE_SELECTED;
}

/* As DAMON deals pages out: by address, so that each has its place whenever it is asked. */
static uint32_t deal(const SchemeConfig *config, uint64_t number) {
        uint64_t sum = 0;

        for (size_t i = 0; i < config->n_destinations; i++)
                sum += config->destinations[i].weight;
        number %= sum;
        for (size_t i = 0; i < config->n_destinations; i++) {
                if (number < config->destinations[i].weight)
                        return config->destinations[i].node;
                number -= config->destinations[i].weight;
        }
        return config->destinations[0].node;
}

static uint8_t choose_listed(const Choice *c, uint64_t number, int *ret) {
        *ret = (int) (c->config->n_destinations > 1 ? deal(c->config, number) : c->config->destinations[0].node);
        if (*ret == c->from)
                return OUTCOME_THERE;
        return judge(c, node_index(&c->actor->places.tiers, *ret));
}

/* The nearest of a tier that has room. */
static uint8_t choose_near(const Choice *c, int tier, int *ret) {
        const Tiers *tiers = &c->actor->places.tiers;
        size_t from = node_index(tiers, c->from);
        uint8_t mark = OUTCOME_NO_NODE;
        uint32_t best = UINT32_MAX;

        for (size_t i = 0; i < tiers->n; i++) {
                uint32_t distance = from < tiers->n ? tiers->nodes[from].distance[i] : 0;
                uint8_t verdict;

                if (tiers->nodes[i].tier != tier)
                        continue;
                verdict = judge(c, i);
                if (verdict == PAGE_SELECTED && (mark != PAGE_SELECTED || distance < best)) {
                        best = distance;
                        *ret = (int) tiers->nodes[i].id;
                }
                /* of what speaks against all of them, a full node says more than one that may not be used */
                if (mark != PAGE_SELECTED && (verdict == PAGE_SELECTED || mark != OUTCOME_NO_ROOM))
                        mark = verdict;
        }
        return mark;
}

static uint8_t choose_tier(const Choice *c, int *ret) {
        const Tiers *tiers = &c->actor->places.tiers;
        size_t from = node_index(tiers, c->from);
        int here = from < tiers->n ? tiers->nodes[from].tier : -1, tier;

        if (here < 0)
                return OUTCOME_UNKNOWN;
        switch (c->config->to) {
        case TIER_FAST:
                tier = 0;
                break;
        case TIER_SLOW:
                tier = tiers->n_tiers - 1;
                break;
        case TIER_LOWER:
                tier = MIN(here + 1, tiers->n_tiers - 1);
                break;
        default:
                tier = MAX(here - 1, 0);
                break;
        }
        return tier == here ? OUTCOME_THERE : choose_near(c, tier, ret);
}

/* What became of a page since it was looked at. */
static uint8_t not_located(int error) {
        /* ENOENT: it went away. EFAULT: the page of zeros that all share; the mapping is there. */
        return error == -ENOENT || error == -EFAULT ? OUTCOME_NOTHING : OUTCOME_UNKNOWN;
}

static uint8_t choose(Actor *actor, const ItemRun *item, size_t i, size_t end) {
        Batch *b = &actor->batch;
        Choice c = {
                .actor = actor,
                .config = &item->scheme->plan->spec->config,
                .target = item->target,
                .from = b->nodes[i],
                .bytes = (end - i) * actor->page,
        };

        if (c.from < 0)
                return not_located(c.from);
        if (c.config->to == TIER_LISTED)
                return choose_listed(&c, page_address(actor, b, i) / c.bytes, &b->to[i]);
        return choose_tier(&c, &b->to[i]);
}

void places_prepare(Actor *actor, TargetRun *target) {
        learn_mems(actor, target);
        read_layout(actor, &actor->places);
}

void place_pages(Actor *actor, ItemRun *item) {
        bool ready = places_ready(actor);
        Batch *b = &actor->batch;

        learn_nodes(actor, item->target);

        for (size_t i = 0, end; i < b->n; i = end) {
                uint8_t mark;

                end = unit_end(actor, item, i);
                for (size_t k = i + 1; k < end; k++)
                        b->to[k] = PAGE_TAIL;
                b->to[i] = PAGE_TAIL;
                if (b->marks[i] != PAGE_SELECTED)
                        continue;
                mark = ready ? choose(actor, item, i, end) : OUTCOME_NO_NODE;
                for (size_t k = i; k < end; k++)
                        if (b->marks[k] == PAGE_SELECTED)
                                b->marks[k] = mark;
        }
}

/* ---- Room ---- */

static bool take(Actor *actor, int node, uint64_t bytes) {
        Places *places = &actor->places;
        size_t i = node_index(&places->tiers, node);

        if (i == places->tiers.n || places->room[i] < bytes)
                return false;
        places->room[i] -= bytes;
        return true;
}

bool place_take(Actor *actor, const ItemRun *item, size_t i, size_t end) {
        uint64_t bytes = (end - i) * actor->page;
        int *to = &actor->batch.to[i];

        if (take(actor, *to, bytes))
                return true;
        /* what came before in the batch has filled it up: the next of its tier */
        return item->scheme->plan->spec->config.to != TIER_LISTED && choose(actor, item, i, end) == PAGE_SELECTED &&
               take(actor, *to, bytes);
}

void place_give_back(Actor *actor, int node, uint64_t bytes) {
        Places *places = &actor->places;
        size_t i = node_index(&places->tiers, node);

        if (i < places->tiers.n)
                places->room[i] += bytes;
}

void place_is_full(Actor *actor, int node) {
        Places *places = &actor->places;
        size_t i = node_index(&places->tiers, node);

        if (i < places->tiers.n)
                places->room[i] = 0;
}
