# %% ops-index
from needle.ops import basic


# %% ops-index-basic
from needle.ops.basic import (
    AddScalar,
    BroadcastTo,
    DivScalar,
    EWiseAdd,
    EWiseDiv,
    EWiseMul,
    EWisePow,
    Exp,
    FusedAddScalars,
    Log,
    MakeTensorTuple,
    MatMul,
    MulScalar,
    Negate,
    PowerScalar,
    ReLU,
    Reshape,
    Summation,
    Transpose,
    TupleGetItem,
    add,
    add_scalar,
    broadcast_to,
    divide,
    divide_scalar,
    exp,
    fused_add_scalars,
    log,
    make_tuple,
    matmul,
    mul_scalar,
    multiply,
    negate,
    power,
    power_scalar,
    relu,
    reshape,
    summation,
    transpose,
    tuple_get_item,
)


# %% ops-index-logsumexp
from needle.ops.logsumexp import LogSumExp, logsumexp


# %% ops-index-logsoftmax
from needle.ops.logsoftmax import LogSoftmax, logsoftmax
