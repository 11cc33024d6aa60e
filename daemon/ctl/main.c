/* SPDX-License-Identifier: GPL-2.0-or-later */
/* udamonctl: the client of udamond. */
#include <signal.h>

#include "ctl.h"

int main(int argc, char **argv) {
        /* a file that may not grow is a failed write with a message, not a death */
        (void) signal(SIGXFSZ, SIG_IGN);
        return ctl_main(argc, argv);
}
