/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `top`: keys. */
#include <curses.h>
#include <stdio.h>

#include "top.h"
#include "view.h"

static void choose_monitor(Top *top, size_t row) {
        top->row = row;
        (void) snprintf(top->chosen, sizeof(top->chosen), "%s", json_text(top_monitor(top), "name") ?: "");
        top->scheme = 0;
        if (!top->paused)
                top_update(top);
}

static void move_choice(Top *top, int by) {
        size_t *at = top->pane == TOP_MONITORS ? &top->row : &top->scheme;
        size_t n = top->pane == TOP_MONITORS ? top->n_rows : json_array_size(top->schemes);
        size_t to = by < 0 ? *at - MIN(*at, (size_t) 1) : MIN(*at + 1, n > 0 ? n - 1 : 0);

        if (to == *at)
                return;
        /* what stands there is of the other monitor: a paused picture would mix the two */
        if (top->pane == TOP_MONITORS && top->paused)
                (void) snprintf(top->note, sizeof(top->note), "paused: p goes on");
        else if (top->pane == TOP_MONITORS)
                choose_monitor(top, to);
        else
                top->scheme = to;
}

static void ask_dry_run(Top *top) {
        if (!top_scheme(top)) {
                (void) snprintf(top->note, sizeof(top->note), "this monitor has no scheme");
                return;
        }
        top->pane = TOP_SCHEMES;
        top->asking = true;
}

/* Anything but a clear yes is a no. */
static void answer(Top *top, int key) {
        top->asking = false;
        if (key == 'y' || key == 'Y')
                top_switch_dry_run(top);
        else
                (void) snprintf(top->note, sizeof(top->note), "nothing was changed");
}

void top_key(Top *top, int key) {
        top->note[0] = '\0';
        if (top->asking) {
                answer(top, key);
                return;
        }
        if (top->help && key != 'q') {
                top->help = false;
                return;
        }
        switch (key) {
        case 'q':
                top->quit = true;
                break;
        case KEY_UP:
        case 'k':
                move_choice(top, -1);
                break;
        case KEY_DOWN:
        case 'j':
                move_choice(top, 1);
                break;
        case '\t':
                top->pane = top->pane == TOP_MONITORS ? TOP_SCHEMES : TOP_MONITORS;
                break;
        case 's':
                top->sort = (top->sort + 1) % _TOP_SORT_MAX;
                top_sort_rows(top);
                (void) snprintf(top->note, sizeof(top->note), "sorted by %s", top_sort_name(top->sort));
                break;
        case 'p':
        case ' ':
                top->paused = !top->paused;
                if (!top->paused)
                        top_update(top);
                break;
        case 'd':
                ask_dry_run(top);
                break;
        case 'r':
                top_update(top);
                break;
        case 'h':
        case '?':
                top->help = true;
                break;
        default:
                break;
        }
}
