"""Compute on joint data so that each party learns exactly what all agreed to.

    import privity as pv
    clinic, laboratory, registry, analyst = pv.players("clinic laboratory registry analyst")
    committee = pv.replicated(clinic, laboratory, registry)

    @pv.computation
    def slope(bmi: pv.f64["n"] @ clinic, target: pv.f64["n"] @ registry):
        with committee:
            x = bmi - pv.mean(bmi)
            b = pv.dot(x, target) / pv.maximum(pv.dot(x, x), 0.001)
        return pv.release(b, to=analyst)

    bmi, target = [32.1, 21.6, 30.5, 25.3], [151.0, 75.0, 141.0, 206.0]
    with pv.local() as cluster:
        print(slope.disclose())
        print(cluster.run(slope, bmi=bmi, target=target))
"""

from . import eager, errors, ops, program, run, statements, types, workers
from ._privity import __version__
from ._tensor import Tensor
from .eager import *
from .errors import *
from .ops import *
from .program import *
from .run import *
from .statements import *
from .types import *
from .workers import *

# Each module says what of it is public.
__all__ = ["Tensor", "__version__"]
__all__ += eager.__all__
__all__ += errors.__all__
__all__ += ops.__all__
__all__ += program.__all__
__all__ += run.__all__
__all__ += statements.__all__
__all__ += types.__all__
__all__ += workers.__all__
