/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The actor on random memory, with random plans and random trouble: it never acts outside of what it may, and
 * accounts for every byte. The seed of a failure is printed; SEED=… replays it. */
#include "test-action.h"

#include <stdio.h>

#include "base/rng.h"

#define ROUNDS 400
#define LAST_BLOCKS 6u /* of FAKE_FRAMES / FAKE_BLOCK are for collapse */

static Rng rng;
static uint64_t last_seed;

/* A failed check ends the test where it stands. */
static void tell_seed(void) {
        if (last_seed != 0)
                printf("failed with SEED=%llu\n", (unsigned long long) last_seed);
        last_seed = 0;
}

/* What was true when the plan began. */
static uint64_t pages_before[FAKE_PAGES];
static bool in_item[FAKE_PAGES];
static FakeVma planned[FAKE_VMAS];
static size_t n_planned;

static unsigned draw(unsigned bound) {
        return (unsigned) rng_below(&rng, bound);
}

static const char *random_name(void) {
        const char *const names[] = { "", "[heap]", "/data", "/lib/x.so" };

        return names[draw(ELEMENTSOF(names))];
}

static size_t random_vmas(FakeVma vmas[static FAKE_VMAS]) {
        unsigned page = draw(100);
        size_t n = 0;

        while (page < FAKE_PAGES && n < 10) {
                unsigned end = MIN(page + 1 + draw(draw(3) ? 300 : 3000), FAKE_PAGES);

                vmas[n++] = (FakeVma) {
                        .first = page,
                        .end = end,
                        .name = random_name(),
                        .locked = draw(10) == 0,
                };
                page = end + (draw(2) ? draw(200) : 0);
        }
        return n;
}

static bool is_mapped(unsigned page) {
        for (size_t i = 0; i < fake_act.n_vmas; i++)
                if (page >= fake_act.vmas[i].first && page < fake_act.vmas[i].end)
                        return true;
        return false;
}

/* Fills memory with runs of everything; frames ascend, so that neighbours in one are often neighbours in the
 * other. */
static void random_pages(void) {
        uint32_t pfn = 1;

        for (unsigned page = 0; page < FAKE_PAGES && pfn + 1024 < FAKE_FRAMES - LAST_BLOCKS * FAKE_BLOCK;) {
                unsigned kind = draw(10), n = 1 + draw(40), order = draw(2) ? 9 : 1 + draw(8), first = page;

                if (kind < 3) {
                        n = 1u << order;
                        page = (page + n - 1) / n * n;
                        pfn = (pfn + n - 1) / n * n;
                        if (page + n > FAKE_PAGES)
                                return;
                        fake_map_folio(page, pfn, order);
                        first = page;
                        pfn += n;
                } else if (kind < 6) {
                        n = MIN(n, FAKE_PAGES - page);
                        fake_map_range(page, page + n, pfn);
                        pfn += n + draw(2);
                } else if (kind < 7) {
                        n = MIN(n, FAKE_PAGES - page);
                        for (unsigned i = 0; i < n; i++)
                                fake_swap_out(page + i, i);
                }
                page = MIN(page + n, FAKE_PAGES);
                if (draw(6) == 0 && kind < 6)
                        fake_of_others(first, draw(2) ? page : first + 1);
        }
}

static void tidy_pages(void) {
        for (unsigned page = 0; page < FAKE_PAGES; page++) {
                if (!is_mapped(page))
                        fake_unmap(page);
                if (pagemap_present(fake.pages[page]) && draw(20) == 0)
                        fake.frames[pagemap_pfn(fake.pages[page])].extra = KPAGE_ACTIVE;
        }
        for (size_t i = 0; i < fake_act.n_vmas; i++) {
                const FakeVma *vma = &fake_act.vmas[i];

                for (unsigned page = vma->first; page < vma->end && vma->name[0] == '/'; page++)
                        if (pagemap_present(fake.pages[page]))
                                fake_of_file(page, page + 1);
                        else
                                fake_unmap(page);
        }
}

/* What the process did since the plan was made. */
static void random_changes(void) {
        FakeVma vmas[FAKE_VMAS];
        size_t n = 0;

        for (size_t i = 0; i < fake_act.n_vmas; i++) {
                unsigned what = draw(8);

                vmas[n] = fake_act.vmas[i];
                if (what == 0)
                        continue;
                if (what == 1)
                        vmas[n].name = random_name();
                if (what == 2 && vmas[n].end - vmas[n].first > 2)
                        vmas[n].end -= draw(vmas[n].end - vmas[n].first - 1);
                n++;
        }
        fake_vmas(vmas, n);
}

static void random_items(Action action) {
        unsigned page = draw(200);

        memset(in_item, 0, sizeof(in_item));
        fake_plan_deinit(&plan);
        fake_plan_init(&plan, action, 20);
        while (page + 1 < FAKE_PAGES && plan.plan->n_items < 20) {
                unsigned end = MIN(page + 1 + draw(draw(2) ? 100 : 2500), FAKE_PAGES);

                fake_plan_item(&plan, page, end);
                memset(in_item + page, 1, end - page);
                page = end + draw(200);
        }
}

static void random_limits(void) {
        if (draw(3) == 0)
                limits()->bytes_max = draw(3000) * PAGE + draw(4096);
        if (draw(3) == 0)
                limits()->swap_max = draw(2000) * PAGE;
        if (draw(8) == 0)
                limits()->time_max = draw(50) * NSEC_PER_MSEC;
        if (draw(8) == 0)
                limits()->deadline = fake_act.now + draw(50) * NSEC_PER_MSEC;
        if (draw(4) == 0)
                fake_plan_filter(&plan, (FilterConfig) { .type = FILTER_ACTIVE, .matching = draw(2), .allow = draw(2) });
        if (draw(6) == 0)
                fake_plan_filter(&plan, (FilterConfig) { .type = FILTER_ANON, .matching = draw(2), .allow = draw(2) });
        limits()->dry_run = draw(6) == 0;
}

static void random_trouble(void) {
        const int errors[] = { EIO, EAGAIN, EINTR, EPERM, EBADF, EINVAL, ENOMEM };

        fake_act.per_page = draw(3) ? 0 : draw(20000);
        fake_act.per_call = draw(3) ? 0 : draw(20000);
        if (draw(3) == 0)
                fake_act.partial = 1 + draw(5);
        if (draw(5) == 0)
                fake_act.partial_bytes = (1 + draw(700)) * PAGE;
        if (draw(3) == 0) {
                fake_act.error = -errors[draw(ELEMENTSOF(errors))];
                fake_act.error_count = 1 + draw(4);
                fake_act.error_after = draw(6);
        }
        if (draw(6) == 0)
                fake_act.swap_free = draw(500);
}

static const FakeVma *planned_vma(unsigned page) {
        for (size_t i = 0; i < n_planned; i++)
                if (page >= planned[i].first && page < planned[i].end)
                        return &planned[i];
        return NULL;
}

static const FakeVma *vma_now(unsigned page) {
        for (size_t i = 0; i < fake_act.n_vmas; i++)
                if (page >= fake_act.vmas[i].first && page < fake_act.vmas[i].end)
                        return &fake_act.vmas[i];
        return NULL;
}

static bool may_be_touched(unsigned page) {
        const FakeVma *then = planned_vma(page), *now = vma_now(page);
        Action action = plan.spec.config.action;
        uint64_t entry = pages_before[page];

        if (!in_item[page] || !then || !now || !streq(then->name, now->name))
                return false;
        switch (action) {
        case ACTION_PAGEOUT:
        case ACTION_COLD:
        case ACTION_LRU_DEPRIO:
                return pagemap_present(entry) && (entry & PAGEMAP_EXCLUSIVE);
        case ACTION_LRU_PRIO:
                return pagemap_present(entry);
        case ACTION_WILLNEED:
                return !pagemap_present(entry) && (pagemap_swapped(entry) || now->name[0] == '/');
        default:
                return action != ACTION_STAT;
        }
}

static bool passes(unsigned page) {
        const FilterConfig *filters = plan.filters;
        size_t n = plan.spec.config.n_filters;
        uint64_t entry = pages_before[page];

        for (size_t i = 0; i < n; i++) {
                bool is = filters[i].type == FILTER_ANON ? !(entry & PAGEMAP_FILE) :
                                                           fake.frames[pagemap_pfn(entry)].extra == KPAGE_ACTIVE;

                if (is == filters[i].matching)
                        return filters[i].allow;
        }
        return n == 0 || !filters[n - 1].allow;
}

static uint64_t check_pages(void) {
        bool pages_alone = plan.spec.config.action <= ACTION_WILLNEED || plan.spec.config.action >= ACTION_LRU_PRIO;
        uint64_t n = 0;

        for (unsigned i = 0; i < FAKE_PAGES; i++) {
                unsigned times = fake_act.handed[i] + fake_act.reads[i];

                if (times == 0)
                        continue;
                n += fake_act.handed[i] > 0;
                ck_assert_msg(may_be_touched(i), "page %u", i);
                ck_assert_uint_le(fake_act.acted[i], 1);
                ck_assert_uint_le(times, plan.spec.config.action == ACTION_LRU_PRIO ? 2 : 1);
                /* flags of small pages; those of folios are their heads', and of blocks all count */
                if (pages_alone && pagemap_present(pages_before[i]))
                        ck_assert_msg(passes(i) || fake.frames[pagemap_pfn(pages_before[i])].tail, "page %u", i);
        }
        return n * PAGE;
}

static void check_bytes(uint64_t handed) {
        bool flags = true;
        uint64_t tried = 0, applied = 0, acted = 0;
        char path[160];

        for (size_t i = 0; i < plan.plan->n_items; i++) {
                tried += plan.result->items[i].tried;
                applied += plan.result->items[i].applied;
        }
        for (unsigned i = 0; i < FAKE_PAGES; i++)
                acted += fake_act.acted[i] ? PAGE : 0;
        if (limits()->dry_run)
                return;

        ck_assert_uint_le(handed, limits()->bytes_max);
        switch (plan.spec.config.action) {
        case ACTION_PAGEOUT:
                ck_assert_uint_eq(applied, acted);
                __attribute__((fallthrough));
        case ACTION_COLD:
        case ACTION_LRU_DEPRIO:
        case ACTION_WILLNEED:
                ck_assert_uint_eq(tried, handed);
                break;
        default:
                break;
        }

        (void) snprintf(path, sizeof(path), "%s/proc/kpageflags", fake.path);
        flags = access(path, F_OK) == 0;
        if (flags && fake_act.partial_bytes == 0)
                ck_assert_uint_eq(fake_act.cuts, 0);
}

/* Every few rounds all anew, and every other time without the flags of frames. */
static void renew(uint64_t seed, bool first) {
        if (!first && seed % 20 != 0) {
                fake_act_reset();
                return;
        }
        teardown();
        setup();
        if (seed / 20 % 2 == 1)
                fake_remove("proc/kpageflags");
}

static void one_round(uint64_t seed) {
        FakeVma vmas[FAKE_VMAS];
        size_t n;

        rng_init(&rng, seed);
        fake_act.next_block = FAKE_FRAMES - LAST_BLOCKS * FAKE_BLOCK;
        n = random_vmas(vmas);
        fake_vmas(vmas, n);
        memcpy(planned, fake_act.vmas, sizeof(planned));
        n_planned = fake_act.n_vmas;
        random_items(draw(ACTION_MIGRATE_HOT)); /* those have a test of their own */
        if (draw(3) == 0)
                random_changes();
        random_pages();
        tidy_pages();
        memcpy(pages_before, fake.pages, sizeof(pages_before));
        random_limits();
        random_trouble();

        fake_plan_run(&plan, actor);
        /* an unsure range is handed over without being counted as tried when nothing came of it */
        if (fake_act.error != -ENOMEM)
                check_bytes(check_pages());
        else
                (void) check_pages();
}

START_TEST(random_plans) {
        const char *one = getenv("SEED");
        uint64_t first = one ? strtoull(one, NULL, 0) : 1;

        for (uint64_t seed = first; seed < first + (one ? 1 : ROUNDS); seed++) {
                renew(seed, seed == first);
                last_seed = seed;
                one_round(seed);
                last_seed = 0;
        }
}
END_TEST

START_TEST(dry_runs_tell_the_truth) {
        for (uint64_t seed = 1; seed <= 100; seed++) {
                uint64_t tried[20], others[20][_OUTCOME_MAX];
                Action action;

                fake_act_reset();
                rng_init(&rng, seed);
                fake_act.next_block = FAKE_FRAMES - LAST_BLOCKS * FAKE_BLOCK;
                /* one mapping: what holds only a part of a huge page changes it for what comes after */
                fake_vmas(&(FakeVma) { .end = FAKE_PAGES, .name = seed % 2 ? "" : "/data" }, 1);
                action = ACTION_PAGEOUT + draw(ACTION_MIGRATE_HOT - ACTION_PAGEOUT);
                random_items(action);
                random_pages();
                tidy_pages();
                limits()->bytes_max = draw(2) ? UINT64_MAX : draw(5000) * PAGE;
                if (action == ACTION_COLLAPSE || action == ACTION_HUGEPAGE)
                        limits()->bytes_max = MIN(limits()->bytes_max, LAST_BLOCKS * HUGE);

                limits()->dry_run = true;
                fake_plan_run(&plan, actor);
                for (size_t i = 0; i < plan.plan->n_items; i++) {
                        tried[i] = plan.result->items[i].tried;
                        memcpy(others[i], plan.result->items[i].others, sizeof(others[i]));
                }
                limits()->dry_run = false;
                fake_plan_run(&plan, actor);
                for (size_t i = 0; i < plan.plan->n_items; i++) {
                        const ItemResult *r = &plan.result->items[i];

                        ck_assert_msg(r->tried == tried[i], "seed %llu, item %zu, action %d: %llu, not %llu",
                                      (unsigned long long) seed, i, (int) action, (unsigned long long) r->tried,
                                      (unsigned long long) tried[i]);
                        ck_assert_msg(memcmp(r->others, others[i], sizeof(others[i])) == 0, "seed %llu, item %zu",
                                      (unsigned long long) seed, i);
                        ck_assert_uint_eq(r->applied, r->tried);
                }
        }
}
END_TEST

int main(void) {
        TCase *cases = tcase_create("random");

        (void) atexit(tell_seed);

        tcase_set_timeout(cases, 100);
        tcase_add_test(cases, random_plans);
        tcase_add_test(cases, dry_runs_tell_the_truth);
        return run_suite(cases, "action-random");
}
