#!/usr/bin/env python3
"""Packs a binary of plumb into a wheel, so that pip, uv and pipx install it.

    packaging/wheel.py --binary target/release/plumb --target x86_64-unknown-linux-musl --out dist

Nothing is built: the wheel holds the very bytes of the release's archive. maturin would compile them once more. What the
package says of itself comes from pyproject.toml and Cargo.toml. The same binary gives the same wheel, byte for byte.

Sources: packaging.python.org, "Binary distribution format", "Core metadata specifications" and "Platform compatibility tags".
Only Python's standard library (3.11 or newer) is needed.
"""

import argparse
import base64
import hashlib
import re
import struct
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What pip calls each platform. A static binary needs no C library, so it fits systems of both. PyPI takes no `linux_*`: those of
# glibc are for the machine that built them. Rust's oldest macOS: doc.rust-lang.org/rustc/platform-support/apple-darwin.html.
PLATFORMS = {
    "x86_64-unknown-linux-musl": ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "musllinux_1_1_x86_64"],
    "aarch64-unknown-linux-musl": ["manylinux_2_17_aarch64", "manylinux2014_aarch64", "musllinux_1_1_aarch64"],
    "x86_64-unknown-linux-gnu": ["linux_x86_64"],
    "aarch64-unknown-linux-gnu": ["linux_aarch64"],
    "x86_64-apple-darwin": ["macosx_10_12_x86_64"],
    "aarch64-apple-darwin": ["macosx_11_0_arm64"],
    "x86_64-pc-windows-msvc": ["win_amd64"],
}

# The machine of each target in the heads of ELF, Mach-O (64 bits) and PE.
ELF = {"x86_64": 62, "aarch64": 183}
MACH_O = {"x86_64": 0x01000007, "aarch64": 0x0100000C}
PE = {"x86_64": 0x8664, "aarch64": 0xAA64}
PT_INTERP = 3


def machine_of(binary):
    """What a program is for, as (system, number of the machine), by its head."""
    if binary[:5] == b"\x7fELF\x02":
        return "linux", struct.unpack_from("<H", binary, 18)[0]
    if binary[:4] == b"\xcf\xfa\xed\xfe":
        return "darwin", struct.unpack_from("<I", binary, 4)[0]
    if binary[:2] == b"MZ" and len(binary) > 64:
        head = struct.unpack_from("<I", binary, 60)[0]
        if binary[head : head + 4] == b"PE\0\0":
            return "windows", struct.unpack_from("<H", binary, head + 4)[0]
    return None


def is_static(binary):
    """Whether an ELF program asks for no loader, and so for no C library of the system."""
    at, size, count = struct.unpack_from("<Q", binary, 32)[0], *struct.unpack_from("<HH", binary, 54)
    return all(struct.unpack_from("<I", binary, at + n * size)[0] != PT_INTERP for n in range(count))


def wrong_with(binary, target):
    """Why a program is not one of this target; None when it is."""
    arch, system = target.split("-")[0], next(s for s in ("linux", "darwin", "windows") if s in target)
    machine = {"linux": ELF, "darwin": MACH_O, "windows": PE}[system][arch]
    found = machine_of(binary)
    if found != (system, machine):
        return f"it is no program of {target}"
    if target.endswith("-musl") and not is_static(binary):
        return f"it is linked dynamically: a wheel for every Linux needs a static one of {target}"
    return None


def python_version(text):
    """A version of Cargo as Python writes it: `0.2.0-rc.1` is `0.2.0rc1` (PEP 440)."""
    found = re.fullmatch(r"(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.?(\d+))?", text)
    if not found:
        sys.exit(f"error: version {text} of Cargo.toml has no form for PyPI: expected 1.2.3 or 1.2.3-rc.1")
    release, stage, number = found.groups()
    return release + ({"alpha": "a", "beta": "b", "rc": "rc"}[stage] + number if stage else "")


def description(readme, repository, version):
    """The README with whole addresses: on PyPI there is nothing beside it."""
    base = f"{repository}/blob/v{version}/"
    return re.sub(r"(\]\()(?!\w+:|#)(?:\./)?([^)\s]+\))", lambda m: m[1] + base + m[2], readme)


def metadata(project, cargo, version):
    """The file METADATA."""
    package, workspace = cargo["package"], cargo["workspace"]["package"]
    lines = ["Metadata-Version: 2.4", f"Name: {project['name']}", f"Version: {version}", f"Summary: {package['description']}"]
    lines.append(f"Keywords: {','.join(project['keywords'])}")
    lines.append(f"License-Expression: {project['license']}")
    lines += [f"License-File: {name}" for name in project["license-files"]]
    lines += [f"Classifier: {name}" for name in project["classifiers"]]
    lines.append(f"Requires-Python: {project['requires-python']}")
    lines += [f"Project-URL: {name}, {url}" for name, url in project["urls"].items()]
    lines.append("Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM")
    readme = (ROOT / project["readme"]).read_text(encoding="utf-8")
    return "\n".join(lines) + "\n\n" + description(readme, workspace["repository"], workspace["version"])


def record(name, data):
    """A line of RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--binary", type=Path, required=True, help="the program")
    parser.add_argument("--target", choices=PLATFORMS, required=True, help="what it was built for, as Rust names it")
    parser.add_argument("--out", type=Path, required=True, help="the folder that gets the wheel")
    arguments = parser.parse_args()

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text(encoding="utf-8"))
    binary = arguments.binary.read_bytes()
    if why := wrong_with(binary, arguments.target):
        sys.exit(f"error: {arguments.binary}: {why}")
    version = python_version(cargo["workspace"]["package"]["version"])
    stem = f"{project['name'].replace('-', '_')}-{version}"
    tags = PLATFORMS[arguments.target]
    wheel = ["Wheel-Version: 1.0", "Generator: plumb packaging/wheel.py", "Root-Is-Purelib: false"]
    wheel += [f"Tag: py3-none-{tag}" for tag in tags]
    program = "plumb.exe" if "windows" in arguments.target else "plumb"
    files = {f"{stem}.data/scripts/{program}": binary}
    files[f"{stem}.dist-info/METADATA"] = metadata(project, cargo, version).encode()
    files[f"{stem}.dist-info/WHEEL"] = ("\n".join(wheel) + "\n").encode()
    for name in project["license-files"]:
        files[f"{stem}.dist-info/licenses/{name}"] = (ROOT / name).read_bytes()
    lines = "".join(record(name, data) for name, data in files.items())
    files[f"{stem}.dist-info/RECORD"] = f"{lines}{stem}.dist-info/RECORD,,\n".encode()

    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"{stem}-py3-none-{'.'.join(tags)}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            # No time and no user of the machine: the same files are the same wheel.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = (0o100755 if "/scripts/" in name else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    print(path)


if __name__ == "__main__":
    main()
