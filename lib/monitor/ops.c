/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of what the operations report. */
#include "monitor/ops.h"

#include "base/macro.h"

const char *untrackable_name(Untrackable reason) {
        static const char *const names[_UNTRACKABLE_MAX] = {
                [UNTRACKABLE_NOT_ON_LRU] = "not_on_lru",
                [UNTRACKABLE_TAIL] = "tail",
                [UNTRACKABLE_HUGETLB] = "hugetlb",
                [UNTRACKABLE_ZERO_PAGE] = "zero_page",
                [UNTRACKABLE_BEYOND] = "beyond",
                [UNTRACKABLE_PFN_HIDDEN] = "pfn_hidden",
                [UNTRACKABLE_FREE] = "free",
                [UNTRACKABLE_KERNEL] = "kernel",
                [UNTRACKABLE_OTHER] = "other",
        };

        assert(reason < _UNTRACKABLE_MAX);
        return names[reason];
}

const char *page_use_name(PageUse use) {
        static const char *const names[_USE_MAX] = {
                [USE_PROGRAM] = "program",
                [USE_FREE] = "free",
                [USE_KERNEL] = "kernel",
                [USE_HUGETLB] = "hugetlb",
                [USE_OFFLINE] = "offline",
        };

        assert(use < _USE_MAX);
        return names[use];
}
