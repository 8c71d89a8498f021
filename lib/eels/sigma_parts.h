/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the cross sections share. */
#ifndef EM_EELS_SIGMA_PARTS_H
#define EM_EELS_SIGMA_PARTS_H

#define SIGMA_PI 3.14159265358979323846
#define SIGMA_R 13.605693 /* Rydberg energy, eV */

#endif
