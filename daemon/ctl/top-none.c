/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top` where there is no ncurses. */
#include "message.h"
#include "verbs.h"

int verb_top(const Arguments *args) {
        (void) args;
        return fail(CTL_REFUSED, "this udamonctl was built without ncurses, which top needs; "
                                 "'udamonctl monitors --watch' works everywhere");
}
