/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The warnings that go with a source's numbers on this machine. */
#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "kernel/pagemap.h"
#include "probe/caps.h"

#define BIT(kind) (1U << (kind))
#define REAL (BIT(SOURCE_IDLE) | BIT(SOURCE_SOFTDIRTY) | BIT(SOURCE_REFERENCED))
#define ACCESSED_BITS (BIT(SOURCE_IDLE) | BIT(SOURCE_REFERENCED))

/* Holds always for these sources; or, with an item named, where that item is limited: then the
 * item's own words are used. */
typedef struct Warning {
        unsigned kinds;
        const char *item;
        const char *text;
} Warning;

static const Warning warnings[] = {
        { BIT(SOURCE_SOFTDIRTY), NULL,
          "only writes are seen: memory that is only read looks idle" },
        { BIT(SOURCE_REFERENCED), NULL,
          "only whole mappings are seen: what is hot inside of a large mapping cannot be told" },
        { BIT(SOURCE_REFERENCED), NULL,
          "clearing accessed bits hides them from memory reclaim, which may then take pages in use "
          "for idle" },
        { BIT(SOURCE_SOFTDIRTY) | BIT(SOURCE_REFERENCED), NULL,
          "every sampling interval costs time in proportion to resident memory" },
        { ACCESSED_BITS, NULL,
          "pages whose translation stays in the processor's TLB look idle while in use: sampling "
          "intervals below 100ms report too little" },
        { ACCESSED_BITS, NULL,
          "accesses by other processes to shared pages are counted as well" },
        { ACCESSED_BITS, "mglru", NULL },
        { ACCESSED_BITS, "numa_balancing", NULL },
        { REAL, "thp", NULL },
        { REAL, "ksm", NULL },
        { REAL, "ptrace", NULL },
        { BIT(SOURCE_SIM), NULL,
          "these numbers come from a simulated pattern, not from this machine" },
};

static const Capability *find_limited(const Capabilities *caps, const char *name) {
        for (size_t i = 0; i < caps->n_items; i++)
                if (streq(caps->items[i].name, name) && caps->items[i].state == CAPABILITY_LIMITED)
                        return &caps->items[i];
        return NULL;
}

/* An allocated text, or NULL with *ret_skip set where the warning does not hold. */
static char *make_text(const Capabilities *caps, SourceKind kind, const Warning *warning,
                       bool *ret_skip) {
        const Capability *item = warning->item ? find_limited(caps, warning->item) : NULL;
        char *text;

        *ret_skip = !(warning->kinds & BIT(kind)) || (warning->item && !item);
        if (*ret_skip)
                return NULL;
        if (!item)
                return strdup(warning->text);
        return asprintf(&text, "%s: %s", item->detail, item->cost) < 0 ? NULL : text;
}

static void free_texts(char **texts) {
        for (size_t i = 0; texts && texts[i]; i++)
                free(texts[i]);
        free(texts);
}

static void free_textsp(char ***texts) {
        free_texts(*texts);
}

/* Larger pages than most people expect: nothing finer can be seen. */
static int add_page_size(char **ret) {
        unsigned kilobytes = 1U << (page_shift() - 10);
        int n;

        if (kilobytes <= 4)
                return 0;

        n = asprintf(ret, "pages are %u KiB: nothing smaller can be told apart", kilobytes);
        return n < 0 ? -ENOMEM : 0;
}

int capabilities_warnings(const Capabilities *caps, SourceKind kind, char ***ret) {
        _cleanup_(free_textsp) char **texts = calloc(ELEMENTSOF(warnings) + 2, sizeof(*texts));
        size_t n = 0;

        if (!texts)
                return -ENOMEM;

        for (size_t i = 0; i < ELEMENTSOF(warnings); i++) {
                bool skip;
                char *text = make_text(caps, kind, &warnings[i], &skip);

                if (!text && !skip)
                        return -ENOMEM;
                if (text)
                        texts[n++] = text;
        }
        if (kind != SOURCE_SIM && add_page_size(&texts[n]) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(texts);
        return 0;
}
