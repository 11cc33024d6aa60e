/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The regions that a child has of its parent. */
#include "monitor/inherit.h"

#include <errno.h>

/* Less is not worth a region. */
#define SIZE_MIN (16 * PAGE_SIZE_MIN)

/* Pages of which at least one must turn out to be shared, and none to be the child's own. */
#define PROBES 4

/* As after a split: the first window of the child's own can overrule it. */
#define WEIGHT 0.25

/* A piece of the child's memory, and where its history comes from. */
typedef struct Piece {
        uint64_t start;
        uint64_t end;
        const Region *from;
} Piece;

typedef struct Pieces {
        Piece pieces[INHERIT_MAX];
        size_t n;
        uint64_t least; /* size; what is smaller finds no room */
} Pieces;

static bool is_private(const Mapping *mapping) {
        return (mapping->flags & (MAPPING_ANON | MAPPING_SHARED | MAPPING_HUGETLB)) == MAPPING_ANON;
}

static size_t count_larger(const Pieces *p, uint64_t size) {
        size_t n = 0;

        for (size_t i = 0; i < p->n; i++)
                n += p->pieces[i].end - p->pieces[i].start >= size;
        return n;
}

/* Room for the larger ones; where all are alike, for no more. */
static void thin_out(Pieces *p) {
        size_t n, kept = 0;

        do {
                p->least *= 2;
                n = count_larger(p, p->least);
        } while (n == p->n);
        if (n == 0) {
                p->least = UINT64_MAX;
                return;
        }
        for (size_t i = 0; i < p->n; i++)
                if (p->pieces[i].end - p->pieces[i].start >= p->least)
                        p->pieces[kept++] = p->pieces[i];
        p->n = kept;
}

static void add_piece(Pieces *p, uint64_t start, uint64_t end, const Region *from) {
        if (start >= end || end - start < p->least)
                return;
        if (p->n == INHERIT_MAX)
                thin_out(p);
        if (end - start >= p->least)
                p->pieces[p->n++] = (Piece) { start, end, from };
}

/* Where the region, the parent's mapping and one of the child's of the same kind overlap. */
static void meet(Pieces *p, const Region *region, const Mapping *mapping, const AddressMap *map) {
        uint64_t start = MAX(region->start, mapping->start), end = MIN(region->end, mapping->end);

        for (size_t i = address_map_first_above(map, start); i < map->n_mappings && map->mappings[i].start < end; i++)
                if (is_private(&map->mappings[i]))
                        add_piece(p, MAX(start, map->mappings[i].start), MIN(end, map->mappings[i].end), region);
}

static void collect(Pieces *p, const Target *child, const Target *parent, nsec_t forked) {
        const AddressMap *map = parent->map;

        for (size_t i = 0; i < parent->list.n; i++) {
                const Region *region = &parent->list.regions[i];

                if (!region_is_idle(region) || region->weight < 1 || region->born > forked)
                        continue;
                for (size_t k = address_map_first_above(map, region->start);
                     k < map->n_mappings && map->mappings[k].start < region->end; k++)
                        if (is_private(&map->mappings[k]))
                                meet(p, region, &map->mappings[k], child->map);
        }
}

/* Whether the pages are the parent's still. What is not present tells nothing. As target_page_share(). */
static int look_whose(Target *child, const Piece *piece, Rng *rng, bool *ret_shared) {
        uint64_t pages = (piece->end - piece->start) / PAGE_SIZE_MIN;
        size_t n = 0, own = 0;

        for (size_t i = 0; i < PROBES && own == 0; i++) {
                PageShare share;
                int r;

                r = target_page_share(child, piece->start + rng_below(rng, pages) * PAGE_SIZE_MIN, &share);
                if (r != 0)
                        return r;
                n += share == SHARE_SHARED;
                own += share == SHARE_OWN;
        }
        *ret_shared = n > 0 && own == 0;
        return 0;
}

static void take_over(Region *region, const Region *from) {
        region->rate = 0;
        region->weight = from->weight * WEIGHT;
        region->before = from->before;
        region->since = from->since;
        region->born = from->born;
        region->last_hit = from->last_hit;
}

/* The child's region that holds the piece is cut to it. 1, 0 (there is none) or -errno. */
static int carve(Target *child, const Piece *piece) {
        bool whole = child->source->ops->granularity == GRANULARITY_MAPPING;
        RegionList *list = &child->list;
        size_t i = 0;
        int r;

        while (i < list->n && list->regions[i].end <= piece->start)
                i++;
        if (i == list->n || list->regions[i].start > piece->start || list->regions[i].end < piece->end ||
            (whole && region_size(&list->regions[i]) != piece->end - piece->start))
                return 0;
        if (list->regions[i].start < piece->start) {
                r = region_list_split(list, i++, piece->start);
                if (r < 0)
                        return r;
        }
        if (list->regions[i].end > piece->end) {
                r = region_list_split(list, i, piece->end);
                if (r < 0)
                        return r;
        }
        take_over(&list->regions[i], piece->from);
        return 1;
}

int target_inherit(Target *child, const Target *parent, nsec_t forked, Rng *rng) {
        Pieces pieces = { .least = SIZE_MIN };
        int n = 0, r;

        if (!child->source->ops->share || child->state != TARGET_RUNNING || parent->state != TARGET_RUNNING ||
            !child->map || !parent->map)
                return 0;
        collect(&pieces, child, parent, forked);
        for (size_t i = 0; i < pieces.n; i++) {
                bool shared;

                r = look_whose(child, &pieces.pieces[i], rng, &shared);
                if (r != 0)
                        return r < 0 ? r : 0; /* it has ended, or is another program by now: noted */
                if (!shared)
                        continue;
                r = carve(child, &pieces.pieces[i]);
                if (r < 0)
                        return r;
                n += r;
        }
        return n;
}
