/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a forked process has of its parent: the same pages, until one of both writes to them.
 *
 * Memory that the parent has not accessed for a while is as old in the child, as long as both share it: it is the very
 * same page, which nobody touched. So the child's idle memory begins with the age that it has in the parent, and its
 * first window may overrule that. All else begins anew: what the parent accesses says nothing of what its child will,
 * and what was mapped, or written, since the fork is the child's own. */
#pragma once

#include "base/rng.h"
#include "monitor/target.h"

/* At most so many regions are taken over, the largest: the others wait for their own age. */
#define INHERIT_MAX 64

/* To be called once the child's map has been read for the first time, before its first samples. forked: when it began,
 * or a little before; what the parent has mapped since is nobody's heritage. Returns how many regions were taken over,
 * or -errno. That the child has ended, or is another program by now, is noted in its state. */
int target_inherit(Target *child, const Target *parent, nsec_t forked, Rng *rng);
