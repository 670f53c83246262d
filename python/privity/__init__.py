"""Compute on joint data so that each party learns exactly what all agreed to.

    import privity as pv
    clinic, laboratory, registry, analyst = pv.players("clinic laboratory registry analyst")
    committee = pv.replicated(clinic, laboratory, registry)

    @pv.computation
    def slope(bmi: pv.f64["n"] @ clinic, target: pv.f64["n"] @ registry):
        with committee:
            x = bmi - pv.mean(bmi)
            b = pv.dot(x, target) / pv.dot(x, x)
        return pv.release(b, to=analyst)

    bmi, target = [32.1, 21.6, 30.5, 25.3], [151.0, 75.0, 141.0, 206.0]
    with pv.local() as cluster:
        print(slope.disclose())
        print(cluster.run(slope, bmi=bmi, target=target))
"""

from . import eager, errors, ops, program, run, statements, types
from ._privity import __version__
from ._tensor import Tensor
from .eager import Private, private
from .errors import Diagnostic, PrivityError, ProgramError, RunError
from .ops import *  # noqa: F403  (generated from the operator table)
from .program import Computation, Report, computation, parse
from .run import Comparison, Local, Result, Workers, connect, local
from .statements import classify, const, fold, match_rows, move, output, release, repeat
from .types import (
    DType,
    InputType,
    Placement,
    Player,
    TensorType,
    bool_,
    enclave,
    f32,
    f64,
    fixed,
    i64,
    player,
    players,
    replicated,
    u64,
)

__all__ = [
    "Tensor",
    "__version__",
    *eager.__all__,
    *errors.__all__,
    *ops.__all__,
    *program.__all__,
    *run.__all__,
    *statements.__all__,
    *types.__all__,
]
