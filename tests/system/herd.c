/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Many small processes: herd NAME COUNT forks COUNT that only wait, all called NAME, and prints their pids on one line.
 * Then each line "churn RATE SECONDS LIFE_MS" forks RATE processes a second that live for a tenth of LIFE_MS to LIFE_MS,
 * and when the last one of these has ended its answer is how many there were. They all end with standard input. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t herder;

static void sleep_ns(long long ns) {
        struct timespec t = { .tv_sec = (time_t) (ns / 1000000000), .tv_nsec = (long) (ns % 1000000000) };

        while (nanosleep(&t, &t) < 0 && errno == EINTR)
                ;
}

/* In the child; it does not outlive the herder, however that ends. */
static _Noreturn void live(long long ns) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != herder)
                _exit(1);
        if (ns < 0)
                for (;;)
                        (void) pause();
        sleep_ns(ns);
        _exit(0);
}

static pid_t fork_one(long long ns) {
        pid_t pid = fork();

        if (pid == 0)
                live(ns);
        if (pid < 0) {
                perror("herd: fork");
                exit(1);
        }
        return pid;
}

static long long now_ns(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Those that wait are never the ones that ended. */
static void churn(long rate, long seconds, long life_ms) {
        long long begin = now_ns();
        long n = rate * seconds, left = n;

        for (long i = 0; i < n; i++) {
                long long due = begin + i * 1000000000LL / rate, now = now_ns();

                if (due > now)
                        sleep_ns(due - now);
                (void) fork_one(life_ms * 100000LL * (1 + i % 10));
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        left--;
        }
        for (; left > 0; left--)
                (void) waitpid(-1, NULL, 0);
        (void) printf("%ld\n", n);
}

int main(int argc, char *argv[]) {
        long rate, seconds, life_ms;
        char line[64];

        if (argc != 3)
                return 2;
        herder = getpid();
        (void) prctl(PR_SET_NAME, argv[1]);
        for (long i = atol(argv[2]); i > 0; i--)
                (void) printf("%d%c", (int) fork_one(-1), i > 1 ? ' ' : '\n');
        (void) fflush(stdout);
        while (fgets(line, sizeof(line), stdin)) {
                if (sscanf(line, "churn %ld %ld %ld", &rate, &seconds, &life_ms) != 3 || rate <= 0)
                        return 2;
                churn(rate, seconds, life_ms);
                (void) fflush(stdout);
        }
        return 0;
}
