/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one scheme did lately. */
#include "scheme/ledger.h"

#include <errno.h>
#include <math.h>

#include "base/macro.h"

/* This share of what was applied must be there again before a range counts as having come back. */
#define CAME_BACK_SHARE 0.1

/* A range that rested without coming back is remembered for some more rests: what it learned is not
 * forgotten the moment it may be acted on again. */
#define MEMORY_RESTS 3

#define LEVEL_MAX 12

/* Bytes that say nothing yet about the rest of a target, whatever becomes of them. */
#define LITTLE 0x1p20

/* Half of it back: four times as long. With 4, which spares a program that sweeps its arrays more, a goal of pressure
 * is not reached where much of what pressure comes from must come back (tests/bench/psi). */
#define PATIENCE_POWER 2.0
#define PATIENCE_MAX 64.0

#define AUDIT_SPARSE 64

void ledger_deinit(Ledger *ledger) {
        free(ledger->entries);
        *ledger = (Ledger) {};
}

static nsec_t rest_at(const LedgerEntry *entry, uint32_t level) {
        nsec_t longest = MAX(LEDGER_REST_MAX, entry->rest), rest = entry->rest;

        for (; level > 0 && rest < longest; level--)
                rest *= 2;
        return MIN(rest, longest);
}

static bool overlaps(const LedgerEntry *entry, uint64_t target, uint64_t start, uint64_t end) {
        return entry->target == target && entry->start < end && entry->end > start;
}

/* The first entry that does not lie wholly before (target, address). */
static size_t find_first(const Ledger *ledger, uint64_t target, uint64_t address) {
        size_t low = 0, high = ledger->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                const LedgerEntry *entry = &ledger->entries[middle];

                if (entry->target < target || (entry->target == target && entry->end <= address))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static int reserve(Ledger *ledger, size_t n) {
        LedgerEntry *entries;
        size_t allocated;

        if (n <= ledger->allocated)
                return 0;
        allocated = MAX(n, ledger->allocated * 2 + 16);
        entries = reallocarray(ledger->entries, allocated, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        ledger->entries = entries;
        ledger->allocated = allocated;
        return 0;
}

static void remove_at(Ledger *ledger, size_t i) {
        memmove(&ledger->entries[i], &ledger->entries[i + 1], (ledger->n - i - 1) * sizeof(*ledger->entries));
        ledger->n--;
}

static void insert_at(Ledger *ledger, size_t i, const LedgerEntry *entry) {
        memmove(&ledger->entries[i + 1], &ledger->entries[i], (ledger->n - i) * sizeof(*ledger->entries));
        ledger->entries[i] = *entry;
        ledger->n++;
}

/* A part of an entry keeps its share of the bytes. */
static LedgerEntry part_of(const LedgerEntry *entry, uint64_t start, uint64_t end) {
        double share = (double) (end - start) / (double) (entry->end - entry->start);
        LedgerEntry part = *entry;

        part.start = start;
        part.end = end;
        part.applied = (uint64_t) ((double) entry->applied * share);
        part.left = (uint64_t) ((double) entry->left * share);
        part.back = (uint64_t) ((double) entry->back * share);
        part.returned = (uint64_t) ((double) entry->returned * share);
        return part;
}

/* Takes [start, end) out of entry i; room for one more is there. Returns the index behind what is left of it
 * below start. */
static size_t cut_out(Ledger *ledger, size_t i, uint64_t start, uint64_t end) {
        LedgerEntry old = ledger->entries[i];

        remove_at(ledger, i);
        if (old.end > end) {
                LedgerEntry right = part_of(&old, end, old.end);

                insert_at(ledger, i, &right);
        }
        if (old.start < start) {
                LedgerEntry left = part_of(&old, old.start, start);

                insert_at(ledger, i++, &left);
        }
        return i;
}

static nsec_t forgotten_at(const LedgerEntry *entry) {
        return entry->rest_until + MEMORY_RESTS * rest_at(entry, entry->level);
}

static void drop_oldest(Ledger *ledger) {
        size_t oldest = 0;

        for (size_t i = 1; i < ledger->n; i++)
                if (forgotten_at(&ledger->entries[i]) < forgotten_at(&ledger->entries[oldest]))
                        oldest = i;
        remove_at(ledger, oldest);
}

/* Bytes that an older entry took, of the range of a newer one, and that have not come back. */
static uint64_t still_away(const LedgerEntry *old, const LedgerEntry *new) {
        LedgerEntry part = part_of(old, MAX(old->start, new->start), MIN(old->end, new->end));

        return part.applied - MIN(part.back, part.applied);
}

/* The least of that: as much as may be lies outside of the newer one. */
static uint64_t surely_away(const LedgerEntry *old, const LedgerEntry *new) {
        uint64_t away = old->applied - MIN(old->back, old->applied);
        uint64_t outside = old->end - old->start - (MIN(old->end, new->end) - MAX(old->start, new->start));

        return away - MIN(outside, away);
}

/* What was taken before and was found away when it was acted on again may come back as well as what was taken now. */
static void carry_over(LedgerEntry *new, uint64_t away) {
        uint64_t size = new->end - new->start, absent = size - MIN(new->left, size);

        new->applied += MIN(away, absent - MIN(new->applied, absent));
}

int ledger_add(Ledger *ledger, const LedgerEntry *entry, uint64_t *ret_back) {
        uint64_t away = 0, surely = 0, size = entry->end - entry->start, present;
        LedgerEntry new = *entry;
        uint32_t level = 0;
        size_t i;
        int r;

        assert(new.start < new.end);

        /* room for the entry and for the second half of an older one that it may cut in two */
        r = reserve(ledger, ledger->n + 2);
        if (r < 0)
                return r;

        i = find_first(ledger, new.target, new.start);
        while (i < ledger->n && overlaps(&ledger->entries[i], new.target, new.start, new.end)) {
                const LedgerEntry *old = &ledger->entries[i];

                /* what came back keeps its level; each quiet rest takes one off */
                level = MAX(level, old->came_back || old->level == 0 ? old->level : old->level - 1);
                if (new.settled && old->settled)
                        new.rest = MAX(new.rest, MIN(old->rest * 2, LEDGER_SETTLED_MAX));
                if (old->address_space == new.address_space && !old->pretended && !new.pretended) {
                        away += still_away(old, &new);
                        surely += surely_away(old, &new);
                }
                i = cut_out(ledger, i, new.start, new.end);
        }

        present = MIN(new.applied + new.left, size);
        if (ret_back)
                *ret_back = surely - MIN(surely, size - present);
        carry_over(&new, away);
        new.level = level;
        new.came_back = false;
        new.back = new.returned = 0;
        new.rest_until = new.acted + rest_at(&new, level);
        insert_at(ledger, i, &new);
        while (ledger->n > LEDGER_MAX)
                drop_oldest(ledger);
        return 0;
}

int ledger_visit_free(const Ledger *ledger, uint64_t target, uint64_t start, uint64_t end, nsec_t now,
                      ledger_piece_t piece, void *userdata) {
        int r;

        for (size_t i = find_first(ledger, target, start);
             i < ledger->n && overlaps(&ledger->entries[i], target, start, end); i++) {
                const LedgerEntry *entry = &ledger->entries[i];

                if (now >= entry->rest_until)
                        continue;
                if (start < entry->start) {
                        r = piece(userdata, start, entry->start);
                        if (r != 0)
                                return r;
                }
                start = MIN(entry->end, end);
        }
        return start < end ? piece(userdata, start, end) : 0;
}

/* More of an entry is back: from a share on that is not chance its rest becomes longer, once. */
static void note_back(LedgerEntry *entry, uint64_t bytes, nsec_t now, bool back_off) {
        if (!back_off || entry->came_back || entry->applied == 0 ||
            (double) bytes < CAME_BACK_SHARE * (double) entry->applied)
                return;
        entry->came_back = true;
        entry->level = MIN(entry->level + 1, (uint32_t) LEVEL_MAX);
        entry->rest_until = MAX(entry->rest_until, now + rest_at(entry, entry->level));
}

uint64_t ledger_moved(Ledger *ledger, uint64_t target, uint64_t start, uint64_t end, uint64_t applied, nsec_t now,
                      bool opposite, bool back_off) {
        size_t i = find_first(ledger, target, start);
        uint64_t sum = 0;

        while (i < ledger->n && overlaps(&ledger->entries[i], target, start, end)) {
                LedgerEntry *entry = &ledger->entries[i];
                LedgerEntry part = part_of(entry, MAX(entry->start, start), MIN(entry->end, end));
                uint64_t back = MIN(part.applied, applied - MIN(sum, applied));

                if (opposite)
                        sum += back;
                if (opposite && back_off)
                        note_back(entry, back, now, true);
                if (entry->settled || (opposite && !back_off))
                        remove_at(ledger, i);
                else
                        i++;
        }
        return sum;
}

/* Bytes of [start, end) that were accessed in the window, by the regions' rates. */
static uint64_t accessed_bytes(const Snapshot *snapshot, const SnapshotTarget *target, uint64_t start, uint64_t end) {
        double bytes = 0;

        for (size_t i = target->first_region; i < target->first_region + target->n_regions; i++) {
                const SnapshotRegion *region = &snapshot->regions[i];

                if (region->start >= end)
                        break;
                if (region->end <= start || region->hits == 0)
                        continue;
                bytes += (double) (MIN(end, region->end) - MAX(start, region->start)) * (double) region->hits /
                         (double) region->samples;
        }
        return (uint64_t) (bytes + 0.5);
}

static const SnapshotTarget *find_target(const Snapshot *snapshot, const LedgerEntry *entry) {
        for (size_t i = 0; i < snapshot->n_targets; i++)
                if (snapshot->targets[i].id == entry->target &&
                    snapshot->targets[i].address_space == entry->address_space)
                        return &snapshot->targets[i];
        return NULL;
}

uint64_t ledger_observe(Ledger *ledger, const Snapshot *snapshot, bool back_off) {
        const SnapshotTarget *target = NULL;
        uint64_t sum = 0;

        for (size_t i = 0; i < ledger->n; i++) {
                LedgerEntry *entry = &ledger->entries[i];
                uint64_t bytes;

                if (entry->applied == 0 || entry->acted > snapshot->time - MIN(snapshot->window, snapshot->time))
                        continue;
                if (!target || target->id != entry->target || target->address_space != entry->address_space)
                        target = find_target(snapshot, entry);
                if (!target)
                        continue;

                bytes = MIN(accessed_bytes(snapshot, target, entry->start, entry->end), entry->applied);
                if (bytes > entry->returned) {
                        sum += bytes - entry->returned;
                        entry->returned = bytes;
                }
                note_back(entry, bytes, snapshot->time, back_off);
        }
        return sum;
}

uint64_t ledger_audit(Ledger *ledger, uint64_t target, uint64_t start, uint64_t end, uint64_t resident, nsec_t now,
                      bool back_off) {
        size_t i = find_first(ledger, target, start);
        LedgerEntry *entry;
        uint64_t back, more;

        if (i == ledger->n || ledger->entries[i].target != target || ledger->entries[i].start != start ||
            ledger->entries[i].end != end)
                return 0;

        entry = &ledger->entries[i];
        back = MIN(resident - MIN(entry->left, resident), entry->applied);
        more = back - MIN(entry->back, back);
        entry->back = MAX(entry->back, back);
        note_back(entry, back, now, back_off);
        return more;
}

size_t ledger_next_audits(Ledger *ledger, LedgerEntry *ret, size_t max, uint64_t bytes_max) {
        uint64_t bytes = 0;
        size_t n = 0;

        for (size_t seen = 0; seen < ledger->n && n < max && bytes < bytes_max; seen++) {
                const LedgerEntry *entry;

                if (ledger->cursor >= ledger->n)
                        ledger->cursor = 0;
                entry = &ledger->entries[ledger->cursor++];
                /* what is all back already has nothing more to tell; to look through a wide range for the few pages
                 * that were there costs more than it tells */
                if (entry->pretended || entry->applied == 0 || entry->back >= entry->applied ||
                    (entry->end - entry->start) / AUDIT_SPARSE > entry->applied)
                        continue;
                ret[n++] = *entry;
                bytes += entry->end - entry->start;
        }
        return n;
}

/* Whether it says something about what comes back: it has, or it had as long a time for it as it was idle before. */
static bool is_telling(const LedgerEntry *entry, nsec_t now) {
        return !entry->pretended && (entry->came_back || now - MIN(entry->acted, now) >= entry->rest);
}

nsec_t ledger_patience(const Ledger *ledger, uint64_t target, nsec_t now) {
        double applied = LITTLE, back = 0, share, factor;
        nsec_t rest = 0;

        for (size_t i = find_first(ledger, target, 0); i < ledger->n && ledger->entries[i].target == target; i++) {
                const LedgerEntry *entry = &ledger->entries[i];

                if (!is_telling(entry, now))
                        continue;
                applied += (double) entry->applied;
                back += (double) MIN(MAX(entry->back, entry->returned), entry->applied);
                rest = MAX(rest, entry->rest);
        }

        share = back / applied;
        if (share < CAME_BACK_SHARE)
                return 0;
        factor = fmin(pow(1 - share, -PATIENCE_POWER), PATIENCE_MAX);
        return (nsec_t) fmin((double) rest * factor, (double) MAX(LEDGER_REST_MAX, rest));
}

void ledger_drop_pretended(Ledger *ledger) {
        size_t kept = 0;

        for (size_t i = 0; i < ledger->n; i++)
                if (!ledger->entries[i].pretended)
                        ledger->entries[kept++] = ledger->entries[i];
        ledger->n = kept;
}

void ledger_expire(Ledger *ledger, const Snapshot *snapshot, nsec_t now) {
        size_t kept = 0;

        for (size_t i = 0; i < ledger->n; i++) {
                const LedgerEntry *entry = &ledger->entries[i];

                if (now < forgotten_at(entry) && find_target(snapshot, entry))
                        ledger->entries[kept++] = *entry;
        }
        ledger->n = kept;
}

uint64_t ledger_resting(const Ledger *ledger, nsec_t now, uint64_t *ret_longer) {
        uint64_t bytes = 0;

        *ret_longer = 0;
        for (size_t i = 0; i < ledger->n; i++) {
                const LedgerEntry *entry = &ledger->entries[i];

                if (now >= entry->rest_until)
                        continue;
                bytes += entry->end - entry->start;
                if (entry->level > 0)
                        *ret_longer += entry->end - entry->start;
        }
        return bytes;
}
