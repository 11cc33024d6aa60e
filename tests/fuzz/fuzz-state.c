/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as saved state; and, behind a first line that is right, as its body: refused, or schemes that can be told
 * again are the same. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/macro.h"
#include "state-text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_schemes(const json_t *state) {
        const json_t *monitor, *scheme;
        size_t i, k;

        json_array_foreach(json_object_get(state, "monitors"), i, monitor)
                json_array_foreach(json_object_get(monitor, "schemes"), k, scheme) {
                        QuotaConfig config = { .size = 1 << 20, .time = NSEC_PER_SEC, .reset_interval = NSEC_PER_SEC };
                        SchemeMemory memory;
                        QuotaState quota;

                        state_text_read_scheme(scheme, &memory);
                        assert(quota_state_init(&quota, &config) == 0);
                        quota_recall(&quota, &config, &memory.quota, 1000 * NSEC_PER_SEC);
                        assert(quota_bytes_left(&quota, &config) <= config.size);
                        assert(quota_time_left(&quota, &config) <= config.time);
                        quota_state_deinit(&quota);
                }
}

static void parse(const char *text, size_t size) {
        _cleanup_free_ char *again = NULL, *reason = NULL;
        json_auto_t *state = NULL, *second = NULL;
        int r = state_text_parse(text, size, &state, &reason);

        assert(r == 0 || (r == STATE_E_REFUSED && reason));
        if (r != 0)
                return;
        read_schemes(state);
        again = state_text_format(state);
        assert(again && state_text_parse(again, strlen(again), &second, NULL) == 0);
        assert(json_equal(state, second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint64_t hash = UINT64_C(14695981039346656037);
        _cleanup_free_ char *sealed = NULL;
        int n;

        parse((const char *) data, size);
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ data[i]) * UINT64_C(1099511628211);
        n = asprintf(&sealed, "udamon-state 1 %016" PRIx64 "\n%.*s\n", hash, (int) size, (const char *) data);
        assert(n > 0);
        /* a NUL ends the text, and then the sum is wrong: fine, too */
        parse(sealed, (size_t) n);
        return 0;
}
