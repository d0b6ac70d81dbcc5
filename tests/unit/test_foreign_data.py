"""Nothing that comes from outside is executed: no pickle, no eval, no loader that makes objects."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "rafr"
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all", "os.system", "os.popen"}


def offences(text):
    """What a module does that it must not, in words."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"imports {n}" for n in names if n.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {k.arg: k.value for k in node.keywords}
            if name in BUILTINS | CALLS:
                yield f"calls {name}"
            if (
                name.endswith("np.load")
                and not _is(given.get("allow_pickle"), False)
                and "allow_pickle" in given
            ):
                yield "calls np.load with pickles"
            if _is(given.get("shell"), True):
                yield f"calls {name} with a shell"
            if name == "skops.io.loads" and "trusted" not in given:
                yield "loads a model of any type"


def _is(node, value):
    return isinstance(node, ast.Constant) and node.value is value


def test_nothing_foreign_is_unpickled_evaluated_or_given_to_a_shell():
    found = [
        f"{path.relative_to(SOURCE)}: {offence}"
        for path in sorted(SOURCE.rglob("*.py"))
        for offence in offences(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "yaml.load(f, Loader=yaml.Loader)",
        "np.load(f, allow_pickle=True)",
        "subprocess.run(words, shell=True)",
        "skops.io.loads(data)",
    ],
)
def test_an_offence_would_be_found(text):
    assert list(offences(text)) != []


def test_what_is_safe_is_no_offence():
    safe = "import yaml\nyaml.safe_load(f)\nnp.load(f)\nre.compile(x)\nskops.io.loads(d, trusted=list(T))\n"
    assert list(offences(safe)) == []
