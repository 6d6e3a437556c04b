# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "hostile",
  "display_name": "\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"",
  "description": "\"\"\" ''' a\\\"b\\\\ line\nbreak\r\n\ttab {{ not_closed {% raw %} \"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\" '; DROP TABLE x; -- \\u0041 \\N{DASH} \\x41 nul\u0000bell\u0007del\u007f bidi \u202e\u2066 zero\u200bwidth \u2028 \ufeff Grüße, 世界, \ud83d\ude00 é \u0024{not.a.reference} $\u0024{literal} %s %(x)s {0} {x} # coding: rot13 r\" \\",
  "doc": "\"\"\"\n'''\na\\\"b\\\\\nline\nbreak\r\n\ttab\n{{ not_closed\n{% raw %}\n\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"\n'; DROP TABLE x; --\n\\u0041 \\N{DASH} \\x41\nnul\u0000bell\u0007del\u007f\nbidi \u202e\u2066 zero\u200bwidth \u2028 \ufeff\nGrüße, 世界, \ud83d\ude00 é\n\u0024{not.a.reference}\n$\u0024{literal}\n%s %(x)s {0} {x}\n# coding: rot13\nr\"\n\\\n",
  "owner": "o'\"\\ {{ x }}",
  "tags": [
    "\"\"\"",
    "\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"",
    "# coding: rot13",
    "$\u0024{literal}",
    "\u0024{not.a.reference}",
    "%s %(x)s {0} {x}",
    "'''",
    "'; DROP TABLE x; --",
    "Grüße, 世界, \ud83d\ude00 é",
    "\\",
    "\\u0041 \\N{DASH} \\x41",
    "a\\\"b\\\\",
    "bidi \u202e\u2066 zero\u200bwidth \u2028 \ufeff",
    "line\nbreak\r\n\ttab",
    "nul\u0000bell\u0007del\u007f",
    "r\"",
    "{% raw %}",
    "{{ not_closed"
  ],
  "params": {
    "k0 \"\"\"": "\"\"\"",
    "k1 '''": "'''",
    "k10 bidi \u202e\u2066 zero\u200bwidth \u2028": "bidi \u202e\u2066 zero\u200bwidth \u2028 \ufeff",
    "k11 Grüße, 世界, \ud83d\ude00 é": "Grüße, 世界, \ud83d\ude00 é",
    "k12 $\u0024{not.a.reference}": "\u0024{not.a.reference}",
    "k13 $$\u0024{literal}": "$\u0024{literal}",
    "k14 %s %(x)s {0} {x}": "%s %(x)s {0} {x}",
    "k15 # coding: rot13": "# coding: rot13",
    "k16 r\"": "r\"",
    "k17 \\": "\\",
    "k2 a\\\"b\\\\": "a\\\"b\\\\",
    "k3 line\nbreak\r\n\ttab": "line\nbreak\r\n\ttab",
    "k4 {{ not_closed": "{{ not_closed",
    "k5 {% raw %}": "{% raw %}",
    "k6 \"\"\")\nimport os; os.s": "\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"",
    "k7 '; DROP TABLE x; --": "'; DROP TABLE x; --",
    "k8 \\u0041 \\N{DASH} \\x41": "\\u0041 \\N{DASH} \\x41",
    "k9 nul\u0000bell\u0007del\u007f": "nul\u0000bell\u0007del\u007f"
  },
  "defaults": {
    "connection": "c\"'\\",
    "pool": "p.q-r_s"
  },
  "tasks": [
    {
      "id": "a.b-c_d",
      "job": "\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"",
      "params": {
        "job_parameters": {
          "k0 \"\"\"": "\"\"\"",
          "k1 '''": "'''",
          "k10 bidi \u202e\u2066 zero\u200bwidth \u2028": "bidi \u202e\u2066 zero\u200bwidth \u2028 \ufeff",
          "k11 Grüße, 世界, \ud83d\ude00 é": "Grüße, 世界, \ud83d\ude00 é",
          "k12 $\u0024{not.a.reference}": "\u0024{not.a.reference}",
          "k13 $$\u0024{literal}": "$\u0024{literal}",
          "k14 %s %(x)s {0} {x}": "%s %(x)s {0} {x}",
          "k15 # coding: rot13": "# coding: rot13",
          "k16 r\"": "r\"",
          "k17 \\": "\\",
          "k2 a\\\"b\\\\": "a\\\"b\\\\",
          "k3 line\nbreak\r\n\ttab": "line\nbreak\r\n\ttab",
          "k4 {{ not_closed": "{{ not_closed",
          "k5 {% raw %}": "{% raw %}",
          "k6 \"\"\")\nimport os; os.s": "\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"",
          "k7 '; DROP TABLE x; --": "'; DROP TABLE x; --",
          "k8 \\u0041 \\N{DASH} \\x41": "\\u0041 \\N{DASH} \\x41",
          "k9 nul\u0000bell\u0007del\u007f": "nul\u0000bell\u0007del\u007f"
        }
      },
      "doc": "'; DROP TABLE x; --"
    },
    {
      "id": "import",
      "job": "x",
      "params": {
        "python_params": [
          "\"\"\"",
          "'''",
          "a\\\"b\\\\",
          "line\nbreak\r\n\ttab",
          "{{ not_closed",
          "{% raw %}",
          "\"\"\")\nimport os; os.system(\"touch owned\")\n(\"\"\"",
          "'; DROP TABLE x; --",
          "\\u0041 \\N{DASH} \\x41",
          "nul\u0000bell\u0007del\u007f",
          "bidi \u202e\u2066 zero\u200bwidth \u2028 \ufeff",
          "Grüße, 世界, \ud83d\ude00 é",
          "\u0024{not.a.reference}",
          "$\u0024{literal}",
          "%s %(x)s {0} {x}",
          "# coding: rot13",
          "r\"",
          "\\"
        ]
      },
      "after": [
        "a.b-c_d"
      ]
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}

with DAG(
    dag_id=SPEC["dag_id"],
    dag_display_name=SPEC["display_name"],
    description=SPEC["description"],
    doc_md=SPEC["doc"],
    schedule=None,
    start_date=pendulum.parse("2020-01-01", tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    params=SPEC["params"],
    tags=["plumb", *SPEC["tags"]],
    default_args={
        "owner": SPEC["owner"],
        "databricks_conn_id": SPEC["defaults"]["connection"],
        "pool": SPEC["defaults"]["pool"],
    },
) as dag:
    run = {}
    run["a.b-c_d"] = DatabricksRunNowOperator(
        task_id="a.b-c_d",
        job_name=TASKS["a.b-c_d"]["job"],
        doc_md=TASKS["a.b-c_d"]["doc"],
        json=dict(TASKS["a.b-c_d"]["params"]),
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["import"] = DatabricksRunNowOperator(
        task_id="import",
        job_name=TASKS["import"]["job"],
        json=dict(TASKS["import"]["params"]),
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["a.b-c_d"] >> run["import"]
