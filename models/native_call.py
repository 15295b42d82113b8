"""Calls of one value from Python straight into a compiled kernel, bound to a model's state.

numba's own wrapper of a kernel takes a tuple apart, checks and copies every argument: 55 ns and 5 an array, whatever the kernel
does.  Here the arguments before the value are laid out once, and what Python calls is a C function of one object, of CPython's
kind ``METH_O``: about 5 ns and the kernel.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numba
import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.np.arrayobj import make_array, populate_array

__all__ = ["bind_value"]

_make_array: Any = make_array
_populate_array: Any = populate_array
_METH_O = 0x0008
_WORD = ir.IntType(64)
_BYTE = ir.IntType(8).as_pointer()
_numbers = itertools.count()


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_new_function = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
    ("PyCFunction_NewEx", ctypes.pythonapi)
)


def bind_value(dispatcher: Any, *arguments: Any) -> Callable[[Any], Any]:
    """A function of one float that calls a kernel with `arguments` before it.

    The arguments are what they are now: arrays, which are kept alive, and numbers.  Whatever has ``__float__`` is a float; other
    objects raise TypeError.

    Parameters
    ----------
    dispatcher : numba dispatcher
        A kernel that returns a float, a bool or nothing.
    *arguments : ndarray, int or float

    Examples
    --------
    >>> from models.moments_kernel import compute_variance
    >>> bind_value(compute_variance, 3.0)(4.0)
    2.0
    """
    if not hasattr(dispatcher, "overloads"):  # NUMBA_DISABLE_JIT: the kernel is the plain function
        return partial(dispatcher, *arguments)
    kinds = tuple(map(numba.typeof, arguments))
    method = _compile(dispatcher, kinds)
    words: list[int] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            words += [argument.ctypes.data, *argument.shape]
        else:
            words.append(int(np.array(argument, dtype=np.float64 if isinstance(argument, float) else np.int64).view(np.int64)))
    block = np.array(words, dtype=np.int64)
    function: Callable[[Any], Any] = _new_function(ctypes.addressof(method), (block.ctypes.data, block, method, *arguments), None)
    return function


@cache
def _compile(dispatcher: Any, kinds: tuple[Any, ...]) -> _Method:
    """The C function of a kernel; its first argument is a tuple that begins with the address of the words of the arguments."""
    signature = (*kinds, types.float64)
    dispatcher.compile(signature)
    found = dispatcher.overloads[signature]
    context, described = found.target_context, found.fndesc
    name = f"native_call_{next(_numbers)}"
    library = context.codegen().create_library(name)
    module = context.create_module(name)
    kernel = ir.Function(
        module, context.call_conv.get_function_type(described.restype, described.argtypes), described.llvm_func_name
    )
    function = ir.Function(module, ir.FunctionType(_BYTE, (_BYTE, _BYTE)), name)
    builder = ir.IRBuilder(function.append_basic_block())
    python = context.get_python_api(builder)
    held, given = function.args
    value = python.float_as_double(given)
    # A conversion that failed gives -1.0, and so does that of -1.0.
    with (
        builder.if_then(builder.fcmp_ordered("==", value, ir.DoubleType()(-1.0)), likely=False),
        builder.if_then(builder.icmp_signed("!=", python.err_occurred(), _BYTE(None)), likely=False),
    ):
        builder.ret(_BYTE(None))
    words = builder.bitcast(python.long_as_voidptr(python.tuple_getitem(held, 0)), _WORD.as_pointer())
    places = (builder.gep(words, (_WORD(number),)) for number in itertools.count())
    values = [_load(context, builder, kind, places) for kind in kinds]
    _, result = context.call_conv.call_function(builder, kernel, described.restype, described.argtypes, (*values, value))
    if described.restype == types.float64:
        builder.ret(python.float_from_double(result))
    elif described.restype == types.boolean:
        builder.ret(python.bool_from_bool(result))
    else:
        builder.ret(python.make_none())
    library.add_ir_module(module)
    with global_compiler_lock:
        library.finalize()
    _libraries.append(library)
    return _Method(dispatcher.py_func.__name__.encode(), library.get_pointer_to_function(name), _METH_O, None)


_libraries: list[Any] = []


def _load(context: Any, builder: Any, kind: Any, places: Any) -> Any:
    if not isinstance(kind, types.Array):
        return builder.load(builder.bitcast(next(places), context.get_value_type(kind).as_pointer()))
    array = _make_array(kind)(context, builder)
    data, *shape = (builder.load(next(places)) for _ in range(1 + kind.ndim))
    itemsize = context.get_constant(types.intp, np.dtype(numba.np.numpy_support.as_dtype(kind.dtype)).itemsize)
    strides = [itemsize]
    for length in shape[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    _populate_array(array, builder.inttoptr(data, array.data.type), shape=shape, strides=strides, itemsize=itemsize, meminfo=None)
    return array._getvalue()
