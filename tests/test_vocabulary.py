"""`fastnn vocabulary`: every public word of PyTorch's modules is in the table, and it is true."""

import inspect
from importlib import import_module

import pytest

torch = pytest.importorskip("torch")

from fastnn import _vocabulary, cli  # noqa: E402

HELPERS = {  # public by accident: helpers and imports without an underscore
    "torch.nn.functional": {
        "assert_int_or_pair",
        "boolean_dispatch",
        "handle_torch_function",
        "has_torch_function",
        "has_torch_function_unary",
        "has_torch_function_variadic",
    },
    "torch.optim.lr_scheduler": {"Optimizer"},
}


def public(module):
    """The words of a module of PyTorch that are meant for users."""
    m = import_module(module)
    names = [n for n in dir(m) if n[0] != "_" and n not in HELPERS.get(module, ())]
    if module == "torch.nn.functional":
        found = [
            n
            for n in names
            if callable(f := getattr(m, n))
            and not inspect.isclass(f)
            and (getattr(f, "__module__", None) or "torch").startswith("torch")
        ]
    elif module == "torch.nn.init":
        found = [n for n in names if inspect.isfunction(getattr(m, n)) and n in dir(m)]
        found = [n for n in found if getattr(m, n).__module__ in (module, "torch.nn.init")]
    else:
        own = ("torch.nn", "torch.optim")
        found = [
            n for n in names if inspect.isclass(c := getattr(m, n)) and c.__module__.startswith(own)
        ]
    return set(found)


@pytest.mark.parametrize("module", _vocabulary.MODULES)
def test_no_word_is_missing(module):
    theirs = public(module)
    ours = set(_vocabulary.words(module))
    left_out = set(_vocabulary.LEFT_OUT[module])
    assert not theirs - ours - left_out, "neither here nor left out"
    assert not left_out & ours, "here and left out"
    assert not left_out - theirs, "not a word of PyTorch"
    added = set(_vocabulary.ADDED[module])
    assert ours - theirs == added, "words that PyTorch does not have"


def arguments(function):
    """Names of the arguments, or None where PyTorch does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.kind not in variable and p.name[0] != "_"]


@pytest.mark.parametrize("module", _vocabulary.MODULES)
def test_arguments_that_are_missing_have_a_note(module):
    theirs, ours = import_module(module), import_module(_vocabulary.MODULES[module])
    unknown = {}
    for word in public(module) & set(_vocabulary.words(module)):
        a, b = (arguments(getattr(m, word)) for m in (theirs, ours))
        if a is None or b is None:
            continue
        missing = [n for n in a if n not in b and n not in _vocabulary.NOWHERE]
        note = _vocabulary.DIFFERENT[module].get(word, "")
        silent = [n for n in missing if n not in note]
        if silent:
            unknown[word] = silent
    assert not unknown


def test_notes_are_about_words_that_are_here():
    for module in _vocabulary.MODULES:
        words = set(_vocabulary.words(module))
        for word in _vocabulary.DIFFERENT[module]:
            assert word in words, word


def test_command(capsys):
    assert cli.main(["vocabulary"]) == 0
    out = capsys.readouterr().out
    assert "torch.nn.Conv2d" in out and "torch.optim.SparseAdam" in out
    assert cli.main(["vocabulary", "--missing"]) == 0
    out = capsys.readouterr().out
    assert "torch.nn.Conv2d " not in out and "torch.optim.SparseAdam" in out
