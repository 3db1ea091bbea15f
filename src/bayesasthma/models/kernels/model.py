"""What nutpie samples: a kernel with its data, in the place of a compiled PyMC model.

A kernel is two functions compiled by :func:`bayesasthma.models.kernels.compiling.compiled`, the
names of its data in order, and no state. A model is a kernel with data, names, labels and a point
to start at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from bayesasthma.models.kernels.callbacks import Callbacks, callbacks
from bayesasthma.models.kernels.data import pack


@dataclass(frozen=True)
class Kernel:
    """A log-density with its gradient, and what names its parameters.

    Attributes
    ----------
    name : str
        Letters and hyphens; for names of files.
    value_and_gradient : compiled function of (x, gradient, data)
        Returns the log-density at the flat vector ``x``, of the sampler's scale, and overwrites
        every entry of ``gradient``. It raises nothing; NaN or an infinity marks a point that has no
        density.
    expand : compiled function of (x, out, data)
        Overwrites ``out`` with the named parameters, in the order of the model's ``variables``.
    data : tuple of str
        Names of the data; a name's place is the number under which both functions find it.
    """

    name: str
    value_and_gradient: Any
    expand: Any
    data: tuple[str, ...]

    @property
    def compiled(self) -> Callbacks:
        """Its callbacks, from disk or compiled once."""
        return callbacks(self.name, self.value_and_gradient, self.expand)


@dataclass(frozen=True)
class Variable:
    """Name of an array of parameters, its named dimensions and its shape."""

    name: str
    dims: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """Number of entries."""
        return prod(self.shape)


def variables(sizes: Mapping[str, int], **dims: tuple[str, ...]) -> tuple[Variable, ...]:
    """Variables by name with their dimensions, shapes looked up in the sizes of dimensions."""
    return tuple(
        Variable(name, own, tuple(sizes[dim] for dim in own)) for name, own in dims.items()
    )


@dataclass(frozen=True)
class DataName:
    """Name of one of the data, as nutpie's compiled models list theirs."""

    name: str


@dataclass(frozen=True, eq=False)
class KernelModel:
    """A kernel with its data; nutpie samples it, as :mod:`bayesasthma.inference.sampling` does.

    Attributes
    ----------
    kernel : Kernel
    values : dict
        The data by name, as many as ``kernel.data`` names.
    free : tuple of Variable
        What the flat vector is made of, in its order.
    variables : tuple of Variable
        What is kept of a draw, in the order of ``kernel.expand``.
    coords : dict of list
        Labels of dimensions.
    start : dict
        A value on the sampler's scale for those of ``free`` that do not start about 0. Chains start
        uniformly within 1 of it in each coordinate, as PyMC's do, with the same random numbers. The
        priors' locations of effects and correlations have no part in it, as in a compiled graph:
        :data:`bayesasthma.inference.routes.STARTS`.
    """

    kernel: Kernel
    values: Mapping[str, np.ndarray] = field(repr=False)
    free: tuple[Variable, ...]
    variables: tuple[Variable, ...]
    coords: Mapping[str, Any] = field(repr=False)
    start: Mapping[str, Any] = field(repr=False, default_factory=dict)
    #: Read by nutpie: none of the variables kept is on the sampler's scale.
    reparameterized_names: tuple[str, ...] = ()

    @property
    def n_dim(self) -> int:
        """Length of the flat vector."""
        return sum(variable.size for variable in self.free)

    @property
    def n_expanded(self) -> int:
        """Number of numbers kept of a draw."""
        return sum(variable.size for variable in self.variables)

    @property
    def dims(self) -> dict[str, tuple[str, ...]]:
        """Dimensions of the variables kept that have any."""
        return {own.name: own.dims for own in self.variables if own.dims}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the variables kept."""
        return {own.name: own.shape for own in self.variables}

    @property
    def shared_var_keys(self) -> dict[DataName, str]:
        """What :func:`bayesasthma.inference.sampling.with_data` can swap."""
        return {DataName(name): name for name in self.kernel.data}

    @cached_property
    def block(self) -> np.ndarray:
        """The data as callbacks read them."""
        return pack(self.values[name] for name in self.kernel.data)

    def with_data(self, **updates: Any) -> KernelModel:
        """The same model with other data, of the same shapes; nothing is compiled.

        Raises
        ------
        KeyError
            If the kernel has no such data.
        ValueError
            If a shape differs.
        """
        values = dict(self.values)
        for name, value in updates.items():
            old = np.asarray(values[name])
            new = np.array(value, dtype=old.dtype)
            if new.shape != old.shape:
                raise ValueError(f"{name} has shape {old.shape}, not {new.shape}")
            values[name] = new
        return replace(self, values=values)

    def initial_point(self, seed: int | None = None) -> np.ndarray:
        """Where a chain starts; without a seed, the point that chains start around."""
        parts = [
            np.broadcast_to(self.start.get(own.name, 0.0), own.shape).astype(float)
            for own in self.free
        ]
        if seed is not None:
            # PyMC seeds the variables' jitter from the last to the first
            seeds = np.random.SeedSequence(seed).spawn(len(parts))[::-1]
            parts = [
                part + np.random.Generator(np.random.PCG64(own)).uniform(-1, 1, size=part.shape)
                for part, own in zip(parts, seeds, strict=True)
            ]
        return np.concatenate([part.reshape(-1) for part in parts])

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray, int]:
        """Log-density and gradient at a flat vector by the callback, and the number it returns."""
        x = self._checked(x)
        value, gradient = np.zeros(1), np.zeros(self.n_dim)
        logp = self.kernel.compiled.logp.ctypes
        status = logp(x.size, _at(x), _at(gradient), _at(value), self.block.ctypes.data)
        return float(value[0]), gradient, int(status)

    def expand(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """The named parameters at a flat vector, by the callback."""
        x, out = self._checked(x), np.zeros(self.n_expanded)
        expand = self.kernel.compiled.expand.ctypes
        status = expand(x.size, out.size, _at(x), _at(out), self.block.ctypes.data)
        if status:
            raise FloatingPointError(f"{self.kernel.name}: expand answered {status}")
        parts = np.split(out, np.cumsum([own.size for own in self.variables])[:-1])
        return {
            own.name: part.reshape(own.shape)
            for own, part in zip(self.variables, parts, strict=True)
        }

    def _checked(self, x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(x, dtype=float)
        if x.shape != (self.n_dim,):
            raise ValueError(f"{self.kernel.name} takes {self.n_dim} numbers, not {x.shape}")
        return x

    def _make_model(self, _init_mean: Any) -> Any:
        """What nutpie's sampler takes; it keeps this one, and so the block and the code, alive."""
        import pandas as pd
        from nutpie import _lib

        own, address = self.kernel.compiled, self.block.ctypes.data
        coords = {name: pd.Index(labels) for name, labels in self.coords.items()}
        sizes = {name: len(labels) for name, labels in coords.items()}
        kept = _lib.PyVariable.new_variables(
            [variable.name for variable in self.variables],
            ["float64"] * len(self.variables),
            [variable.shape for variable in self.variables],
            sizes,
            self.dims,
        )
        return _lib.PyMcModel(
            _lib.LogpFunc(own.logp.address, address, self),
            _lib.ExpandFunc(self.n_dim, self.n_expanded, own.expand.address, address, self),
            kept,
            self.n_dim,
            sizes,
            coords,
            self.initial_point,
            None,
        )

    def _make_sampler(
        self,
        settings: Any,
        init_mean: Any,
        cores: int,
        progress: Any,
        callback: Any,
        rate: Any,
        store: Any,
    ) -> Any:
        """What ``nutpie.sample`` asks of a compiled model; as PyMC's, it ignores ``init_mean``."""
        from nutpie import _lib

        model = self._make_model(init_mean)
        return _lib.PySampler.from_pymc(settings, cores, model, progress, callback, rate, store)


def _at(array: np.ndarray) -> Any:
    """An array as a C pointer."""
    import ctypes

    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_double))
