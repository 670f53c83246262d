"""Compute on joint data so that each party learns exactly what all agreed to.

    import privity as pv
    clinic, registry, helper, analyst = pv.players("clinic registry helper analyst")
    committee = pv.replicated(clinic, registry, helper)

    @pv.computation
    def slope(bmi: pv.f64["n"] @ clinic, target: pv.f64["n"] @ registry):
        with committee:
            x = bmi - pv.mean(bmi)
            b = pv.dot(x, target) / pv.dot(x, x)
        return pv.release(b, to=analyst)

    with pv.local() as cluster:
        print(slope.disclose())
        print(cluster.run(slope, bmi=bmi, target=target))
"""

from . import types as _types
from ._privity import __version__
from .eager import Private, private
from .errors import PrivityError, ProgramError, RunError
from .ops import *  # noqa: F403  (generated from the operator table)
from .ops import __all__ as _ops
from .program import *  # noqa: F403
from .program import __all__ as _program
from .run import Local, Result, Workers, connect, local
from .types import *  # noqa: F403

__all__ = [
    "Local", "Private", "PrivityError", "ProgramError", "Result", "RunError", "Workers", "__version__", "connect", "local",
    "private", *_ops, *_program, *_types.__all__,
]
