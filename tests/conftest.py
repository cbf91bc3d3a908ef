"""What every end-to-end test uses: the program under test, photos of our own, the shared data where it is there."""
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = pathlib.Path(os.environ.get("TOPWORK_SHARED", ROOT.parent / "shared"))
HUGS = ROOT / "examples" / "hugs" / "photos"


class Topwork:
    """Runs one build of topwork, with a cache of its own."""

    def __init__(self, binary, cache):
        self.binary, self.cache = str(binary), cache
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(cache),
                            "ASAN_OPTIONS": "detect_leaks=1:allocator_may_return_null=1", "UBSAN_OPTIONS": "halt_on_error=1"}

    def __call__(self, *arguments, code=0, timeout=300, **options):
        """Runs to the end and checks the exit code (None: any). Output is text unless text=False is given."""
        options.setdefault("text", True)
        done = subprocess.run([self.binary, *map(str, arguments)], capture_output=True, timeout=timeout, env=self.environment, **options)
        assert code is None or done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments, **options):
        return subprocess.Popen([self.binary, *map(str, arguments)], env=self.environment, **options)


@pytest.fixture
def topwork(tmp_path):
    return Topwork(os.environ.get("TOPWORK", ROOT / "build" / "topwork"), tmp_path / "cache")


@pytest.fixture
def sanitized(tmp_path):
    """The build under ASan and UBSan: slower, for input that is meant to do harm."""
    return Topwork(os.environ.get("TOPWORK_SANITIZED", ROOT / "build-sanitized" / "topwork"), tmp_path / "cache")


@pytest.fixture(scope="session")
def shared():
    if not SHARED.is_dir():
        pytest.skip(f"there is no {SHARED} (TOPWORK_SHARED)")
    return SHARED


@pytest.fixture(scope="session")
def flowers(shared):
    return shared / "data" / "flowers"


@pytest.fixture(scope="session")
def inception(shared):
    return shared / "models" / "inception_v3_2015.onnx"


@pytest.fixture(scope="session")
def hugs():
    return HUGS
