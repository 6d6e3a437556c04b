"""Prints every field of the requests that plumb's specs are held against, as the installed Databricks SDK types them.

With `--types`, prints the types that the sandbox reads requests by instead.
"""

import dataclasses
import enum
import importlib.metadata
import inspect
import json
import sys
import typing

from databricks.sdk.service import catalog, compute, jobs, pipelines, sql, workspace

SCALARS = {str: "string", int: "int", float: "float", bool: "bool"}

# The section's name, and the type or the method whose members it lists.
SECTIONS = {
    "JobSettings": jobs.JobSettings,
    "clusters.create": compute.ClustersAPI.create,
    "cluster_policies.create": compute.ClusterPoliciesAPI.create,
    "instance_pools.create": compute.InstancePoolsAPI.create,
    "warehouses.create": sql.WarehousesAPI.create,
    "pipelines.create": pipelines.PipelinesAPI.create,
    "secrets.create_scope": workspace.SecretsAPI.create_scope,
    "secrets.put_secret": workspace.SecretsAPI.put_secret,
    "secrets.put_acl": workspace.SecretsAPI.put_acl,
    "schemas.create": catalog.SchemasAPI.create,
    "schemas.update": catalog.SchemasAPI.update,
    "volumes.create": catalog.VolumesAPI.create,
    "external_locations.create": catalog.ExternalLocationsAPI.create,
    "external_locations.update": catalog.ExternalLocationsAPI.update,
    "JobAccessControlRequest": jobs.JobAccessControlRequest,
    "ClusterAccessControlRequest": compute.ClusterAccessControlRequest,
    "ClusterPolicyAccessControlRequest": compute.ClusterPolicyAccessControlRequest,
    "InstancePoolAccessControlRequest": compute.InstancePoolAccessControlRequest,
    "WarehouseAccessControlRequest": sql.WarehouseAccessControlRequest,
    "PipelineAccessControlRequest": pipelines.PipelineAccessControlRequest,
    "PrivilegeAssignment": catalog.PrivilegeAssignment,
}


def members(of):
    """The members of a request: name, type, whether it is required. Required ones first, as the SDK has them."""
    hints = typing.get_type_hints(of)
    if dataclasses.is_dataclass(of):
        names = [f.name for f in dataclasses.fields(of)]
    else:
        names = [n for n in inspect.signature(of).parameters if n != "self"]
    for name in names:
        hint, required = hints[name], True
        if typing.get_origin(hint) is typing.Union and type(None) in typing.get_args(hint):
            required = False
            (hint,) = (a for a in typing.get_args(hint) if a is not type(None))
        yield name, hint, required


def inner(hint):
    """The type inside lists and maps."""
    while typing.get_origin(hint) in (list, dict):
        hint = typing.get_args(hint)[-1]
    return hint


def text(hint):
    """The type in the inventory's notation: `list<object:Task>`."""
    if typing.get_origin(hint) is list:
        return f"list<{text(typing.get_args(hint)[0])}>"
    if typing.get_origin(hint) is dict:
        return f"map<string,{text(typing.get_args(hint)[1])}>"
    if hint in SCALARS:
        return SCALARS[hint]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return f"enum:{hint.__name__}"
    if dataclasses.is_dataclass(hint):
        return f"object:{hint.__name__}"
    raise SystemExit(f"no notation for {hint}")


def rows(of, at="", inside=()):
    """One row a field, at any depth; a type inside itself (a task of a for-each task) is not listed again."""
    for name, hint, required in members(of):
        path = f"{at}{name}"
        row = {"path": path, "type": text(hint)}
        if required:
            row["required"] = True
        kind = inner(hint)
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            row["values"] = sorted(value.value for value in kind)
        yield row
        if dataclasses.is_dataclass(kind) and kind not in inside:
            suffix = {list: "[]", dict: "{}"}.get(typing.get_origin(hint), "")
            yield from rows(kind, f"{path}{suffix}.", (*inside, kind))


# The sandbox's name of a request, and the method that sends it.
REQUESTS = {
    "Job": jobs.JobsAPI.create,
    "Cluster": compute.ClustersAPI.create,
    "Pool": compute.InstancePoolsAPI.create,
    "Policy": compute.ClusterPoliciesAPI.create,
    "Pipeline": pipelines.PipelinesAPI.create,
    "Warehouse": sql.WarehousesAPI.create,
}

TYPES_HEADER = """\
# The members that the Jobs, Clusters, Instance Pools, Cluster Policies, Pipelines and SQL Warehouses APIs know, by type.
# A member is a text unless it says otherwise: `name`, `name:number`, `name:bool`, `name:Type`, a list `name:text[]`, a map
# `name:text{{}}`.
# Source: the request types of databricks-sdk-py {version}. Written by tests/inventory/renew.
"""


def word(name, hint):
    """A member in the sandbox's notation: `tasks:Task[]`."""
    kind, suffix = inner(hint), {list: "[]", dict: "{}"}.get(typing.get_origin(hint), "")
    short = {str: "text", int: "number", float: "number", bool: "bool"}.get(kind, kind.__name__)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        short = "text"
    return name if short + suffix == "text" else f"{name}:{short}{suffix}"


def types():
    """One line a type: the requests, each followed by the types that it is the first to name."""
    seen = set()

    def lines(name, of):
        seen.add(name)
        found = sorted(((n, h) for n, h, _ in members(of)), key=lambda member: member[0])
        yield f"{name}: {' '.join(word(n, h) for n, h in found)}".rstrip()
        for _, hint in found:
            kind = inner(hint)
            if dataclasses.is_dataclass(kind) and kind.__name__ not in seen:
                yield from lines(kind.__name__, kind)

    for name, of in REQUESTS.items():
        yield from lines(name, of)


def main():
    version = importlib.metadata.version("databricks-sdk")
    if sys.argv[1:] == ["--types"]:
        print(TYPES_HEADER.format(version=version))
        print("\n".join(types()))
        return
    print("{")
    print(f' "sdk": "databricks-sdk-py {version}",')
    print(' "sections": {')
    for number, (section, of) in enumerate(SECTIONS.items()):
        lines = ",\n".join(f"   {json.dumps(row)}" for row in rows(of, inside=(of,)))
        print(f"  {json.dumps(section)}: [\n{lines}\n  ]{',' if number + 1 < len(SECTIONS) else ''}")
    print(" }\n}")


if __name__ == "__main__":
    main()
