/* fastnn.h - all that the Cython layer may see of csrc/: the argument structs and one table of
 * function pointers per CPU level.  Sizes and strides count float32 elements, never bytes. */
#ifndef FASTNN_H
#define FASTNN_H

#include <stddef.h>
#include <stdint.h>

enum fnn_activation { FNN_NONE = 0, FNN_RELU = 1, FNN_TANH = 2, FNN_SIGMOID = 3 };

/* One block of C (m x n) = act(A (m x k) * B (k x n) [+ C] [+ bias]).  Element (i, p) of A is at
 * a[(i / mr) * a_panel + (i % mr) * a_row + p * a_col], or with tables at
 * a[a_row_off[i] + a_col_off[p]] or a[i * a_row + a_col_off[p]].  Element (p, j) of B is at b[(j /
 * nr) * b_panel + row_p + j % nr] with row_p = p * b_row, or b_row_off[p].  C is row-major with row
 * stride c_row. Every output is one chain of fused multiply-adds in increasing p that starts from
 * zero, or with `accumulate` from C: splitting k over several calls does not change the bits. */
typedef struct fnn_gemm {
  size_t m, n, k;
  const float *a;
  ptrdiff_t a_panel, a_row, a_col;
  const ptrdiff_t *a_row_off, *a_col_off; /* both, the latter or neither */
  const float *b;
  ptrdiff_t b_panel, b_row;
  const ptrdiff_t *b_row_off;
  const float *next; /* NULL, or a B with such strides that is brought into the cache meanwhile: of
                        a later call, or this B from its second panel on; not heeded with tables */
  float *c;
  ptrdiff_t c_row;
  const float *bias_row; /* (m,) or NULL, added after the last term */
  const float *bias_col; /* (n,) or NULL */
  int accumulate, activation;
} fnn_gemm;

/* Scalars of one optimizer step, of which each rule reads some; see ukernel/update.h. */
typedef struct fnn_step {
  float lr, lr_grad;                          /* bias corrections included */
  float weight_decay, l1_decay;               /* added to the gradient */
  float shrink, l1_shrink;                    /* decoupled: p = shrink p - l1_shrink sign(p) */
  float momentum, beta1, beta2, keep1, keep2; /* keep = 1 - beta (SGD: 1 - dampening) */
  float eps, root;                            /* root multiplies the root of the mean square */
  float eta_minus, eta_plus, smallest, largest;
  int maximize, decoupled, nesterov, first, rectified;
} fnn_step;

/* A pooling window over planes of (h, w) pixels with (oh, ow) outputs; see ukernel/pool.h. */
typedef struct fnn_pool {
  ptrdiff_t h, w, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow;
} fnn_pool;

/* Normalisation of one channel and its gradient; see ukernel/norm.h. */
typedef struct fnn_norm {
  float mean, scale, shift, slope, offset;
  int relu, centred;
} fnn_norm;

typedef void (*fnn_map)(size_t n, const float *x, float *y);
typedef void (*fnn_map_grad)(size_t n, const float *dy, const float *y, float *dx);
/* The same with parameters p. */
typedef void (*fnn_param_map)(size_t n, const float *p, const float *x, float *y);
typedef void (*fnn_param_map_grad)(size_t n, const float *p, const float *dy, const float *x,
                                   float *dx);

typedef void (*fnn_update)(size_t n, const fnn_step *s, float *param, const float *grad, float *a,
                           float *b, float *c);

typedef struct fnn_ukernels {
  const char *isa;
  int lanes, mr, nr, mc, kc, nc;
  int mr_narrow; /* rows of a tile that is one vector wide */
#define X(ret, name, sig) ret(*name) sig;
#include "ukernels.def"
#undef X
} fnn_ukernels;

/* Levels compiled into this build, best first, ending with NULL. */
typedef struct fnn_level {
  int (*runs_here)(void);
  const fnn_ukernels *table;
} fnn_level;
extern const fnn_level fnn_levels[];

/* The table of a level by name; NULL if unknown or if it cannot run here.  name NULL: the best. */
const fnn_ukernels *fnn_ukernels_find(const char *name);

#endif
