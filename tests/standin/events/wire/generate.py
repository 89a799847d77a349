"""Writes the stubs of pubsub_api.proto, or says whether those that are kept still match it (`--verify`)."""

import re
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PROTO = "pubsub_api.proto"
STUBS = ("pubsub_api_pb2.py", "pubsub_api_pb2_grpc.py")
_FLAT_IMPORT = re.compile(r"^import pubsub_api_pb2 as", re.MULTILINE)


def generate(folder: Path) -> None:
    """Write all stubs into a folder; the import between them is made relative to this package."""
    from grpc_tools import protoc

    command = ["protoc", f"-I{HERE}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main([*command, PROTO]) != 0:
        raise SystemExit("protoc failed")
    calls = folder / STUBS[1]
    calls.write_text(_FLAT_IMPORT.sub("from tests.standin.events.wire import pubsub_api_pb2 as", calls.read_text()))


def differing() -> list[str]:
    """Names of kept stubs that are not what the .proto gives."""
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name))
        return [stub for stub in STUBS if (Path(name) / stub).read_text() != (HERE / stub).read_text()]


def main() -> int:
    if "--verify" not in sys.argv[1:]:
        generate(HERE)
        return 0
    wrong = differing()
    if wrong:
        print(f"{', '.join(wrong)}: not what {PROTO} gives; run `make proto`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
