/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of filters, against references that are too slow and too simple to be wrong. */
#include <check.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/rng.h"
#include "monitor/ops.h"
#include "scheme/parts.h"

#define PAGE PAGE_SIZE_MIN
#define SEEDS 20
#define FILTERS_MAX 6

/* ---- Single pages ---- */

static FilterVerdict judge_one(FilterConfig filter, uint64_t memcg, const PageFacts *facts) {
        return filters_judge_page(&filter, 1, &memcg, facts);
}

/* Whether the page is of the filter's type: 1, 0; -1: not known. */
static int is_of(FilterConfig filter, uint64_t memcg, PageFacts facts) {
        filter.matching = true;
        filter.allow = false;
        switch (judge_one(filter, memcg, &facts)) {
        case FILTER_REJECT:
                return 1;
        case FILTER_PASS:
                return 0;
        default:
                return -1;
        }
}

#define IS(kind, ...) is_of((FilterConfig) { .type = (kind) }, 0, (PageFacts) { .node = -1, __VA_ARGS__ })

START_TEST(types) {
        const FilterConfig size = { .type = FILTER_HUGEPAGE_SIZE, .min = 16384, .max = 65536 };
        const FilterConfig memcg = { .type = FILTER_MEMCG }, node = { .type = FILTER_NODE, .index = 2 };

        ck_assert_int_eq(IS(FILTER_ANON, .file = false), 1);
        ck_assert_int_eq(IS(FILTER_ANON, .file = true), 0);
        ck_assert_int_eq(IS(FILTER_FILE, .file = false), 0);
        ck_assert_int_eq(IS(FILTER_FILE, .file = true), 1);
        ck_assert_int_eq(IS(FILTER_SWAPPED, .swapped = true), 1);
        ck_assert_int_eq(IS(FILTER_SWAPPED, .present = true), 0);
        ck_assert_int_eq(IS(FILTER_SHARED, .present = true), 1);
        ck_assert_int_eq(IS(FILTER_SHARED, .present = true, .exclusive = true), 0);
        ck_assert_int_eq(IS(FILTER_SHARED, .swapped = true), 0);
        ck_assert_int_eq(IS(FILTER_YOUNG, .young = true), -1);
        ck_assert_int_eq(IS(FILTER_YOUNG, .young = true, .young_known = true), 1);
        ck_assert_int_eq(IS(FILTER_YOUNG, .young_known = true), 0);

        ck_assert_int_eq(IS(FILTER_ACTIVE, .flags = 0x60), -1);
        ck_assert_int_eq(IS(FILTER_ACTIVE, .flags_known = true, .flags = 0x60), 1);
        ck_assert_int_eq(IS(FILTER_ACTIVE, .flags_known = true, .flags = 0x40), 0); /* not on an LRU list */
        ck_assert_int_eq(IS(FILTER_ACTIVE, .flags_known = true, .flags = 0x20), 0);
        ck_assert_int_eq(IS(FILTER_UNMAPPED, .present = true), 0);
        ck_assert_int_eq(IS(FILTER_UNMAPPED, .swapped = true), -1);
        ck_assert_int_eq(IS(FILTER_UNMAPPED, .flags_known = true, .flags = 0x60), 1);
        ck_assert_int_eq(IS(FILTER_UNMAPPED, .flags_known = true, .flags = 0x860), 0);

        for (uint64_t bytes = 0; bytes <= 131072; bytes += 4096)
                ck_assert_int_eq(is_of(size, 0, (PageFacts) { .folio_size = bytes }),
                                 bytes == 0 ? -1 : bytes >= 16384 && bytes <= 65536);
        ck_assert_int_eq(is_of(memcg, 77, (PageFacts) { .memcg = 77 }), 1);
        ck_assert_int_eq(is_of(memcg, 77, (PageFacts) { .memcg = 78 }), 0);
        ck_assert_int_eq(is_of(memcg, 77, (PageFacts) {}), -1);
        ck_assert_int_eq(is_of(memcg, 0, (PageFacts) { .memcg = 77 }), 0); /* no such cgroup */
        ck_assert_int_eq(is_of(memcg, 0, (PageFacts) {}), 0);
        ck_assert_int_eq(filters_judge_page(&memcg, 1, NULL, &(PageFacts) { .memcg = 77 }), FILTER_UNKNOWN);
        ck_assert_int_eq(is_of(node, 0, (PageFacts) { .node = 2 }), 1);
        ck_assert_int_eq(is_of(node, 0, (PageFacts) { .node = 1 }), 0);
        ck_assert_int_eq(is_of(node, 0, (PageFacts) { .node = -1 }), -1);
}
END_TEST

START_TEST(needs) {
        static const unsigned wanted[_FILTER_TYPE_MAX] = {
                [FILTER_MEMCG] = FILTER_NEEDS_MEMCG,  [FILTER_YOUNG] = FILTER_NEEDS_YOUNG,
                [FILTER_ACTIVE] = FILTER_NEEDS_FLAGS, [FILTER_HUGEPAGE_SIZE] = FILTER_NEEDS_FOLIO,
                [FILTER_NODE] = FILTER_NEEDS_NODE,    [FILTER_UNMAPPED] = FILTER_NEEDS_FLAGS,
        };
        FilterConfig all[_FILTER_TYPE_MAX] = {};

        ck_assert_uint_eq(filters_need(NULL, 0), 0);
        for (unsigned i = 0; i < _FILTER_TYPE_MAX; i++) {
                all[i].type = i;
                ck_assert_uint_eq(filters_need(&all[i], 1), wanted[i]);
        }
        ck_assert_uint_eq(filters_need(all, _FILTER_TYPE_MAX), 31);
}
END_TEST

START_TEST(order_and_defaults) {
        const FilterConfig allow_anon = { .type = FILTER_ANON, .matching = true, .allow = true };
        const FilterConfig reject_shared = { .type = FILTER_SHARED, .matching = true };
        const FilterConfig reject_no_file = { .type = FILTER_FILE };
        const FilterConfig reject_target = { .type = FILTER_TARGET, .matching = true };
        const PageFacts anon = { .present = true, .exclusive = true }, file = { .present = true, .file = true, .exclusive = true };
        const PageFacts shared = { .present = true };

        ck_assert_int_eq(filters_judge_page(NULL, 0, NULL, &anon), FILTER_PASS);
        ck_assert_int_eq(judge_one(allow_anon, 0, &anon), FILTER_PASS);
        ck_assert_int_eq(judge_one(allow_anon, 0, &file), FILTER_REJECT); /* the last one allows */
        ck_assert_int_eq(judge_one(reject_shared, 0, &file), FILTER_PASS);
        ck_assert_int_eq(judge_one(reject_no_file, 0, &anon), FILTER_REJECT);
        ck_assert_int_eq(judge_one(reject_no_file, 0, &file), FILTER_PASS);
        ck_assert_int_eq(judge_one(reject_target, 0, &anon), FILTER_PASS); /* core filters are none of its business */

        /* the first hit decides */
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { allow_anon, reject_shared }, 2, NULL, &shared), FILTER_PASS);
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { reject_shared, allow_anon }, 2, NULL, &shared), FILTER_REJECT);
        /* the default is that of the last page-level one */
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { allow_anon, reject_shared }, 2, NULL, &file), FILTER_PASS);
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { reject_shared, allow_anon }, 2, NULL, &file), FILTER_REJECT);
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { allow_anon, reject_target }, 2, NULL, &file), FILTER_REJECT);
}
END_TEST

START_TEST(missing_facts) {
        const FilterConfig reject_young = { .type = FILTER_YOUNG, .matching = true };
        const FilterConfig allow_young = { .type = FILTER_YOUNG, .matching = true, .allow = true };
        const FilterConfig reject_anon = { .type = FILTER_ANON, .matching = true };
        const FilterConfig allow_anon = { .type = FILTER_ANON, .matching = true, .allow = true };
        const PageFacts anon = { .present = true };

        ck_assert_int_eq(judge_one(reject_young, 0, &anon), FILTER_UNKNOWN);
        ck_assert_int_eq(judge_one(allow_young, 0, &anon), FILTER_UNKNOWN);
        /* an earlier hit: it was never asked */
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { allow_anon, reject_young }, 2, NULL, &anon), FILTER_PASS);
        /* it does not matter: rejected by the one or the other */
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { reject_young, reject_anon }, 2, NULL, &anon), FILTER_REJECT);
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { allow_young, allow_anon }, 2, NULL, &anon), FILTER_PASS);
        ck_assert_int_eq(filters_judge_page((FilterConfig[]) { reject_young, allow_anon }, 2, NULL, &anon), FILTER_UNKNOWN);
}
END_TEST

/* The documented order over facts that are all known. */
static FilterVerdict judge_plainly(const FilterConfig *filters, size_t n, const uint64_t *memcgs, const PageFacts *facts) {
        FilterVerdict otherwise = FILTER_PASS;

        for (size_t i = 0; i < n; i++) {
                if (filters[i].type == FILTER_ADDR || filters[i].type == FILTER_TARGET)
                        continue;
                if (is_of(filters[i], memcgs[i], *facts) == filters[i].matching)
                        return filters[i].allow ? FILTER_PASS : FILTER_REJECT;
                otherwise = filters[i].allow ? FILTER_REJECT : FILTER_PASS;
        }
        return otherwise;
}

static bool coin(Rng *rng) {
        return rng_below(rng, 2);
}

static PageFacts random_facts(Rng *rng) {
        return (PageFacts) {
                .present = coin(rng), .swapped = coin(rng), .file = coin(rng), .exclusive = coin(rng), .flags_known = true,
                .flags = rng_below(rng, 4096), .folio_size = PAGE << rng_below(rng, 4), .memcg = 1 + rng_below(rng, 3),
                .young_known = true, .young = coin(rng), .node = (int32_t) rng_below(rng, 3),
        };
}

static size_t random_filters(Rng *rng, FilterConfig *filters, uint64_t *memcgs) {
        size_t n = rng_below(rng, FILTERS_MAX + 1);

        for (size_t i = 0; i < n; i++) {
                filters[i] = (FilterConfig) {
                        .type = rng_below(rng, _FILTER_TYPE_MAX), .matching = coin(rng), .allow = coin(rng),
                        .min = PAGE << rng_below(rng, 3), .max = PAGE << (1 + rng_below(rng, 3)), .index = (uint32_t) rng_below(rng, 3),
                };
                memcgs[i] = rng_below(rng, 4);
        }
        return n;
}

/* Takes some facts away. */
static PageFacts forget(Rng *rng, PageFacts facts) {
        facts.flags_known = coin(rng);
        facts.young_known = coin(rng);
        facts.folio_size = coin(rng) ? facts.folio_size : 0;
        facts.memcg = coin(rng) ? facts.memcg : 0;
        facts.node = coin(rng) ? facts.node : -1;
        return facts;
}

/* Without a missing fact: as the reference says. With missing ones: never a verdict that the truth contradicts. */
START_TEST(pages_random) {
        uint64_t seed = 40 + (uint64_t) _i, memcgs[FILTERS_MAX];
        FilterConfig filters[FILTERS_MAX];
        unsigned unknown = 0, settled = 0;
        Rng rng;

        rng_init(&rng, seed);
        for (unsigned i = 0; i < 2000; i++) {
                size_t n = random_filters(&rng, filters, memcgs);
                PageFacts truth = random_facts(&rng), partly = forget(&rng, truth);
                FilterVerdict wanted = judge_plainly(filters, n, memcgs, &truth);
                FilterVerdict verdict = filters_judge_page(filters, n, memcgs, &partly);

                ck_assert_msg(filters_judge_page(filters, n, memcgs, &truth) == wanted, "seed %lu, case %u", (unsigned long) seed, i);
                ck_assert_msg(verdict == FILTER_UNKNOWN || verdict == wanted, "seed %lu, case %u", (unsigned long) seed, i);
                unknown += verdict == FILTER_UNKNOWN;
                settled += verdict != FILTER_UNKNOWN;
        }
        ck_assert_uint_gt(unknown, 100);
        ck_assert_uint_gt(settled, 100);
}
END_TEST

/* ---- Ranges ---- */

/* 0: rejected, 1: passes, 2: decided. */
static int fate_plainly(const FilterConfig *filters, size_t n, uint32_t target, uint64_t byte) {
        bool page_level = false, last_allows = false;

        for (size_t i = 0; i < n; i++)
                page_level |= !filter_is_core(filters[i].type);
        for (size_t i = 0; i < n; i++) {
                bool is = filters[i].type == FILTER_ADDR ? byte >= filters[i].min && byte < filters[i].max : filters[i].index == target;

                if (!filter_is_core(filters[i].type))
                        continue;
                if (is == filters[i].matching)
                        return filters[i].allow ? 2 : 0;
                last_allows = filters[i].allow;
        }
        return last_allows && !page_level ? 0 : 1;
}

/* A page bears what all its bytes bear. Filters in these tests have no finer grain than 512 bytes. */
static int fate_of_page(const FilterConfig *filters, size_t n, uint32_t target, uint64_t page) {
        int fate = 2;

        for (uint64_t byte = page; byte < page + PAGE; byte += 512)
                fate = MIN(fate, fate_plainly(filters, n, target, byte));
        return fate;
}

static void check_pieces(const CorePiece *pieces, size_t n, uint64_t start, uint64_t end) {
        for (size_t i = 0; i < n; i++) {
                ck_assert_uint_lt(pieces[i].start, pieces[i].end);
                ck_assert_uint_eq(pieces[i].start % PAGE, 0);
                ck_assert_uint_eq(pieces[i].end % PAGE, 0);
                ck_assert(pieces[i].start >= start && pieces[i].end <= end);
                if (i == 0)
                        continue;
                ck_assert_uint_ge(pieces[i].start, pieces[i - 1].end);
                /* what belongs together is not cut */
                ck_assert(pieces[i].start > pieces[i - 1].end || pieces[i].decided != pieces[i - 1].decided);
        }
}

START_TEST(ranges_random) {
        uint64_t seed = 70 + (uint64_t) _i, none[FILTERS_MAX];
        FilterConfig filters[FILTERS_MAX];
        Rng rng;

        rng_init(&rng, seed);
        for (unsigned round = 0; round < 500; round++) {
                size_t n = random_filters(&rng, filters, none), n_pieces, k = 0;
                uint64_t base = coin(&rng) ? 0 : UINT64_C(0x7f0000000000);
                uint64_t start = base + 512 * rng_below(&rng, 100), end = start + 512 * rng_below(&rng, 200);
                _cleanup_free_ CorePiece *pieces = NULL;

                for (size_t i = 0; i < n; i++) {
                        if (coin(&rng))
                                filters[i].type = FILTER_ADDR;
                        if (filters[i].type == FILTER_ADDR) {
                                filters[i].min = base + 512 * rng_below(&rng, 300);
                                filters[i].max = filters[i].min + 512 * (1 + rng_below(&rng, 64));
                        }
                }
                ck_assert_int_eq(filters_cut(filters, n, 1, start, end, &pieces, &n_pieces), 0);
                check_pieces(pieces, n_pieces, start, end);
                for (uint64_t page = base; page < base + 512 * 400; page += PAGE) {
                        int wanted = page >= start && page + PAGE <= end ? fate_of_page(filters, n, 1, page) : 0, is = 0;

                        for (; k < n_pieces && pieces[k].end <= page; k++)
                                ;
                        if (k < n_pieces && pieces[k].start <= page)
                                is = pieces[k].decided ? 2 : 1;
                        ck_assert_msg(is == wanted, "seed %lu, round %u, page %#lx: %d, not %d", (unsigned long) seed, round,
                                      (unsigned long) page, is, wanted);
                }
        }
}
END_TEST

START_TEST(ranges_at_the_edges) {
        const FilterConfig allow_low = { .type = FILTER_ADDR, .matching = true, .allow = true, .min = 0, .max = 3 * PAGE };
        const FilterConfig reject_all = { .type = FILTER_ADDR, .matching = true, .max = UINT64_MAX };
        const FilterConfig allow_high = { .type = FILTER_ADDR, .matching = true, .allow = true, .min = UINT64_MAX - 5 * PAGE, .max = UINT64_MAX };
        CorePiece *pieces = (CorePiece *) 8;
        size_t n = 7;

        /* nothing whole in it */
        ck_assert_int_eq(filters_cut(NULL, 0, 0, 1, 2 * PAGE - 1, &pieces, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_ptr_null(pieces);
        ck_assert_int_eq(filters_cut(NULL, 0, 0, 5 * PAGE, 5 * PAGE, &pieces, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(filters_cut(NULL, 0, 0, UINT64_MAX - 100, UINT64_MAX, &pieces, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_int_eq(filters_cut(&reject_all, 1, 0, 0, UINT64_MAX, &pieces, &n), 0);
        ck_assert_uint_eq(n, 0);
        ck_assert_ptr_null(pieces);

        ck_assert_int_eq(filters_cut(NULL, 0, 0, 0, UINT64_MAX, &pieces, &n), 0);
        ck_assert_uint_eq(n, 1);
        ck_assert_uint_eq(pieces[0].end, UINT64_MAX - PAGE + 1);
        ck_assert(!pieces[0].decided);
        free(pieces);

        ck_assert_int_eq(filters_cut((FilterConfig[]) { allow_low, allow_high }, 2, 0, 0, UINT64_MAX, &pieces, &n), 0);
        ck_assert_uint_eq(n, 2);
        ck_assert_uint_eq(pieces[0].end, 3 * PAGE);
        ck_assert_uint_eq(pieces[1].start, UINT64_MAX - 5 * PAGE + 1);
        ck_assert(pieces[1].decided);
        free(pieces);
}
END_TEST

START_TEST(ranges_of_targets) {
        const FilterConfig allow_2 = { .type = FILTER_TARGET, .matching = true, .allow = true, .index = 2 };
        const FilterConfig reject_2 = { .type = FILTER_TARGET, .matching = true, .index = 2 };
        const FilterConfig reject_others = { .type = FILTER_TARGET, .index = 2 };
        const FilterConfig allow_anon = { .type = FILTER_ANON, .matching = true, .allow = true };
        const struct {
                FilterConfig filters[2];
                size_t n;
                uint32_t target;
                int wanted; /* -1: nothing; 0: passes; 1: decided */
        } cases[] = {
                { { allow_2 }, 1, 2, 1 },
                { { allow_2 }, 1, 1, -1 },
                { { allow_2, allow_anon }, 2, 1, 0 }, /* the pages are asked */
                { { allow_anon, allow_2 }, 2, 1, 0 },
                { { allow_anon, allow_2 }, 2, 2, 1 },
                { { reject_2 }, 1, 2, -1 },
                { { reject_2 }, 1, 0, 0 },
                { { reject_others }, 1, 0, -1 },
                { { reject_others }, 1, 2, 0 },
                { { reject_2, allow_2 }, 2, 2, -1 },
                { { allow_anon }, 1, 0, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ CorePiece *pieces = NULL;
                size_t n;

                ck_assert_int_eq(filters_cut(cases[i].filters, cases[i].n, cases[i].target, PAGE, 9 * PAGE, &pieces, &n), 0);
                ck_assert_msg(n == (cases[i].wanted >= 0), "case %zu", i);
                if (n == 1)
                        ck_assert_msg(pieces[0].start == PAGE && pieces[0].end == 9 * PAGE && pieces[0].decided == cases[i].wanted, "case %zu", i);
        }
}
END_TEST

int main(void) {
        Suite *suite = suite_create("scheme-filter");
        TCase *tests = tcase_create("filters");
        SRunner *runner;
        int failed;

        tcase_add_test(tests, types);
        tcase_add_test(tests, needs);
        tcase_add_test(tests, order_and_defaults);
        tcase_add_test(tests, missing_facts);
        tcase_add_loop_test(tests, pages_random, 0, SEEDS);
        tcase_add_loop_test(tests, ranges_random, 0, SEEDS);
        tcase_add_test(tests, ranges_at_the_edges);
        tcase_add_test(tests, ranges_of_targets);
        suite_add_tcase(suite, tests);

        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? 1 : 0;
}
