/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Filters: which part of what matches may be acted on. */
#include <errno.h>

#include "base/macro.h"
#include "monitor/ops.h"
#include "scheme/parts.h"

/* ---- Single pages ---- */

unsigned filters_need(const FilterConfig *filters, size_t n) {
        static const unsigned needs[_FILTER_TYPE_MAX] = {
                [FILTER_MEMCG] = FILTER_NEEDS_MEMCG,        [FILTER_YOUNG] = FILTER_NEEDS_YOUNG,
                [FILTER_ACTIVE] = FILTER_NEEDS_FLAGS,       [FILTER_UNMAPPED] = FILTER_NEEDS_FLAGS,
                [FILTER_HUGEPAGE_SIZE] = FILTER_NEEDS_FOLIO, [FILTER_NODE] = FILTER_NEEDS_NODE,
        };
        unsigned all = 0;

        for (size_t i = 0; i < n; i++)
                all |= needs[filters[i].type];
        return all;
}

/* Whether the page is of a type: an answer, or a fact that is missing. */
typedef enum Answer {
        ANSWER_NO,
        ANSWER_YES,
        ANSWER_UNKNOWN,
} Answer;

static Answer answer_if(bool known, bool yes) {
        return !known ? ANSWER_UNKNOWN : yes ? ANSWER_YES : ANSWER_NO;
}

static Answer is_in_memcg(const uint64_t *memcg, const PageFacts *facts) {
        if (!memcg)
                return ANSWER_UNKNOWN;
        if (*memcg == 0)
                return ANSWER_NO; /* nothing is in a cgroup that is not there */
        return answer_if(facts->memcg != 0, facts->memcg == *memcg);
}

/* What this process maps is mapped; its flags would not tell for the zero page. */
static Answer is_unmapped(const PageFacts *facts) {
        if (facts->present)
                return ANSWER_NO;
        return answer_if(facts->flags_known, !(facts->flags & PAGE_FLAG_MMAP));
}

static Answer page_is(const FilterConfig *filter, const uint64_t *memcg, const PageFacts *facts) {
        const uint64_t active = PAGE_FLAG_LRU | PAGE_FLAG_ACTIVE;

        switch (filter->type) {
        case FILTER_ANON:
                return answer_if(true, !facts->file);
        case FILTER_FILE:
                return answer_if(true, facts->file);
        case FILTER_MEMCG:
                return is_in_memcg(memcg, facts);
        case FILTER_YOUNG:
                return answer_if(facts->young_known, facts->young);
        case FILTER_ACTIVE:
                return answer_if(facts->flags_known, (facts->flags & active) == active);
        case FILTER_HUGEPAGE_SIZE:
                return answer_if(facts->folio_size != 0,
                                 facts->folio_size >= filter->min && facts->folio_size <= filter->max);
        case FILTER_UNMAPPED:
                return is_unmapped(facts);
        case FILTER_SWAPPED:
                return answer_if(true, facts->swapped);
        case FILTER_SHARED:
                return answer_if(true, facts->present && !facts->exclusive);
        case FILTER_NODE:
                return answer_if(facts->node >= 0, facts->node >= 0 && (uint32_t) facts->node == filter->index);
        default:
                return ANSWER_NO;
        }
}

/* From the last filter to the first, so that what the later ones would say is known where an answer is
 * missing: it matters only when it makes a difference. */
FilterVerdict filters_judge_page(const FilterConfig *filters, size_t n, const uint64_t *memcgs,
                                 const PageFacts *facts) {
        FilterVerdict verdict = FILTER_PASS;
        bool last = true;

        for (size_t i = n; i-- > 0;) {
                const FilterConfig *filter = &filters[i];
                FilterVerdict hit = filter->allow ? FILTER_PASS : FILTER_REJECT;
                Answer answer;

                if (filter_is_core(filter->type))
                        continue;
                if (last)
                        verdict = filter->allow ? FILTER_REJECT : FILTER_PASS;
                last = false;

                answer = page_is(filter, memcgs ? &memcgs[i] : NULL, facts);
                if (answer == ANSWER_UNKNOWN)
                        verdict = verdict == hit ? hit : FILTER_UNKNOWN;
                else if ((answer == ANSWER_YES) == filter->matching)
                        verdict = hit;
        }
        return verdict;
}

/* ---- Ranges ---- */

/* In the order of caution: of two that share a page the lesser holds for it. */
typedef enum Fate {
        FATE_REJECTED,
        FATE_PASSES,
        FATE_DECIDED,
} Fate;

static Fate default_fate(const FilterConfig *filters, size_t n) {
        bool page_level = false, allows = false;

        for (size_t i = 0; i < n; i++) {
                if (filter_is_core(filters[i].type))
                        allows = filters[i].allow;
                else
                        page_level = true;
        }
        return allows && !page_level ? FATE_REJECTED : FATE_PASSES;
}

static Fate fate_of_byte(const FilterConfig *filters, size_t n, uint32_t target_index, uint64_t byte) {
        for (size_t i = 0; i < n; i++) {
                const FilterConfig *filter = &filters[i];
                bool is;

                if (!filter_is_core(filter->type))
                        continue;
                if (filter->type == FILTER_TARGET)
                        is = filter->index == target_index;
                else
                        is = byte >= filter->min && byte < filter->max;
                if (is == filter->matching)
                        return filter->allow ? FATE_DECIDED : FATE_REJECTED;
        }
        return default_fate(filters, n);
}

static uint64_t page_down(uint64_t address) {
        return address & ~(PAGE_SIZE_MIN - 1);
}

static int compare_addresses(const void *a, const void *b) {
        uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

        return (x > y) - (x < y);
}

/* Where the fate may change. */
typedef struct Cuts {
        uint64_t *bounds; /* ends of address filters inside the range, ascending */
        size_t n_bounds;
        uint64_t *pages; /* the same, rounded down and up to pages, with the ends of the range; ascending */
        size_t n_pages;
} Cuts;

static void add_bound(Cuts *cuts, uint64_t address, uint64_t start, uint64_t end) {
        if (address <= start || address >= end)
                return;
        cuts->bounds[cuts->n_bounds++] = address;
        cuts->pages[cuts->n_pages++] = page_down(address);
        cuts->pages[cuts->n_pages++] = page_down(address - 1) + PAGE_SIZE_MIN;
}

static void cuts_deinit(Cuts *cuts) {
        free(cuts->bounds);
        free(cuts->pages);
}

/* [start, end) is whole pages. */
static int cuts_init(Cuts *cuts, const FilterConfig *filters, size_t n, uint64_t start, uint64_t end) {
        cuts->bounds = calloc(2 * n + 1, sizeof(*cuts->bounds));
        cuts->pages = calloc(4 * n + 2, sizeof(*cuts->pages));
        if (!cuts->bounds || !cuts->pages)
                return -ENOMEM;

        cuts->pages[cuts->n_pages++] = start;
        cuts->pages[cuts->n_pages++] = end;
        for (size_t i = 0; i < n; i++) {
                if (filters[i].type != FILTER_ADDR)
                        continue;
                add_bound(cuts, filters[i].min, start, end);
                add_bound(cuts, filters[i].max, start, end);
        }
        qsort(cuts->bounds, cuts->n_bounds, sizeof(*cuts->bounds), compare_addresses);
        qsort(cuts->pages, cuts->n_pages, sizeof(*cuts->pages), compare_addresses);
        return 0;
}

/* Between two neighbouring cuts: one fate for all of it, or a single page that must bear several. *bound is the
 * first that does not lie before `start`; it moves on. */
static Fate fate_of_cell(const FilterConfig *filters, size_t n, uint32_t target_index, const Cuts *cuts,
                         size_t *bound, uint64_t start, uint64_t end) {
        Fate fate = fate_of_byte(filters, n, target_index, start);

        for (; *bound < cuts->n_bounds && cuts->bounds[*bound] < end; (*bound)++)
                fate = MIN(fate, fate_of_byte(filters, n, target_index, cuts->bounds[*bound]));
        return fate;
}

/* Appends, or lengthens the last piece. */
static void append_piece(CorePiece *pieces, size_t *n, uint64_t start, uint64_t end, bool decided) {
        if (*n > 0 && pieces[*n - 1].end == start && pieces[*n - 1].decided == decided)
                pieces[*n - 1].end = end;
        else
                pieces[(*n)++] = (CorePiece) { .start = start, .end = end, .decided = decided };
}

int filters_cut(const FilterConfig *filters, size_t n, uint32_t target_index, uint64_t start, uint64_t end,
                CorePiece **ret, size_t *ret_n) {
        _cleanup_(cuts_deinit) Cuts cuts = {};
        _cleanup_free_ CorePiece *pieces = NULL;
        size_t n_pieces = 0, bound = 0;
        int r;

        start = start > UINT64_MAX - PAGE_SIZE_MIN ? UINT64_MAX : page_down(start + PAGE_SIZE_MIN - 1);
        end = page_down(end);
        if (start >= end) {
                *ret = NULL;
                *ret_n = 0;
                return 0;
        }

        r = cuts_init(&cuts, filters, n, start, end);
        if (r < 0)
                return r;
        pieces = calloc(cuts.n_pages, sizeof(*pieces));
        if (!pieces)
                return -ENOMEM;

        for (size_t i = 0; i + 1 < cuts.n_pages; i++) {
                uint64_t a = cuts.pages[i], b = cuts.pages[i + 1];
                Fate fate = FATE_REJECTED;

                if (a < b)
                        fate = fate_of_cell(filters, n, target_index, &cuts, &bound, a, b);
                if (fate != FATE_REJECTED)
                        append_piece(pieces, &n_pieces, a, b, fate == FATE_DECIDED);
        }

        *ret = n_pieces > 0 ? TAKE_PTR(pieces) : NULL;
        *ret_n = n_pieces;
        return 0;
}
