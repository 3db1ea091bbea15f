"""A compiled kernel that returns a log-density and its gradient, as one PyTensor operation.

A likelihood written out as a graph has hundreds of nodes, which take a minute or two to compile. A
kernel computes the number and its gradient in one compiled loop, by reverse accumulation, and tests
hold it against the written-out graph.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import pytensor.tensor as pt
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op


class KernelLogp(Op):
    """Log-density, with the gradient with respect to the first inputs as further outputs.

    Subclasses name the kernel, compiled, in ``compiled``, the number of inputs that have a gradient
    in ``gradients``, and the number of dimensions of the value in ``value_ndim``: 1 for one per
    entry of the first axis of the inputs, 0 for a total. The other inputs are data.
    """

    __props__ = ()
    compiled: ClassVar[Callable[..., Any]]
    gradients: ClassVar[int]
    value_ndim: ClassVar[int] = 1

    def make_node(self, *inputs: Any) -> Apply[Any]:
        """All inputs of double precision."""
        variables = [pt.as_tensor_variable(value, dtype="float64") for value in inputs]
        shape = variables[0].type.shape[: self.value_ndim]
        outputs = [pt.tensor(dtype="float64", shape=shape)]
        outputs += [variable.type() for variable in variables[: self.gradients]]
        return Apply(self, variables, outputs)

    def perform(self, _node: Apply[Any], inputs: Any, output_storage: Any) -> None:
        """Compute outside a compiled graph."""
        for storage, value in zip(output_storage, type(self).compiled(*inputs), strict=True):
            storage[0] = value

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        """Multiply the gradient that was computed with the value."""
        from pytensor.gradient import DisconnectedType, disconnected_type

        for cotangent in cotangents[1:]:
            if not isinstance(cotangent.type, DisconnectedType):
                raise NotImplementedError("the gradient outputs have no derivative of their own")
        given = cotangents[0][:, None] if self.value_ndim else cotangents[0]
        own = [given * gradient for gradient in outputs[1 : 1 + self.gradients]]
        return own + [disconnected_type() for _ in inputs[self.gradients :]]

    def connection_pattern(self, node: Apply[Any]) -> list[list[bool]]:
        """The data are connected to nothing."""
        return [[i < self.gradients] * len(node.outputs) for i in range(len(node.inputs))]


def source_salt(kernel: Any) -> int:
    """A number that changes with a kernel's source: compiled code of another version is not used.

    Numba's cache on disk outlives an upgrade of this package.
    """
    digest = hashlib.sha256(inspect.getsource(kernel).encode()).digest()
    return int.from_bytes(digest[:6])
