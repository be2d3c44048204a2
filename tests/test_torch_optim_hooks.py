"""Hooks of optimizers, each said to fastnn and to PyTorch."""

import copy
import pickle

import numpy as np
import pytest

import fastnn
from fastnn import optim

torch = pytest.importorskip("torch")

BOTH = pytest.mark.parametrize("lib", [fastnn, torch], ids=["fastnn", "torch"])


def parameter(lib):
    p = lib.nn.Parameter(lib.tensor([1.0, 2.0]))
    p.grad = lib.tensor([1.0, 1.0])
    return p


@BOTH
def test_around_a_step(lib):
    p, calls = parameter(lib), []
    opt = lib.optim.SGD([p], lr=0.5)

    def before(optimizer, args, kwargs):
        calls.append(
            ("before", optimizer is opt, args[0] is opt, len(args), list(kwargs), p.tolist())
        )

    def after(optimizer, args, kwargs):
        calls.append(("after", len(args), list(kwargs), p.tolist()))

    def another_closure(optimizer, args, kwargs):
        return args, {"closure": lambda: 7}

    handles = [opt.register_step_pre_hook(before), opt.register_step_post_hook(after)]
    assert opt.step() is None and opt.step(lambda: 3) == 3 == opt.step(closure=lambda: 3)
    assert calls == [
        ("before", True, True, 1, [], [1, 2]), ("after", 1, [], [0.5, 1.5]),
        ("before", True, True, 2, [], [0.5, 1.5]), ("after", 2, [], [0, 1]),
        ("before", True, True, 1, ["closure"], [0, 1]), ("after", 1, ["closure"], [-0.5, 0.5]),
    ]  # fmt: skip
    for handle in handles:
        handle.remove()
    with opt.register_step_pre_hook(another_closure):
        assert opt.step() == 7
    assert opt.step() is None and len(calls) == 6
    opt.register_step_pre_hook(lambda *args: 5)
    with pytest.raises(RuntimeError, match=r"must return None or"):
        opt.step()


@BOTH
def test_optimizers_with_a_step_of_their_own(lib):
    class Mine(lib.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 1.0})

        def step(self, closure=None):
            """One step."""
            with lib.no_grad():
                for p in self.param_groups[0]["params"]:
                    p -= p.grad
            return "done"

    calls = []
    p = parameter(lib)
    lbfgs = lib.optim.LBFGS([parameter(lib)])
    for opt, args in ((Mine([p]), ()), (lbfgs, (lambda: (p * p).sum(),))):
        opt.register_step_pre_hook(lambda *args: calls.append("before"))
        opt.register_step_post_hook(lambda *args: calls.append("after"))
        opt.step(*args)
    assert p.tolist() == [0, 1] and calls == ["before", "after"] * 2
    assert Mine.step.__doc__ == "One step."


def test_a_step_that_calls_its_parents_runs_the_hooks_once():
    class Twice(optim.SGD):
        def step(self, closure=None):
            super().step()
            return super().step(closure)

    p, calls = parameter(fastnn), []
    opt = Twice([p], lr=0.5)
    opt.register_step_post_hook(lambda *args: calls.append(p.tolist()))
    opt.step()
    with pytest.raises(ZeroDivisionError):
        opt.step(lambda: 1 // 0)
    opt.step()
    assert calls == [[0, 1], [-1.5, -0.5]]


@BOTH
def test_around_state_dict_and_load_state_dict(lib):
    calls = []
    opt = lib.optim.Adam([parameter(lib)])
    opt.step()

    def note(name, result=None):
        def hook(optimizer, *args):
            assert optimizer is opt
            calls.append((name, len(args)))
            return result(*args) if result else None

        return hook

    opt.register_state_dict_pre_hook(note("b"))
    opt.register_state_dict_pre_hook(note("a"), prepend=True)
    opt.register_state_dict_post_hook(note("c", lambda state: {**state, "note": 1}))
    opt.register_state_dict_post_hook(note("d", lambda state: state.update(more=2)))
    opt.register_state_dict_post_hook(note("first", lambda s: s.update(keys=len(s))), prepend=True)
    state = opt.state_dict()
    assert sorted(state) == ["keys", "more", "note", "param_groups", "state"]
    assert state["keys"] == 2
    assert calls == [("a", 0), ("b", 0), ("first", 1), ("c", 1), ("d", 1)]

    del calls[:]
    renamed = {"groups": state["param_groups"], "state": state["state"]}

    def old_name(given):
        given["param_groups"] = given.pop("groups")

    def half(given):
        groups = [{**g, "lr": 0.25} for g in given["param_groups"]]
        return {**given, "param_groups": groups}

    opt.register_load_state_dict_pre_hook(note("half", half))
    opt.register_load_state_dict_pre_hook(note("old", old_name), prepend=True)
    opt.register_load_state_dict_post_hook(note("z"))
    opt.register_load_state_dict_post_hook(note("y"), prepend=True)
    opt.load_state_dict(renamed)
    assert opt.param_groups[0]["lr"] == 0.25 and "param_groups" not in renamed
    assert calls == [("old", 1), ("half", 1), ("y", 0), ("z", 0)]
    (kept,) = opt.state.values()
    np.testing.assert_allclose(kept["exp_avg"], [0.1, 0.1], rtol=1e-6)


@BOTH
def test_more_groups_by_name(lib):
    opt = lib.optim.SGD([parameter(lib)], lr=0.5)
    opt.add_param_group(param_group={"params": [parameter(lib)], "lr": 2.0})
    opt.step()
    assert [g["params"][0].tolist() for g in opt.param_groups] == [[0.5, 1.5], [-1, 0]]


def test_only_functions():
    opt = optim.SGD([parameter(fastnn)], lr=0.5)
    for register in (opt.register_step_pre_hook, opt.register_load_state_dict_post_hook):
        with pytest.raises(TypeError, match="a hook must be callable, got int"):
            register(3)


@BOTH
def test_copies_have_no_hooks(lib):
    w = lib.nn.Parameter(lib.ones(2))
    optimizer = lib.optim.Adam([w])
    calls = []
    optimizer.register_step_post_hook(lambda *args: calls.append(args))  # cannot be pickled
    w.sum().backward()
    optimizer.step()
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        p = other.param_groups[0]["params"][0]
        p.grad = lib.ones(2)
        other.step()
        assert len(calls) == 1 and len(other.state) == 1 and p is not w
        other.register_step_post_hook(lambda *args: calls.append(args))
        other.step()
        assert len(calls) == 2
        del calls[1]
