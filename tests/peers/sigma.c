/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Z SHELL ONSET KV CONVERGENCE COLLECTION: the cross section, barn a eV, at each energy of standard input. */
#include "eels/sigma.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	struct em_sigma_edge edge;
	struct em_sigma_beam beam;
	struct em_error err;
	double ev;

	if (argc != 7)
		return 2;
	if (em_sigma_edge_set(&edge, atoi(argv[1]), argv[2], atof(argv[3]), &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	beam = (struct em_sigma_beam){atof(argv[4]), atof(argv[5]), atof(argv[6])};
	while (scanf("%lf", &ev) == 1)
		printf("%.17g\n", em_sigma_density(&edge, &beam, ev));
	return 0;
}
