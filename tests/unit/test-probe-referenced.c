/* SPDX-License-Identifier: GPL-2.0-or-later */
/* smaps and the verdicts made of it; the sources `referenced` and `softdirty` on this machine's own
 * kernel, on processes of ours. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "kernel/pagemap.h"
#include "kernel/process.h"
#include "probe/caps.h"
#include "probe/referenced.h"

#define PAGE ((size_t) 4096)
#define AREA_PAGES 1024u

static RootFds roots;

static const char smaps_text[] =
        "10000-20000 rw-p 00000000 00:00 0 [heap]\n"
        "Size:                 64 kB\nRss:                  32 kB\nReferenced:           24 kB\n"
        "VmFlags: rd wr mr mw me ac \n"
        "30000-40000 ---p 00000000 00:00 0 \n"
        "Size:                 64 kB\nRss:                   0 kB\nReferenced:            0 kB\n"
        "40000-80000 rw-p 00000000 00:0f 12 /anon_hugepage (deleted)\n"
        "Size:                256 kB\nRss:                   0 kB\nReferenced:            0 kB\n"
        "VmFlags: rd wr mr mw me ht \n"
        "80000-90000 rw-s 00000000 00:06 12 /dev/fb0\n"
        "Size:                 64 kB\nRss:                   0 kB\nReferenced:            0 kB\n"
        "VmFlags: rd wr sh mr mw me ms pf io \n"
        "90000-a0000 r--p 00000000 fe:00 7 /lib/x\n"
        "Size:                 64 kB\nRss:                  64 kB\nReferenced:          999 kB\n"
        "a0000-b0000 r--p 00000000 fe:00 7 /lib/y\n"
        "Size:                 64 kB\nRss:                  64 kB\nReferenced:            0 kB\n";

START_TEST(verdicts_from_smaps) {
        static const struct {
                uint64_t addr, trials, hits;
        } expected[] = {
                { 0x8000, 1, 0 },    /* before the first */
                { 0x10000, 16, 6 },  { 0x1ffff, 16, 6 },
                { 0x20000, 1, 0 },   /* a gap */
                { 0x30000, 1, 0 },   /* no access allowed */
                { 0x41000, 0, 0 },   /* hugetlb */
                { 0x81000, 0, 0 },   /* device memory */
                { 0x91000, 16, 16 }, /* more referenced than there is: clamped */
                { 0xa1000, 16, 0 },
                { 0xb0000, 1, 0 },   /* behind the last */
        };
        SourceCounters counters = {};
        Sample samples[ELEMENTSOF(expected)] = {};
        ReferencedCursor cursor = { &counters, samples, ELEMENTSOF(samples), 0 };

        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                samples[i].addr = expected[i].addr;
        ck_assert_int_eq(smaps_parse(smaps_text, strlen(smaps_text), referenced_judge, &cursor), 0);
        referenced_finish(&cursor);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                ck_assert_uint_eq(samples[i].trials, expected[i].trials);
                ck_assert_uint_eq(samples[i].hits, expected[i].hits);
        }
        ck_assert_uint_eq(counters.samples, ELEMENTSOF(expected));
        ck_assert_uint_eq(counters.hot, 3);
        ck_assert_uint_eq(counters.cold, 1);
        ck_assert_uint_eq(counters.absent, 4);
        ck_assert_uint_eq(counters.untrackable[UNTRACKABLE_HUGETLB], 1);
        ck_assert_uint_eq(counters.untrackable[UNTRACKABLE_NOT_ON_LRU], 1);
}
END_TEST

static int no_entry(const SmapsEntry *entry, void *userdata) {
        ck_assert_uint_lt(entry->start, entry->end);
        return 0;
}

START_TEST(malformed_smaps) {
        static const char *const texts[] = {
                "Size: 4 kB\n",
                "10000-20000 rw-p 0 0:0 0\nRss: x kB\n",
                "10000-20000 rw-p 0 0:0 0\nRss: 1 MB\n",
                "zzz\n",
                "10000-20000 rw-p 0 0:0 0\nReferenced:99999999999999999999 kB\n",
                "abc\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                ck_assert_msg(smaps_parse(texts[i], strlen(texts[i]), no_entry, NULL) == -EBADMSG,
                              "%s", texts[i]);
        /* Every prefix of a good text is taken or refused, never misread. */
        for (size_t n = 0; n < strlen(smaps_text); n++)
                (void) smaps_parse(smaps_text, n, no_entry, NULL);
}
END_TEST

START_TEST(statm_text) {
        SpaceSize size = {};

        ck_assert_int_eq(statm_parse("100 42 3 1 0 5 0\n", &size), 0);
        ck_assert_uint_eq(size.resident, 42 * PAGE);
        ck_assert_uint_eq(size.mapped, 100 * PAGE);
        ck_assert_int_eq(statm_parse("100\n", &size), -EBADMSG);
        ck_assert_int_eq(statm_parse("", &size), -EBADMSG);
}
END_TEST

/* A child with an area of AREA_PAGES pages; touches so many of them for each byte it gets. */
typedef struct Child {
        pid_t pid;
        int in;
        int out;
        char *area;
} Child;

/* Clearing accessed bits does not flush the TLB: pages with a translation there would look idle. A
 * change of permissions does. */
static void flush_tlb(const Child *child) {
        (void) mprotect(child->area, AREA_PAGES * PAGE, PROT_READ);
        (void) mprotect(child->area, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE);
}

static void child_life(const Child *child, int in, int out, bool writes) {
        unsigned char n;

        while (read(in, &n, 1) == 1) {
                flush_tlb(child);
                for (size_t i = 0; i < n * (size_t) 4; i++) {
                        volatile char *p = child->area + i * PAGE;

                        if (writes)
                                *p = 2;
                        else
                                (void) *p;
                }
                if (n == 255)
                        (void) execl("/bin/sleep", "sleep", "60", NULL);
                (void) !write(out, &n, 1);
        }
        _exit(0);
}

static Child child_start(bool writes) {
        Child child = {};
        int in[2], out[2];

        child.area = mmap(NULL, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ck_assert_ptr_ne(child.area, MAP_FAILED);
        ck_assert_int_eq(pipe(in) | pipe(out), 0);
        child.pid = fork();
        ck_assert_int_ge(child.pid, 0);
        if (child.pid == 0) {
                (void) close(in[1]);
                (void) madvise(child.area, AREA_PAGES * PAGE, MADV_NOHUGEPAGE);
                memset(child.area, 1, AREA_PAGES * PAGE);
                child_life(&child, in[0], out[1], writes);
        }
        (void) close(in[0]);
        (void) close(out[1]);
        child.in = in[1];
        child.out = out[0];
        return child;
}

/* Lets it touch 4 n pages from the start of the area on, and waits until it has. */
static void child_touch(const Child *child, unsigned char n) {
        ck_assert_int_eq(write(child->in, &n, 1), 1);
        ck_assert_int_eq(read(child->out, &n, 1), 1);
}

static void child_stop(const Child *child) {
        (void) close(child->in);
        (void) close(child->out);
        (void) kill(child->pid, SIGKILL);
        ck_assert_int_eq(waitpid(child->pid, NULL, 0), child->pid);
}

/* Returns false, with a word, where this kernel lacks the source. */
static bool source_start(SourceKind kind, pid_t pid, Source **ret_source, Space **ret_space) {
        Capabilities *caps;
        bool usable;

        ck_assert_int_eq(capabilities_probe(&roots, &caps), 0);
        usable = caps->sources[kind].usable;
        if (!usable)
                printf("%s not checked: %s\n", source_kind_name(kind), caps->sources[kind].reason);
        capabilities_free(caps);
        if (!usable)
                return false;

        ck_assert_int_eq(source_new(kind, &roots, NULL, ret_source, NULL), 0);
        ck_assert_int_eq((*ret_source)->ops->attach(*ret_source, pid, ret_space), 0);
        return true;
}

START_TEST(referenced_sees_how_much) {
        static const unsigned char amounts[] = { 128, 10, 0, 1, 250 };
        Child child = child_start(false);
        Source *source;
        Space *space;

        if (!source_start(SOURCE_REFERENCED, child.pid, &source, &space))
                return;
        child_touch(&child, 0);
        for (size_t i = 0; i < ELEMENTSOF(amounts); i++) {
                Sample sample = { .addr = (uintptr_t) child.area + 900 * PAGE };

                ck_assert_int_eq(source->ops->prepare(source, space, &sample, 1), 0);
                child_touch(&child, amounts[i]);
                ck_assert_int_eq(source->ops->check(source, space, &sample, 1), 0);
                /* The kernel may have merged the area with a neighbour. */
                ck_assert_uint_ge(sample.trials, AREA_PAGES);
                ck_assert_uint_ge(sample.hits, amounts[i] * 4u);
                ck_assert_uint_le(sample.hits, amounts[i] * 4u + 16);
        }
        ck_assert_uint_gt(source->ops->size(source, space).resident, AREA_PAGES * PAGE);
        source->ops->detach(source, space);
        source_free(source);
        child_stop(&child);
}
END_TEST

START_TEST(softdirty_sees_writes) {
        Child writer = child_start(true), reader = child_start(false);
        Space *spaces[2];
        Source *source;

        if (!source_start(SOURCE_SOFTDIRTY, writer.pid, &source, &spaces[0]))
                return;
        ck_assert_int_eq(source->ops->attach(source, reader.pid, &spaces[1]), 0);
        child_touch(&writer, 0);
        child_touch(&reader, 0);
        for (size_t i = 0; i < 2; i++) {
                const Child *child = i == 0 ? &writer : &reader;
                Sample samples[3] = {
                        { .addr = (uintptr_t) child->area + 39 * PAGE },
                        { .addr = (uintptr_t) child->area + 40 * PAGE },
                        { .addr = (uintptr_t) child->area + 900 * PAGE },
                };

                ck_assert_int_eq(source->ops->prepare(source, spaces[i], samples, 3), 0);
                child_touch(child, 10);
                ck_assert_int_eq(source->ops->check(source, spaces[i], samples, 3), 0);
                ck_assert_uint_eq(samples[0].hits, i == 0);
                ck_assert_uint_eq(samples[1].hits, 0);
                ck_assert_uint_eq(samples[2].trials, 1);
                source->ops->detach(source, spaces[i]);
                child_stop(child);
        }
        source_free(source);
}
END_TEST

static void expect_exec_and_end(SourceKind kind) {
        Child child = child_start(false);
        Sample sample = { .addr = (uintptr_t) child.area };
        AddressMap *map = NULL;
        Source *source;
        Space *space;
        int r;

        if (!source_start(kind, child.pid, &source, &space))
                return;
        child_touch(&child, 0);
        ck_assert_int_eq(source->ops->map(source, space, &map), 0);
        ck_assert_ptr_nonnull(address_map_find(map, sample.addr));
        address_map_unref(map);

        ck_assert_int_eq(write(child.in, "\xff", 1), 1);
        do {
                ck_assert_int_eq(source->ops->prepare(source, space, &sample, 1), 0);
                r = source->ops->check(source, space, &sample, 1);
        } while (r == 0);
        ck_assert_int_eq(r, OPS_E_REPLACED);
        ck_assert_int_eq(source->ops->prepare(source, space, &sample, 1), 0);
        ck_assert_int_eq(source->ops->check(source, space, &sample, 1), 0);

        /* Dead but not reaped is gone too. */
        ck_assert_int_eq(kill(child.pid, SIGKILL), 0);
        ck_assert_int_eq(waitid(P_PID, (id_t) child.pid, &(siginfo_t) {}, WEXITED | WNOWAIT), 0);
        ck_assert_int_eq(source->ops->prepare(source, space, &sample, 1), OPS_E_GONE);
        ck_assert_int_eq(source->ops->check(source, space, &sample, 1), OPS_E_GONE);
        ck_assert_int_eq(source->ops->map(source, space, &map), OPS_E_GONE);
        child_stop(&child);
        ck_assert_int_eq(source->ops->check(source, space, &sample, 1), OPS_E_GONE);
        source->ops->detach(source, space);
        ck_assert_int_eq(source->ops->attach(source, child.pid, &space), OPS_E_GONE);
        source_free(source);
}

START_TEST(referenced_exec_and_end) {
        expect_exec_and_end(SOURCE_REFERENCED);
}
END_TEST

START_TEST(softdirty_exec_and_end) {
        expect_exec_and_end(SOURCE_SOFTDIRTY);
}
END_TEST

START_TEST(kernel_threads_are_refused) {
        Process process = PROCESS_NONE;
        ProcStat stat;

        if (proc_stat_read(&roots, 2, &stat) != 0 || !(stat.flags & PROC_STAT_KTHREAD)) {
                printf("kernel threads not checked: none to be seen\n");
                return;
        }
        ck_assert_int_eq(process_open(&process, &roots, 2), -EINVAL);
}
END_TEST

START_TEST(others_processes_are_denied) {
        Child child;
        int status;
        pid_t pid;

        if (geteuid() != 0) {
                printf("denial not checked: not root\n");
                return;
        }
        child = child_start(false);
        pid = fork();
        if (pid == 0) {
                Process process = PROCESS_NONE;

                if (setgid(65534) < 0 || setuid(65534) < 0)
                        _exit(2);
                _exit(process_open(&process, &roots, child.pid) == OPS_E_DENIED ? 0 : 1);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        child_stop(&child);
}
END_TEST

int main(void) {
        Suite *suite = suite_create("probe-referenced");
        TCase *tcase = tcase_create("all");
        SRunner *runner = srunner_create(suite);
        int failed;

        if (root_fds_open(&roots, "") < 0)
                return 1;
        tcase_set_timeout(tcase, 60);
        tcase_add_test(tcase, verdicts_from_smaps);
        tcase_add_test(tcase, malformed_smaps);
        tcase_add_test(tcase, statm_text);
        tcase_add_test(tcase, referenced_sees_how_much);
        tcase_add_test(tcase, softdirty_sees_writes);
        tcase_add_test(tcase, referenced_exec_and_end);
        tcase_add_test(tcase, softdirty_exec_and_end);
        tcase_add_test(tcase, kernel_threads_are_refused);
        tcase_add_test(tcase, others_processes_are_denied);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        root_fds_close(&roots);
        return failed > 0;
}
