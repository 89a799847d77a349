"""Writes the stubs of pubsub_api.proto, or says whether those that are kept still match it (`--verify`).

Two sets from one description: the stand-in's own and the product's. Neither imports the other, and one process may
hold both, since protobuf takes a doubled name only from the same file.
"""

import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[4]
HOMES = ("common/salesforce/events/wire", "tests/standin/events/wire")
PROTO = "pubsub_api.proto"  #: in the first home
STUBS = ("pubsub_api_pb2.py", "pubsub_api_pb2_grpc.py")
_FLAT_IMPORT = re.compile(r"^import pubsub_api_pb2 as", re.MULTILINE)


def generate(folder: Path, home: str) -> None:
    """Write all stubs into a folder; the import between them is that of their home."""
    from grpc_tools import protoc

    command = ["protoc", f"-I{ROOT / HOMES[0]}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main([*command, PROTO]) != 0:
        raise SystemExit("protoc failed")
    calls = folder / STUBS[1]
    package = home.replace("/", ".")
    calls.write_text(_FLAT_IMPORT.sub(f"from {package} import pubsub_api_pb2 as", calls.read_text()))


def differing() -> list[str]:
    """Kept stubs that are not what the .proto gives."""
    wrong = []
    for home in HOMES:
        with tempfile.TemporaryDirectory() as name:
            generate(Path(name), home)
            kept = ROOT / home
            wrong += [f"{home}/{s}" for s in STUBS if (Path(name) / s).read_text() != (kept / s).read_text()]
    return wrong


def main() -> int:
    if "--verify" not in sys.argv[1:]:
        for home in HOMES:
            generate(ROOT / home, home)
        return 0
    wrong = differing()
    if wrong:
        print(f"{', '.join(wrong)}: not what {PROTO} gives; run `make proto`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
