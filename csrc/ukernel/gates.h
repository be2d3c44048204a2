/* ukernel/gates.h - one row of one time step of a recurrent layer of n units, and its gradient.
 *
 * Gates lie side by side: i f g o of an LSTM (Hochreiter & Schmidhuber 1997, with the forget gate
 * of Gers et al. 2000), r z n of a GRU (Cho et al. 2014, with the reset gate after the product)
 * and behind them its candidate's share of h.  c may be c_prev, dc changes in place.  No alignment.
 *
 * A vector body per function, once over whole vectors and once over the tail: `m` is the number of
 * elements, a constant where it is VF32_LANES. */

FNN_INLINE vf32 part_load(const float *p, size_t m) {
  return m == VF32_LANES ? vf32_load(p) : vf32_load_tail(p, m);
}
FNN_INLINE void part_store(float *p, vf32 v, size_t m) {
  if (m == VF32_LANES)
    vf32_store(p, v);
  else
    vf32_store_tail(p, v, m);
}
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
    vf32 gi = sigmoid_vf32(part_load(q, m)), gf = sigmoid_vf32(part_load(q + n, m));          \
    vf32 gg = tanh_vf32(part_load(q + 2 * n, m)), go = sigmoid_vf32(part_load(q + 3 * n, m)); \
    vf32 cell = vf32_fmadd(gf, part_load(c_prev + (at), m), vf32_mul(gi, gg));                \
    part_store(q, gi, m);                                                                     \
    part_store(q + n, gf, m);                                                                 \
    part_store(q + 2 * n, gg, m);                                                             \
    part_store(q + 3 * n, go, m);                                                             \
    part_store(c + (at), cell, m);                                                            \
    part_store(h + (at), vf32_mul(go, tanh_vf32(cell)), m);                                   \
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
    vf32 gi = part_load(q, m), gf = part_load(q + n, m);                                        \
    vf32 gg = part_load(q + 2 * n, m), go = part_load(q + 3 * n, m);                            \
    vf32 dh = vf32_add(part_load(dy + (at), m), part_load(carry + (at), m));                    \
    vf32 t = tanh_vf32(part_load(c + (at), m));                                                 \
    vf32 dcell = vf32_fmadd(vf32_mul(dh, go), vf32_fnmadd(t, t, one), part_load(dc + (at), m)); \
    part_store(d, sigmoid_grad_vf32(vf32_mul(dcell, gg), gi), m);                               \
    part_store(d + n, sigmoid_grad_vf32(vf32_mul(dcell, part_load(c_prev + (at), m)), gf), m);  \
    part_store(d + 2 * n, tanh_grad_vf32(vf32_mul(dcell, gi), gg), m);                          \
    part_store(d + 3 * n, sigmoid_grad_vf32(vf32_mul(dh, t), go), m);                           \
    part_store(dc + (at), vf32_mul(dcell, gf), m);                                              \
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
    vf32 r = sigmoid_vf32(part_load(q, m)), z = sigmoid_vf32(part_load(q + n, m)); \
    vf32 c = vf32_fmadd(r, part_load(q + 3 * n, m), part_load(q + 2 * n, m));      \
    c = tanh_vf32(c);                                                              \
    part_store(q, r, m);                                                           \
    part_store(q + n, z, m);                                                       \
    part_store(q + 2 * n, c, m);                                                   \
    vf32 fresh = vf32_fmadd(z, vf32_sub(part_load(h_prev + (at), m), c), c);       \
    part_store(h + (at), fresh, m);                                                \
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
    vf32 r = part_load(q, m), z = part_load(q + n, m), c = part_load(q + 2 * n, m); \
    vf32 dh = vf32_add(part_load(dy + (at), m), part_load(carry + (at), m));        \
    vf32 dn = tanh_grad_vf32(vf32_mul(dh, vf32_sub(one, z)), c);                    \
    vf32 dz = vf32_mul(dh, vf32_sub(part_load(h_prev + (at), m), c));               \
    part_store(d, sigmoid_grad_vf32(vf32_mul(dn, part_load(q + 3 * n, m)), r), m);  \
    part_store(d + n, sigmoid_grad_vf32(dz, z), m);                                 \
    part_store(d + 2 * n, vf32_mul(dn, r), m);                                      \
    part_store(d + 3 * n, dn, m);                                                   \
    part_store(direct + (at), vf32_mul(dh, z), m);                                  \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}

/* dz = (dy + carry) act'(z) of a plain recurrent layer, from its output y = relu(z) or tanh(z). */
static void rnn_grad(size_t n, int relu, const float *y, const float *dy, const float *carry,
                     float *dz) {
#define BODY(at, m)                                                                     \
  do {                                                                                  \
    vf32 dh = vf32_add(part_load(dy + (at), m), part_load(carry + (at), m));            \
    vf32 out = part_load(y + (at), m);                                                  \
    part_store(dz + (at), relu ? relu_grad_vf32(dh, out) : tanh_grad_vf32(dh, out), m); \
  } while (0)
  FOR_EACH_PART(n, BODY);
#undef BODY
}
