/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target for the tests of actions: one command a line on standard input, one line of answer to each. All that
 * it maps lies at addresses of its own, so that a test can tell it from the memory of libraries. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((size_t) 4096)
#define MIB ((size_t) 1 << 20)
#define BLOCK (2 * MIB)
/* Far from everything that the kernel places by itself. */
#define ARENA ((uintptr_t) 0x200000000000)

typedef struct Beat {
        char *start;
        size_t size;
        long period; /* ms */
        long next;
} Beat;

static uintptr_t arena_next = ARENA;
static Beat beats[8];
static size_t n_beats;
static volatile unsigned long sink;

static long now_ms(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(long milliseconds) {
        struct timespec t = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };

        (void) nanosleep(&t, NULL);
}

/* What each page begins with: tells whether it is still the same after it went away and came back. */
static void fill(char *start, size_t size) {
        for (char *p = start; p < start + size; p += PAGE)
                *(uintptr_t *) (void *) p = (uintptr_t) p ^ 0x5a5a5a5a;
}

static size_t wrong(const char *start, size_t size) {
        size_t n = 0;

        for (const char *p = start; p < start + size; p += PAGE)
                n += *(const uintptr_t *) (const void *) p != ((uintptr_t) p ^ 0x5a5a5a5a);
        return n;
}

static void look(const char *start, size_t size) {
        for (const char *p = start; p < start + size; p += PAGE)
                sink += *(const volatile unsigned char *) p;
}

/* At the next block, with at least a block of nothing before what follows. */
static char *place(size_t size, int flags, int fd) {
        char *start = (char *) arena_next;

        if (mmap(start, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE | flags, fd, 0) != start)
                return NULL;
        arena_next += (size + 2 * BLOCK - 1) / BLOCK * BLOCK;
        return start;
}

static void tell(const void *start) {
        if (start)
                printf("%lu\n", (unsigned long) (uintptr_t) start);
        else
                printf("failed %s\n", strerror(errno));
}

/* A file is filled with zeros, written back and read. */
static char *map_file(size_t size, const char *path) {
        static const char zeros[1 << 16];
        int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        char *start = NULL;

        for (size_t done = 0; fd >= 0 && done < size; done += sizeof(zeros))
                if (write(fd, zeros, sizeof(zeros)) != (ssize_t) sizeof(zeros))
                        return NULL;
        if (fd >= 0 && fsync(fd) == 0)
                start = place(size, MAP_SHARED, fd);
        if (start)
                look(start, size);
        if (fd >= 0)
                (void) close(fd);
        return start;
}

static char *map(const char *kind, size_t size, const char *path) {
        char *start;

        if (strcmp(kind, "file") == 0)
                return map_file(size, path);
        start = place(size, MAP_ANONYMOUS | (strcmp(kind, "shmem") == 0 ? MAP_SHARED : MAP_PRIVATE) |
                                    (strcmp(kind, "pool") == 0 ? MAP_HUGETLB : 0), -1);
        if (start && strcmp(kind, "huge") == 0 && madvise(start, size, MADV_HUGEPAGE) < 0)
                return NULL;
        if (start && strcmp(kind, "empty") != 0)
                fill(start, size);
        return start;
}

static void add_beat(char *start, size_t size, long period) {
        if (n_beats < sizeof(beats) / sizeof(beats[0]))
                beats[n_beats++] = (Beat) { start, size, period, now_ms() + period };
}

/* A process like this one that only waits; of an area it makes new memory at the same place before. */
static void spawn(char *start, size_t size) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (size > 0 && munmap(start, size) == 0 &&
                    mmap(start, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == start)
                        fill(start, size);
                for (;;)
                        pause();
        }
        printf("%d\n", (int) pid);
}

/* Children that live for a moment, one after the other. */
static void burst(long n, size_t size) {
        for (long i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid == 0) {
                        char *memory = place(size, MAP_ANONYMOUS | MAP_PRIVATE, -1);

                        if (memory)
                                fill(memory, size);
                        nap(600);
                        _exit(memory && wrong(memory, size) == 0 ? 0 : 1);
                }
                nap(100);
        }
}

/* To a NUMA node (MPOL_BIND), wherever the memory is now. */
static long bind_to(char *start, size_t size, unsigned long node) {
        const unsigned long nodes = 1UL << node;

        return syscall(SYS_mbind, start, size, 2, &nodes, 8 * sizeof(nodes), 0);
}

static long reap(void) {
        long bad = 0;
        int status;

        while (wait(&status) > 0)
                bad += status != 0;
        return bad;
}

static bool obey(char *line, char **argv) {
        char what[16] = "", kind[16] = "", path[128] = "";
        unsigned long a = 0, b = 0, c = 0;

        if (sscanf(line, "map %15s %lu %127s", kind, &b, path) >= 2) {
                tell(map(kind, b, path));
                return true;
        }
        (void) sscanf(line, "%15s %lu %lu %lu", what, &a, &b, &c);
        if (strcmp(what, "fill") == 0)
                fill((char *) a, b), puts("0");
        else if (strcmp(what, "look") == 0)
                look((char *) a, b), puts("0");
        else if (strcmp(what, "wrong") == 0)
                printf("%zu\n", wrong((char *) a, b));
        else if (strcmp(what, "beat") == 0)
                add_beat((char *) a, b, (long) c), puts("0");
        else if (strcmp(what, "rest") == 0)
                n_beats = 0, puts("0");
        else if (strcmp(what, "lock") == 0)
                printf("%d\n", mlock((char *) a, b));
        else if (strcmp(what, "advise") == 0)
                printf("%d\n", madvise((char *) a, b, (int) c));
        else if (strcmp(what, "bind") == 0)
                printf("%ld\n", bind_to((char *) a, b, c));
        else if (strcmp(what, "unmap") == 0)
                printf("%d\n", munmap((char *) a, b));
        else if (strcmp(what, "fork") == 0)
                spawn((char *) a, b);
        else if (strcmp(what, "burst") == 0)
                burst((long) a, b), puts("0");
        else if (strcmp(what, "reap") == 0)
                printf("%ld\n", reap());
        else if (strcmp(what, "exec") == 0)
                (void) execv(argv[0], argv);
        else
                return false;
        return true;
}

static int wait_ms(void) {
        long next = 1000, now = now_ms();

        if (n_beats == 0)
                return -1;
        for (size_t i = 0; i < n_beats; i++)
                next = beats[i].next - now < next ? beats[i].next - now : next;
        return next > 0 ? (int) next : 0;
}

static void keep_beats(void) {
        for (size_t i = 0; i < n_beats; i++) {
                if (now_ms() < beats[i].next)
                        continue;
                look(beats[i].start, beats[i].size);
                beats[i].next = now_ms() + beats[i].period;
        }
}

int main(int argc, char **argv) {
        char line[256];
        struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

        (void) argc;
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setvbuf(stdin, NULL, _IONBF, 0);
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        printf("%lu\n", (unsigned long) ARENA);

        for (;;) {
                int r = poll(&in, 1, wait_ms());

                if (r < 0 && errno != EINTR)
                        return 1;
                if (r > 0 && (!fgets(line, sizeof(line), stdin) || !obey(line, argv)))
                        return 0;
                keep_beats();
        }
}
