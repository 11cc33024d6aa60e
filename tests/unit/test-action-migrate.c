/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor that moves memory between the NUMA nodes of a fake kernel: every status, every error number, every way in
 * which the kernel breaks off half-way; then at random. */
#include "test-action.h"

#include <limits.h>
#include <stdio.h>

#include "action/policy.h"
#include "base/rng.h"
#include "fake/numa.h"

static void renew(void) {
        nsec_t now = fake_act.now;

        fake_act_reset();
        fake_act.now = now + NSEC_PER_MINUTE; /* what is known of nodes is old */
        fake_vmas(&(FakeVma) { .end = FAKE_PAGES, .name = "" }, 1);
}

static SchemeConfig *config(void) {
        return &plan.spec.config;
}

static void go_to(TierWord word) {
        config()->to = word;
        config()->n_destinations = 0;
}

static uint64_t moved_bytes(int from, int to) {
        for (size_t i = 0; i < PLAN_MOVES_MAX; i++)
                if (scheme_result()->moves[i].from == from && scheme_result()->moves[i].to == to)
                        return scheme_result()->moves[i].bytes;
        return 0;
}

static unsigned pages_on(int node, unsigned first, unsigned end) {
        unsigned n = 0;

        for (; first < end; first++)
                n += fake_page_node(first) == node;
        return n;
}

static void expect(const ItemResult *r, Outcome outcome, uint64_t pages) {
        ck_assert_msg(r->others[outcome] == pages * PAGE, "%s: %llu pages, not %llu", outcome_name(outcome),
                      (unsigned long long) (r->others[outcome] / PAGE), (unsigned long long) pages);
}

START_TEST(moves_what_is_elsewhere) {
        const ItemResult *r;

        fake_map_range(0, 100, 100);
        fake_map_range(100, 130, fake_node_start(1) + 200);
        fake_swap_out(140, 1);
        r = run_one(ACTION_MIGRATE_COLD, 0, 150);
        ck_assert_uint_eq(r->tried, 100 * PAGE);
        ck_assert_uint_eq(r->applied, 100 * PAGE);
        expect(r, OUTCOME_THERE, 30);
        expect(r, OUTCOME_NOTHING, 20);
        ck_assert_uint_eq(pages_on(1, 0, 150), 130);
        ck_assert_uint_eq(moved_bytes(0, 1), 100 * PAGE);
        ck_assert_uint_eq(fake_numa.useless, 0);
        ck_assert_uint_eq(fake_numa.moved[0][1], 100);

        /* again: nothing is left to do */
        r = run_one(ACTION_MIGRATE_COLD, 0, 150);
        ck_assert_uint_eq(r->tried, 0);
        expect(r, OUTCOME_THERE, 130);
        ck_assert_uint_eq(moved_bytes(0, 1), 0);
}
END_TEST

START_TEST(folios_move_whole) {
        const ItemResult *r;

        fake_map_folio(0, 512, 9);
        fake_map_folio(512, 1024, 4);
        fake_map_range(528, 600, 1100);
        r = run_one(ACTION_MIGRATE_HOT, 0, 600);
        ck_assert_uint_eq(r->applied, 600 * PAGE);
        ck_assert_uint_eq(fake_numa.tails, 0);
        ck_assert_uint_eq(sum(fake_act.handed), 2 + 72);
        ck_assert_uint_eq(pages_on(1, 0, 600), 600);

        /* of one that the item holds in part, nothing */
        fake_map_folio(1024, 2048, 9);
        r = run_one(ACTION_MIGRATE_HOT, 1030, 1536);
        ck_assert_uint_eq(r->tried, 0);
        expect(r, OUTCOME_EDGE, 506);
}
END_TEST

START_TEST(every_status) {
        static const struct {
                int status;
                Outcome outcome;
        } cases[] = {
                { -EBUSY, OUTCOME_BUSY },     { -ENOENT, OUTCOME_NOTHING }, { -EFAULT, OUTCOME_UNMAPPED },
                { -EACCES, OUTCOME_SHARED },  { -ENOMEM, OUTCOME_NO_ROOM }, { -EIO, OUTCOME_FAILED },
                { -EINVAL, OUTCOME_FAILED },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const ItemResult *r;

                renew();
                fake_map_range(0, 60, 100);
                fake_numa.status[7] = fake_numa.status[30] = fake_numa.status[59] = cases[i].status;
                r = run_one(ACTION_MIGRATE_COLD, 0, 60);
                ck_assert_uint_eq(r->applied, 57 * PAGE);
                ck_assert_uint_eq(r->tried, 57 * PAGE);
                expect(r, cases[i].outcome, 3);
                ck_assert_uint_eq(error_count(-cases[i].status), cases[i].outcome == OUTCOME_FAILED ? 3 : 0);
                ck_assert_int_eq(fake_page_node(7), 0);
                ck_assert_uint_eq(pages_on(1, 0, 60), 57);
        }
}
END_TEST

START_TEST(every_error) {
        static const struct {
                int error;
                Outcome outcome;
                bool all; /* of the item, whatever follows */
        } cases[] = {
                { ESRCH, OUTCOME_GONE, true },     { EPERM, OUTCOME_DENIED, true },  { EACCES, OUTCOME_POLICY, false },
                { ENODEV, OUTCOME_NO_NODE, false }, { ENOMEM, OUTCOME_NO_ROOM, false }, { EINVAL, OUTCOME_FAILED, false },
                { EFAULT, OUTCOME_FAILED, false }, { E2BIG, OUTCOME_FAILED, false },  { ENOSYS, OUTCOME_FAILED, false },
                { EIO, OUTCOME_FAILED, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const ItemResult *r;

                renew();
                fake_map_range(0, 2000, 100);
                plan_one(ACTION_MIGRATE_COLD, 0, 2000);
                fake_act.error = -cases[i].error;
                fake_act.error_count = cases[i].all ? UINT_MAX : 1;
                r = run();
                ck_assert_msg(r->others[cases[i].outcome] > 0, "error %d", cases[i].error);
                ck_assert_uint_eq(r->applied + r->others[cases[i].outcome] +
                                          (cases[i].outcome == OUTCOME_NO_ROOM ? 0 : r->others[OUTCOME_NO_ROOM]),
                                  2000 * PAGE);
                ck_assert_uint_eq(r->applied, pages_on(1, 0, 2000) * PAGE);
                if (cases[i].all)
                        ck_assert_uint_eq(r->applied, 0);
                else
                        ck_assert_uint_gt(r->applied, 0);
        }
}
END_TEST

START_TEST(one_stuck_page_keeps_nothing_back) {
        const ItemResult *r;

        fake_map_range(0, 1000, 100);
        fake_numa.stuck[0] = fake_numa.stuck[500] = true;
        r = run_one(ACTION_MIGRATE_COLD, 0, 1000);
        ck_assert_uint_eq(r->applied, 998 * PAGE);
        expect(r, OUTCOME_UNMOVED, 2);
        ck_assert_uint_eq(pages_on(1, 0, 1000), 998);
        ck_assert_uint_eq(moved_bytes(0, 1), 998 * PAGE);
}
END_TEST

START_TEST(the_kernel_breaks_off) {
        const ItemResult *r;

        /* a busy page makes it work off what it has, of which one is stuck: it says nothing of the rest */
        fake_map_range(0, 300, 100);
        fake_numa.stuck[10] = true;
        fake_numa.status[20] = -EBUSY;
        r = run_one(ACTION_MIGRATE_COLD, 0, 300);
        ck_assert_uint_eq(r->applied, 298 * PAGE);
        expect(r, OUTCOME_UNMOVED, 1);
        expect(r, OUTCOME_BUSY, 1);
}
END_TEST

START_TEST(a_reserve_is_left) {
        uint64_t free;
        const ItemResult *r;

        fake_map_range(0, 3000, 100);
        fake_numa.held[1] = FAKE_FRAMES / 2 - 1000;
        fake_numa_write();
        r = run_one(ACTION_MIGRATE_COLD, 0, 3000);
        free = fake_node_free(1);
        ck_assert_uint_ge(free, FAKE_FRAMES / 2 / 100);
        ck_assert_uint_le(free, FAKE_FRAMES / 2 / 100 + 1);
        ck_assert_uint_eq(r->applied, (1000 - free) * PAGE);
        expect(r, OUTCOME_NO_ROOM, 2000 + free);
}
END_TEST

START_TEST(a_node_that_fills_up_meanwhile) {
        const ItemResult *r;

        fake_map_range(0, 2000, 100);
        fake_numa.fits[1] = 700;
        r = run_one(ACTION_MIGRATE_COLD, 0, 2000);
        ck_assert_uint_eq(r->applied, 700 * PAGE);
        expect(r, OUTCOME_NO_ROOM, 1300);
        ck_assert_uint_eq(pages_on(1, 0, 2000), 700);
}
END_TEST

static void unplug(void) {
        fake_numa.offline[1] = true;
        fake_numa_write();
}

START_TEST(a_node_that_goes) {
        const ItemResult *r;

        /* between the look and the call */
        fake_map_range(0, 2000, 100);
        plan_one(ACTION_MIGRATE_COLD, 0, 2000);
        fake_act.hook = unplug;
        fake_act.hook_at = 2;
        r = run();
        ck_assert_uint_gt(r->applied, 0);
        ck_assert_uint_eq(r->applied + r->others[OUTCOME_NO_NODE], 2000 * PAGE);

        /* before */
        r = run_one(ACTION_MIGRATE_COLD, 1000, 2000);
        expect(r, OUTCOME_NO_NODE, 1000);
        ck_assert_uint_eq(r->tried, 0);
}
END_TEST

START_TEST(a_node_that_never_was) {
        const ItemResult *r;

        fake_map_range(0, 50, 100);
        plan_one(ACTION_MIGRATE_COLD, 0, 50);
        plan.destinations[0].node = 77;
        r = run();
        expect(r, OUTCOME_NO_NODE, 50);
        ck_assert_uint_eq(fake_numa.calls, 0);
}
END_TEST

START_TEST(cpusets_are_asked_first) {
        const ItemResult *r;

        fake_map_range(0, 50, 100);
        fake_numa.mems = 1;
        fake_numa_write();
        r = run_one(ACTION_MIGRATE_COLD, 0, 50);
        expect(r, OUTCOME_POLICY, 50);
        ck_assert_uint_eq(fake_numa.calls, 0);

        /* where that cannot be learned, the kernel says so */
        fake_remove("proc/4321/status");
        r = run_one(ACTION_MIGRATE_COLD, 0, 50);
        expect(r, OUTCOME_POLICY, 50);
        ck_assert_uint_eq(fake_numa.calls, 1);
}
END_TEST

START_TEST(policies_are_read) {
        static const char text[] = "7f0000000000 default anon=4 N0=4 kernelpagesize_kB=4\n"
                                   "7f0000001000 bind:1 anon=4 N0=4\n"
                                   "7f0000002000 bind=static:0,2-3 file=/x\n"
                                   "7f0000003000 prefer:1 anon=1\n"
                                   "7f0000004000 interleave:0-1 anon=1\n"
                                   "7f0000005000 bind:nonsense\n"
                                   "nonsense bind:1\n"
                                   "7f0000006000 bind:1";
        _cleanup_(bindings_deinit) Bindings b = {};

        ck_assert_int_eq(bindings_parse(text, &b), 0);
        ck_assert_uint_eq(b.n, 3);
        for (uint32_t node = 0; node < 5; node++) {
                ck_assert(bindings_allow(&b, 0x7f0000000000, node));
                ck_assert_int_eq(bindings_allow(&b, 0x7f0000001000, node), node == 1);
                ck_assert_int_eq(bindings_allow(&b, 0x7f0000002000, node), node != 1 && node < 4);
                ck_assert(bindings_allow(&b, 0x7f0000003000, node));
                ck_assert(bindings_allow(&b, 0x7f0000004000, node));
                ck_assert_int_eq(bindings_allow(&b, 0x7f0000006000, node), node == 1);
        }
        bindings_deinit(&b);
        ck_assert_int_eq(bindings_parse("", &b), 0);
        ck_assert_uint_eq(b.n, 0);
}
END_TEST

START_TEST(bound_mappings_stay) {
        const ItemResult *r;
        char path[200], text[100];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/proc/4321/numa_maps", fake.path);
        (void) snprintf(text, sizeof(text), "%llx bind:0 anon=50\n", (unsigned long long) fake_addr(100));
        file = fopen(path, "we");
        ck_assert_ptr_nonnull(file);
        (void) fputs(text, file);
        ck_assert_int_eq(fclose(file), 0);

        fake_vmas((FakeVma[]) { { .end = 100, .name = "" }, { .first = 100, .end = 200, .name = "" } }, 2);
        fake_map_range(0, 200, 100);
        r = run_one(ACTION_MIGRATE_COLD, 0, 200);
        ck_assert_uint_eq(r->applied, 100 * PAGE);
        expect(r, OUTCOME_POLICY, 100);
        ck_assert_uint_eq(pages_on(1, 0, 100), 100);
        fake_remove("proc/4321/numa_maps");
}
END_TEST

START_TEST(shared_pages) {
        const ItemResult *r;

        fake_map_range(0, 50, 100);
        fake_of_others(10, 20);
        r = run_one(ACTION_MIGRATE_COLD, 0, 50);
        ck_assert_uint_eq(r->applied, 50 * PAGE);

        renew();
        fake_map_range(0, 50, 100);
        fake_of_others(10, 20);
        fake_numa.no_nice = true;
        r = run_one(ACTION_MIGRATE_COLD, 0, 50);
        ck_assert_uint_eq(r->applied, 40 * PAGE);
        expect(r, OUTCOME_SHARED, 10);
}
END_TEST

START_TEST(weights_deal_by_address) {
        const ItemResult *r;
        unsigned on_one;

        fake_numa_init(4);
        fake_map_range(0, 1000, 100);
        plan_one(ACTION_MIGRATE_HOT, 0, 1000);
        plan.destinations[0] = (Destination) { .node = 1, .weight = 3 };
        plan.destinations[1] = (Destination) { .node = 2, .weight = 1 };
        config()->n_destinations = 2;
        r = run();
        ck_assert_uint_eq(r->applied, 1000 * PAGE);
        on_one = pages_on(1, 0, 1000);
        ck_assert_uint_eq(on_one, 750);
        ck_assert_uint_eq(pages_on(2, 0, 1000), 250);
        ck_assert_uint_eq(fake_numa.mixed, 0);

        r = run();
        ck_assert_uint_eq(r->tried, 0);
        expect(r, OUTCOME_THERE, 1000);
}
END_TEST

START_TEST(tiers_by_distance) {
        static const struct {
                TierWord word;
                int from;
                int to; /* the same: it is there */
        } cases[] = {
                { TIER_FAST, 0, 0 },  { TIER_FAST, 3, 0 },  { TIER_SLOW, 0, 3 },  { TIER_SLOW, 1, 3 },
                { TIER_SLOW, 3, 3 },  { TIER_LOWER, 0, 1 }, { TIER_LOWER, 1, 2 }, { TIER_LOWER, 3, 3 },
                { TIER_UPPER, 3, 2 }, { TIER_UPPER, 1, 0 }, { TIER_UPPER, 0, 0 },
        };

        fake_numa_init(4);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const ItemResult *r;

                memset(fake.frames, 0, sizeof(fake.frames));
                memset(fake.pages, 0, sizeof(fake.pages));
                fake_map_range(0, 40, fake_node_start((unsigned) cases[i].from) + 100);
                plan_one(ACTION_MIGRATE_HOT, 0, 40);
                go_to(cases[i].word);
                r = run();
                ck_assert_uint_eq(pages_on(cases[i].to, 0, 40), 40);
                expect(r, OUTCOME_THERE, cases[i].from == cases[i].to ? 40 : 0);
        }
}
END_TEST

START_TEST(tiers_of_the_kernel) {
        /* nodes 0 and 3 are fast, 1 and 2 slow: from 3, node 2 is the nearest; when that is full, 1 */
        fake_numa_init(4);
        fake_numa_tier(4, "0,3\n");
        fake_numa_tier(20, "1-2\n");
        fake_map_range(0, 400, fake_node_start(3) + 10);
        fake_numa.held[2] = FAKE_FRAMES / 4 - 200;
        fake_numa_write();
        plan_one(ACTION_MIGRATE_COLD, 0, 400);
        go_to(TIER_SLOW);
        ck_assert_uint_eq(run()->applied, 400 * PAGE);
        ck_assert_uint_gt(pages_on(2, 0, 400), 150);
        ck_assert_uint_eq(pages_on(1, 0, 400) + pages_on(2, 0, 400), 400);
        ck_assert_uint_eq(moved_bytes(3, 2) + moved_bytes(3, 1), 400 * PAGE);
}
END_TEST

START_TEST(dry_runs_tell_where_to) {
        const ItemResult *r;

        fake_map_range(0, 100, 100);
        fake_map_range(100, 130, fake_node_start(1) + 200);
        plan_one(ACTION_MIGRATE_COLD, 0, 130);
        limits()->dry_run = true;
        r = run();
        ck_assert_uint_eq(r->tried, 100 * PAGE);
        ck_assert_uint_eq(r->applied, 0);
        expect(r, OUTCOME_THERE, 30);
        ck_assert_uint_eq(fake_numa.calls, 0);
}
END_TEST

START_TEST(batches_are_bounded_in_time) {
        fake_map_range(0, 4000, 10);
        plan_one(ACTION_MIGRATE_COLD, 0, 4000);
        fake_act.per_call = 500 * NSEC_PER_USEC;
        fake_act.per_page = 10 * NSEC_PER_USEC;
        (void) run();
        ck_assert_uint_le(scheme_result()->longest, 6 * NSEC_PER_MSEC);
        ck_assert_uint_gt(fake_numa.calls, 8);
}
END_TEST

START_TEST(a_call_that_costs_much_in_itself) {
        /* it does not lead to ever smaller batches */
        fake_map_range(0, 4000, 10);
        plan_one(ACTION_MIGRATE_COLD, 0, 4000);
        fake_act.per_call = 20 * NSEC_PER_MSEC;
        (void) run();
        ck_assert_uint_le(fake_numa.calls, 4000 / 64 + 2);
}
END_TEST

START_TEST(waiting_for_others_is_no_reason_for_small_batches) {
        fake_act.per_page = 10 * NSEC_PER_USEC;
        fake_act.per_wait = 6 * NSEC_PER_MSEC; /* for a worker of the kernel, on each CPU */
        fake_map_range(0, 4000, 10);
        plan_one(ACTION_MIGRATE_COLD, 0, 4000);
        (void) run();
        ck_assert_uint_ge(fake_act.longest, 250);
        ck_assert_uint_le(fake_act.longest, 300);
        ck_assert_uint_le(scheme_result()->longest_cpu, 5 * NSEC_PER_MSEC);
        ck_assert_uint_ge(scheme_result()->longest, scheme_result()->longest_cpu + fake_act.per_wait);
        ck_assert_uint_lt(fake_numa.calls, 22);

        /* … but so long a wait is for the pages themselves */
        renew();
        fake_act.per_page = 10 * NSEC_PER_USEC;
        fake_act.per_wait = 15 * NSEC_PER_MSEC;
        fake_map_range(0, 4000, 10);
        plan_one(ACTION_MIGRATE_COLD, 0, 4000);
        (void) run();
        ck_assert_uint_gt(fake_numa.calls, 50);
}
END_TEST

START_TEST(huge_pages_say_nothing_of_small_ones) {
        for (unsigned page = 0; page < 2048; page += 512)
                fake_map_folio(page, 512 + page, 9);
        fake_act.per_page = 10 * NSEC_PER_USEC; /* per unit */
        plan_one(ACTION_MIGRATE_COLD, 0, 2048);
        ck_assert_uint_eq(run()->applied, 2048 * PAGE);
        ck_assert_uint_ge(fake_act.longest, 2); /* by several once it is known what they cost */

        fake_map_range(2048, 3500, 2600);
        plan_one(ACTION_MIGRATE_COLD, 2048, 3500);
        ck_assert_uint_eq(run()->applied, 1452 * PAGE);
        ck_assert_uint_le(scheme_result()->longest_cpu, 5 * NSEC_PER_MSEC);
        ck_assert_uint_le(fake_act.longest, 300);
}
END_TEST

/* ---- At random ---- */

static Rng rng;

static unsigned draw(unsigned n) {
        return (unsigned) rng_below(&rng, n);
}

static void random_memory(void) {
        uint32_t pfn[2] = { 16, fake_node_start(1) + 16 };

        for (unsigned page = 0; page < 3000;) {
                unsigned node = draw(4) == 0, kind = draw(8), order = draw(6), n = 1 + draw(60);

                if (kind == 0) {
                        n = 1u << order;
                        page = (page + n - 1) / n * n;
                        pfn[node] = (pfn[node] + n - 1) / n * n;
                        fake_map_folio(page, pfn[node], order);
                } else if (kind < 7)
                        fake_map_range(page, page + n, pfn[node]);
                else {
                        page += n;
                        continue;
                }
                if (draw(5) == 0)
                        fake_of_others(page, page + n);
                page += n;
                pfn[node] += n + draw(3);
        }
}

static void random_trouble(void) {
        static const int statuses[] = { EBUSY, ENOENT, EFAULT, EACCES, ENOMEM, EIO };
        static const int errors[] = { EPERM, EACCES, ENODEV, ENOMEM, EINVAL, EIO, ESRCH };

        for (unsigned i = draw(40); i > 0; i--)
                fake_numa.status[draw(3000)] = -statuses[draw(ELEMENTSOF(statuses))];
        for (unsigned i = draw(10); i > 0; i--)
                fake_numa.stuck[draw(3000)] = true;
        if (draw(4) == 0) {
                fake_act.error = -errors[draw(ELEMENTSOF(errors))];
                fake_act.error_count = 1 + draw(3);
                fake_act.error_after = draw(4);
        }
        if (draw(4) == 0)
                fake_numa.fits[1] = draw(2000);
        if (draw(4) == 0)
                fake_numa.held[1] = draw(FAKE_FRAMES / 2);
        fake_numa.no_nice = draw(6) == 0;
        fake_act.per_page = draw(3000);
        fake_act.per_call = draw(2) ? 0 : draw(300000);
        if (draw(3) == 0)
                limits()->bytes_max = draw(3000) * PAGE;
        if (draw(6) == 0)
                limits()->time_max = draw(20) * NSEC_PER_MSEC;
        if (draw(8) == 0)
                fake_numa.mems = 1;
}

/* Whatever happens, what is counted as moved is what has moved, within the limits. */
START_TEST(at_random) {
        for (uint64_t seed = 1; seed <= 120; seed++) {
                uint64_t applied = 0, counted = 0, moved = 0;

                renew();
                rng_init(&rng, seed);
                fake_plan_deinit(&plan);
                fake_plan_init(&plan, draw(2) ? ACTION_MIGRATE_HOT : ACTION_MIGRATE_COLD, 6);
                for (unsigned page = draw(50); page < 3000 && plan.plan->n_items < 6; page += draw(100)) {
                        unsigned end = MIN(page + 1 + draw(900), 3000u);

                        fake_plan_item(&plan, page, end);
                        page = end;
                }
                random_memory();
                random_trouble();
                fake_numa_write();
                fake_plan_run(&plan, actor);

                for (size_t i = 0; i < plan.plan->n_items; i++) {
                        const ItemResult *r = &plan.result->items[i];

                        ck_assert_msg(r->applied == r->tried, "seed %llu: tried %llu, applied %llu",
                                      (unsigned long long) seed, (unsigned long long) r->tried,
                                      (unsigned long long) r->applied);
                        applied += r->applied;
                }
                for (size_t i = 0; i < PLAN_MOVES_MAX; i++)
                        counted += scheme_result()->moves[i].bytes;
                moved = fake_numa.moved[0][1] * PAGE;
                ck_assert_msg(applied == moved && counted == moved, "seed %llu: applied %llu, counted %llu, moved %llu",
                              (unsigned long long) seed, (unsigned long long) applied, (unsigned long long) counted,
                              (unsigned long long) moved);
                ck_assert_uint_eq(fake_numa.moved[1][0], 0);
                ck_assert_uint_eq(fake_numa.tails, 0);
                ck_assert_uint_eq(fake_numa.mixed, 0);
        }
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("migrate");

        tcase_set_timeout(cases, 100);
        tcase_add_test(cases, moves_what_is_elsewhere);
        tcase_add_test(cases, folios_move_whole);
        tcase_add_test(cases, every_status);
        tcase_add_test(cases, every_error);
        tcase_add_test(cases, one_stuck_page_keeps_nothing_back);
        tcase_add_test(cases, the_kernel_breaks_off);
        tcase_add_test(cases, a_reserve_is_left);
        tcase_add_test(cases, a_node_that_fills_up_meanwhile);
        tcase_add_test(cases, a_node_that_goes);
        tcase_add_test(cases, a_node_that_never_was);
        tcase_add_test(cases, cpusets_are_asked_first);
        tcase_add_test(cases, policies_are_read);
        tcase_add_test(cases, bound_mappings_stay);
        tcase_add_test(cases, shared_pages);
        tcase_add_test(cases, weights_deal_by_address);
        tcase_add_test(cases, tiers_by_distance);
        tcase_add_test(cases, tiers_of_the_kernel);
        tcase_add_test(cases, dry_runs_tell_where_to);
        tcase_add_test(cases, batches_are_bounded_in_time);
        tcase_add_test(cases, a_call_that_costs_much_in_itself);
        tcase_add_test(cases, waiting_for_others_is_no_reason_for_small_batches);
        tcase_add_test(cases, huge_pages_say_nothing_of_small_ones);
        tcase_add_test(cases, at_random);
        return run_suite(cases, "action-migrate");
}
