"""One row per operator: `test_ops.py` asks every row the same questions.

A row says how to call the operator on either backend, which samples to call it with, and what the
samples may be used for (`OpCase`).  A new operator is one more row.
"""

from dataclasses import replace
from typing import Any

import op_case as ops
import op_images as images
import op_inputs as make
import op_pool as pool
from op_activation import RECTIFIERS
from op_attention import ATTENTION
from op_batched import BATCHED
from op_bias import BIASES
from op_case import OpCase, call
from op_embedding import EMBEDDINGS
from op_hopfield import HOPFIELD_ROWS
from op_local import LOCALS
from op_loss import LOSSES
from op_norm import NORM_OPS
from op_pad import PADDINGS
from op_rnn import RECURRENT
from op_row_norm import ROW_NORMS
from op_som import MAP_ROWS
from op_update import UPDATES
from op_volumes import VOLUMES

__all__ = ["OPS", "OpCase"]

ACTIVATIONS = (None, "relu", "tanh", "sigmoid")

FORWARD, BOTH = ("forward",), ("forward", "backward")


def matmul_row(transpose_a: bool, transpose_b: bool) -> OpCase:
    letters = f"{'T' if transpose_a else 'N'}{'T' if transpose_b else 'N'}"
    return OpCase(
        f"matmul {letters}",
        call("matmul"),
        make.products(transpose_a, transpose_b),
        make.products(transpose_a, transpose_b, make.PRODUCTS_LARGE),
        flops=ops.product_flops,
        reduced=lambda s: max(1, *s["a"].shape, *s["b"].shape),
        backward=ops.matmul_backward,
        batched=() if transpose_a else ("a",),
        exact=BOTH,
        edges=(0, 1, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 255, 256, 257),
    )


def linear_row(activation: str | None) -> OpCase:
    return OpCase(
        f"linear {activation}",
        call("linear_forward"),
        make.dense(activation),
        make.dense(activation, make.DENSE_LARGE),
        flops=lambda s: 2 * s["x"].size * s["weight"].shape[0],
        reduced=lambda s: max(1, *s["x"].shape, *s["weight"].shape),
        backward=ops.linear_backward,
        batched=("x",),
        exact=BOTH if activation in (None, "relu") else (),
        edges=(0, 1, 5, 6, 7, 8, 9, 11, 12, 13, 15, 16, 17, 31, 32, 33, 255, 256, 257),
        avoid=ops.relu_near_kink("linear_forward"),
    )


def prepared_linear(k: Any, x: Any, **arguments: Any) -> tuple:
    return (k.linear_prepared(**arguments)(x),)


def conv_row(
    name: str, cases: tuple, large: tuple, edges: tuple, exact: bool = True, dy_share: float = 1.0
) -> OpCase:
    return OpCase(
        f"conv2d {name}",
        call("conv2d_forward"),
        images.convs(cases),
        images.convs(large),
        flops=ops.conv_flops,
        reduced=ops.conv_reduced,
        backward=ops.conv_backward,
        batched=("x",),
        exact=BOTH if exact else (),
        edges=edges,
        avoid=ops.relu_near_kink("conv2d_forward"),
        dy_share=dy_share,
    )


def residual_row() -> OpCase:
    some = (
        *images.PLAIN[:13],
        *images.STRIDED[:4],
        *images.GROUPED,
        *images.WINOGRAD,
        *images.POLYPHASE,
    )
    return OpCase(
        "residual conv2d",
        call("conv2d_add_relu_forward"),
        images.residual_convs(some),
        images.residual_convs(images.LARGE[7:10]),
        flops=ops.conv_flops,
        reduced=ops.conv_reduced,
        batched=("x", "residual"),
        edges=(0, 1, 3, 5, 6, 8, 9, 16, 17, 33),
    )


def prepared(k, x, residual=None, activation=None, **weights):
    run = k.conv2d_prepared(**weights, activation=activation)
    return (run(x) if residual is None else run(x, residual),)


def prepared_rows() -> list[OpCase]:
    some = (
        *images.PLAIN[:13],
        *images.STRIDED,
        *images.GROUPED,
        *images.WINOGRAD,
        *images.POLYPHASE,
        *images.DEPTHWISE,
    )
    more = [conv_row("prepared", some, images.LARGE[4:10], (0, 1, 3, 16, 17, 33), exact=False)]
    return [
        replace(row, name=f"prepared {row.name}", forward=prepared, backward=None, exact=())
        for row in (residual_row(), *more)
    ]


def conv_rows() -> list[OpCase]:
    large = images.LARGE
    plain = (0, 1, 3, 4, 6, 7, 8, 9, 12, 13, 16, 17, 31, 32, 33)
    winograd = (*large[8:10], images.LARGE_5X5)
    phases = (images.LARGE_PHASES,)
    thin = (*images.PLAIN, *images.STRIDED, *images.DILATED, *images.GROUPED)
    return [
        conv_row("plain", images.PLAIN, (*large[:2], large[6], *large[10:]), plain),
        # Below ReLU and pooling most of dy is zero, which the gradients make use of.
        conv_row("with a thin gradient", thin, large[:4], plain, dy_share=0.2),
        conv_row("with no gradient", images.PLAIN[2:5], large[:1], (1, 3, 6, 16), dy_share=0.0),
        conv_row("strided", images.STRIDED, large[4:5], (1, 3, 5, 6, 8, 34)),
        conv_row("dilated", images.DILATED, large[5:6], (1, 3, 4, 5, 17, 35)),
        conv_row("grouped", images.GROUPED, large[7:8], (1, 3, 6, 9, 80)),
        conv_row("depthwise", images.DEPTHWISE, large[7:8], (1, 3, 5, 6, 17), exact=False),
        conv_row("winograd", images.WINOGRAD, winograd, (0, 1, 16, 17, 33, 130), exact=False),
        conv_row("polyphase", images.POLYPHASE, phases, (0, 1, 5, 16, 17, 33), exact=False),
        residual_row(),
        *prepared_rows(),
        *(
            conv_row(name, images.with_activation(name), (case,), (0, 1, 7, 33), name == "relu")
            for name, case in zip(ACTIVATIONS[1:], large[2:5], strict=True)
        ),
    ]


def elementwise_row(name: str, inputs: Any, large: Any, cost: int, **more: Any) -> OpCase:
    return OpCase(
        name,
        call(f"{name}_forward"),
        inputs,
        large,
        flops=lambda s: cost * ops.elements(s),
        **more,
    )


def activation_rows() -> list[OpCase]:
    plain, large = make.elementwise, make.elementwise_large
    back = ops.from_output
    return [
        elementwise_row("relu", plain, large, 1, backward=back("relu"), exact=BOTH),
        elementwise_row("tanh", plain, large, 20, backward=back("tanh")),
        elementwise_row("sigmoid", plain, large, 20, backward=back("sigmoid")),
        elementwise_row("exp", make.exponents, large, 16),
        elementwise_row("log", make.positive, make.positive_large, 16, signed=False),
        *(
            OpCase(
                name,
                call(f"{name}_forward"),
                make.rows,
                make.rows_large,
                flops=lambda s: 20 * ops.elements(s),
                reduced=lambda s: max(1, s["x"].shape[1]),
                backward=back(name),
                batched=("x",),
            )
            for name in ("softmax", "log_softmax")
        ),
    ]


# weight or not, ignore_index, reduction, label_smoothing
CROSS_ENTROPIES = (
    (False, -100, "mean", 0.0),
    (False, -100, "sum", 0.0),
    (False, -100, "none", 0.0),
    (True, 0, "mean", 0.0),
    (True, -1, "none", 0.2),
    (True, -100, "mean", 0.1),
    (False, -100, "sum", 0.3),
)


def loss_rows() -> list[OpCase]:
    entropies = [
        OpCase(
            f"cross_entropy {reduction} weight={weighted} ignore={ignored} smoothing={smoothing}",
            call("cross_entropy_forward"),
            make.cross_entropy(weighted, ignored, reduction, smoothing),
            make.cross_entropy(weighted, ignored, reduction, smoothing, make.CLASSES_LARGE),
            flops=lambda s: 20 * s["logits"].size,
            reduced=lambda s: max(1, s["logits"].size),
            backward=ops.cross_entropy_backward,
            batched=("logits", "target") if reduction == "none" else (),
        )
        for weighted, ignored, reduction, smoothing in CROSS_ENTROPIES
    ]
    squares = [
        OpCase(
            f"mse {reduction}",
            call("mse_forward"),
            # The mean of nothing is NaN: tests/test_op_values.py asks for that by name.
            make.squares(reduction, make.SQUARES if reduction == "mean" else ((0,), *make.SQUARES)),
            make.squares(reduction, ((400_001,),)),
            flops=lambda s: 3 * ops.elements(s),
            reduced=lambda s: max(1, ops.elements(s)),
            backward=ops.mse_backward,
            exact=FORWARD if reduction == "mean" else BOTH,
            edges=(1, 7, 8, 9, 15, 16, 17),
        )
        for reduction in ("mean", "sum", "none")
    ]
    return entropies + squares


OPS: list[OpCase] = [
    *(matmul_row(a, b) for a in (False, True) for b in (False, True)),
    *BATCHED,
    *(linear_row(activation) for activation in ACTIVATIONS),
    *(
        replace(
            linear_row(act), name=f"linear prepared {act}", forward=prepared_linear, backward=None
        )
        for act in ACTIVATIONS
    ),
    *conv_rows(),
    *ATTENTION,
    *BIASES,
    *LOCALS,
    *PADDINGS,
    *VOLUMES,
    *pool.rows(),
    *activation_rows(),
    *RECTIFIERS,
    *loss_rows(),
    *LOSSES,
    *NORM_OPS,
    *RECURRENT,
    *ROW_NORMS,
    *HOPFIELD_ROWS,
    *MAP_ROWS,
    OpCase(
        "sum_axis",
        call("sum_axis"),
        make.sums,
        make.sums_large,
        flops=ops.elements,
        reduced=lambda s: max(1, s["x"].shape[1]),
        exact=FORWARD,
    ),
    OpCase(
        "dropout",
        call("dropout"),
        make.dropped,
        make.dropped_large,
        flops=lambda s: 25 * ops.elements(s),
        backward=ops.dropout_backward,
    ),
    OpCase(
        "gather_rows",
        call("gather_rows"),
        make.gathered,
        make.gathered_large,
        flops=lambda s: s["index"].size,
        exact=FORWARD,
        edges=(0, 1, 15, 16, 17),
    ),
    *EMBEDDINGS,
    *UPDATES,
]
