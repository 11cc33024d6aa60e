/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving pages to other NUMA nodes. The system call itself: libnuma's numa_move_pages() is no more than that, and what
 * libnuma knows of nodes it has read when it was loaded, from the machine's own /sys. */
#include <errno.h>
#include <limits.h>

#include "action/internal.h"

/* No status that the kernel gives. */
#define UNSET INT_MIN

/* Units on their way to one node, one address each. */
typedef struct Move {
        Actor *actor;
        ItemRun *item;
        int to;
        size_t n;
        size_t at[CALL_MAX]; /* first page of the unit */
        void *pages[CALL_MAX];
        int nodes[CALL_MAX];
        int status[CALL_MAX];
} Move;

static size_t unit_pages(const Batch *b, size_t i) {
        size_t end = i + 1;

        while (end < b->n && b->to[end] == PAGE_TAIL && b->marks[end] == PAGE_SELECTED)
                end++;
        return end - i;
}

/* The unit stays where it is. */
static void stay(Move *m, size_t at, uint8_t mark) {
        Batch *b = &m->actor->batch;
        size_t n = unit_pages(b, at);

        memset(b->marks + at, mark, n);
        place_give_back(m->actor, b->to[at], n * m->actor->page);
        if (m->item->scheme->bytes_left != UINT64_MAX)
                m->item->scheme->bytes_left += n * m->actor->page;
}

static void stay_all(Move *m, uint8_t mark) {
        for (size_t i = 0; i < m->n; i++)
                stay(m, m->at[i], mark);
        m->n = 0;
}

static uint8_t mark_of(Move *m, int error) {
        switch (error) {
        case EACCES:
                return OUTCOME_SHARED;
        case EBUSY:
                return OUTCOME_BUSY;
        case ENOENT:
                return OUTCOME_NOTHING;
        case EFAULT:
                m->item->target->map_stale = true;
                return OUTCOME_UNMAPPED;
        case ENOMEM:
                return OUTCOME_NO_ROOM;
        default:
                count_error(m->item->scheme->result, error);
                return OUTCOME_FAILED;
        }
}

/* Counts what has a status, and keeps what has none. Returns how many units were settled. */
static size_t settle(Move *m) {
        Batch *b = &m->actor->batch;
        size_t kept = 0, before = m->n;

        for (size_t i = 0; i < before; i++) {
                size_t at = m->at[i];
                int status = m->status[i];

                if (status == UNSET || (status >= 0 && status != m->to)) {
                        m->at[kept] = at;
                        m->pages[kept++] = m->pages[i];
                } else if (status == m->to) {
                        move_counts_add(m->item->scheme->result->moves, b->nodes[at], m->to,
                                        unit_pages(b, at) * m->actor->page);
                        b->to[at] = PAGE_MOVED;
                } else
                        stay(m, at, mark_of(m, -status));
        }
        m->n = kept;
        return before - kept;
}

/* Where the kernel broke off it has said nothing of pages that it did move: where are they now? */
static size_t ask_again(Move *m) {
        for (size_t i = 0; i < m->n; i++)
                m->status[i] = UNSET;
        if (m->n == 0 || m->actor->act->nodes(m->item->target->process.ref.pid, m->n, m->pages, m->status) < 0)
                return 0;
        return settle(m);
}

/* The call as a whole was refused. */
static void refuse_move(Move *m, int error) {
        ItemRun *item = m->item;

        switch (error) {
        case ESRCH:
                stay_all(m, OUTCOME_GONE);
                target_fail(item->target, OPS_E_GONE);
                break;
        case EPERM:
                count_error(item->scheme->result, error);
                stay_all(m, OUTCOME_DENIED);
                item->ended = true;
                item->rest = OUTCOME_DENIED;
                break;
        case EACCES:
                stay_all(m, OUTCOME_POLICY);
                break;
        case ENODEV:
                places_forget(&m->actor->places);
                stay_all(m, OUTCOME_NO_NODE);
                break;
        case ENOMEM:
                stay_all(m, OUTCOME_NO_ROOM);
                place_is_full(m->actor, m->to);
                break;
        default:
                count_error(item->scheme->result, error);
                stay_all(m, OUTCOME_FAILED);
                break;
        }
}

static int call(Move *m) {
        Places *places = &m->actor->places;
        pid_t pid = m->item->target->process.ref.pid;
        int r;

        for (size_t i = 0; i < m->n; i++) {
                m->nodes[i] = m->to;
                m->status[i] = UNSET;
        }
        r = m->actor->act->move(pid, m->n, m->pages, m->nodes, m->status, !places->exclusive);
        m->item->scheme->result->calls++;
        if (r != -EPERM || places->exclusive)
                return r;

        /* Without CAP_SYS_NICE: what nobody else maps. */
        r = m->actor->act->move(pid, m->n, m->pages, m->nodes, m->status, false);
        m->item->scheme->result->calls++;
        places->exclusive = r != -EPERM;
        return r;
}

/* As long as a call gets anywhere, it is repeated for the rest: one page that cannot be moved must not keep the others
 * back. */
static void move_units(Move *m) {
        while (m->n > 0 && !m->item->ended) {
                size_t settled;
                int r = call(m);

                if (r == -ESRCH || r == -EPERM) {
                        refuse_move(m, -r);
                        return;
                }
                settled = settle(m);
                settled += ask_again(m);
                if (r < 0)
                        refuse_move(m, -r);
                else if (settled == 0)
                        stay_all(m, OUTCOME_UNMOVED);
        }
}

static bool is_over(const Move *m) {
        return m->item->ended || m->item->target->failed;
}

static void move_to(Move *m, size_t first) {
        Batch *b = &m->actor->batch;

        m->to = b->to[first];
        for (size_t i = first; i < b->n && !is_over(m); i++) {
                if (b->marks[i] == PAGE_SELECTED && b->to[i] == m->to) {
                        m->at[m->n] = i;
                        m->pages[m->n++] = (void *) (uintptr_t) page_address(m->actor, b, i);
                }
                if (m->n == CALL_MAX || i + 1 == b->n)
                        move_units(m);
        }
}

void migrate(Actor *actor, ItemRun *item) {
        Batch *b = &actor->batch;
        Move m = { .actor = actor, .item = item };

        /* By destination: the kernel works off what it has collected whenever that changes. */
        for (size_t i = 0; i < b->n && !is_over(&m); i++)
                if (b->marks[i] == PAGE_SELECTED && b->to[i] >= 0)
                        move_to(&m, i);

        for (size_t i = 0; i < b->n && is_over(&m); i++)
                if (b->marks[i] == PAGE_SELECTED && b->to[i] >= 0)
                        stay(&m, i, item->target->failed ? item->target->failure : item->rest);
}
