/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Edges by name, "Ti-L23", with the windows that their net counts are taken from: one before the onset, where the
 * background is fitted, and one from the onset, where it is extrapolated to and subtracted.
 */
#ifndef EM_EELS_EDGES_H
#define EM_EELS_EDGES_H

#include "base/error.h"
#include "eels/energy.h"

#include <stddef.h>

enum em_shell {
	EM_SHELL_K,
	EM_SHELL_L1,
	EM_SHELL_L2,
	EM_SHELL_L3,
	EM_SHELL_L23, /* both, from the onset of L3; M23, M45 likewise */
	EM_SHELL_M2,
	EM_SHELL_M3,
	EM_SHELL_M23,
	EM_SHELL_M4,
	EM_SHELL_M5,
	EM_SHELL_M45,
	EM_SHELL_N45,
	EM_SHELL_O45,
	EM_SHELLS
};

const char *em_shell_name(enum em_shell shell); /* "L23" */

struct em_edge {
	char name[12]; /* "Ti-L23" */
	const char *element;
	unsigned z;
	enum em_shell shell;
	double onset; /* eV */
	double first; /* eV: of the shell's lowest part, L3 for L2: the background has to lie before it */
	double last;  /* eV: of its highest part, L2 for L3 and L23 */
	/* eV; zeroed: to be placed by em_edges_place */
	struct em_energy_window background, signal;
};

/*
 * The onset in eV of a shell of the element with this atomic number; 0: not in the table, which has what is of use
 * between 30 eV and 3.8 keV.  The source is told in edges_table.c.
 */
double em_edge_onset(unsigned z, enum em_shell shell);
/* The symbol of an element, 1 to 92 ("" for others), and back (0: none has it). */
const char *em_element_symbol(unsigned z);
unsigned em_element_z(const char *symbol, size_t length);

#define EM_EDGES_MAX 32

/*
 * "Ti-L23,O-K,La-M45" into edge[EM_EDGES_MAX], in the order named, windows zeroed.  "Ti_L3", "TiL2,3", "Ti L23" and
 * the shell alone (L is L23; M is M45, or M23 up to Zn; N is N45) are understood.  EM_ERROR_USAGE: no such element or
 * shell (the text lists those there are), an edge twice, too many or none.
 */
int em_edges_parse(const char *text, struct em_edge *edge, size_t *count, struct em_error *err);

/*
 * Places each window that is still zeroed.  The background ends a gap before the shell's first onset (1 % of it, 2 to 8
 * eV, for chemical shifts and the resolution) and is 11 % of the onset wide (20 to 100 eV); the signal begins at the
 * onset and is 50 eV wide, or a third of the onset if that is less.  They shrink to what is free: the background begins
 * EM_EDGE_TAIL after another edge of the list, but keeps EM_EDGE_NARROWEST; the signal ends at the next one's gap, that
 * of L3 at the onset of L2; both keep to the axis.  EM_ERROR_DATA where the axis leaves less than EM_EDGE_NARROWEST
 * before an edge or half of it after; nothing is written then.
 */
#define EM_EDGE_TAIL 28      /* eV after its last onset that white lines and near-edge structure take */
#define EM_EDGE_NARROWEST 10 /* eV */
int em_edges_place(struct em_edge *edge, size_t count, const struct em_energy *e, struct em_error *err);

/*
 * What in the windows will falsify counts, each as a line to warn(): a signal that holds another edge's onset or part
 * of its signal; a background that holds an onset, begins within EM_EDGE_TAIL after another edge's or overlaps its own
 * signal; an extrapolation over more than four times the background's width.  Only edges of the list are known to it.
 */
void em_edges_check(const struct em_edge *edge, size_t count, void (*warn)(void *ctx, const char *text), void *ctx);

#endif
