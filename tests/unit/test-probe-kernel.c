/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The source `idle` on a real kernel with idle page tracking, on this process's own memory. Skipped
 * (exit status 77) elsewhere. Run it as root, in the guest. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "kernel/kpage.h"
#include "kernel/pagemap.h"
#include "probe/caps.h"

#define HUGE_SIZE ((size_t) 2 << 20)
#define PAGE ((size_t) 4096)
#define N_PAGES 256u

static RootFds roots;
static Source *source;
static Space *space;
static volatile uint64_t sink;

static void setup(void) {
        char *error = NULL;

        ck_assert_msg(source_new(SOURCE_IDLE, &roots, NULL, &source, &error) == 0, "%s", error);
        ck_assert_int_eq(source->ops->attach(source, getpid(), &space), 0);
}

static void teardown(void) {
        source->ops->detach(source, space);
        source = source_free(source);
}

static void *map_anonymous(size_t size, int flags) {
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
                       0);

        ck_assert_ptr_ne(p, MAP_FAILED);
        return p;
}

/* Stores only: a load first would bring in the (huge) zero page. */
static void write_pages(volatile char *p, size_t n) {
        for (size_t i = 0; i < n; i++)
                p[i * PAGE] = 1;
}

/* Marking a page does not flush the TLB: a page of our own that has its translation there would
 * look idle. A change of permissions does. */
static void flush_tlb(void *p, size_t size) {
        ck_assert_int_eq(mprotect(p, size, PROT_READ), 0);
        ck_assert_int_eq(mprotect(p, size, PROT_READ | PROT_WRITE), 0);
}

static void read_pages(volatile const char *p, size_t n) {
        uint64_t sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += (uint64_t) p[i * PAGE];
        sink = sum;
}

/* Fresh pages sit in a per-CPU batch first; faulting in more of them pushes it out. */
static void drain_lru_batches(void) {
        char *p = map_anonymous(HUGE_SIZE, 0);

        (void) madvise(p, HUGE_SIZE, MADV_NOHUGEPAGE);
        write_pages(p, HUGE_SIZE / PAGE);
        ck_assert_int_eq(munmap(p, HUGE_SIZE), 0);
}

static char *small_pages(size_t n) {
        char *p = map_anonymous(n * PAGE, 0);

        (void) madvise(p, n * PAGE, MADV_NOHUGEPAGE);
        write_pages(p, n);
        drain_lru_batches();
        return p;
}

static void make_samples(Sample *samples, const void *p, size_t n, size_t step) {
        for (size_t i = 0; i < n; i++)
                samples[i] = (Sample) { .addr = (uintptr_t) p + i * step + 17 };
}

static void prepare(Sample *samples, size_t n) {
        ck_assert_int_eq(source->ops->prepare(source, space, samples, n), 0);
}

static void check(Sample *samples, size_t n) {
        ck_assert_int_eq(source->ops->check(source, space, samples, n), 0);
}

static uint64_t count(const Sample *samples, size_t n, size_t first, size_t step, bool hits) {
        uint64_t sum = 0;

        for (size_t i = first; i < n; i += step)
                sum += hits ? samples[i].hits : samples[i].trials;
        return sum;
}

#define HITS(samples, first, step) count(samples, N_PAGES, first, step, true)
#define TRIALS(samples, first, step) count(samples, N_PAGES, first, step, false)

START_TEST(written_read_and_untouched_pages) {
        char *p = small_pages(N_PAGES);
        Sample samples[N_PAGES];

        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        flush_tlb(p, N_PAGES * PAGE);
        for (size_t i = 0; i < N_PAGES; i += 4) {
                write_pages(p + i * PAGE, 1);
                read_pages(p + (i + 1) * PAGE, 1);
        }
        check(samples, N_PAGES);

        ck_assert_uint_eq(TRIALS(samples, 0, 1), N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 4), N_PAGES / 4);
        ck_assert_uint_eq(HITS(samples, 1, 4), N_PAGES / 4);
        ck_assert_uint_eq(HITS(samples, 2, 4), 0);
        ck_assert_uint_eq(HITS(samples, 3, 4), 0);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 3);
        ck_assert_uint_eq(source->counters.syscalls_max_hot, 5);
}
END_TEST

START_TEST(repeated_windows_forget) {
        char *p = small_pages(N_PAGES);
        Sample samples[N_PAGES];

        make_samples(samples, p, N_PAGES, PAGE);
        for (unsigned round = 0; round < 20; round++) {
                prepare(samples, N_PAGES);
                flush_tlb(p, N_PAGES * PAGE);
                if (round % 2)
                        read_pages(p, N_PAGES);
                check(samples, N_PAGES);
                ck_assert_uint_eq(HITS(samples, 0, 1), round % 2 ? N_PAGES : 0);
        }
}
END_TEST

START_TEST(absent_pages) {
        char *p = map_anonymous(N_PAGES * PAGE, 0);
        Sample samples[N_PAGES];

        (void) madvise(p, N_PAGES * PAGE, MADV_NOHUGEPAGE);
        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        for (size_t i = 0; i < N_PAGES; i += 2)
                write_pages(p + i * PAGE, 1);
        check(samples, N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 2), N_PAGES / 2);
        ck_assert_uint_eq(HITS(samples, 1, 2), 0);
        ck_assert_uint_eq(source->counters.absent, N_PAGES / 2);
}
END_TEST

START_TEST(zero_page_is_untrackable) {
        char *p = map_anonymous(N_PAGES * PAGE, 0);
        Sample samples[N_PAGES];

        (void) madvise(p, N_PAGES * PAGE, MADV_NOHUGEPAGE);
        read_pages(p, N_PAGES);
        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        read_pages(p, N_PAGES);
        check(samples, N_PAGES);
        ck_assert_uint_eq(TRIALS(samples, 0, 1), 0);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_ZERO_PAGE], N_PAGES);
}
END_TEST

static uint64_t entry_of(const void *p) {
        _cleanup_close_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        Io io = { .kernel = &KERNEL_IO_REAL };
        uint64_t entry;

        ck_assert_int_eq(pagemap_read(&io, fd, (uintptr_t) p, &entry), 0);
        return entry;
}

static uint64_t flags_of(const void *p) {
        _cleanup_close_ int fd = kpage_open(&roots);
        Io io = { .kernel = &KERNEL_IO_REAL };
        uint64_t flags;

        ck_assert_int_eq(kpage_read(&io, fd, pagemap_pfn(entry_of(p)), &flags, 1), 0);
        return flags;
}

/* A huge page, or NULL where the kernel gives none. */
static char *map_huge_page(void) {
        char *p = map_anonymous(2 * HUGE_SIZE, 0);

        p = (char *) (((uintptr_t) p + HUGE_SIZE - 1) & ~(HUGE_SIZE - 1));
        (void) madvise(p, HUGE_SIZE, MADV_HUGEPAGE);
        write_pages(p, HUGE_SIZE / PAGE);
        drain_lru_batches();
        return flags_of(p + PAGE) & KPAGE_COMPOUND_TAIL ? p : NULL;
}

START_TEST(huge_page) {
        char *p = map_huge_page();
        Sample samples[N_PAGES];

        if (!p) {
                printf("no transparent huge page to be had: not checked\n");
                return;
        }
        make_samples(samples, p + 100 * PAGE, 1, PAGE);
        prepare(samples, 1);
        check(samples, 1);
        ck_assert_uint_eq(samples[0].trials, 0);
        ck_assert_uint_eq(source->counters.untrackable[UNTRACKABLE_TAIL], 1);

        make_samples(samples, p + 100 * PAGE, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        check(samples, N_PAGES);
        ck_assert_uint_eq(TRIALS(samples, 0, 1), N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 1), 0);

        /* Its last page in use: all of it looks hot. */
        prepare(samples, N_PAGES);
        flush_tlb(p, HUGE_SIZE);
        write_pages(p + 511 * PAGE, 1);
        check(samples, N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 1), N_PAGES);
}
END_TEST

START_TEST(huge_page_never_met_before) {
        char *a = map_huge_page(), *b = map_huge_page();
        Sample sample;

        if (!a || !b)
                return;
        make_samples(&sample, a + 5 * PAGE, 1, PAGE);
        prepare(&sample, 1);
        check(&sample, 1);
        ck_assert_uint_eq(sample.trials, 0);

        make_samples(&sample, b + 5 * PAGE, 1, PAGE);
        prepare(&sample, 1);
        check(&sample, 1);
        ck_assert_uint_eq(sample.trials, 1);
        ck_assert_uint_eq(sample.hits, 0);
        ck_assert_uint_eq(source->counters.syscalls_max_cold, 4);
}
END_TEST

START_TEST(split_huge_page) {
        char *p = map_huge_page();
        Sample sample;

        if (!p)
                return;
        make_samples(&sample, p + 300 * PAGE, 1, PAGE);
        prepare(&sample, 1);
        check(&sample, 1);

        /* Unmapping a part splits the mapping; the folio follows lazily, or never. */
        ck_assert_int_eq(munmap(p + 64 * PAGE, 64 * PAGE), 0);
        for (unsigned round = 0; round < 4; round++) {
                AddressMap *map = NULL;

                ck_assert_int_eq(source->ops->map(source, space, &map), 0);
                address_map_unref(map);
                prepare(&sample, 1);
                flush_tlb(p + 256 * PAGE, HUGE_SIZE / 2);
                if (round % 2)
                        write_pages(p + 300 * PAGE, 1);
                check(&sample, 1);
                ck_assert(sample.trials == 0 || sample.hits == round % 2);
        }
        ck_assert_uint_eq(sample.trials, 1);
}
END_TEST

START_TEST(hugetlb) {
        char *p = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
        _cleanup_(address_map_unrefp) AddressMap *map = NULL;
        const Mapping *mapping;
        Sample samples[N_PAGES];

        if (p == MAP_FAILED) {
                printf("no hugetlb page to be had: not checked\n");
                return;
        }
        write_pages(p, HUGE_SIZE / PAGE);
        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        write_pages(p, HUGE_SIZE / PAGE);
        check(samples, N_PAGES);
        ck_assert_uint_eq(TRIALS(samples, 0, 1), 0);
        ck_assert_uint_ge(source->counters.untrackable[UNTRACKABLE_HUGETLB], N_PAGES - 1);

        ck_assert_int_eq(source->ops->map(source, space, &map), 0);
        mapping = address_map_find(map, (uintptr_t) p);
        ck_assert_ptr_nonnull(mapping);
        ck_assert_uint_eq(mapping->flags & MAPPING_HUGETLB, MAPPING_HUGETLB);
}
END_TEST

START_TEST(file_pages) {
        char path[] = "/tmp/probe-kernel-XXXXXX";
        _cleanup_close_ int fd = mkstemp(path);
        Sample samples[N_PAGES];
        char *p;

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(ftruncate(fd, N_PAGES * PAGE), 0);
        p = mmap(NULL, N_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        ck_assert_ptr_ne(p, MAP_FAILED);
        write_pages(p, N_PAGES);
        drain_lru_batches();

        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        flush_tlb(p, N_PAGES * PAGE);
        for (size_t i = 0; i < N_PAGES; i += 2)
                read_pages(p + i * PAGE, 1);
        check(samples, N_PAGES);
        ck_assert_uint_eq(TRIALS(samples, 0, 1), N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 2), N_PAGES / 2);
        ck_assert_uint_eq(HITS(samples, 1, 2), 0);
}
END_TEST

START_TEST(swapped_out_pages) {
        char *p = small_pages(N_PAGES);
        Sample samples[N_PAGES];
        unsigned out = 0;

        (void) madvise(p, N_PAGES * PAGE, MADV_PAGEOUT);
        for (size_t i = 0; i < N_PAGES; i++)
                out += pagemap_swapped(entry_of(p + i * PAGE));
        if (out < N_PAGES) {
                printf("no swap (%u pages went out): not checked\n", out);
                return;
        }

        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        check(samples, N_PAGES);
        ck_assert_uint_eq(source->counters.absent, N_PAGES);
        prepare(samples, N_PAGES);
        read_pages(p, N_PAGES);
        check(samples, N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 1), N_PAGES);
}
END_TEST

/* A child that reads n pages when told to, says so, and waits to be killed. */
static pid_t start_reader(const char *p, size_t n, int *ret_go, int *ret_done) {
        int go[2], done[2];
        pid_t pid;
        char c;

        ck_assert_int_eq(pipe(go) | pipe(done), 0);
        pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
                (void) !read(go[0], &c, 1);
                read_pages(p, n);
                (void) !write(done[1], &c, 1);
                for (;;)
                        (void) pause();
        }
        *ret_go = go[1];
        *ret_done = done[0];
        return pid;
}

static void tell(int go, int done) {
        char c = 0;

        ck_assert_int_eq(write(go, &c, 1), 1);
        ck_assert_int_eq(read(done, &c, 1), 1);
}

/* Accesses by a child to pages still shared with it count. */
START_TEST(pages_shared_after_fork) {
        char *p = small_pages(N_PAGES);
        Sample samples[N_PAGES];
        int go, done;
        pid_t child = start_reader(p, N_PAGES / 2, &go, &done);

        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        tell(go, done);
        check(samples, N_PAGES);
        ck_assert_uint_eq(count(samples, N_PAGES / 2, 0, 1, true), N_PAGES / 2);
        ck_assert_uint_eq(count(samples + N_PAGES / 2, N_PAGES / 2, 0, 1, true), 0);
        (void) kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

/* A page copied on write counts as accessed once nobody holds the old one; until then its mark
 * stands, and only the next window sees the new page. */
START_TEST(copy_on_write) {
        char *p = small_pages(N_PAGES);
        Sample samples[N_PAGES];
        int go, done;
        pid_t child = start_reader(p, 0, &go, &done);

        tell(go, done);
        make_samples(samples, p, N_PAGES, PAGE);
        prepare(samples, N_PAGES);
        write_pages(p, N_PAGES / 2);
        drain_lru_batches();
        check(samples, N_PAGES);
        ck_assert_uint_eq(HITS(samples, 0, 1), 0);

        prepare(samples, N_PAGES);
        flush_tlb(p, N_PAGES * PAGE);
        write_pages(p, N_PAGES / 4);
        write_pages(p + N_PAGES / 2 * PAGE, N_PAGES / 4);
        drain_lru_batches();
        (void) kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        check(samples, N_PAGES);
        ck_assert_uint_eq(TRIALS(samples, 0, 1), N_PAGES);
        ck_assert_uint_eq(count(samples, N_PAGES / 4, 0, 1, true), N_PAGES / 4);
        ck_assert_uint_eq(count(samples + N_PAGES / 2, N_PAGES / 4, 0, 1, true), N_PAGES / 4);
        ck_assert_uint_eq(HITS(samples, 0, 1), N_PAGES / 2);
}
END_TEST

static int other_program(Space **ret_space, pid_t *ret_pid, int *ret_go) {
        int pipes[2];
        char c;

        ck_assert_int_eq(pipe(pipes), 0);
        *ret_pid = fork();
        if (*ret_pid == 0) {
                (void) !read(pipes[0], &c, 1);
                (void) execl("/bin/sleep", "sleep", "60", NULL);
                _exit(1);
        }
        *ret_go = pipes[1];
        return source->ops->attach(source, *ret_pid, ret_space);
}

START_TEST(exec_and_end_of_another_process) {
        char *p = small_pages(1);
        Sample sample;
        Space *other;
        pid_t pid;
        int go, r;

        ck_assert_int_eq(other_program(&other, &pid, &go), 0);
        make_samples(&sample, p, 1, PAGE);
        ck_assert_int_eq(source->ops->prepare(source, other, &sample, 1), 0);
        ck_assert_int_eq(write(go, "x", 1), 1);
        do {
                (void) usleep(1000);
                r = source->ops->prepare(source, other, &sample, 1);
        } while (r == 0);
        ck_assert_int_eq(r, OPS_E_REPLACED);
        ck_assert_int_eq(source->ops->prepare(source, other, &sample, 1), 0);

        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        ck_assert_int_eq(source->ops->prepare(source, other, &sample, 1), OPS_E_GONE);
        source->ops->detach(source, other);
}
END_TEST

START_TEST(kernel_thread_is_refused) {
        Space *other;

        ck_assert_int_eq(source->ops->attach(source, 2, &other), -EINVAL);
}
END_TEST

#define ADD(name) tcase_add_test(tcase, name)

static void add_tests(TCase *tcase) {
        ADD(written_read_and_untouched_pages);
        ADD(repeated_windows_forget);
        ADD(absent_pages);
        ADD(zero_page_is_untrackable);
        ADD(huge_page);
        ADD(huge_page_never_met_before);
        ADD(split_huge_page);
        ADD(hugetlb);
        ADD(file_pages);
        ADD(swapped_out_pages);
        ADD(pages_shared_after_fork);
        ADD(copy_on_write);
        ADD(exec_and_end_of_another_process);
        ADD(kernel_thread_is_refused);
}

int main(void) {
        Capabilities *caps;
        SRunner *runner;
        TCase *tcase;
        Suite *suite;
        int failed;

        if (root_fds_open(&roots, "") < 0 || capabilities_probe(&roots, &caps) < 0)
                return 1;
        if (!caps->sources[SOURCE_IDLE].usable) {
                printf("skipped: %s\n", caps->sources[SOURCE_IDLE].reason);
                capabilities_free(caps);
                return 77;
        }

        suite = suite_create("probe-kernel");
        tcase = tcase_create("idle");
        runner = srunner_create(suite);

        /* Check wants POSIX timers to watch over forked tests, and kernels made for tests lack
         * them. */
        srunner_set_fork_status(runner, CK_NOFORK);
        tcase_add_checked_fixture(tcase, setup, teardown);
        add_tests(tcase);
        suite_add_tcase(suite, tcase);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed > 0;
}
