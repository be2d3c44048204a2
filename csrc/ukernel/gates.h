/* ukernel/gates.h - one row of one time step of a recurrent layer of n units, and its gradient.
 *
 * Gates lie side by side: i f g o of an LSTM (Hochreiter & Schmidhuber 1997, with the forget gate
 * of Gers et al. 2000), r z n of a GRU (Cho et al. 2014, with the reset gate after the product)
 * and behind them its candidate's share of h.  c may be c_prev, dc changes in place.  No alignment.
 *
 * A vector body per function, once over whole vectors and once over the tail: `m` is the number of
 * elements, a constant where it is VF32_LANES. */

#define FOR_EACH_PART(n, body)                                          \
  do {                                                                  \
    size_t i = 0;                                                       \
    for (; i + VF32_LANES <= (n); i += VF32_LANES) body(i, VF32_LANES); \
    if (i < (n)) body(i, (n) - i);                                      \
  } while (0)

/* gates (4n) before their activations -> after; c = f c_prev + i g, h = o tanh(c). */
static void lstm_gates(size_t n, float *gates, const float *c_prev, float *c, float *h) {
#define BODY(at, m)                                                                           \
  do {                                                                                        \
    float *q = gates + (at);                                                                  \
    vf32 gi = sigmoid_vf32(load_some(q, m)), gf = sigmoid_vf32(load_some(q + n, m));          \
    vf32 gg = tanh_vf32(load_some(q + 2 * n, m)), go = sigmoid_vf32(load_some(q + 3 * n, m)); \
    vf32 cell = vf32_fmadd(gf, load_some(c_prev + (at), m), vf32_mul(gi, gg));                \
    store_some(q, gi, m);                                                                     \
    store_some(q + n, gf, m);                                                                 \
    store_some(q + 2 * n, gg, m);                                                             \
    store_some(q + 3 * n, go, m);                                                             \
    store_some(c + (at), cell, m);                                                            \
    store_some(h + (at), vf32_mul(go, tanh_vf32(cell)), m);                                   \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}

/* dh = dy + carry; gates as lstm_gates left them.  dgates (4n) before the activations; dc becomes
 * that of c_prev. */
static void lstm_gates_grad(size_t n, const float *gates, const float *c_prev, const float *c,
                            const float *dy, const float *carry, float *dc, float *dgates) {
  const vf32 one = vf32_set1(1.0f);
#define BODY(at, m)                                                                             \
  do {                                                                                          \
    const float *q = gates + (at);                                                              \
    float *d = dgates + (at);                                                                   \
    vf32 gi = load_some(q, m), gf = load_some(q + n, m);                                        \
    vf32 gg = load_some(q + 2 * n, m), go = load_some(q + 3 * n, m);                            \
    vf32 dh = vf32_add(load_some(dy + (at), m), load_some(carry + (at), m));                    \
    vf32 t = tanh_vf32(load_some(c + (at), m));                                                 \
    vf32 dcell = vf32_fmadd(vf32_mul(dh, go), vf32_fnmadd(t, t, one), load_some(dc + (at), m)); \
    store_some(d, sigmoid_grad_vf32(vf32_mul(dcell, gg), gi), m);                               \
    store_some(d + n, sigmoid_grad_vf32(vf32_mul(dcell, load_some(c_prev + (at), m)), gf), m);  \
    store_some(d + 2 * n, tanh_grad_vf32(vf32_mul(dcell, gi), gg), m);                          \
    store_some(d + 3 * n, sigmoid_grad_vf32(vf32_mul(dh, t), go), m);                           \
    store_some(dc + (at), vf32_mul(dcell, gf), m);                                              \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}

/* gates (4n): r, z, x's share of n, h's share of n -> r, z, n and h's share as it was;
 * n = tanh(x's + r h's), h = n + z (h_prev - n). */
static void gru_gates(size_t n, float *gates, const float *h_prev, float *h) {
#define BODY(at, m)                                                                \
  do {                                                                             \
    float *q = gates + (at);                                                       \
    vf32 r = sigmoid_vf32(load_some(q, m)), z = sigmoid_vf32(load_some(q + n, m)); \
    vf32 c = vf32_fmadd(r, load_some(q + 3 * n, m), load_some(q + 2 * n, m));      \
    c = tanh_vf32(c);                                                              \
    store_some(q, r, m);                                                           \
    store_some(q + n, z, m);                                                       \
    store_some(q + 2 * n, c, m);                                                   \
    vf32 fresh = vf32_fmadd(z, vf32_sub(load_some(h_prev + (at), m), c), c);       \
    store_some(h + (at), fresh, m);                                                \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}

/* dh = dy + carry; gates as gru_gates left them.  dgates (4n): of r, z, h's share of n, x's share
 * of n.  direct: dh z, which reaches h_prev without a product; it may be carry. */
static void gru_gates_grad(size_t n, const float *gates, const float *h_prev, const float *dy,
                           const float *carry, float *direct, float *dgates) {
  const vf32 one = vf32_set1(1.0f);
#define BODY(at, m)                                                                 \
  do {                                                                              \
    const float *q = gates + (at);                                                  \
    float *d = dgates + (at);                                                       \
    vf32 r = load_some(q, m), z = load_some(q + n, m), c = load_some(q + 2 * n, m); \
    vf32 dh = vf32_add(load_some(dy + (at), m), load_some(carry + (at), m));        \
    vf32 dn = tanh_grad_vf32(vf32_mul(dh, vf32_sub(one, z)), c);                    \
    vf32 dz = vf32_mul(dh, vf32_sub(load_some(h_prev + (at), m), c));               \
    store_some(d, sigmoid_grad_vf32(vf32_mul(dn, load_some(q + 3 * n, m)), r), m);  \
    store_some(d + n, sigmoid_grad_vf32(dz, z), m);                                 \
    store_some(d + 2 * n, vf32_mul(dn, r), m);                                      \
    store_some(d + 3 * n, dn, m);                                                   \
    store_some(direct + (at), vf32_mul(dh, z), m);                                  \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}

/* dz = (dy + carry) act'(z) of a plain recurrent layer, from its output y = relu(z) or tanh(z). */
static void rnn_grad(size_t n, int relu, const float *y, const float *dy, const float *carry,
                     float *dz) {
#define BODY(at, m)                                                                     \
  do {                                                                                  \
    vf32 dh = vf32_add(load_some(dy + (at), m), load_some(carry + (at), m));            \
    vf32 out = load_some(y + (at), m);                                                  \
    store_some(dz + (at), relu ? relu_grad_vf32(dh, out) : tanh_grad_vf32(dh, out), m); \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}
