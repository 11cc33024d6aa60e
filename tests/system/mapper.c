/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A target for the system tests: holds memory, forks, execs, and maps and unmaps on demand. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((size_t) 4096)

static volatile sig_atomic_t forks, execs;

static void on_signal(int number) {
        if (number == SIGUSR1)
                execs++;
        else
                forks++;
}

/* One write() for one line: several processes share the pipe. */
static void say(const char *what, long number) {
        char line[64];
        int n = snprintf(line, sizeof(line), "%s %ld\n", what, number);

        if (write(STDOUT_FILENO, line, (size_t) n) != n)
                _exit(1);
}

static void nap(long milliseconds) {
        struct timespec t = { .tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000 };

        (void) nanosleep(&t, NULL);
}

static char *map(size_t size, int protection) {
        char *memory = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (memory == MAP_FAILED) {
                perror("mmap");
                exit(1);
        }
        return memory;
}

static void touch(char *memory, size_t size) {
        for (size_t i = 0; i < size; i += PAGE)
                memory[i]++;
}

/* hold BYTES [PROGRAM ARGUMENT...]: touches its memory every 20 ms. SIGUSR2: forks a process that does
 * the same. SIGUSR1: becomes PROGRAM. Every process says its pid. */
static int hold(size_t size, char **program) {
        char *memory = map(size, PROT_READ | PROT_WRITE);
        int forked = 0;

        (void) signal(SIGUSR1, on_signal);
        (void) signal(SIGUSR2, on_signal);
        touch(memory, size);
        say("pid", getpid());

        for (;;) {
                touch(memory, size);
                nap(20);
                if (forks > forked && ++forked && fork() == 0) {
                        forked = forks;
                        (void) prctl(PR_SET_PDEATHSIG, 0);
                        say("pid", getpid());
                }
                if (execs > 0 && program[0]) {
                        (void) execv(program[0], program);
                        perror(program[0]);
                        return 1;
                }
        }
}

/* keep BYTES: writes two areas once, says where they are, and waits. SIGUSR2: forks a process that makes new memory at
 * the place of the second one, writes to that, says its pid and waits. */
__attribute__((noreturn)) static void keep(size_t size) {
        char *kept = map(size, PROT_READ | PROT_WRITE | PROT_EXEC), *anew = map(size, PROT_READ | PROT_WRITE);

        (void) signal(SIGUSR2, on_signal);
        touch(kept, size);
        touch(anew, size);
        say("pid", getpid());
        say("kept", (long) kept);
        say("anew", (long) anew);
        for (int forked = 0;;) {
                nap(20);
                if (forks == forked || (forked = forks, fork()) != 0)
                        continue;
                if (munmap(anew, size) < 0 || mmap(anew, size, PROT_READ | PROT_WRITE,
                                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != anew)
                        _exit(1);
                touch(anew, size);
                say("pid", getpid());
                for (;;)
                        nap(1000);
        }
}

/* many AREAS: that many mappings which the kernel cannot join, held. */
__attribute__((noreturn)) static void many(long areas) {
        for (long i = 0; i < areas; i++)
                touch(map(4 * PAGE, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC), 4 * PAGE);
        say("pid", getpid());
        for (;;)
                nap(1000);
}

/* churn AREAS: maps and unmaps so many areas, up to 2,000 at a time, then holds. */
static int churn(long areas) {
        enum { ALIVE = 2000 };
        static char *alive[ALIVE];
        static size_t sizes[ALIVE];

        say("pid", getpid());
        for (long i = 0; i < areas; i++) {
                size_t slot = (size_t) (i * 7919 % ALIVE);

                if (alive[slot] && munmap(alive[slot], sizes[slot]) < 0)
                        return 1;
                sizes[slot] = PAGE * (1 + (size_t) (i % 16));
                alive[slot] = map(sizes[slot], i % 2 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC);
                touch(alive[slot], sizes[slot]);
                if (i % 200 == 0)
                        nap(10);
        }
        say("done", areas);
        for (;;)
                nap(1000);
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
typedef struct Range {
        uintptr_t start;
        uintptr_t end;
} Range;

#define RANGES_MAX 64

__attribute__((always_inline)) static inline long call6(long number, long a, long b, long c, long d, long e, long f) {
        register long r10 __asm__("r10") = d;
        register long r8 __asm__("r8") = e;
        register long r9 __asm__("r9") = f;
        long r;

        __asm__ volatile("syscall" : "=a"(r) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
        return r;
}

/* Neither libc nor thread-local storage is there any more: system calls only. */
__attribute__((noinline, no_stack_protector, noreturn)) static void strip(const Range *ranges, size_t n, size_t size) {
        struct timespec soon = { .tv_nsec = 20000000 }, later = { .tv_sec = 3 };
        long memory;

        for (size_t i = 0; i < n; i++)
                (void) call6(SYS_munmap, (long) ranges[i].start, (long) (ranges[i].end - ranges[i].start), 0, 0, 0, 0);
        (void) call6(SYS_nanosleep, (long) &later, 0, 0, 0, 0, 0);

        memory = call6(SYS_mmap, 0, (long) size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        (void) call6(SYS_write, STDOUT_FILENO, (long) "again 1\n", 8, 0, 0, 0);
        for (;;) {
                for (size_t i = 0; i < size; i += PAGE)
                        ((volatile char *) memory)[i] = 1;
                (void) call6(SYS_nanosleep, (long) &soon, 0, 0, 0, 0, 0);
        }
}

/* strip BYTES: unmaps all but its own code and stack, and 3 s later maps and touches so much. Needs
 * GLIBC_TUNABLES=glibc.pthread.rseq=0: else the kernel kills it for its missing thread area. */
static int strip_all(size_t size) {
        Range ranges[RANGES_MAX];
        char line[512], self[400];
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
        size_t n = 0;
        FILE *maps;

        touch(map(size, PROT_READ | PROT_WRITE), size);
        say("pid", getpid());
        nap(1500);
        maps = fopen("/proc/self/maps", "re");
        if (!maps || length <= 0)
                return 1;
        self[length] = 0;
        while (n < RANGES_MAX && fgets(line, sizeof(line), maps)) {
                unsigned long start, end;

                if (sscanf(line, "%lx-%lx", &start, &end) == 2 && !strstr(line, self) && !strstr(line, "[stack]") &&
                    !strstr(line, "[v"))
                        ranges[n++] = (Range) { start, end };
        }
        strip(ranges, n, size);
}
#else
static int strip_all(size_t size) {
        (void) size;
        return 77;
}
#endif

int main(int argc, char **argv) {
        long number;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (argc < 3)
                return 2;
        number = atol(argv[2]);
        if (number <= 0)
                return 2;

        if (strcmp(argv[1], "hold") == 0)
                return hold((size_t) number, argv + 3);
        if (strcmp(argv[1], "keep") == 0)
                keep((size_t) number);
        if (strcmp(argv[1], "many") == 0)
                many(number);
        if (strcmp(argv[1], "churn") == 0)
                return churn(number);
        if (strcmp(argv[1], "strip") == 0)
                return strip_all((size_t) number);
        return 2;
}
