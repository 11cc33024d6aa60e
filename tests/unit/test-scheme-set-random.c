/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To be written. */
int main(void) { return 0; }
