/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor and room in swap: of the machine, of cgroups, and per second; and programs that are replaced before it
 * comes to them. */
#include "test-action.h"

#include <stdio.h>
#include <sys/stat.h>

static void write_fake(const char *name, const char *text) {
        char path[200];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", fake.path, name);
        f = fopen(path, "we");
        ck_assert_ptr_nonnull(f);
        (void) fputs(text, f);
        (void) fclose(f);
}

static void write_swap_free(uint64_t pages) {
        char text[120];

        (void) snprintf(text, sizeof(text), "MemTotal: 1000000 kB\nMemFree: 500000 kB\nSwapTotal: 1000000 kB\nSwapFree: %llu kB\n",
                        (unsigned long long) pages * 4);
        write_fake("proc/meminfo", text);
}

/* ---- The machine's ---- */

START_TEST(reserve_is_left) {
        const ItemResult *r;

        fake_map_range(0, 1000, 100);
        plan_one(ACTION_PAGEOUT, 0, 1000);
        plan.plan->swap_room = 1000 * PAGE; /* when it was decided */
        plan.plan->swap_reserve = 100 * PAGE;
        write_swap_free(150); /* and now */
        r = run();
        ck_assert_uint_eq(r->anon, 50 * PAGE);
        ck_assert_uint_eq(r->others[OUTCOME_NO_SWAP], 950 * PAGE);
        ck_assert_uint_eq(sum(fake_act.handed), 50);
}
END_TEST

static void others_take_it(void) {
        write_swap_free(100);
        fake_act.now += NSEC_PER_SEC;
}

START_TEST(others_take_room_meanwhile) {
        const ItemResult *r;

        fake_map_range(0, 3000, 100);
        plan_one(ACTION_PAGEOUT, 0, 3000);
        plan.plan->swap_room = 1 << 30;
        plan.plan->swap_reserve = 100 * PAGE;
        write_swap_free(100000);
        fake_act.hook = others_take_it;
        fake_act.hook_at = 3;
        r = run();
        ck_assert_uint_gt(r->anon, 0);
        ck_assert_uint_eq(fake_act.calls, 3);
        ck_assert_uint_eq(r->anon + r->others[OUTCOME_NO_SWAP], 3000 * PAGE);
}
END_TEST

START_TEST(room_is_for_all_items) {
        fake_map_range(0, 3000, 100);
        fake_plan_init(&plan, ACTION_PAGEOUT, 2);
        fake_plan_item(&plan, 0, 100);
        fake_plan_item(&plan, 100, 200);
        plan.plan->swap_room = 1 << 30;
        write_swap_free(150);
        (void) run();
        ck_assert_uint_eq(plan.result->items[0].anon, 100 * PAGE);
        ck_assert_uint_eq(plan.result->items[1].anon, 50 * PAGE);
}
END_TEST

START_TEST(meminfo_is_not_readable) {
        const ItemResult *r;

        fake_map_range(0, 100, 100);
        plan_one(ACTION_PAGEOUT, 0, 100);
        plan.plan->swap_room = 1 << 30;
        write_fake("proc/meminfo", "nonsense");
        r = run();
        ck_assert_uint_eq(r->others[OUTCOME_NO_SWAP], 100 * PAGE);
        write_swap_free(1 << 20);
}
END_TEST

/* ---- Cgroups' ---- */

START_TEST(cgroups_limit_swap) {
        static const struct {
                const char *cgroup, *max, *current, *below_max; /* of /db, and of /db/below */
                uint64_t pages; /* that may go, of 100 */
        } cases[] = {
                { "0::/db\n", "0\n", "0\n", NULL, 0 },
                { "0::/db\n", "max\n", "4096\n", NULL, 100 },
                { "0::/db\n", "81920\n", "40960\n", NULL, 10 },
                { "0::/db\n", "40960\n", "81920\n", NULL, 0 },
                { "0::/db/below\n", "81920\n", "40960\n", "max\n", 10 },
                { "0::/db/below\n", "max\n", "0\n", "20480\n", 5 },
                { "0::/db/none\n", "4096\n", "0\n", NULL, 1 },
                { "12:memory:/x\n0::/db\n", "4096\n", "0\n", NULL, 1 },
                { "0::/\n", "0\n", "0\n", NULL, 100 },
                { "0::/../up\n", "0\n", "0\n", NULL, 100 },
                { "12:memory:/db\n", "0\n", "0\n", NULL, 100 },
                { "", "0\n", "0\n", NULL, 100 },
        };
        char path[200];

        (void) snprintf(path, sizeof(path), "%s/sys/fs/cgroup/db/below", fake.path);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const ItemResult *r;

                fake_act_reset();
                fake_vmas(&(FakeVma) { .end = FAKE_PAGES, .name = "" }, 1);
                fake_map_range(0, 100, 100);
                write_fake("proc/4321/cgroup", cases[i].cgroup);
                write_fake("sys/fs/cgroup/db/memory.swap.max", cases[i].max);
                write_fake("sys/fs/cgroup/db/memory.swap.current", cases[i].current);
                if (cases[i].below_max) {
                        write_fake("sys/fs/cgroup/db/below/memory.swap.max", cases[i].below_max);
                        write_fake("sys/fs/cgroup/db/below/memory.swap.current", "0\n");
                }
                r = run_one(ACTION_PAGEOUT, 0, 100);
                ck_assert_msg(r->anon == cases[i].pages * PAGE, "case %zu: %llu bytes", i, (unsigned long long) r->anon);
                ck_assert_msg(r->others[OUTCOME_NO_SWAP] == (100 - cases[i].pages) * PAGE, "case %zu", i);

                /* what does not go to swap is not asked for room */
                ck_assert_uint_eq(run_one(ACTION_COLD, 0, 100)->tried, (100 - cases[i].pages) * PAGE);
                fake_remove("sys/fs/cgroup/db/below/memory.swap.max");
                fake_remove("sys/fs/cgroup/db/below/memory.swap.current");
        }
        fake_remove("proc/4321/cgroup");
        fake_remove("sys/fs/cgroup/db/memory.swap.max");
        fake_remove("sys/fs/cgroup/db/memory.swap.current");
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* ---- Per second ---- */

/* Where the rate is used up, nothing more of anonymous memory is looked at; what was done is known to the page. */
START_TEST(rate_ends_the_item) {
        const ItemResult *r;

        fake_map_range(0, 3000, 100);
        plan_one(ACTION_PAGEOUT, 0, 3000);
        limits()->swap_max = 500 * PAGE;
        r = run();
        ck_assert_uint_eq(r->anon, 500 * PAGE);
        ck_assert_uint_eq(r->stopped_at, fake_addr(500));
        ck_assert_uint_eq(r->others[OUTCOME_SWAP_RATE], 2500 * PAGE);
}
END_TEST

/* ---- Another program ---- */

static const FakeVma before[] = { { 0, 100, "[heap]" }, { 1000, 1010, "[stack]" }, { 2000, 2002, "[vdso]" } };

/* The plan was made for `before`; what is there when it is carried out? */
static const ItemResult *run_after(const FakeVma *vmas, size_t n) {
        fake_vmas(before, ELEMENTSOF(before));
        fake_map_range(0, 100, 100);
        plan_one(ACTION_COLD, 0, 100);
        fake_vmas(vmas, n);
        return run();
}

START_TEST(replaced_before_it_is_opened) {
        const FakeVma grown[] = { { 0, 100, "[heap]" }, { 900, 1010, "[stack]" }, { 2000, 2002, "[vdso]" } };
        const FakeVma other_stack[] = { { 0, 100, "[heap]" }, { 1001, 1011, "[stack]" }, { 2000, 2002, "[vdso]" } };
        const FakeVma other_vdso[] = { { 0, 100, "[heap]" }, { 1000, 1010, "[stack]" }, { 2001, 2003, "[vdso]" } };
        const FakeVma no_stack[] = { { 0, 100, "[heap]" }, { 1000, 1010, "" }, { 2000, 2002, "[vdso]" } };
        const ItemResult *r;

        r = run_after(before, ELEMENTSOF(before));
        ck_assert_uint_eq(r->tried, 100 * PAGE);
        r = run_after(grown, ELEMENTSOF(grown));
        ck_assert_uint_eq(r->tried, 100 * PAGE);

        for (unsigned i = 0; i < 3; i++) {
                const FakeVma *const all[] = { other_stack, other_vdso, no_stack };

                fake_act.calls = 0;
                r = run_after(all[i], 3);
                ck_assert_uint_eq(r->others[OUTCOME_REPLACED], 100 * PAGE);
                ck_assert_uint_eq(fake_act.calls, 0);
        }
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("swap");

        tcase_add_test(cases, reserve_is_left);
        tcase_add_test(cases, others_take_room_meanwhile);
        tcase_add_test(cases, room_is_for_all_items);
        tcase_add_test(cases, meminfo_is_not_readable);
        tcase_add_test(cases, cgroups_limit_swap);
        tcase_add_test(cases, rate_ends_the_item);
        tcase_add_test(cases, replaced_before_it_is_opened);
        return run_suite(cases, "action-swap");
}
