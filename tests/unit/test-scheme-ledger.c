/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the ledger: what rests, what came back, what is forgotten. */
#include "scheme/ledger.h"
#include "test-scheme-set.h"

#define LEVELS_TO_AN_HOUR 6 /* 60 s doubled so often is more */

/* ---- Helpers ---- */

typedef struct Pieces {
        Range pieces[64];
        size_t n;
        size_t stop_after; /* 0: never */
} Pieces;

static int note_piece(void *userdata, uint64_t start, uint64_t end) {
        Pieces *pieces = userdata;

        ck_assert_uint_lt(start, end);
        ck_assert_uint_lt(pieces->n, ELEMENTSOF(pieces->pieces));
        pieces->pieces[pieces->n++] = (Range) { start, end };
        return pieces->n == pieces->stop_after ? -ECANCELED : 0;
}

static Pieces free_pieces(const Ledger *ledger, uint64_t target, uint64_t first, uint64_t end, nsec_t now) {
        Pieces pieces = {};

        ck_assert_int_eq(ledger_visit_free(ledger, target, first * PAGE, end * PAGE, now, note_piece, &pieces), 0);
        return pieces;
}

static void check_piece(const Pieces *pieces, size_t i, uint64_t first, uint64_t end) {
        ck_assert_uint_lt(i, pieces->n);
        ck_assert_uint_eq(pieces->pieces[i].start, first * PAGE);
        ck_assert_uint_eq(pieces->pieces[i].end, end * PAGE);
}

/* Pages [first, end) of target 1 were acted on at `now`, all of them with success. */
static LedgerEntry acted(uint64_t first, uint64_t end, nsec_t now) {
        return (LedgerEntry) {
                .target = 1, .address_space = 1, .start = first * PAGE, .end = end * PAGE, .acted = now,
                .rest = 60 * SEC, .applied = (end - first) * PAGE,
        };
}

static void add(Ledger *ledger, uint64_t first, uint64_t end, nsec_t now) {
        LedgerEntry entry = acted(first, end, now);

        ck_assert_int_eq(ledger_add(ledger, &entry, NULL), 0);
}

static bool rests(const Ledger *ledger, uint64_t page, nsec_t now) {
        return free_pieces(ledger, 1, page, page + 1, now).n == 0;
}

/* All of the only entry is resident again. */
static void come_back(Ledger *ledger, nsec_t now, bool back_off) {
        const LedgerEntry *entry = &ledger->entries[0];

        ck_assert_uint_eq(ledger->n, 1);
        (void) ledger_audit(ledger, entry->target, entry->start, entry->end, entry->end - entry->start, now, back_off);
}

/* One target with regions of `pages` pages each, from address 0; hits of 10 samples. */
static Snapshot *snapshot_of(nsec_t time, nsec_t window, const uint64_t *hits, size_t n, uint64_t pages) {
        Snapshot *snapshot = snapshot_new(1, n);

        snapshot->time = time;
        snapshot->window = window;
        snapshot->targets[0] = (SnapshotTarget) { .id = 1, .pid = 7, .address_space = 1, .n_regions = n };
        for (size_t i = 0; i < n; i++)
                snapshot->regions[i] = (SnapshotRegion) {
                        .start = i * pages * PAGE, .end = (i + 1) * pages * PAGE, .samples = 10, .hits = hits[i],
                };
        return snapshot;
}

/* ---- Resting ---- */

START_TEST(empty) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry audits[1];
        uint64_t longer = 7;
        Pieces pieces = free_pieces(&ledger, 1, 3, 9, 0);

        ck_assert_uint_eq(pieces.n, 1);
        check_piece(&pieces, 0, 3, 9);
        ck_assert_uint_eq(free_pieces(&ledger, 1, 3, 3, 0).n, 0);
        ck_assert_uint_eq(ledger_resting(&ledger, 0, &longer), 0);
        ck_assert_uint_eq(longer, 0);
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 1, UINT64_MAX), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, PAGE, PAGE, 0, true), 0);
}
END_TEST

START_TEST(rests_until_the_end_of_its_rest) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        uint64_t longer;

        add(&ledger, 10, 20, 100 * SEC);
        ck_assert(rests(&ledger, 10, 100 * SEC));
        ck_assert(rests(&ledger, 19, 160 * SEC - 1));
        ck_assert(!rests(&ledger, 9, 100 * SEC));
        ck_assert(!rests(&ledger, 20, 100 * SEC));
        ck_assert(!rests(&ledger, 10, 160 * SEC));
        ck_assert_uint_eq(ledger_resting(&ledger, 160 * SEC - 1, &longer), 10 * PAGE);
        ck_assert_uint_eq(longer, 0);
        ck_assert_uint_eq(ledger_resting(&ledger, 160 * SEC, &longer), 0);
}
END_TEST

START_TEST(other_targets_do_not_rest) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry entry = acted(0, 10, 0);

        for (uint64_t target = 1; target <= 5; target += 2) {
                entry.target = target;
                ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
        }
        for (uint64_t target = 0; target <= 6; target++)
                ck_assert_uint_eq(free_pieces(&ledger, target, 0, 10, 0).n, target % 2 ? 0 : 1);
}
END_TEST

START_TEST(free_parts) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        Pieces pieces;

        add(&ledger, 10, 20, 0);
        add(&ledger, 30, 40, 0);
        add(&ledger, 40, 50, 0);
        add(&ledger, 60, 70, 50 * SEC);

        pieces = free_pieces(&ledger, 1, 0, 100, 0);
        ck_assert_uint_eq(pieces.n, 4);
        check_piece(&pieces, 0, 0, 10);
        check_piece(&pieces, 1, 20, 30);
        check_piece(&pieces, 2, 50, 60);
        check_piece(&pieces, 3, 70, 100);

        pieces = free_pieces(&ledger, 1, 15, 35, 0);
        ck_assert_uint_eq(pieces.n, 1);
        check_piece(&pieces, 0, 20, 30);

        /* what has rested is one with what never did */
        pieces = free_pieces(&ledger, 1, 0, 100, 60 * SEC);
        ck_assert_uint_eq(pieces.n, 2);
        check_piece(&pieces, 0, 0, 60);
        check_piece(&pieces, 1, 70, 100);
}
END_TEST

START_TEST(visitor_ends_it) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        Pieces pieces = { .stop_after = 2 };

        add(&ledger, 10, 20, 0);
        add(&ledger, 30, 40, 0);
        ck_assert_int_eq(ledger_visit_free(&ledger, 1, 0, 100 * PAGE, 0, note_piece, &pieces), -ECANCELED);
        ck_assert_uint_eq(pieces.n, 2);
        pieces = (Pieces) { .stop_after = 3 };
        ck_assert_int_eq(ledger_visit_free(&ledger, 1, 0, 100 * PAGE, 0, note_piece, &pieces), -ECANCELED);
}
END_TEST

START_TEST(newer_ones_cut_older_ones) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        add(&ledger, 0, 100, 0);
        add(&ledger, 40, 60, 30 * SEC);
        ck_assert_uint_eq(ledger.n, 3);
        ck_assert_uint_eq(ledger.entries[0].applied + ledger.entries[1].applied + ledger.entries[2].applied, 100 * PAGE);
        ck_assert_uint_eq(ledger.entries[0].end, 40 * PAGE);
        ck_assert_uint_eq(ledger.entries[2].start, 60 * PAGE);
        ck_assert(!rests(&ledger, 39, 60 * SEC));
        ck_assert(rests(&ledger, 40, 60 * SEC));
        ck_assert(rests(&ledger, 59, 60 * SEC));
        ck_assert(!rests(&ledger, 60, 60 * SEC));

        /* over the ends of several */
        add(&ledger, 20, 80, 60 * SEC);
        ck_assert_uint_eq(ledger.n, 3);
        add(&ledger, 0, 100, 60 * SEC);
        ck_assert_uint_eq(ledger.n, 1);
}
END_TEST

/* ---- Coming back ---- */

START_TEST(each_return_doubles_the_rest) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        nsec_t now = 1000 * SEC, rest = 60 * SEC, last = 0;

        for (int i = 0; i < 10; i++) {
                add(&ledger, 0, 10, now);
                ck_assert_uint_eq(ledger.entries[0].rest_until, now + rest);
                ck_assert(!ledger.entries[0].came_back);

                come_back(&ledger, now + SEC, true);
                rest = MIN(2 * rest, LEDGER_REST_MAX);
                ck_assert_uint_eq(ledger.entries[0].rest_until, now + SEC + rest);
                ck_assert_uint_ge(rest, last);
                last = rest;
                now += SEC + rest;
                ck_assert(!rests(&ledger, 0, now));
                ck_assert(rests(&ledger, 0, now - 1));
        }
        ck_assert_uint_eq(rest, LEDGER_REST_MAX);
}
END_TEST

START_TEST(one_return_counts_once) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        add(&ledger, 0, 10, 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 5 * PAGE, SEC, true), 5 * PAGE);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 5 * PAGE, 2 * SEC, true), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 3 * PAGE, 3 * SEC, true), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 7 * PAGE, 4 * SEC, true), 2 * PAGE);
        ck_assert_uint_eq(ledger.entries[0].level, 1);
        ck_assert_uint_eq(ledger.entries[0].rest_until, SEC + 120 * SEC);
}
END_TEST

START_TEST(a_little_is_chance) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        uint64_t longer;

        add(&ledger, 0, 100, 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 100 * PAGE, 9 * PAGE, SEC, true), 9 * PAGE);
        ck_assert(!ledger.entries[0].came_back);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 100 * PAGE, 10 * PAGE, SEC, true), PAGE);
        ck_assert(ledger.entries[0].came_back);
        ck_assert_uint_eq(ledger_resting(&ledger, 119 * SEC, &longer), 100 * PAGE);
        ck_assert_uint_eq(longer, 100 * PAGE);
}
END_TEST

START_TEST(what_never_left_does_not_come_back) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry entry = acted(0, 10, 0);

        entry.applied = 4 * PAGE;
        entry.left = 6 * PAGE;
        ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 6 * PAGE, SEC, true), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 0, SEC, true), 0);
        ck_assert(!ledger.entries[0].came_back);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 8 * PAGE, SEC, true), 2 * PAGE);
        /* never more than what was applied, whatever else was mapped there */
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, UINT64_MAX, SEC, true), 2 * PAGE);
}
END_TEST

START_TEST(audits_of_entries_that_have_changed) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        add(&ledger, 0, 10, 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 9 * PAGE, 9 * PAGE, SEC, true), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, PAGE, 10 * PAGE, 9 * PAGE, SEC, true), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 2, 0, 10 * PAGE, 9 * PAGE, SEC, true), 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 20 * PAGE, 30 * PAGE, 9 * PAGE, SEC, true), 0);
        ck_assert_uint_eq(ledger.entries[0].back, 0);
}
END_TEST

START_TEST(quiet_rests_take_levels_off) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        nsec_t now = 1000 * SEC;

        for (int i = 0; i < 3; i++) {
                add(&ledger, 0, 10, now);
                come_back(&ledger, now, true);
                now = ledger.entries[0].rest_until;
        }
        ck_assert_uint_eq(ledger.entries[0].level, 3);
        for (uint32_t level = 3; level-- > 0;) {
                /* the first of these was not quiet: it came back */
                add(&ledger, 0, 10, now);
                ck_assert_uint_eq(ledger.entries[0].level, level + 1);
                now = ledger.entries[0].rest_until;
        }
        add(&ledger, 0, 10, now);
        ck_assert_uint_eq(ledger.entries[0].level, 0);
        ck_assert_uint_eq(ledger.entries[0].rest_until, now + 60 * SEC);
}
END_TEST

START_TEST(levels_are_inherited_from_any_part) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        add(&ledger, 0, 10, 0);
        come_back(&ledger, SEC, true);
        add(&ledger, 5, 50, 200 * SEC);
        ck_assert_uint_eq(ledger.n, 2);
        ck_assert_uint_eq(ledger.entries[1].level, 1);
        ck_assert_uint_eq(ledger.entries[1].rest_until, 320 * SEC);
        /* beside it: not */
        add(&ledger, 50, 60, 200 * SEC);
        ck_assert_uint_eq(ledger.entries[2].level, 0);
}
END_TEST

START_TEST(no_back_off_for_hot_actions) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 10 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(20 * SEC, SEC, hits, 1, 100);

        add(&ledger, 0, 10, 0);
        ck_assert_uint_eq(ledger_audit(&ledger, 1, 0, 10 * PAGE, 10 * PAGE, SEC, false), 10 * PAGE);
        ck_assert_uint_eq(ledger_observe(&ledger, snapshot, false), 10 * PAGE);
        ck_assert_uint_eq(ledger.entries[0].level, 0);
        ck_assert_uint_eq(ledger.entries[0].rest_until, 60 * SEC);
}
END_TEST

START_TEST(long_rests_are_not_shortened) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry entry = acted(0, 10, 0);

        entry.rest = 5 * LEDGER_REST_MAX;
        for (int i = 0; i < LEVELS_TO_AN_HOUR; i++) {
                ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
                ck_assert_uint_eq(ledger.entries[0].rest_until, 5 * LEDGER_REST_MAX);
                come_back(&ledger, 0, true);
        }
        come_back(&ledger, SEC, true);
        ck_assert_uint_eq(ledger.entries[0].rest_until, 5 * LEDGER_REST_MAX);
}
END_TEST

/* ---- What the monitor sees ---- */

START_TEST(observes_accesses) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 0, 5, 0 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(20 * SEC, 5 * SEC, hits, 3, 10);

        add(&ledger, 0, 10, SEC);   /* in the idle region */
        add(&ledger, 15, 25, SEC);  /* half of it in the one with half the samples */
        ck_assert_uint_eq(ledger_observe(&ledger, snapshot, true), 5 * PAGE / 2);
        ck_assert(!ledger.entries[0].came_back);
        ck_assert(ledger.entries[1].came_back);
        ck_assert_uint_eq(ledger.entries[1].rest_until, 20 * SEC + 120 * SEC);
        /* the same again adds nothing */
        ck_assert_uint_eq(ledger_observe(&ledger, snapshot, true), 0);
}
END_TEST

START_TEST(windows_that_began_before_do_not_count) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 10 };
        _cleanup_(snapshot_unrefp) Snapshot *before = snapshot_of(20 * SEC, 5 * SEC, hits, 1, 100);
        _cleanup_(snapshot_unrefp) Snapshot *after = snapshot_of(25 * SEC, 5 * SEC, hits, 1, 100);

        add(&ledger, 0, 10, 16 * SEC);
        ck_assert_uint_eq(ledger_observe(&ledger, before, true), 0);
        ck_assert_uint_eq(ledger_observe(&ledger, after, true), 10 * PAGE);
}
END_TEST

START_TEST(only_what_was_applied_returns) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 10 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(20 * SEC, 5 * SEC, hits, 1, 100);
        LedgerEntry entry = acted(0, 10, 0);

        entry.applied = 0;
        ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
        entry = acted(20, 30, 0);
        entry.applied = 3 * PAGE;
        ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
        ck_assert_uint_eq(ledger_observe(&ledger, snapshot, true), 3 * PAGE);
        ck_assert(!ledger.entries[0].came_back);
}
END_TEST

START_TEST(other_address_spaces_do_not_count) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 10 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(20 * SEC, 5 * SEC, hits, 1, 100);

        add(&ledger, 0, 10, 0);
        snapshot->targets[0].address_space = 2;
        ck_assert_uint_eq(ledger_observe(&ledger, snapshot, true), 0);
        ledger_expire(&ledger, snapshot, SEC);
        ck_assert_uint_eq(ledger.n, 0);
}
END_TEST

START_TEST(no_samples_no_accesses) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 0 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(20 * SEC, 5 * SEC, hits, 1, 100);

        snapshot->regions[0].samples = 0;
        add(&ledger, 0, 10, 0);
        ck_assert_uint_eq(ledger_observe(&ledger, snapshot, true), 0);
}
END_TEST

/* ---- Audits, forgetting, limits ---- */

START_TEST(audits_go_round) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry audits[4];

        for (uint64_t i = 0; i < 6; i++)
                add(&ledger, 10 * i, 10 * i + 5, 0);
        ledger.entries[1].applied = 0;                          /* nothing that could come back */
        ledger.entries[4].back = ledger.entries[4].applied; /* all back */

        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 3, UINT64_MAX), 3);
        ck_assert_uint_eq(audits[0].start, 0);
        ck_assert_uint_eq(audits[1].start, 20 * PAGE);
        ck_assert_uint_eq(audits[2].start, 30 * PAGE);
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 3, UINT64_MAX), 3);
        ck_assert_uint_eq(audits[0].start, 50 * PAGE);
        ck_assert_uint_eq(audits[1].start, 0);
        /* each at most once, though there is room */
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 4, UINT64_MAX), 4);
        for (size_t i = 0; i < 4; i++)
                for (size_t k = 0; k < i; k++)
                        ck_assert_uint_ne(audits[i].start, audits[k].start);
        /* the bytes are enough once they are reached */
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 4, 6 * PAGE), 2);
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 4, 1), 1);
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 0, UINT64_MAX), 0);

        /* it may have shrunk meanwhile */
        ledger.n = 1;
        ck_assert_uint_eq(ledger_next_audits(&ledger, audits, 4, UINT64_MAX), 1);
}
END_TEST

START_TEST(forgets_after_some_quiet_rests) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 0 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(0, 0, hits, 1, 100);

        add(&ledger, 0, 10, 0);
        ledger_expire(&ledger, snapshot, 239 * SEC);
        ck_assert_uint_eq(ledger.n, 1);
        ledger_expire(&ledger, snapshot, 240 * SEC);
        ck_assert_uint_eq(ledger.n, 0);

        /* what came back is remembered for longer */
        add(&ledger, 0, 10, 0);
        come_back(&ledger, 0, true);
        ledger_expire(&ledger, snapshot, 479 * SEC);
        ck_assert_uint_eq(ledger.n, 1);
        ledger_expire(&ledger, snapshot, 480 * SEC);
        ck_assert_uint_eq(ledger.n, 0);
}
END_TEST

START_TEST(forgets_targets_that_have_gone) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        const uint64_t hits[] = { 0 };
        _cleanup_(snapshot_unrefp) Snapshot *snapshot = snapshot_of(0, 0, hits, 1, 100);
        LedgerEntry entry = acted(0, 10, 0);

        for (entry.target = 0; entry.target < 3; entry.target++)
                ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
        ledger_expire(&ledger, snapshot, SEC);
        ck_assert_uint_eq(ledger.n, 1);
        ck_assert_uint_eq(ledger.entries[0].target, 1);
}
END_TEST

/* Acted on again, with so many pages taken this time and so many resident afterwards. */
static void add_again(Ledger *ledger, uint64_t applied, uint64_t left, nsec_t now) {
        LedgerEntry entry = acted(0, 100, now);

        entry.applied = applied * PAGE;
        entry.left = left * PAGE;
        ck_assert_int_eq(ledger_add(ledger, &entry, NULL), 0);
}

static uint64_t pages_back(Ledger *ledger, uint64_t resident, nsec_t now) {
        return ledger_audit(ledger, 1, 0, 100 * PAGE, resident * PAGE, now, true) / PAGE;
}

START_TEST(what_is_away_stays_counted) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        add(&ledger, 0, 100, 1000 * SEC);
        /* nothing to do there any more: all of it is away */
        add_again(&ledger, 0, 0, 1060 * SEC);
        ck_assert_uint_eq(ledger.entries[0].applied, 100 * PAGE);
        ck_assert_uint_eq(pages_back(&ledger, 30, 1070 * SEC), 30);
        ck_assert_uint_eq(ledger.entries[0].level, 1);

        /* 10 of the 30 are taken again, the others stay: 80 are away, and all of those may come back */
        add_again(&ledger, 10, 20, 1200 * SEC);
        ck_assert_uint_eq(ledger.entries[0].applied, 80 * PAGE);
        ck_assert_uint_eq(pages_back(&ledger, 20, 1201 * SEC), 0);
        ck_assert_uint_eq(pages_back(&ledger, 100, 1202 * SEC), 80);
        add_again(&ledger, 0, 100, 1900 * SEC);
        ck_assert_uint_eq(ledger.entries[0].applied, 0);
}
END_TEST

/* Acted on again, pages [first, end), all of them taken: how many of those had been away as far as was known. */
static uint64_t unseen(Ledger *ledger, uint64_t first, uint64_t end, nsec_t now) {
        LedgerEntry entry = acted(first, end, now);
        uint64_t back = 0;

        ck_assert_int_eq(ledger_add(ledger, &entry, &back), 0);
        return back / PAGE;
}

START_TEST(what_came_back_unseen_is_told) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        ck_assert_uint_eq(unseen(&ledger, 0, 100, 1000 * SEC), 0);
        ck_assert_uint_eq(pages_back(&ledger, 30, 1010 * SEC), 30);
        /* 30 were known to be back; that the other 70 can be taken again tells that they were, too */
        ck_assert_uint_eq(unseen(&ledger, 0, 100, 1060 * SEC), 70);
        ck_assert_uint_eq(ledger.entries[0].applied, 100 * PAGE);

        /* half of it had been left: those may be the ones */
        add_again(&ledger, 100, 0, 1120 * SEC);
        add_again(&ledger, 50, 50, 1180 * SEC);
        ck_assert_uint_eq(unseen(&ledger, 0, 50, 1240 * SEC), 0);
        ck_assert_uint_eq(unseen(&ledger, 0, 50, 1300 * SEC), 50);

        /* what was only pretended was never away */
        ledger.entries[0].pretended = true;
        ck_assert_uint_eq(unseen(&ledger, 0, 50, 1360 * SEC), 0);
}
END_TEST

START_TEST(what_stays_there_is_not_away) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        /* such as cold: all of it is resident */
        add_again(&ledger, 100, 100, 1000 * SEC);
        add_again(&ledger, 40, 100, 1060 * SEC);
        ck_assert_uint_eq(ledger.entries[0].applied, 40 * PAGE);
}
END_TEST

START_TEST(settled_ranges_are_asked_ever_more_rarely) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        LedgerEntry entry = acted(0, 10, 100 * SEC);
        nsec_t now = 100 * SEC, longest = 0;

        entry.rest = SEC;
        entry.applied = 0;
        entry.settled = true;
        for (unsigned i = 0; i < 10; i++) {
                entry.acted = now;
                ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
                longest = ledger.entries[0].rest_until - now;
                ck_assert_uint_eq(longest, MIN(SEC << i, LEDGER_SETTLED_MAX));
                now = ledger.entries[0].rest_until;
        }
        ck_assert_uint_eq(longest, LEDGER_SETTLED_MAX);

        /* once something was done there, it begins anew */
        entry.settled = false;
        entry.acted = now;
        ck_assert_int_eq(ledger_add(&ledger, &entry, NULL), 0);
        ck_assert_uint_eq(ledger.entries[0].rest_until - now, SEC);
}
END_TEST

START_TEST(what_another_scheme_moves_back) {
        _cleanup_(ledger_deinit) Ledger cold = {}, hot = {}, other = {};

        /* 10 pages went down, half of them come up again: they rest longer before they go again */
        add(&cold, 0, 10, 100 * SEC);
        ck_assert_uint_eq(ledger_moved(&cold, 1, 0, 5 * PAGE, 5 * PAGE, 130 * SEC, true, true), 5 * PAGE);
        ck_assert_uint_eq(cold.n, 1);
        ck_assert_uint_eq(cold.entries[0].level, 1);
        ck_assert(rests(&cold, 3, 130 * SEC + 119 * SEC));

        /* what was moved up is forgotten when it goes down: it may come up again at once */
        add(&hot, 0, 10, 100 * SEC);
        add(&hot, 20, 30, 100 * SEC);
        ck_assert_uint_eq(ledger_moved(&hot, 1, 0, 10 * PAGE, 10 * PAGE, 101 * SEC, true, false), 10 * PAGE);
        ck_assert(!rests(&hot, 5, 102 * SEC));
        ck_assert(rests(&hot, 25, 102 * SEC));
        /* never more than was moved, nor of other targets */
        ck_assert_uint_eq(ledger_moved(&hot, 1, 20 * PAGE, 30 * PAGE, 2 * PAGE, 101 * SEC, true, false), 2 * PAGE);
        ck_assert_uint_eq(ledger_moved(&hot, 2, 0, 100 * PAGE, 100 * PAGE, 101 * SEC, true, false), 0);

        /* in the same direction: nothing came back, but what was settled is so no more */
        add(&other, 0, 10, 100 * SEC);
        add(&other, 10, 20, 100 * SEC);
        other.entries[1].settled = true;
        ck_assert_uint_eq(ledger_moved(&other, 1, 0, 20 * PAGE, 20 * PAGE, 101 * SEC, false, true), 0);
        ck_assert(rests(&other, 5, 102 * SEC));
        ck_assert(!rests(&other, 15, 102 * SEC));
}
END_TEST

START_TEST(is_bounded) {
        _cleanup_(ledger_deinit) Ledger ledger = {};

        for (uint64_t i = 0; i < LEDGER_MAX + 100; i++)
                add(&ledger, 2 * i, 2 * i + 1, i * NSEC_PER_MSEC);
        ck_assert_uint_eq(ledger.n, LEDGER_MAX);
        /* those acted on first have gone */
        ck_assert(!rests(&ledger, 2 * 99, 20 * SEC));
        ck_assert(rests(&ledger, 2 * 100, 20 * SEC));
        ck_assert(rests(&ledger, 2 * (LEDGER_MAX + 99), 20 * SEC));

        /* one in the middle of another makes three of one: no more than the limit even so */
        add(&ledger, 1000000, 1000100, 10 * SEC);
        add(&ledger, 1000040, 1000060, 10 * SEC);
        ck_assert_uint_eq(ledger.n, LEDGER_MAX);
}
END_TEST

/* ---- Against a list of pages ---- */

#define PAGES 200

typedef struct PageModel {
        nsec_t rest_until;
        uint32_t level;
        bool came_back;
} PageModel;

static nsec_t doubled(nsec_t rest, uint32_t level) {
        while (level-- > 0 && rest < LEDGER_REST_MAX)
                rest *= 2;
        return MIN(rest, LEDGER_REST_MAX);
}

static void model_add(PageModel *pages, uint64_t first, uint64_t end, nsec_t now, nsec_t rest) {
        uint32_t level = 0;

        for (uint64_t i = first; i < end; i++)
                level = MAX(level, pages[i].came_back || pages[i].level == 0 ? pages[i].level : pages[i].level - 1);
        for (uint64_t i = first; i < end; i++)
                pages[i] = (PageModel) { now + doubled(rest, level), level, false };
}

/* A random share of a random entry is resident; the model learns the same. */
static void audit_one(Ledger *ledger, PageModel *pages, Rng *rng, nsec_t now) {
        const LedgerEntry entry = ledger->entries[rng_below(rng, ledger->n)];
        uint64_t resident = rng_below(rng, entry.end - entry.start + 1);
        bool back = (double) MIN(resident, entry.applied) >= 0.1 * (double) entry.applied;

        (void) ledger_audit(ledger, 1, entry.start, entry.end, resident, now, true);
        for (uint64_t i = entry.start / PAGE; i < entry.end / PAGE; i++) {
                if (!back || pages[i].came_back)
                        continue;
                pages[i].came_back = true;
                pages[i].level = MIN(pages[i].level + 1, 12U);
                pages[i].rest_until = MAX(pages[i].rest_until, now + doubled(entry.rest, pages[i].level));
        }
}

static void check_against(const Ledger *ledger, const PageModel *pages, nsec_t now) {
        uint64_t resting = 0, longer = 0, ret_longer;

        for (size_t i = 0; i < ledger->n; i++) {
                ck_assert_uint_lt(ledger->entries[i].start, ledger->entries[i].end);
                if (i > 0)
                        ck_assert_uint_le(ledger->entries[i - 1].end, ledger->entries[i].start);
        }
        for (uint64_t i = 0; i < PAGES; i++) {
                ck_assert_int_eq(rests(ledger, i, now), now < pages[i].rest_until);
                resting += now < pages[i].rest_until ? PAGE : 0;
                longer += now < pages[i].rest_until && pages[i].level > 0 ? PAGE : 0;
        }
        ck_assert_uint_eq(ledger_resting(ledger, now, &ret_longer), resting);
        ck_assert_uint_eq(ret_longer, longer);
}

START_TEST(like_a_list_of_pages) {
        _cleanup_(ledger_deinit) Ledger ledger = {};
        PageModel pages[PAGES] = {};
        nsec_t now = SEC;
        Rng rng;

        rng_init(&rng, (uint64_t) _i);
        for (int step = 0; step < 2000; step++) {
                uint64_t first = rng_below(&rng, PAGES), end = first + 1 + rng_below(&rng, MIN(PAGES - first, 40U));

                now += rng_below(&rng, 40 * SEC);
                if (ledger.n == 0 || rng_below(&rng, 2) == 0) {
                        add(&ledger, first, end, now);
                        model_add(pages, first, end, now, 60 * SEC);
                } else
                        audit_one(&ledger, pages, &rng, now);
                if (step % 10 == 0)
                        check_against(&ledger, pages, now);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-ledger");
        TCase *tests = tcase_create("scheme-ledger");

        tcase_add_test(tests, empty);
        tcase_add_test(tests, rests_until_the_end_of_its_rest);
        tcase_add_test(tests, other_targets_do_not_rest);
        tcase_add_test(tests, free_parts);
        tcase_add_test(tests, visitor_ends_it);
        tcase_add_test(tests, newer_ones_cut_older_ones);
        tcase_add_test(tests, each_return_doubles_the_rest);
        tcase_add_test(tests, one_return_counts_once);
        tcase_add_test(tests, a_little_is_chance);
        tcase_add_test(tests, what_never_left_does_not_come_back);
        tcase_add_test(tests, audits_of_entries_that_have_changed);
        tcase_add_test(tests, quiet_rests_take_levels_off);
        tcase_add_test(tests, levels_are_inherited_from_any_part);
        tcase_add_test(tests, no_back_off_for_hot_actions);
        tcase_add_test(tests, long_rests_are_not_shortened);
        tcase_add_test(tests, observes_accesses);
        tcase_add_test(tests, windows_that_began_before_do_not_count);
        tcase_add_test(tests, only_what_was_applied_returns);
        tcase_add_test(tests, other_address_spaces_do_not_count);
        tcase_add_test(tests, no_samples_no_accesses);
        tcase_add_test(tests, audits_go_round);
        tcase_add_test(tests, forgets_after_some_quiet_rests);
        tcase_add_test(tests, forgets_targets_that_have_gone);
        tcase_add_test(tests, what_is_away_stays_counted);
        tcase_add_test(tests, what_came_back_unseen_is_told);
        tcase_add_test(tests, what_stays_there_is_not_away);
        tcase_add_test(tests, settled_ranges_are_asked_ever_more_rarely);
        tcase_add_test(tests, what_another_scheme_moves_back);
        tcase_add_test(tests, is_bounded);
        tcase_add_loop_test(tests, like_a_list_of_pages, 0, 20);
        suite_add_tcase(suite, tests);
        return run_suite(suite);
}
