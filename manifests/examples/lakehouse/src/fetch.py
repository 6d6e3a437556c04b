"""Puts the CRM's export of the month into the volume."""

import argparse
import os
import pathlib


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=pathlib.Path, required=True, help="the folder of the volume")
    to = parser.parse_args().to
    # A real fetch signs in with it; the example only shows that it is there and prints nothing of it.
    signed_in = bool(os.environ.get("CRM_PASSWORD"))
    (to / "export.csv").write_text(f"customer,amount\nacme,17\nsigned in,{int(signed_in)}\n")


if __name__ == "__main__":
    main()
