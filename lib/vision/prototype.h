/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nearest class prototype (Snell, Swersky & Zemel, "Prototypical networks for few-shot learning", NIPS 2017): a class
 * is the mean of its supports' embeddings, a chip belongs to the nearest one.
 *
 * Distances d(x, c):
 *   euclidean    |x - c|
 *   cosine       1 - x.c / |x||c|, supports scaled to unit length before their mean is taken
 *   mahalanobis  sqrt((x - c)^T S^-1 (x - c)), S the pooled within-class covariance W of the supports, shrunk towards
 *                a multiple of the identity because there are fewer supports than dimensions:
 *                    S = (1 - r) W + r (tr W / p) I
 *                    r = min(1, ((1 - 2/p) tr W^2 + tr^2 W) / ((n + 1 - 2/p) (tr W^2 - tr^2 W / p)))
 *                the oracle approximating shrinkage of Chen, Wiesel, Eldar & Hero, IEEE Trans. Signal Process. 58
 *                (2010) 5016, eq. 23, with p dimensions and n = supports - classes.  With one support a class there
 *                is no W: S = I, which is euclidean.
 *
 * Probabilities: q, the softmax over the classes of -e/T, where e is d^2 (d for cosine, which is a squared chord
 * already), is the posterior of Gaussian classes of one shape and equal priors.  For a chip that lies deeper in its
 * class than any support it comes as near to 1 as one likes, which rests on the Gaussian alone.  So p = (1 - w) q + w/K
 * for K classes: with probability w distances say nothing of this chip.  w = K / (K - 1) / (2 (N + 1)) keeps p below
 * (N + 1/2)/(N + 1), which is what N judgements without a miss make of the rate of hits (posterior mean under
 * Jeffreys' prior); N are those of the next paragraph, or the supports where there are none.
 *
 * T is fitted to the support set itself, each support judged by prototypes that it had no part in (leave one out; for
 * mahalanobis out of S too, by a rank-one downdate).  A prototype without support i is a mean of n - 1, not of n; its e
 * is scaled by (1 + 1/n) / (1 + 1/(n-1)) to what it is for a chip and the mean of n.  T is the one of maximum
 * likelihood, but no less than the smaller of those that Laplace's rule and the margins give: vision/temperature.h has
 * them.  A class with one support takes part as a competitor only.  Without any class of two T is half the mean e
 * between prototypes: a guess, and `calibrated` says so.
 *
 * Typicality: ln d of the left-out supports from their own prototype, normal with a mean for each class and one
 * variance for all; `typical` is the predictive tail probability (Student's t, which accounts for how few supports
 * there are) that a chip of the class lies at least as far.  It needs a class of three supports, and two in the class
 * itself; else it is NaN.
 */
#ifndef EM_VISION_PROTOTYPE_H
#define EM_VISION_PROTOTYPE_H

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "vision/support.h"
#include "vision/transform.h"
#include "vision/unlabelled.h"

#include <stdbool.h>
#include <stddef.h>

enum em_distance { EM_DISTANCE_EUCLIDEAN, EM_DISTANCE_COSINE, EM_DISTANCE_MAHALANOBIS };
#define EM_DISTANCE_CHOICES "euclidean cosine mahalanobis" /* in that order */

#define EM_MAHALANOBIS_MAX_DIM 1024 /* the covariance has dim^2 elements */

struct em_prototype {
	char *name, *color; /* owned; color may be NULL */
	float *vector;      /* [dim], transformed, owned */
	size_t supports;
	double spread; /* mean ln d of left-out supports; NaN: not known */
};

/* Every number here is rounded to float32, so that what is saved with %.9g classifies to the same bits. */
struct em_prototypes {
	struct em_encoder_id encoder;
	struct em_transform transform; /* of embeddings, before the distance; dim 0: none */
	enum em_distance distance;
	struct em_prototype *classes;
	size_t count;
	double temperature;
	double doubt;                 /* w above */
	bool calibrated;              /* temperature comes from the supports */
	double spread_sd, spread_dof; /* of ln d about its class' mean; dof 0: not known */
	double shrinkage;             /* r above; meaningful for mahalanobis */
	double chip_height, chip_width; /* [px] of the support set's chips; 0: not said */
	double *factor;               /* Cholesky factor of S, [dim][dim]; NULL: identity */
	double *space;                /* the prototypes in the space where d is euclidean, [count][dim] */
};

/* Copies of a class' name and colour, and a vector of zeros.  A zeroed or failed one is released with its set. */
int em_prototype_init(struct em_prototype *c, const struct em_support_class *from, size_t dim, struct em_error *err);
void em_prototypes_release(struct em_prototypes *p);
/* Make `space` from the other members: the last step of fitting and of parsing. */
int em_prototypes_prepare(struct em_prototypes *p, struct em_error *err);

/* p is overwritten.  EM_ERROR_DATA for a set that em_support_check refuses. */
int em_prototypes_fit(struct em_prototypes *p, const struct em_support *set, enum em_distance distance,
                      struct em_error *err);

/*
 * The same with more to it.  The transform (vision/transform.h) comes first: all of the above is done to transformed
 * vectors.  The chips, of which the supports are none, serve three times: for the transform; T is no less than their
 * margins ask for, and is theirs where no class has two supports (vision/temperature.h); and for `refine` steps of soft
 * k-means (Ren et al., "Meta-learning for semi-supervised few-shot classification", ICLR 2018), where every chip takes
 * part in the mean of every class by its probability q.  There the chips of a class together weigh no more than its
 * supports, so that one class of which there are many cannot draw in the others.  T, w and typicality stay those of
 * the prototypes before that: supports left out of a mean that the chips hold in its place would make them too sure.
 */
struct em_fit_options {
	enum em_distance distance;
	double power;                /* 0: none */
	double whiten;               /* negative: none */
	size_t refine;               /* steps; 0: none */
	struct em_unlabelled *chips; /* NULL: none */
};
/* p is overwritten.  Errors of em_prototypes_fit and em_transform_fit; EM_ERROR_DATA for chips of another length. */
int em_prototypes_fit_with(struct em_prototypes *p, const struct em_support *set, const struct em_fit_options *options,
                           struct em_error *err);

/* {"em_prototypes":1,"encoder":..,...}: and back; 2 where there is a transform, so that a reader which knows none does
 * not pass it over.  Without a newline. */
int em_prototypes_print(const struct em_prototypes *p, struct em_text *out, struct em_error *err);
int em_prototypes_parse(struct em_prototypes *p, const struct em_json *json, struct em_error *err);

/* ---- one chip ---- */

struct em_decision {
	size_t best;    /* the nearest class */
	double p;       /* of that class, 1/count to (N + 1/2)/(N + 1) */
	double margin;  /* second least distance - least distance */
	double typical; /* 0..1, NaN: not known */
};

/* distance[count] and probability[count] of vector[encoder.dim]; safe from many threads.  The probabilities are q
 * above.  EM_ERROR_DATA where a distance is not finite, as broken saved prototypes can make it. */
int em_prototypes_measure(const struct em_prototypes *p, const float *vector, double *distance, double *probability,
                          struct em_error *err);
/* The same of a vector that is transformed already. */
int em_prototypes_measure_plain(const struct em_prototypes *p, const float *vector, double *distance,
                                double *probability, struct em_error *err);
void em_prototypes_decide(const struct em_prototypes *p, const double *distance, const double *probability,
                          struct em_decision *decision);
/* p above from q: of a class, whether by its distance alone or given the neighbours. */
double em_prototypes_doubt(const struct em_prototypes *p, double q);
/* The probability that a chip of class k lies at least at distance d from its prototype; NaN: not known. */
double em_prototypes_typical(const struct em_prototypes *p, size_t k, double d);

#endif
