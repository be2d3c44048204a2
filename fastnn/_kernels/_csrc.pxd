# What Cython sees of csrc/fastnn.h.  Every function pointer is `noexcept nogil`: without it each
# call in a parallel loop would take the GIL again.
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

cdef extern from "fastnn.h" nogil:
    enum fnn_activation:
        FNN_NONE
        FNN_RELU
        FNN_TANH
        FNN_SIGMOID

    ctypedef struct fnn_gemm:
        size_t m, n, k
        const float *a
        Py_ssize_t a_panel, a_row, a_col
        const Py_ssize_t *a_row_off
        const Py_ssize_t *a_col_off
        const float *b
        Py_ssize_t b_panel, b_row
        const Py_ssize_t *b_row_off
        const float *next
        float *c
        Py_ssize_t c_row
        const float *bias_row
        const float *bias_col
        int accumulate, activation

    ctypedef struct fnn_step:
        float lr, lr_grad, weight_decay, l1_decay, shrink, l1_shrink
        float momentum, beta1, beta2, keep1, keep2, eps, root
        float eta_minus, eta_plus, smallest, largest
        int maximize, decoupled, nesterov, first, rectified

    ctypedef struct fnn_pool:
        Py_ssize_t h, w, kh, kw, sh, sw, ph, pw, dh, dw, oh, ow

    ctypedef struct fnn_norm:
        float mean, scale, shift, slope, offset
        int relu, centred

    ctypedef void (*fnn_map)(size_t n, const float *x, float *y) noexcept nogil
    ctypedef void (*fnn_map_grad)(size_t n, const float *dy, const float *y,
                                  float *dx) noexcept nogil
    ctypedef void (*fnn_param_map)(size_t n, const float *p, const float *x,
                                   float *y) noexcept nogil
    ctypedef void (*fnn_param_map_grad)(size_t n, const float *p, const float *dy, const float *x,
                                        float *dx) noexcept nogil

    ctypedef void (*fnn_update)(size_t n, const fnn_step *s, float *param, const float *grad,
                                float *a, float *b, float *c) noexcept nogil

    ctypedef struct fnn_ukernels:
        const char *isa
        int lanes, mr, nr, mc, kc, nc, mr_narrow
        void (*gemm_block)(const fnn_gemm *g) noexcept nogil
        void (*gemm_rows)(const fnn_gemm *g, size_t rows, Py_ssize_t b_next,
                          Py_ssize_t c_next) noexcept nogil
        void (*gemv_transposed)(size_t n, size_t k, const float *x, const float *w,
                                Py_ssize_t w_row, int accumulate, float *y) noexcept nogil
        void (*gemv_packed)(size_t n, size_t k, const float *x, const float *b, int accumulate,
                            float *y) noexcept nogil
        void (*pack_a)(size_t m, size_t k, const float *a, Py_ssize_t row, Py_ssize_t col,
                       float *out) noexcept nogil
        void (*pack_b)(size_t k, size_t n, const float *b, Py_ssize_t row, Py_ssize_t col,
                       float *out) noexcept nogil
        void (*pack_patches)(size_t k, size_t n, const float *x, const Py_ssize_t *tap_off,
                             const Py_ssize_t *pixel_off, float *out) noexcept nogil
        void (*transpose)(size_t m, size_t n, const float *x, Py_ssize_t x_row, float *y,
                          Py_ssize_t y_row) noexcept nogil
        void (*zip_pairs)(size_t n, const float *a, const float *b, float *y) noexcept nogil
        fnn_map vexp, vlog, vtanh, vsigmoid, vrelu
        fnn_map_grad vrelu_grad, vtanh_grad, vsigmoid_grad
        void (*vbias)(size_t n, float bias, int activation, const float *x,
                      float *y) noexcept nogil
        float (*vsum)(size_t n, const float *x) noexcept nogil
        float (*vmax)(size_t n, const float *x) noexcept nogil
        float (*vdot)(size_t n, const float *x, const float *y) noexcept nogil
        void (*vadd)(size_t n, const float *x, float *y) noexcept nogil
        float (*vsqdiff)(size_t n, const float *x, const float *t) noexcept nogil
        void (*vscaled_diff)(size_t n, float scale, const float *x, const float *t,
                             float *dx) noexcept nogil
        float (*softmax_row)(size_t n, const float *x, float *y) noexcept nogil
        void (*softmax_row_grad)(size_t n, const float *dy, const float *y,
                                 float *dx) noexcept nogil
        void (*log_softmax_row)(size_t n, const float *x, float *y) noexcept nogil
        void (*log_softmax_row_grad)(size_t n, const float *dy, const float *y,
                                     float *dx) noexcept nogil
        void (*vscale)(size_t n, float scale, const float *x, float *y) noexcept nogil
        void (*vaxpy)(size_t n, float scale, const float *x, float *y) noexcept nogil
        float (*vexp_sum)(size_t n, const float *x, float shift, float *y) noexcept nogil
        void (*vmask_out)(size_t n, const uint8_t *keep, float *s) noexcept nogil
        void (*attention_grad)(size_t n, float shift, float delta, float scale, float *s,
                               float *dp) noexcept nogil
        void (*norm_moments)(size_t count, size_t n, Py_ssize_t stride, float center,
                             const float *x, float *sums) noexcept nogil
        void (*norm_apply)(size_t count, size_t n, Py_ssize_t stride, const fnn_norm *p,
                           const float *x, float *y) noexcept nogil
        void (*norm_grad_sums)(size_t count, size_t n, Py_ssize_t stride, const fnn_norm *p,
                               const float *dy, const float *x, float *sums) noexcept nogil
        void (*norm_grad_apply)(size_t count, size_t n, Py_ssize_t stride, const fnn_norm *p,
                                const float *dy, const float *x, float *dx) noexcept nogil
        fnn_map_grad vadd_pair, vadd_relu, vsub_pair, vmul_pair, vdiv_pair
        fnn_param_map vadd_number, vsub_number, vmul_number, vdiv_number
        fnn_param_map number_vsub, number_vdiv
        fnn_map vgelu, vgelu_tanh, vsilu, vmish, vhardsigmoid, vhardswish
        fnn_map_grad vgelu_grad, vgelu_tanh_grad, vsilu_grad, vmish_grad
        fnn_map_grad vhardsigmoid_grad, vhardswish_grad
        fnn_param_map vleaky_relu, velu, vsoftplus
        fnn_param_map_grad vleaky_relu_grad, velu_grad, vsoftplus_grad
        void (*layer_norm_row)(size_t n, float mean, float rstd, const float *weight,
                               const float *bias, const float *x, float *y) noexcept nogil
        void (*layer_norm_grad_sums)(size_t n, float mean, const float *weight, const float *dy,
                                     const float *x, float *sums) noexcept nogil
        void (*layer_norm_row_grad)(size_t n, const fnn_norm *p, const float *weight,
                                    const float *dy, const float *x, float *dx) noexcept nogil
        void (*layer_norm_param_grad)(size_t n, float mean, float rstd, const float *dy,
                                      const float *x, float *dweight,
                                      float *dbias) noexcept nogil
        void (*norm_planes)(size_t channels, size_t n, int relu, const float *mean,
                            const float *scale, const float *shift, const float *x,
                            float *y) noexcept nogil
        void (*column_moments)(size_t rows, size_t channels, Py_ssize_t row, const float *center,
                               const float *x, float *sum, float *square) noexcept nogil
        void (*column_grad_sums)(size_t rows, size_t channels, Py_ssize_t row, int relu,
                                 const float *mean, const float *scale, const float *shift,
                                 const float *dy, const float *x, float *sum,
                                 float *product) noexcept nogil
        void (*column_apply)(size_t rows, size_t channels, Py_ssize_t row, int relu,
                             const float *mean, const float *scale, const float *shift,
                             const float *x, float *y) noexcept nogil
        void (*column_grad_apply)(size_t rows, size_t channels, Py_ssize_t row, int relu,
                                  int centred, const float *mean, const float *scale,
                                  const float *shift, const float *slope, const float *offset,
                                  const float *dy, const float *x, float *dx) noexcept nogil
        void (*plane_moments)(size_t rows, size_t channels, size_t n, Py_ssize_t row,
                              const float *center, const float *x, float *sum,
                              float *square) noexcept nogil
        void (*plane_grad_sums)(size_t rows, size_t channels, size_t n, Py_ssize_t row, int relu,
                                const float *mean, const float *scale, const float *shift,
                                const float *dy, const float *x, float *sum,
                                float *product) noexcept nogil
        void (*plane_grad_apply)(size_t rows, size_t channels, size_t n, Py_ssize_t row, int relu,
                                 int centred, const float *mean, const float *scale,
                                 const float *shift, const float *slope, const float *offset,
                                 const float *dy, const float *x, float *dx) noexcept nogil
        void (*lrn_row)(size_t n, size_t window, Py_ssize_t stride, float scale, float k,
                        float beta, const float *x, const float *at, float *base,
                        float *y) noexcept nogil
        void (*lrn_ratio)(size_t n, const float *dy, const float *y, const float *base,
                          float *ratio) noexcept nogil
        void (*lrn_row_grad)(size_t n, size_t window, Py_ssize_t stride, float scale, float beta,
                             const float *ratio, const float *dy, const float *x,
                             const float *base, float *dx) noexcept nogil
        void (*bce_logits)(size_t n, const float *x, const float *t, const float *weight,
                           const float *pos_weight, float *loss) noexcept nogil
        void (*bce_logits_grad)(size_t n, float scale, const float *dloss, const float *x,
                                const float *t, const float *weight, const float *pos_weight,
                                float *dx) noexcept nogil
        void (*bce_probs)(size_t n, const float *p, const float *t, const float *weight,
                          float *loss) noexcept nogil
        void (*bce_probs_grad)(size_t n, float scale, const float *dloss, const float *p,
                               const float *t, const float *weight, float *dp) noexcept nogil
        void (*l1_loss)(size_t n, const float *x, const float *t, float *loss) noexcept nogil
        void (*l1_loss_grad)(size_t n, float scale, const float *dloss, const float *x,
                             const float *t, float *dx) noexcept nogil
        void (*huber_loss)(size_t n, float delta, float slope, const float *x, const float *t,
                           float *loss) noexcept nogil
        void (*huber_loss_grad)(size_t n, float delta, float slope, float scale,
                                const float *dloss, const float *x, const float *t,
                                float *dx) noexcept nogil
        void (*kl_div_loss)(size_t n, int log_target, const float *x, const float *t,
                            float *loss) noexcept nogil
        void (*kl_div_loss_grad)(size_t n, int log_target, float scale, const float *dloss,
                                 const float *t, float *dx) noexcept nogil
        void (*softmax_columns)(size_t n, size_t classes, const float *x, Py_ssize_t x_row,
                                float *y, Py_ssize_t y_row, float *top,
                                float *total) noexcept nogil
        void (*lstm_gates)(size_t n, float *gates, const float *c_prev, float *c,
                           float *h) noexcept nogil
        void (*lstm_gates_grad)(size_t n, const float *gates, const float *c_prev, const float *c,
                                const float *dy, const float *carry, float *dc,
                                float *dgates) noexcept nogil
        void (*gru_gates)(size_t n, float *gates, const float *h_prev, float *h) noexcept nogil
        void (*gru_gates_grad)(size_t n, const float *gates, const float *h_prev, const float *dy,
                               const float *carry, float *direct, float *dgates) noexcept nogil
        void (*rnn_grad)(size_t n, int relu, const float *y, const float *dy, const float *carry,
                         float *dz) noexcept nogil
        size_t (*pool_scratch)(const fnn_pool *p, Py_ssize_t rows, int gradient) noexcept nogil
        void (*max_pool_planes)(const fnn_pool *p, size_t planes, Py_ssize_t first,
                                Py_ssize_t last, int relu, const float *x, float *y,
                                uint8_t *tap, float *scratch) noexcept nogil
        void (*max_pool_row)(const fnn_pool *p, Py_ssize_t row, const float *x, float *y,
                             int32_t *index) noexcept nogil
        void (*max_pool_scatter)(size_t n, int relu, const float *dy, const float *y,
                                 const int32_t *index, float *dx) noexcept nogil
        void (*avg_pool_planes)(const fnn_pool *p, size_t planes, Py_ssize_t first,
                                Py_ssize_t last, int count_include_pad, float divisor,
                                const float *x, float *y, float *scratch) noexcept nogil
        void (*max_pool_planes_grad)(const fnn_pool *p, size_t planes, Py_ssize_t first,
                                     Py_ssize_t last, const float *dy, const uint8_t *tap,
                                     float *dx, float *scratch) noexcept nogil
        void (*avg_pool_planes_grad)(const fnn_pool *p, size_t planes, Py_ssize_t first,
                                     Py_ssize_t last, int count_include_pad, float divisor,
                                     const float *dy, float *dx, float *scratch) noexcept nogil
        fnn_update sgd_update, lion_update, rprop_update
        fnn_update adam_update, nadam_update, radam_update, adamax_update
        fnn_update rmsprop_update, adagrad_update, adadelta_update
        void (*philox_bits)(size_t n, uint64_t key, uint64_t counter,
                            uint32_t *out) noexcept nogil
        void (*philox_uniform)(size_t n, uint64_t key, uint64_t counter, float low, float span,
                               float top, float *out) noexcept nogil
        void (*philox_normal)(size_t n, uint64_t key, uint64_t counter, float mean, float std,
                              float *out) noexcept nogil
        void (*philox_dropout)(size_t n, uint64_t key, uint64_t counter, uint32_t threshold,
                               float scale, const float *x, float *y) noexcept nogil
        size_t (*nonzeros)(size_t n, const float *x, int32_t *index, float *value) noexcept nogil
        void (*sparse_weight_grad)(size_t count, const Py_ssize_t *at, const float *value,
                                   const float *x, size_t rows, const Py_ssize_t *row_off,
                                   float *acc) noexcept nogil
        void (*sparse_input_grad)(size_t count, const Py_ssize_t *at, const float *value,
                                  const float *w, size_t taps, size_t width, Py_ssize_t step,
                                  float *dx) noexcept nogil
        void (*scatter_add_rows)(size_t count, size_t n, const Py_ssize_t *to,
                                 const Py_ssize_t *start, const float *scale, const float *x,
                                 float *y) noexcept nogil
        void (*sum_rows)(size_t count, size_t n, const Py_ssize_t *start, const float *scale,
                         const float *x, float *y) noexcept nogil
        void (*max_rows)(size_t count, size_t n, int32_t first, const Py_ssize_t *start,
                         const float *x, float *y, int32_t *which) noexcept nogil
        float (*vabsmax)(size_t n, const float *x) noexcept nogil
        void (*vclamp)(size_t n, float limit, const float *x, float *y) noexcept nogil
        void (*wino_input)(int m, int r, size_t tiles, const float *x, Py_ssize_t row, float *v,
                           Py_ssize_t v_xi, Py_ssize_t v_tile) noexcept nogil
        void (*wino_gradient)(int m, int r, size_t tiles, const float *dy, Py_ssize_t row, float *v,
                              Py_ssize_t v_xi, Py_ssize_t v_tile) noexcept nogil
        void (*wino_output)(int m, int r, size_t tiles, const float *x, Py_ssize_t x_xi,
                            Py_ssize_t x_tile, const float *bias, int relu, float *y,
                            Py_ssize_t row) noexcept nogil
        void (*wino_weight)(int m, int r, size_t n, const float *g, Py_ssize_t g_step,
                            Py_ssize_t g_tap, float *u, Py_ssize_t u_step,
                            Py_ssize_t u_xi) noexcept nogil
        void (*wino_few_tiles)(int m, int r, size_t n, size_t tiles, const float *g,
                               Py_ssize_t g_step, Py_ssize_t g_tap, const float *v,
                               Py_ssize_t v_xi, Py_ssize_t v_tile, float *x, Py_ssize_t x_xi,
                               Py_ssize_t x_tile) noexcept nogil
        void (*wino_weight_grad)(int m, int r, size_t n, const float *du, Py_ssize_t u_step,
                                 Py_ssize_t u_xi, float *dg, Py_ssize_t g_step,
                                 Py_ssize_t g_tap) noexcept nogil
        void (*depthwise_rows)(size_t rows, size_t n, size_t kh, size_t kw, const float *x,
                               Py_ssize_t line, Py_ssize_t x_row, const Py_ssize_t *col_off,
                               const float *w, const float *bias, int relu, float *y,
                               Py_ssize_t y_row) noexcept nogil
        void (*depthwise_weight_grad)(size_t rows, size_t n, size_t kh, size_t kw,
                                      const float *dy, Py_ssize_t dy_row, const float *x,
                                      Py_ssize_t line, Py_ssize_t x_row,
                                      const Py_ssize_t *col_off, float *acc) noexcept nogil
        void (*unzip_pairs)(size_t n, const float *x, float *even, float *odd) noexcept nogil
        void (*pad_rows)(size_t rows, size_t n, const float *x, Py_ssize_t x_row, float *y,
                         Py_ssize_t y_row) noexcept nogil
        void (*copy_rows)(size_t rows, size_t n, const float *x, Py_ssize_t x_row, float *y,
                          Py_ssize_t y_row) noexcept nogil
        void (*grid_distances)(size_t n, float scale, float at_row, float at_col, const float *row,
                               const float *col, float *y) noexcept nogil
        void (*som_panels)(size_t panels, size_t n, const float *h, const float *x,
                           const float *next, float *w, float *d) noexcept nogil

# The table in force; set at import, changed only by force_isa (tests).
cdef const fnn_ukernels *ukernels() noexcept nogil
# The same bits in vectors of at most eight lanes, for kernels that have few channels to fill them.
cdef const fnn_ukernels *narrow_ukernels() noexcept nogil
